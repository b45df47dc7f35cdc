"""Status as every kind declares it: what the archived operator wrote, and what this project adds for all kinds.

Internal records (runs, rollouts, what we made in SageMaker) keep keys they do not know, so that an older CRD never strips what
a newer controller wrote. Everything else is closed: a typing error in status shall be refused, not stored.
"""

from __future__ import annotations

from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, Structure

__all__ = [
    "COMMON",
    "boolean",
    "integer",
    "internal",
    "many",
    "number",
    "pairs",
    "record",
    "status",
    "string",
    "time",
]


def string() -> Scalar:
    """Any text."""
    return Scalar("string")


def integer() -> Scalar:
    """64 bits."""
    return Scalar("integer", format="int64")


def number() -> Scalar:
    """With a fraction, such as a weight."""
    return Scalar("number")


def boolean() -> Scalar:
    return Scalar("boolean")


def time() -> Scalar:
    """RFC 3339."""
    return Scalar("string", format="date-time")


def many(item: Shape, max_items: int | None = None) -> List:
    """A list that is replaced as a whole."""
    return List(item, max_items=max_items)


def pairs() -> NameValueList:
    """A map of texts, written as `{name, value}` pairs."""
    return NameValueList(string(), string())


def record(**members: Shape) -> Structure:
    """A closed object: an unknown member is refused by the API server."""
    return Structure(tuple(Field(key, shape) for key, shape in members.items()))


def internal(**members: Shape) -> Opaque:
    """A record that later versions extend."""
    return Opaque(record(**members))


def _condition() -> Structure:
    """metav1.Condition with its own limits."""
    return Structure(
        (
            Field("type", Scalar("string", max_length=316), required=True),
            Field("status", Scalar("string", enum=("True", "False", "Unknown")), required=True),
            Field("observedGeneration", Scalar("integer", minimum=0, format="int64")),
            Field("lastTransitionTime", time(), required=True),
            Field("reason", Scalar("string", min_length=1, max_length=1024), required=True),
            Field("message", Scalar("string", max_length=32768), required=True),
        )
    )


CONDITIONS = Field("conditions", many(_condition()), doc="Ready, Reconciling, Stalled, Drifted, Healthy.")

COMMON: tuple[Field, ...] = (
    CONDITIONS,
    Field("observedGeneration", integer(), doc="The generation that this status is about."),
    Field(
        "source",
        record(
            repo=string(),
            revision=string(),
            shortRevision=string(),
            commit=string(),
            author=string(),
            subject=string(),
            path=string(),
            approximate=boolean(),
        ),
        doc="The commit that last changed this object.",
    ),
    Field(
        "drift",
        record(
            mode=string(),
            state=string(),
            since=time(),
            differences=many(
                record(
                    plane=string(), path=string(), desired=string(), live=string(), by=string(), at=time(), since=time()
                )
            ),
            correcting=many(string()),
            corrected=record(
                at=time(),
                count=integer(),
                paths=many(string()),
                by=string(),
                recent=many(record(path=string(), at=time(), edit=string())),
            ),
            lastVerified=time(),
        ),
        doc="Differences between Git, this object and SageMaker; paths are JSON Pointers.",
    ),
    Field(
        "handled",
        record(requestedAt=string(), retry=string(), run=string(), rollbackTo=string()),
        doc="The last token of each annotation that was acted on.",
    ),
    Field(
        "intent",
        internal(at=time(), by=string(), calls=many(string())),
        doc="The calls that were about to be sent, and by which replica: written before each of them.",
    ),
    Field(
        "refused",
        internal(call=string(), reason=string(), message=string()),
        doc="A request that SageMaker refused; an equal one is not sent again until the spec or `retry` changes.",
    ),
    Field("roleArn", string(), doc="The role that was assumed; unset: the controller's own credentials."),
    Field("managedTags", many(string()), doc="Tag keys set by this controller."),
    Field("tags", internal(hash=string(), failed=string()), doc="The tags that were set last, as a digest."),
    Field(
        "references",
        many(internal(path=string(), kind=string(), name=string(), value=string(), run=string())),
        doc="What each reference in spec stood for when it was used last.",
    ),
)


def status(legacy: Structure, *more: Field) -> Structure:
    """A kind's whole status: the archived operator's keys first, then everyone's, then the kind's own."""
    return Structure((*legacy.fields, *COMMON, *more))
