"""What a HostingAutoscalingPolicy remembers of each variant, what a pass looks at, and how HostingDeployments tell it that a
variant's scaling was taken off for an update (docs/adr, "Scaling steps aside for an update").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.conditions import STALLED, find, stamp
from reconciler.core.decision import Reply
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass, View
from reconciler.core.ownership import Owner, judge, may_adopt
from reconciler.core.resource import Resource
from reconciler.kinds.scaling.content import INSTANCES, Wanted, Where, differences, wanted

CREATED, WORKING, FAILED, DELETED = "Created", "Reconciling", "Error", "Deleted"
"""The archived operator's statuses."""
_PASSING = ("InternalServiceException", "ConcurrentUpdateException", "ThrottlingException", "should be in 'InService'")
"""Texts at which it said Reconciling, not Error (facts of that operator, 2.3)."""

HALF = "unknown"
"""In place of a hash: some of the calls that make it so may not have been carried out."""
_UNTAGGED = "none"


@dataclass(frozen=True)
class Record:
    """One entry of status.targets: a variant that we registered, or, without `registeredAt`, that we are about to."""

    resourceId: str  # noqa: N815 - fields are spelled as in status
    dimension: str
    region: str = ""
    arn: str = ""
    policyName: str = ""  # noqa: N815
    policyArn: str = ""  # noqa: N815
    hash: str = ""
    """Of what was registered and put last; empty when the archived operator did it."""
    tagHash: str = ""  # noqa: N815
    """Of the tags that we set; empty where we set none."""
    tagKeys: str = ""  # noqa: N815
    requestedAt: str = ""  # noqa: N815
    registeredAt: str = ""  # noqa: N815
    release: str = ""
    """The last time a HostingDeployment took this scaling off, as its status names it, that was answered."""
    refused: str = ""
    """Hash of what the service refused for good."""
    message: str = ""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Record:
        return cls(**{key: str(record.get(key) or "") for key in cls.__dataclass_fields__})

    def record(self) -> dict[str, str]:
        return {key: value for key in self.__dataclass_fields__ if (value := getattr(self, key))}

    @property
    def where(self) -> Where:
        return Where(self.resourceId, self.dimension)

    @property
    def registered(self) -> bool:
        return bool(self.registeredAt)


def records(this: Pass) -> dict[Where, Record]:
    """As status has them. Those of the archived operator are its resourceIDList: registered, nobody knows as what."""
    past = this.past
    if "targets" in past:
        return {record.where: record for record in map(Record.parse, past["targets"])}
    dimension = str(this.spec.get("scalableDimension") or INSTANCES)
    region = str(this.spec.get("region") or "")
    name = str(past.get("policyName") or "")
    taken = [
        Record(str(resource), dimension, region, policyName=name, registeredAt=stamp(this.now))
        for resource in past.get("resourceIDList") or ()
        if len(str(resource).split("/")) == 4
    ]
    return {record.where: record for record in taken}


# --- HostingDeployments -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hold:
    """What the HostingDeployment of a variant's endpoint says about its scaling."""

    deployment: str = ""
    held: bool = False
    """It is about to move the endpoint, or is moving it: nothing is registered now."""
    release: str = ""
    """When it last took this variant's scaling off; it is for us to put it on again."""


def hold(this: Pass, where: Where) -> Hold:
    for resource in _deployments(this, where.endpoint):
        rollout = resource.status.get("rollout") or {}
        stalled = find(resource.status.get("conditions") or (), STALLED)
        moving = bool(rollout.get("releasing")) or bool(rollout.get("requestedAt") and rollout.get("requested"))
        released = [entry["token"] for entry in rollout.get("scaling") or () if entry.get("target") == where.target]
        held = moving and not (stalled and stalled.get("status") == "True")
        return Hold(str(resource.key), held, str(released[-1]) if released else "")
    return Hold()


def _deployments(this: Pass, endpoint: str) -> Iterator[Resource]:
    for resource in this.others.items("HostingDeployment"):
        record = resource.status.get("endpoint") or {}
        region = record.get("region") or resource.spec.get("region")
        named = (record.get("name") or resource.status.get("endpointName")) == endpoint
        if named and region == this.region and same_account(this, resource):
            yield resource


def same_account(this: Pass, other: Resource) -> bool:
    """Whether two objects speak of one account: one namespace has one role, and a role is in one account."""
    accounts = [str(status.get("roleArn") or "::::").split(":")[4] for status in (this.past, other.status)]
    return this.resource.namespace == other.namespace or accounts[0] == accounts[1]


# --- looking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """One variant, as far as this pass looked. A None is an answer only when the flag beside it says so."""

    target_known: bool = False
    target: Mapping[str, Any] | None = None
    policy: Mapping[str, Any] | None = None
    owner: Owner | None = None
    """Of a target that no record proves to be ours."""
    endpoint_known: bool = False
    endpoint: str = ""
    """EndpointStatus; empty when there is no such endpoint."""
    variants: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    """Names of all that scale the target; looked at where it is to be left."""


@dataclass(frozen=True)
class Seen:
    looks: Mapping[Where, Look] = field(default_factory=dict)


def observe(view: View, this: Pass) -> Seen:
    known = records(this)
    wants = {} if this.resource.deleting else {want.where: want for want in wanted(this)}
    # The replies are the best look there is: an older page would tell of what was there before.
    sent = set() if this.doubt else {_place(reply.call.params) for reply in this.replies}
    looks = {where: _look(view, this, want, known.get(where)) for where, want in wants.items() if where not in sent}
    off = {_place(reply.call.params) for reply in this.replies if reply.call.operation == "DeregisterScalableTarget"}
    leaving = {where: record for where, record in known.items() if where not in wants and where not in off}
    return Seen(looks | {where: _last_look(view, this, record) for where, record in leaving.items()})


def _place(params: Mapping[str, Any]) -> Where | None:
    return Where(str(params["ResourceId"]), str(params["ScalableDimension"])) if "ResourceId" in params else None


def _look(view: View, this: Pass, want: Wanted, record: Record | None) -> Look:
    where = want.where
    if record is None or not record.registered or is_released(this, record):
        look = _described(view, where, want.policy, fresh=True)
        return _with_endpoint(view, _with_owner(view, this, look, record), where, fresh=this.doubt)
    if record.hash not in ("", want.hash) and not this.doubt:
        return _with_endpoint(view, Look(), where, fresh=False)
    # A correction that was cut short is looked after: until a page tells, nobody knows how far it came.
    correcting = bool((this.past.get("drift") or {}).get("correcting"))
    look = _with_owner(view, this, _swept(view, this, want, fresh=this.doubt or correcting), record)
    if this.doubt or (look.target_known and (look.target is None or not record.hash)):
        look = _with_endpoint(view, look, where, fresh=True)
    return look


def is_released(this: Pass, record: Record) -> bool:
    """Whether a HostingDeployment took this scaling off since we put it on."""
    return hold(this, record.where).release not in ("", record.release)


def _with_owner(view: View, this: Pass, look: Look, record: Record | None) -> Look:
    """Whose the target is, where no record of ours proves it: one that was made anew has another ARN."""
    if look.target is None:
        return look
    arn = look.target.get("ScalableTargetARN")
    if record is not None and record.registered and (arn in (None, record.arn or arn) or _shared(this, record)):
        return look
    owner = judge(this, str(look.target["ResourceId"]), view.tags(str(arn))) if arn else Owner.UNKNOWN
    return replace(look, owner=owner)


def sharer(this: Pass, where: Where) -> Resource | None:
    """Another HostingAutoscalingPolicy here that recorded the target as registered."""
    others = (one for one in this.others.items("HostingAutoscalingPolicy") if one.key != this.resource.key)
    return next((one for one in others if same_account(this, one) and where in _registered(this, one)), None)


def _registered(this: Pass, policy: Resource) -> set[Where]:
    kept = map(Record.parse, policy.status.get("targets") or ())
    return {record.where for record in kept if record.registered and record.region == this.region}


def _shared(this: Pass, record: Record) -> bool:
    """Two that the archived operator left on one target: whichever registers it anew does so for both."""
    return is_released(this, record) and sharer(this, record.where) is not None


def _swept(view: View, this: Pass, want: Wanted, *, fresh: bool) -> Look:
    """The sweep's pages, and one Describe each to confirm what they seem to say: a List may be old, and proves no absence.

    No news yet (nothing swept since the service started, or since a call of ours) is no news.
    """
    target_name, policy_name = want.where.target, want.where.policy(want.policy)
    target, policy = view.summary("ScalableTarget", target_name), view.summary("ScalingPolicy", policy_name)
    gone = view.unlisted("ScalableTarget", target_name) or view.unlisted("ScalingPolicy", policy_name)
    if not fresh and not gone:
        if target is None or policy is None:
            return Look()
        if not differences(this.shape, want, target, policy):
            return Look(True, target, policy)
    return _described(view, want.where, want.policy, fresh=fresh or gone)


def _described(view: View, where: Where, policy: str, *, fresh: bool) -> Look:
    target = view.describe("ScalableTarget", where.target, fresh=fresh)
    found = view.describe("ScalingPolicy", where.policy(policy), fresh=fresh) if target is not None else None
    return Look(True, target, found)


def _with_endpoint(view: View, look: Look, where: Where, *, fresh: bool) -> Look:
    endpoint = view.describe("Endpoint", where.endpoint, fresh=fresh)
    if endpoint is None:
        return replace(look, endpoint_known=True)
    variants = tuple(str(variant["VariantName"]) for variant in endpoint.get("ProductionVariants") or ())
    return replace(look, endpoint_known=True, endpoint=str(endpoint["EndpointStatus"]), variants=variants)


def _last_look(view: View, this: Pass, record: Record) -> Look:
    where = record.where
    target = view.describe("ScalableTarget", where.target, fresh=True)
    if target is None:
        return Look(True)
    on_it = {"ResourceId": where.resource_id, "ScalableDimension": where.dimension}
    policies = tuple(str(policy["PolicyName"]) for policy in view.listing("ScalingPolicy", on_it))
    return _with_owner(view, this, Look(True, target, policies=policies), record)


def is_ours(this: Pass, look: Look) -> bool:
    return look.owner in (None, Owner.US) or (may_adopt(this) and look.owner is not Owner.OTHER)


# --- what came of calls -----------------------------------------------------------------------------------------------


def told(this: Pass, known: Mapping[Where, Record], wants: Mapping[Where, Wanted]) -> dict[Where, Record]:
    """The records with what the replies of this pass say, and with a refusal that is for good."""
    found = dict(known)
    for reply in this.replies:
        params, operation = reply.call.params, reply.call.operation
        where = _place(params) or next((w for w, r in found.items() if r.arn == params.get("ResourceARN")), None)
        record, want = (found.get(where), wants.get(where)) if where else (None, None)
        if where and operation == "DeregisterScalableTarget":
            found.pop(where, None)
        elif where and record and want:
            found[where] = _replied(this, record, want, reply)
    failure = this.failure
    where = _place(failure.call.params) if failure and isinstance(failure.error, TerminalError) else None
    if failure and where in found and where in wants:
        found[where] = replace(found[where], refused=wants[where].hash, message=str(failure.error))
    return found


def _replied(this: Pass, record: Record, want: Wanted, reply: Reply) -> Record:
    answer, tagged = reply.answer, {"tagHash": want.tag_hash, "tagKeys": ",".join(want.tags)}
    match reply.call.operation:
        case "RegisterScalableTarget":
            arn = str(answer.get("ScalableTargetARN") or record.arn)
            if not reply.call.params.get("Tags"):
                tagged = {} if arn == record.arn else {"tagHash": _UNTAGGED}
            # The hash speaks of the policy as well; its own reply comes next, where it was put.
            cut_short = this.failure is not None and _place(this.failure.call.params) == want.where
            made = HALF if cut_short and record.hash != want.hash else want.hash
            return replace(record, arn=arn, hash=made, registeredAt=stamp(this.now), **tagged)
        case "PutScalingPolicy":
            arn, release = str(answer.get("PolicyARN") or ""), hold(this, want.where).release
            return replace(record, policyName=want.policy, policyArn=arn, hash=want.hash, release=release, refused="")
        case "TagResource":
            return replace(record, **tagged)
    return record


def status_of(
    this: Pass, known: Mapping[Where, Record], state: str, policy: str = "", additional: str = ""
) -> dict[str, Any]:
    return {
        "policyName": policy or this.past.get("policyName"),
        "hostingAutoscalingPolicyStatus": state,
        "resourceIDList": [record.resourceId for record in known.values() if record.registered],
        "additional": additional,
        "lastCheckTime": this.past.get("lastCheckTime"),
        "targets": [record.record() for record in known.values()],
    }


def failing(past: Mapping[str, Any], message: str) -> dict[str, Any]:
    """The archived operator's words while an error stands in the way."""
    state = WORKING if any(text in message for text in _PASSING) else FAILED
    return {**past, "hostingAutoscalingPolicyStatus": state, "additional": message}
