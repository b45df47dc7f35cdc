"""`status.references`: what each reference in spec stood for when it was used last."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.records.record import Record

__all__ = ["UsedReference"]


@dataclass(frozen=True)
class UsedReference(Record):
    """A reference that was resolved (`core/references`)."""

    path: str = ""
    """JSON Pointer of the `...Ref`."""
    kind: str = ""
    """Kind of the object that it names."""
    name: str = ""
    """Name of that object, in the same namespace."""
    value: str = ""
    """What SageMaker was given in its place."""
    run: str = ""
    """SageMaker's name of the job whose artefact it is."""
