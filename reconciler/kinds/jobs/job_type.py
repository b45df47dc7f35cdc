"""How the job kinds differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.core.aws.remote import RemoteKind
from reconciler.core.kind import Pass, StatusKeys
from reconciler.core.records.run import MISSING, Run
from reconciler.core.values import JsonObject
from reconciler.kinds import awaited

__all__ = ["JobType"]


@dataclass(frozen=True)
class JobType:
    remote: RemoteKind
    spec_name: str
    """Spec key of an explicit job name; the archived operator wrote generated names back into it."""
    status_name: str
    """Legacy status key of the name."""
    status_key: str
    """Legacy status key of the status."""
    working: str
    """Legacy status while the first create meets errors that may pass."""
    name_limit: int
    legacy_fields: Callable[[Pass, str, JsonObject], JsonObject]
    """(pass, job name, a summary or a description) -> the kind's further legacy fields."""
    limited: Callable[[JsonObject], bool] = lambda _: False
    """Whether the description of a stopped job says that a limit of its own stopped it."""
    unsettled: Callable[[JsonObject], bool] = lambda _: False
    """Whether by its status a finished job still has something running that only Describe shows."""
    needs: awaited.Needs = lambda _request: ()
    refused: str = ""
    """Legacy status while the first create is refused and somebody has to act; empty: as `working`."""
    doubtful: str = ""
    """What the archived operator wrote before there was a job, and SageMaker says of one that ended: Describe tells which."""
    secondary_key: str = ""
    """Legacy status key of the secondary status."""

    @property
    def keys(self) -> StatusKeys:
        return StatusKeys(self.status_name, self.status_key, self.secondary_key, self.spec_name)

    @property
    def kind(self) -> str:
        return self.remote.name

    @property
    def create(self) -> str:
        return f"Create{self.remote.name}"

    @property
    def stop(self) -> str:
        return f"Stop{self.remote.name}"

    def is_over(self, run: Run) -> bool:
        return run.status in (*self.remote.over, MISSING)

    def is_running(self, run: Run) -> bool:
        return run.started and not self.is_over(run)
