"""The Resource Groups Tagging API over our resources: the cheap way to find everything one owns (SM-69).

Hooked into moto's backend, below its protocols (botocore speaks CBOR to this service). Ours come first, then moto's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.resourcegroupstaggingapi.exceptions import ResourceGroupsTaggingAPIError
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from reconciler.dev.simulator.kinds import tags
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.store import SimulatedResource
from reconciler.dev.simulator.world import World

_OURS, _THEIRS = "sagemaker:", "moto:"
_moto: Any = ResourceGroupsTaggingAPIBackend
_ORIGINALS = {name: getattr(_moto, name) for name in ("get_resources", "tag_resources", "untag_resources")}


@dataclass(frozen=True)
class Tagged:
    arn: str
    tags: Mapping[str, str]


def install(world: World) -> None:
    """Answer for this world from now on; the last one installed counts, as moto's backends are the process's."""

    def get_resources(
        backend: Any,
        *,  # moto calls by keyword
        pagination_token: str | None = None,
        resources_per_page: int = 50,
        tags_per_page: int = 100,
        tag_filters: Sequence[Mapping[str, Any]] | None = None,
        resource_type_filters: Sequence[str] | None = None,
        resource_arn_list: Sequence[str] | None = None,
    ) -> tuple[str | None, list[Any]]:
        types = resource_type_filters or []
        ours = not types or any(wanted.split(":")[0] == "sagemaker" for wanted in types)
        others = [wanted for wanted in types if wanted.split(":")[0] != "sagemaker"]
        token = pagination_token or (_OURS if ours else _THEIRS)
        if token.startswith(_OURS):
            scope = Scope(backend.account_id, backend.region_name)
            with world.lock:
                found = sorted(
                    (row for row in _tagged(world, scope, tag_filters or [], types) if row.arn > token[len(_OURS) :]),
                    key=lambda row: row.arn,
                )
            if resource_arn_list:
                found = [row for row in found if row.arn in resource_arn_list]
            page = [Tagged(row.arn, dict(row.tags)) for row in found[:resources_per_page]]
            if len(found) > resources_per_page:
                return f"{_OURS}{page[-1].arn}", page
            # An ARN list ends here: with sagemaker ARNs moto would find nothing more.
            return (_THEIRS if (others or not types) and not resource_arn_list else None), page
        if not token.startswith(_THEIRS):
            raise ResourceGroupsTaggingAPIError("PaginationTokenExpiredException", "A PaginationToken is not valid.")
        answer = _ORIGINALS["get_resources"](
            backend,
            pagination_token=token[len(_THEIRS) :] or None,
            resources_per_page=resources_per_page,
            tags_per_page=tags_per_page,
            tag_filters=tag_filters,
            resource_type_filters=others or None,
            resource_arn_list=resource_arn_list,
        )
        return (f"{_THEIRS}{answer[0]}" if answer[0] else None), answer[1]

    def tag_resources(backend: Any, resource_arns: Sequence[str], tags: Mapping[str, str]) -> Any:
        return _change(world, backend, "tag_resources", resource_arns, set_=tags)

    def untag_resources(backend: Any, resource_arn_list: Sequence[str], tag_keys: Sequence[str]) -> Any:
        return _change(world, backend, "untag_resources", resource_arn_list, removed=tag_keys)

    _moto.get_resources = get_resources
    _moto.tag_resources = tag_resources
    _moto.untag_resources = untag_resources


def _tagged(
    world: World, scope: Scope, filters: Sequence[Mapping[str, Any]], types: Sequence[str]
) -> Iterator[SimulatedResource]:
    for row in world.store.all(scope):
        kind = f"sagemaker:{world.kinds[row.kind].arn_type}"
        if row.tags and (not types or "sagemaker" in types or kind in types) and _matches(row, filters):
            yield row


def _matches(row: SimulatedResource, filters: Sequence[Mapping[str, Any]]) -> bool:
    """All keys, each with any of its values; no values means the key alone."""
    return all(
        wanted["Key"] in row.tags and (not wanted.get("Values") or row.tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )


def _change(
    world: World,
    backend: Any,
    name: str,
    arns: Sequence[str],
    *,
    set_: Mapping[str, str] | None = None,
    removed: Sequence[str] = (),
) -> Any:
    theirs = []
    with world.lock:
        for arn in arns:
            row = world.store.by_arn(arn)
            if row is None:
                theirs.append(arn)
            else:
                tags.change(row, set_ or {}, removed)
    if not theirs:
        return {}
    return _ORIGINALS[name](backend, theirs, set_ if set_ is not None else removed)
