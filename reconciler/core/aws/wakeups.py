"""What an event of SageMaker's says moved (SM-157 to SM-161): a reason to look, and nothing more.

Events come twice, late, in any order or not at all, and whoever can write to the queue can forge one. So only the names
are read, in whatever case they are; the states in them are not even looked at. Anything else is no hint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from reconciler.core.aws.remote import RemoteKey, RemoteKinds, remote_key
from reconciler.core.values import JsonObject

_LONGEST_NAME = 128


class Hint(NamedTuple):
    """Where an object in SageMaker is said to have moved: a reason to look, never the truth."""

    region: str
    account: str
    remote: RemoteKey


def hints(body: str, remotes: RemoteKinds) -> tuple[Hint, ...]:
    """The objects in SageMaker that a message of the queue is about; none for what is no event of SageMaker. Never raises."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(event, dict):
        return ()
    region, account = str(event.get("region") or ""), str(event.get("account") or "")
    found = {Hint(region, account, each) for each in _named(event, remotes) if len(each.name) <= _LONGEST_NAME}
    return tuple(sorted(found)) if region else ()


def _named(event: JsonObject, remotes: RemoteKinds) -> Iterator[RemoteKey]:
    resources = event.get("resources")
    for arn in resources if isinstance(resources, list) else ():
        if named := remotes.named_by(str(arn).lower()):
            yield named
    detail = event.get("detail")
    if event.get("source") == "aws.sagemaker" and isinstance(detail, dict):
        for remote in remotes.values():
            if remote.arn_type and _is_about(event, remote.arn_type):
                yield from (remote_key(remote.name, str(detail[key])) for key in detail if key == remote.name_key)


def _is_about(event: JsonObject, arn_type: str) -> bool:
    """`SageMaker Endpoint Config State Change` is about an `endpoint-config`, and about no endpoint."""
    words = str(event.get("detail-type")).lower().removeprefix("sagemaker ").removesuffix(" state change")
    said = words.removesuffix(" deployment").replace(" ", "-")
    return said.replace("-", "") == arn_type.replace("-", "")
