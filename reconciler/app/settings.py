"""What a service is configured with at its start, and its clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler.runtime.observe.observer import Paces
from reconciler.runtime.reconcile.loop import DEADLINE_S


class SystemClock:
    """The one reader of the wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - here and nowhere else

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Settings:
    cluster_name: str
    kubeconfig: str | None = None
    namespaces: tuple[str, ...] = ()
    """Watched namespaces; none: all."""
    controller_namespace: str = "default"
    leader_election: bool = False
    endpoints: dict[str, str] = field(default_factory=dict)
    default_endpoint: str = ""
    allowed_regions: tuple[str, ...] = ()
    allowed_roles: tuple[str, ...] = ()
    forbid_adoption: tuple[str, ...] = ()
    external_id: str = ""
    allow_file_remotes: bool = False
    cache_dir: Path = Path("/var/cache/sagemaker-gitops")
    workers: int = 4
    pass_deadline_s: float = DEADLINE_S
    """After so long one pass counts as stuck; no flag sets it."""
    paces: Paces = field(default_factory=Paces)
    events_queue: str = ""
    """URL of an SQS queue of EventBridge events; empty: sweeps alone."""
    listen: str = "127.0.0.1"
    port: int = 8080
    kubectl: str = "kubectl"
