"""Small things every kind's describe needs."""

from typing import Any

from reconciler.dev.simulator.store import Answer, SimulatedResource


def with_defaults(given: Answer | None, defaults: Answer) -> Answer:
    """What the user left out, the service fills in; nested objects likewise."""
    filled = dict(defaults)
    for key, value in (given or {}).items():
        if value is not None:
            inner = defaults.get(key)
            filled[key] = with_defaults(value, inner) if isinstance(inner, dict) and isinstance(value, dict) else value
    return filled


def without_none(answer: Answer) -> Answer:
    return {key: value for key, value in answer.items() if value is not None}


def named(kind: str, resource: SimulatedResource, *, modified: bool = True) -> Answer:
    """The head of every describe and every summary."""
    head: Answer = {f"{kind}Name": resource.name, f"{kind}Arn": resource.arn, "CreationTime": resource.created}
    return {**head, "LastModifiedTime": resource.modified} if modified else head


def event_times(value: Any) -> Any:
    """Events carry epoch milliseconds where answers carry seconds (SM-160)."""
    if isinstance(value, dict):
        return {
            key: int(inner * 1000) if key.endswith("Time") and isinstance(inner, float) else event_times(inner)
            for key, inner in value.items()
        }
    return [event_times(item) for item in value] if isinstance(value, list) else value
