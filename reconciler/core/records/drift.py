"""`status.drift`: what is not as Git says, in the cluster and in SageMaker, and what was corrected.

Made anew by `core/drift/record.py` in every pass, and masked there: nothing here may hold a secret. The policy counts
corrections by it, and the sync edits that it reverted.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record, Time
from reconciler.core.schema.rules import AtLeastOne

__all__ = ["Correction", "Corrections", "DriftDifference", "DriftRecord"]


@dataclass(frozen=True)
class DriftDifference(Record):
    """One place that differs: a `core.decision.Difference` as text."""

    closed = True

    plane: str = ""
    """Where it differs: `git` (this object in the cluster) or `sagemaker`."""
    path: str = ""
    """JSON Pointer into the resource."""
    desired: str = ""
    """What Git says, secrets masked and long values cut; empty: nothing."""
    live: str = ""
    """What was found there, likewise."""
    by: str = ""
    """Of an edit in the cluster: the field manager that wrote it, and when."""
    at: Time = ""
    """When it was edited, as the field manager's entry says; of an edit in the cluster alone."""
    since: Time = ""
    """When it was found first."""

    @property
    def place(self) -> tuple[str, str]:
        """What makes two of them the same: where it is, and in what."""
        return self.plane, self.path


@dataclass(frozen=True)
class Correction(Record):
    """One path that was corrected or reverted, once."""

    closed = True
    readable_if = (AtLeastOne(("at",)),)

    path: str = ""
    """JSON Pointer into the resource."""
    at: Time = ""
    """When it was corrected or reverted."""
    edit: str = ""
    """Of an edit in the cluster: what identifies it, so that each is counted once."""


@dataclass(frozen=True)
class Corrections(Record):
    """`status.drift.corrected`: the last time and its paths, how often ever, and each path of the last hour."""

    closed = True
    readable_if = (AtLeastOne(("at",)),)

    at: Time = ""
    """When something was corrected or reverted last."""
    count: int = 0
    """How often ever."""
    paths: tuple[str, ...] = ()
    """JSON Pointers of the last time."""
    by: str = ""
    """Whose edit was reverted; empty for a correction in SageMaker."""
    recent: tuple[Correction, ...] = ()
    """Each path of the last hour; three of one path, and it is left alone."""


@dataclass(frozen=True)
class DriftRecord(Record):
    """`status.drift` of every kind but GitSync."""

    closed = True

    mode: str = ""
    """What happens to drift in SageMaker: Correct, Warn or Ignore."""
    state: str = ""
    """The word of the Drift column: InSync, Drifted, Corrected, Held or Unknown."""
    since: Time = ""
    """When the oldest of what differs now was found; only while it is Drifted."""
    differences: tuple[DriftDifference, ...] = ()
    """What differs now."""
    correcting: tuple[str, ...] = ()
    """Paths of which calls are on their way: they count as corrected when a later look no longer finds them."""
    corrected: Corrections | None = None
    """What was corrected in SageMaker or reverted in the cluster."""
    last_verified: Time = ""
    """When all that the object is about was seen in SageMaker last."""

    @property
    def recent(self) -> tuple[Correction, ...]:
        """Corrections that are remembered, some of them older than the hour that counts."""
        return self.corrected.recent if self.corrected else ()
