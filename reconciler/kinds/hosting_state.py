"""What a pass over a HostingDeployment looks at, and the status it leaves behind.

`observe` fills `Seen`; `State` is status as it is being rewritten; `status_of` renders the archived operator's fields and
our records. Deciding is in `hosting_decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.kind import Pass, View
from reconciler.core.ownership import Owner, may_adopt
from reconciler.core.ownership import judge as judge_owner
from reconciler.core.partitions import invocation_url
from reconciler.core.resource import Resource
from reconciler.core.rollout import CHANGING, EVIDENCE_WAIT, Attempt
from reconciler.kinds.hosting_content import Wanted, endpoint_name
from reconciler.kinds.hosting_records import Made, made, with_arns, without

SENDS = ("CreateEndpoint", "UpdateEndpoint")
_LEGACY = (
    "endpointName",
    "endpointConfigName",
    "endpointUrl",
    "endpointStatus",
    "endpointArn",
    "creationTime",
    "lastModifiedTime",
    "failureReason",
    "additional",
    "modelNames",
    "productionVariants",
)


@dataclass(frozen=True)
class Seen:
    """What a look at SageMaker found. A name that is no key was not looked at."""

    endpoint: Mapping[str, Any] | None = None
    endpoint_known: bool = False
    """Whether `endpoint` is an answer: None then means that the service says it is not there."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    arns: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()


def observe(view: View, this: Pass) -> Seen:
    past, name = this.past, identity(this)
    arns: dict[str, str] = {}
    owners: dict[str, Owner] = {}
    absent: set[str] = set()
    attempt = Attempt.parse(past.get("rollout") or {})
    recorded = bool((past.get("endpoint") or {}).get("arn") or past.get("endpointArn"))
    close = this.doubt or this.resource.deleting
    if close:
        for remote, item in _to_check(this):
            found = view.describe(remote, item, fresh=True)
            if found is None:
                absent.add(item)
            else:
                arns[item] = str(found[f"{remote}Arn"])
                owners[item] = judge_owner(this, item, view.tags(arns[item]))
    sent = any(reply.call.operation in SENDS for reply in this.replies)
    if sent or (not recorded and attempt is None and not close):
        return Seen(arns=arns, owners=owners, absent=frozenset(absent))
    late = attempt is not None and this.now - attempt.requested_at >= EVIDENCE_WAIT and not attempt.evidence
    endpoint = view.describe("Endpoint", name, fresh=close or late or not recorded or collecting(this))
    if endpoint is not None and not recorded:
        arns[name] = str(endpoint["EndpointArn"])
        owners[name] = judge_owner(this, name, view.tags(arns[name]))
    return Seen(endpoint, True, owners, arns, frozenset(absent))


def _to_check(this: Pass) -> list[tuple[str, str]]:
    """Things whose create may or may not have happened, and, in doubt, all that the next call builds on."""
    made_before = [("Model", item) for item in made(this.past.get("models")).values()]
    made_before += [("EndpointConfig", item) for item in made(this.past.get("configs")).values()]
    return [
        (remote, item.name)
        for remote, item in made_before
        if not item.arn or (this.doubt and not this.resource.deleting)
    ]


def collecting(this: Pass) -> bool:
    return bool((this.past.get("rollout") or {}).get("collecting"))


def identity(this: Pass) -> str:
    """The endpoint's name: what status recorded beats what would be computed now."""
    return str((this.past.get("endpoint") or {}).get("name") or this.past.get("endpointName") or endpoint_name(this))


@dataclass(frozen=True)
class State:
    """Status as it is being rewritten in this pass."""

    this: Pass
    models: dict[str, Made]
    configs: dict[str, Made]
    rollout: dict[str, Any]
    history: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    endpoint: dict[str, Any]

    @classmethod
    def load(cls, this: Pass) -> State:
        past, seen = this.past, this.seen
        ours = {name: arn for name, arn in seen.arns.items() if is_ours(this, name)}
        for reply in this.replies:
            for remote in ("Model", "EndpointConfig"):
                if reply.call.operation == f"Create{remote}":
                    ours[reply.call.params[f"{remote}Name"]] = str(reply.answer[f"{remote}Arn"])
        deleted = [
            name
            for reply in this.replies
            if reply.call.operation.startswith("Delete")
            for name in reply.call.params.values()
        ]
        gone = [*seen.absent, *deleted]
        endpoint = dict(past.get("endpoint") or {})
        name = identity(this)
        if not endpoint.get("arn") and (arn := past.get("endpointArn") or ours.get(name)):
            endpoint = {"name": name, "arn": arn, "region": this.spec.get("region")}
        return cls(
            this,
            with_arns(without(made(past.get("models")), gone), ours),
            with_arns(without(made(past.get("configs")), gone), ours),
            dict(past.get("rollout") or {}),
            [dict(entry) for entry in past.get("history") or ()],
            [dict(entry) for entry in past.get("quarantine") or ()],
            endpoint,
        )

    def records(self) -> dict[str, Any]:
        return {
            "models": [item.record() for item in self.models.values()],
            "configs": [item.record() for item in self.configs.values()],
            "rollout": self.rollout,
            "history": self.history,
            "quarantine": self.quarantine,
            "endpoint": self.endpoint,
        }


def is_ours(this: Pass, name: str) -> bool:
    owner = this.seen.owners.get(name)
    return owner is Owner.US or (may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN))


def serves(this: Pass) -> bool | None:
    found = this.seen.endpoint
    if found is None:
        return None
    serving = any((variant.get("CurrentInstanceCount") or 0) > 0 for variant in found.get("ProductionVariants") or ())
    return found["EndpointStatus"] == "InService" or (found["EndpointStatus"] in CHANGING and serving)


def stage_of(found: Mapping[str, Any] | None) -> str:
    """The live stage in SageMaker's own words: activating traffic on canary capacity, baking for N seconds."""
    pending = (found or {}).get("PendingDeploymentSummary") or {}
    for variant in pending.get("ProductionVariants") or (found or {}).get("ProductionVariants") or ():
        for told in variant.get("VariantStatus") or ():
            return str(told.get("StatusMessage") or told.get("Status") or "")
    return ""


def status_of(this: Pass, state: State, want: Wanted | None, status: str, additional: str = "") -> dict[str, Any]:
    """Legacy fields and records. What was not looked at in this pass stays as it was told last."""
    past, found, name = this.past, this.seen.endpoint, identity(this)
    region = str(this.spec.get("region") or "")
    fields: dict[str, Any] = {key: past.get(key) for key in _LEGACY}
    fields |= {"endpointName": name, "additional": additional, "endpointStatus": status or past.get("endpointStatus")}
    if found is not None:
        fields |= {
            "endpointStatus": status or found["EndpointStatus"],
            "endpointConfigName": found.get("EndpointConfigName"),
            "endpointArn": found["EndpointArn"],
            "endpointUrl": invocation_url(region, name),
            "creationTime": found.get("CreationTime"),
            "lastModifiedTime": found.get("LastModifiedTime"),
            "failureReason": found.get("FailureReason"),
            "productionVariants": [_variant(variant) for variant in found.get("ProductionVariants") or ()],
        }
    elif this.seen.endpoint_known and not this.replies:
        fields |= {"endpointStatus": status or None, "productionVariants": None}
    if not fields.get("endpointStatus"):
        fields["endpointStatus"] = "SynchronizingK8sJobWithSageMaker"
    if want is not None:
        fields["modelNames"] = [{"name": model.logical, "value": model.name} for model in want.models]
    return {**fields, **state.records()}


def _variant(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "variantName": found.get("VariantName"),
        "currentInstanceCount": found.get("CurrentInstanceCount"),
        "desiredInstanceCount": found.get("DesiredInstanceCount"),
        "currentWeight": found.get("CurrentWeight"),
        "desiredWeight": found.get("DesiredWeight"),
        "deployedImages": [
            {
                "specifiedImage": image.get("SpecifiedImage"),
                "resolvedImage": image.get("ResolvedImage"),
                "resolutionTime": image.get("ResolutionTime"),
            }
            for image in found.get("DeployedImages") or ()
        ],
    }


def failing(past: Mapping[str, Any], message: str) -> dict[str, Any]:
    """The archived operator's words while an error stands in the way; what serves keeps its own status."""
    served = bool((past.get("endpoint") or {}).get("arn"))
    return {**past, "additional": message, **({} if served else {"endpointStatus": "ReconcilingEndpoint"})}


def as_written(resource: Resource) -> Mapping[str, Any]:
    """The archived operator wrote nothing back into this kind's spec."""
    return resource.spec
