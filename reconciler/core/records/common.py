"""What status has for every kind that is reconciled with SageMaker, as its CRD declares it: what our records say of themselves.

`core/status.py` renders these members; `core/references` and `core/tags` hand the last three to a kind's decision.
"""

from __future__ import annotations

from reconciler.core.records.drift import DriftRecord
from reconciler.core.records.reference import UsedReference
from reconciler.core.records.request import Handled, Intent, RefusedRequest
from reconciler.core.records.source import StatusSource
from reconciler.core.records.tags import TagsRecord
from reconciler.core.records.taken_over import TakenOver
from reconciler.core.schema.rules import Rule
from reconciler.core.schema.shapes import Field, Structure
from reconciler.core.schema.status import CONDITIONS, integer, many, string

__all__ = ["COMMON", "status"]

COMMON: tuple[Field, ...] = (
    CONDITIONS,
    Field("observedGeneration", integer(), doc="The generation that this status is about."),
    Field("source", StatusSource.shape(), doc="The commit that last changed this object."),
    Field(
        "drift",
        DriftRecord.shape(),
        doc="Differences between Git, this object and SageMaker; paths are JSON Pointers.",
    ),
    Field("handled", Handled.shape(), doc="The last token of each annotation that was acted on."),
    Field(
        "intent",
        Intent.shape(),
        doc="The calls that were about to be sent, and by which replica: written before each of them.",
    ),
    Field(
        "refused",
        RefusedRequest.shape(),
        doc="A request that SageMaker refused; an equal one is not sent again until the spec or `retry` changes.",
    ),
    Field("roleArn", string(), doc="The role that was assumed; unset: the controller's own credentials."),
    Field("managedTags", many(string()), doc="Tag keys set by this controller."),
    Field(
        "takenOver", TakenOver.shape(), doc="Digests of what the archived operator carried out, of an object of its."
    ),
    Field("tags", TagsRecord.shape(), doc="The tags that were set last, as a digest."),
    Field(
        "references",
        many(UsedReference.shape()),
        doc="What each reference in spec stood for when it was used last.",
    ),
)


def status(legacy: Structure, *more: Field, readable_if: tuple[Rule, ...] = ()) -> Structure:
    """A kind's whole status: the archived operator's keys first, then everyone's, then the kind's own."""
    return Structure((*legacy.fields, *COMMON, *more), readable_if=readable_if)
