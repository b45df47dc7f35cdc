"""Words for a status schema: the kinds write with them what the archived operator wrote, `core/records` what this project adds.

Internal records (runs, rollouts, what was made in SageMaker) keep keys they do not know, so that an older CRD never strips
what a newer controller wrote. Everything else is closed: a typing error in status shall be refused, not stored.
"""

from __future__ import annotations

from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, Structure

__all__ = [
    "CONDITIONS",
    "boolean",
    "integer",
    "internal",
    "many",
    "number",
    "pairs",
    "record",
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


def record(**members: Shape | tuple[Shape, str]) -> Structure:
    """A closed object: an unknown member is refused by the API server. A member's sentence is for its reference page."""
    given = ((key, one if isinstance(one, tuple) else (one, "")) for key, one in members.items())
    return Structure(tuple(Field(key, shape, meaning=meaning) for key, (shape, meaning) in given))


def internal(**members: Shape | tuple[Shape, str]) -> Opaque:
    """A record that later versions extend."""
    return Opaque(record(**members))


def _condition() -> Structure:
    """metav1.Condition with its own limits."""
    return Structure(
        (
            Field("type", Scalar("string", max_length=316), required=True, meaning="Which question it answers."),
            Field("status", Scalar("string", enum=("True", "False", "Unknown")), required=True, meaning="The answer."),
            Field(
                "observedGeneration",
                Scalar("integer", minimum=0, format="int64"),
                meaning="The generation that it is about.",
            ),
            Field("lastTransitionTime", time(), required=True, meaning="When `status` changed last."),
            Field(
                "reason",
                Scalar("string", min_length=1, max_length=1024),
                required=True,
                meaning="Why, in a word for scripts.",
            ),
            Field("message", Scalar("string", max_length=32768), required=True, meaning="Why, for people."),
        )
    )


CONDITIONS = Field("conditions", many(_condition()), doc="Ready, Reconciling, Stalled, Drifted, Healthy.")
