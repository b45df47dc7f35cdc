"""The status of a HostingDeployment: its records as they are being rewritten in a pass, and what is told of it.

`State` is status in the making; `status_of` renders the archived operator's fields and our records. Looking is in
`observe`, deciding in `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reconciler.core.aws.partitions import invocation_url
from reconciler.core.conditions import stamp
from reconciler.core.errors import ReconcileError
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner, may_adopt
from reconciler.core.resource import Resource
from reconciler.core.rollout import Attempt
from reconciler.kinds.hosting.content import Wanted, endpoint_name
from reconciler.kinds.hosting.legacy import configs_left, is_new_to_us, models_left, serving_names
from reconciler.kinds.hosting.mirror import is_mirror
from reconciler.kinds.hosting.records import Made, limit_of, made, with_arns, with_looks, without

SENDS = ("CreateEndpoint", "UpdateEndpoint")
REBALANCE = "UpdateEndpointWeightsAndCapacities"
STAGE_LOOK = timedelta(minutes=2)
"""No List shows the stage of a rollout, and nobody says that LastModifiedTime moves with each: it is shown this late at most."""
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
    "references",
)


def collecting(this: Pass) -> bool:
    return bool((this.past.get("rollout") or {}).get("collecting"))


def open_attempt(this: Pass) -> Attempt | None:
    """The attempt that status holds, unless it was made under a name that belongs to someone else and is given up."""
    rollout = this.past.get("rollout") or {}
    foreign = rollout.get("foreign")
    return None if foreign and foreign != endpoint_name(this) else Attempt.parse(rollout)


def is_recorded(this: Pass) -> bool:
    record = this.past.get("endpoint")
    return bool(this.past.get("endpointArn") if record is None else record.get("arn"))


def identity(this: Pass) -> str:
    """The endpoint's name: what status recorded beats what would be computed now, once something may go by it."""
    record = this.past.get("endpoint")
    if record is None:  # an object of the archived operator, or a new one
        return str(this.past.get("endpointName") or endpoint_name(this))
    return str((record.get("name") if record.get("arn") or open_attempt(this) else "") or endpoint_name(this))


def as_recorded(this: Pass, found: Mapping[str, Any]) -> bool:
    """Whether this is the very endpoint that we recorded, and not one that was made anew under its name."""
    record = this.past.get("endpoint")
    recorded = (record or {}).get("creationTime") if record is not None else this.past.get("creationTime")
    return is_recorded(this) and (not recorded or recorded == stamp(found["CreationTime"]))


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
            str(value)
            for reply in this.replies
            if reply.call.operation in ("DeleteModel", "DeleteEndpointConfig")
            for value in reply.call.params.values()
        ]
        gone = [*seen.absent, *deleted]
        models, configs = made(past.get("models")), made(past.get("configs"))
        if is_new_to_us(this):
            models, configs = models_left(this), configs_left(this)
        if seen.serving:
            models = {name: Made(name, name.rpartition("-")[2]) for name in seen.serving.models} | models
            configs = {seen.serving.name: seen.serving} | configs
        looks = seen.sweep.parts if seen.sweep else {}
        configs = with_looks(with_arns(without(configs, gone), ours), looks)
        rollout = dict(past.get("rollout") or {})
        if Attempt.parse(rollout) and not open_attempt(this):
            rollout = {}
        quarantine = [dict(entry) for entry in past.get("quarantine") or ()]
        known = {entry["hash"] for entry in quarantine}
        for name, reason in seen.quarantined.items():
            if (
                name in configs
                and configs[name].hash not in known
                and (configs[name] is seen.serving or is_ours(this, name))
            ):
                quarantine.append(
                    {
                        "hash": configs[name].hash,
                        "endpointConfigName": name,
                        "since": stamp(this.now),
                        "reason": reason,
                        "mirrored": True,
                    }
                )
        tagged = {reply.call.params["ResourceArn"] for reply in this.replies if is_mirror(reply.call)}
        for entry in quarantine:
            config = configs.get(entry.get("endpointConfigName") or "")
            if config is not None and config.arn in tagged:
                entry["mirrored"] = True
        return cls(
            this,
            with_looks(with_arns(without(models, gone), ours), looks),
            configs,
            rollout,
            [dict(entry) for entry in past.get("history") or this.recalled[: limit_of(this.spec)]],
            quarantine,
            _endpoint_record(this, ours),
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


def _endpoint_record(this: Pass, ours: Mapping[str, str]) -> dict[str, Any]:
    name, found = identity(this), this.seen.endpoint
    record = {"region": this.region, **(this.past.get("endpoint") or {})}
    if not record.get("arn"):
        arn = ours.get(name) or ("" if "endpoint" in this.past else this.past.get("endpointArn"))
        if arn:
            record |= {"name": name, "arn": arn}
    if record.get("arn") and found is not None and (name in ours or as_recorded(this, found)):
        record |= {"arn": str(found["EndpointArn"]), "creationTime": stamp(found["CreationTime"])}
    if this.seen.sweep is not None:
        record["scaled"] = sorted(variant for variant, scaled in this.seen.sweep.scaled.items() if scaled)
    return record


def is_ours(this: Pass, name: str) -> bool:
    owner = this.seen.owners.get(name)
    return owner is Owner.US or (may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN))


_SERVING = frozenset({"InService", "Updating", "RollingBack", "SystemUpdating"})
"""The old fleet serves until the new one took over."""


def serves(this: Pass) -> bool | None:
    found = this.seen.endpoint
    return None if found is None else found["EndpointStatus"] in _SERVING


def status_of(this: Pass, state: State, want: Wanted | None, status: str, additional: str = "") -> dict[str, Any]:
    """Legacy fields and records. What was not looked at in this pass stays as it was told last."""
    past, found, name = this.past, this.seen.endpoint, identity(this)
    if name in this.seen.owners and not is_ours(this, name):
        found = None  # what somebody else runs under this name is no status of ours
    fields: dict[str, Any] = {key: past.get(key) for key in _LEGACY}
    fields |= {"endpointName": name, "additional": additional, "endpointStatus": status or past.get("endpointStatus")}
    if found is not None:
        fields |= {
            "endpointStatus": status or found["EndpointStatus"],
            "endpointConfigName": found.get("EndpointConfigName"),
            "endpointArn": found["EndpointArn"],
            "endpointUrl": invocation_url(this.partition, this.region, name),
            "creationTime": found.get("CreationTime"),
            "lastModifiedTime": found.get("LastModifiedTime"),
            "failureReason": found.get("FailureReason"),
            "productionVariants": [_variant(variant) for variant in found.get("ProductionVariants") or ()],
        }
    elif this.seen.endpoint_known and not this.replies:
        fields |= {"endpointStatus": status or None, "productionVariants": None}
    if not fields.get("endpointStatus"):
        fields["endpointStatus"] = "ReconcilingEndpoint" if additional else "SynchronizingK8sJobWithSageMaker"
    if want is not None and not want.waits:
        fields["references"] = list(want.references)
        config = state.configs.get(want.content.config) or Made(want.content.config, "")
        fields["modelNames"] = held_names(config, want) if want.held else serving_names(this, config, want)
    return {**fields, **state.records()}


def held_names(config: Made, want: Wanted) -> list[dict[str, str]]:
    """Models of a configuration that the spec does not speak of, by the names in spec.models as far as they still match."""
    stems = {name.rpartition("-")[0]: name for name in config.models}
    found = [(model.logical, stems.get(model.name.rpartition("-")[0])) for model in want.models]
    return [{"name": logical, "value": name} for logical, name in found if name]


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


def failing(past: Mapping[str, Any], error: ReconcileError) -> dict[str, Any]:
    """The archived operator's words while an error stands in the way; what serves keeps its own status."""
    message = str(error)
    served = bool((past.get("endpoint") or {}).get("arn"))
    return {**past, "additional": message, **({} if served else {"endpointStatus": "ReconcilingEndpoint"})}


def as_written(resource: Resource) -> Mapping[str, Any]:
    """The archived operator wrote nothing back into this kind's spec."""
    return resource.spec
