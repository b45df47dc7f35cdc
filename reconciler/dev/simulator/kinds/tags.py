"""AddTags, ListTags and DeleteTags, and the rules for tags that come with a create."""

from collections.abc import Iterable, Mapping

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import Handler, SimulatedCall

_MOST = 50
_LEAST_PER_PAGE = 50


def check(tags: Iterable[Answer] | None) -> None:
    """What the shape does not say: reserved and repeated keys."""
    keys = [tag["Key"] for tag in tags or []]
    _refuse_reserved(keys)
    if len(set(keys)) < len(keys):
        raise errors.unverified("Duplicate tag keys found. Please remove duplicate tag keys.")


def change(resource: SimulatedResource, tags: Mapping[str, str], removed: Iterable[str] = ()) -> None:
    """LastModifiedTime does not move: tag drift is invisible there (SM-66)."""
    _refuse_reserved([*tags, *removed])
    if len(resource.tags | dict(tags)) > _MOST:
        raise errors.unverified(f"A resource can have at most {_MOST} tags.")
    resource.tags.update(tags)
    for key in removed:
        resource.tags.pop(key, None)


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if key.lower().startswith("aws:"):
            raise errors.unverified("aws: prefixed tag key names are not allowed for external use.")


def _resource(call: SimulatedCall) -> SimulatedResource:
    found = call.world.store.by_arn(call.input["ResourceArn"])
    if found is None or found.scope != call.scope:
        raise errors.job_not_found()
    return found


def _add(call: SimulatedCall) -> Answer:
    """Adds or overwrites."""
    check(call.input["Tags"])
    resource = _resource(call)
    change(resource, {tag["Key"]: tag["Value"] for tag in call.input["Tags"]})
    return {"Tags": _shown(resource)}


def _delete(call: SimulatedCall) -> Answer:
    change(_resource(call), {}, call.input["TagKeys"])
    return {}


def _list(call: SimulatedCall) -> Answer:
    tags = _shown(_resource(call))
    token = call.input.get("NextToken") or "0"
    if not token.isdecimal():
        raise errors.unverified("Invalid pagination token.")
    start, size = int(token), call.input.get("MaxResults", _LEAST_PER_PAGE)
    answer: Answer = {"Tags": tags[start : start + size]}
    return {**answer, "NextToken": str(start + size)} if start + size < len(tags) else answer


def _shown(resource: SimulatedResource) -> list[Answer]:
    return [{"Key": key, "Value": value} for key, value in resource.tags.items()]


OPERATIONS: Mapping[str, Handler] = {"AddTags": _add, "DeleteTags": _delete, "ListTags": _list}
