"""What a HostingAutoscalingPolicy shows: its records after the calls of a pass, status fields, Events, and what it watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.conditions import stamp
from reconciler.core.decision import Notice, Pace, Reply, Watch
from reconciler.core.errors import (
    CredentialsError,
    NotInServiceError,
    ReconcileError,
    TransientError,
)
from reconciler.core.kind import Pass
from reconciler.core.records.scaling import PARTLY_SENT, UNTAGGED, ScalingTarget, VariantTarget
from reconciler.core.refusals import refused
from reconciler.core.values import Json, Status
from reconciler.kinds.scaling.content import DesiredScaling
from reconciler.kinds.scaling.others import endpoint_rollout
from reconciler.kinds.scaling.rules import VariantPlan

__all__ = ["CREATED", "DELETED", "FAILED", "WORKING", "failing", "notices", "status_of", "watches", "with_replies"]

CREATED, WORKING, FAILED, DELETED = "Created", "Reconciling", "Error", "Deleted"
"""The archived operator's statuses."""

Records = Mapping[VariantTarget, ScalingTarget]


def with_replies(this: Pass, known: Records, wanted: Mapping[VariantTarget, DesiredScaling]) -> Records:
    """The records with what the replies of this pass say, and with a refusal that holds the variant back."""
    found = dict(known)
    for reply in this.replies:
        params = reply.call.params
        variant = VariantTarget.named_in(params) or next(
            (one for one, record in found.items() if record.arn == params.get("ResourceARN")), None
        )
        if variant is None:
            continue
        if reply.call.operation == "DeregisterScalableTarget":
            found.pop(variant, None)
        elif variant in found and variant in wanted:
            found[variant] = _with_reply(this, found[variant], wanted[variant], reply)
    refusal = refused(this, this.failure.error, this.failure.call.identity) if this.failure else None
    if this.failure is not None and refusal is not None:
        variant = VariantTarget.named_in(this.failure.call.params)
        if variant is not None and variant in found and variant in wanted:
            hash_ = wanted[variant].hash
            found[variant] = replace(found[variant], refused=hash_, message=refusal.message, retry_at=refusal.retry_at)
    return found


def _with_reply(this: Pass, record: ScalingTarget, desired: DesiredScaling, reply: Reply) -> ScalingTarget:
    answer = reply.answer
    tagged = replace(record, tag_hash=desired.tag_hash, tag_keys=",".join(desired.tags))
    match reply.call.operation:
        case "RegisterScalableTarget":
            arn = str(answer.get("ScalableTargetARN") or record.arn)
            if not reply.call.params.get("Tags"):
                tagged = record if arn == record.arn else replace(record, tag_hash=UNTAGGED)
            # The hash speaks of the policy as well; its own reply comes next, where it was put.
            cut_short = this.failure is not None and VariantTarget.named_in(this.failure.call.params) == desired.variant
            made = PARTLY_SENT if cut_short and record.hash != desired.hash else desired.hash
            return replace(tagged, arn=arn, hash=made, registered_at=stamp(this.now))
        case "PutScalingPolicy":
            return replace(
                record,
                policy_name=desired.policy,
                policy_arn=str(answer.get("PolicyARN") or ""),
                hash=desired.hash,
                release=endpoint_rollout(this, desired.variant).release,
                refused="",
            )
        case "TagResource":
            return tagged
    return record


def status_of(this: Pass, known: Records, state: str, policy: str = "", additional: str = "") -> dict[str, Json]:
    return {
        "policyName": policy or this.past.get("policyName"),
        "hostingAutoscalingPolicyStatus": state,
        "resourceIDList": [record.name for record in known.values() if record.registered],
        "additional": additional,
        "lastCheckTime": this.past.get("lastCheckTime"),
        "targets": [record.record() for record in known.values()],
    }


def failing(past: Status, error: ReconcileError) -> dict[str, Json]:
    """The archived operator's words while an error stands in the way: Reconciling for what passes by itself, as a fault of AWS or
    an endpoint that is not in service, Error for what somebody has to act on (LO-10).
    """
    passes = isinstance(error, (TransientError, NotInServiceError)) and not isinstance(error, CredentialsError)
    return {**past, "hostingAutoscalingPolicyStatus": WORKING if passes else FAILED, "additional": str(error)}


def notices(this: Pass, policy: str) -> tuple[Notice, ...]:
    put = [reply for reply in this.replies if reply.call.operation == "PutScalingPolicy"]
    return tuple(Notice("Normal", "Scaled", f"{reply.call.params['ResourceId']} scales by {policy}") for reply in put)


def watches(plans: Sequence[VariantPlan]) -> tuple[Watch, ...]:
    """Targets and policies at the slow pace; an endpoint while it is waited for, and along with one of our
    HostingDeployments, whose own looks at it cost no request more.
    """
    found: dict[tuple[str, str], Watch] = {}
    for plan in plans:
        variant, policy = plan.case.desired.variant, plan.case.desired.policy
        asked = [plan.watch] if plan.watch else []
        if plan.case.rollout.deployment:
            asked.append(Watch("Endpoint", variant.endpoint, Pace.SLOW))
        if plan.record is not None and plan.record.registered:
            asked.append(Watch("ScalableTarget", variant.target, Pace.SLOW))
            asked.append(Watch("ScalingPolicy", variant.policy(policy), Pace.SLOW))
        for watch in asked:
            known = found.get((watch.remote, watch.name))
            if known is None or watch.pace is Pace.FAST:
                found[watch.remote, watch.name] = watch
    return tuple(found.values())
