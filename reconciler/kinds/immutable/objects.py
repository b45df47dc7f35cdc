"""The immutable objects of a resource: those in status, and the one that its spec asks for."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.decision import Reply
from reconciler.core.kind import Pass
from reconciler.core.naming import digest, remote_name
from reconciler.core.ownership import generated_name
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.references import Resolved
from reconciler.core.takeover import content_of
from reconciler.kinds.immutable.immutable_type import ImmutableType

__all__ = ["FAILING", "desired_object", "recorded_objects", "reply_to"]

FAILING = "Error"
"""The archived operator's status while an error stands in the way."""


def recorded_objects(kind: ImmutableType, this: Pass, desired: ImmutableObject | None) -> tuple[ImmutableObject, ...]:
    """What was made, newest first. An object of the archived operator has one name, which is taken for its spec's; while an
    error stood in its way that name was not written, but only its object's UID and name make it.
    """
    past = this.past
    if past.get(kind.records):
        return tuple(ImmutableObject.parse(record) for record in past[kind.records])
    name = str(past.get(kind.status_name) or "")
    # The archived operator always wrote the time; we write it once something was made or a call was refused.
    if not name and past.get("status") == FAILING and past.get("lastUpdateTime") and "intent" not in past:
        name = generated_name(this.resource)
    if not name:
        return ()
    made_of = desired or ImmutableObject(region=str(this.spec.get("region") or ""))
    return (replace(made_of, name=name, arn=str(past.get(kind.status_arn) or "")),)


def desired_object(kind: ImmutableType, this: Pass, refs: Resolved) -> ImmutableObject | None:
    """What the spec asks for; None while a reference is waited for."""
    if refs.waits:
        return None
    key = this.resource.key
    content = kind.content(content_of(this, this.shape, refs.spec))
    identity = digest([this.identity.cluster, key.namespace, key.kind, key.name, content])
    name = remote_name(key.name, identity)
    return ImmutableObject(name=name, hash=identity, region=str(this.spec.get("region") or ""))


def reply_to(kind: ImmutableType, this: Pass, operation: str, name: str) -> Reply | None:
    """The reply of this pass to a request about one object."""
    about = (r for r in this.replies if r.call.operation == operation and r.call.params[kind.remote.name_key] == name)
    return next(about, None)
