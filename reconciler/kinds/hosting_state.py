"""What a pass over a HostingDeployment looks at, and the status it leaves behind.

`observe` fills `Seen`; `State` is status as it is being rewritten; `status_of` renders the archived operator's fields and
our records. Deciding is in `hosting_decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.conditions import stamp
from reconciler.core.decision import Call
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass, View
from reconciler.core.naming import COMMIT_TAG, QUARANTINE_TAG, remote_name
from reconciler.core.ownership import Owner, may_adopt
from reconciler.core.ownership import judge as judge_owner
from reconciler.core.partitions import invocation_url
from reconciler.core.resource import Resource
from reconciler.core.rollout import EVIDENCE_WAIT, UPDATABLE, Attempt, Content
from reconciler.kinds import hosting_hold, hosting_scaling
from reconciler.kinds.hosting_content import Wanted, endpoint_digest, endpoint_name, wanted
from reconciler.kinds.hosting_legacy import configs_left, is_new_to_us, models_left, serving_names
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
    "references",
)


@dataclass(frozen=True)
class Seen:
    """What a look at SageMaker found. A name that is no key was not looked at."""

    endpoint: Mapping[str, Any] | None = None
    endpoint_known: bool = False
    """Whether `endpoint` is an answer: None then means that the service says it is not there."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """Only of things that no record of ours proves to be ours."""
    arns: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    quarantined: Mapping[str, str] = field(default_factory=dict)
    """Why, by the name of a configuration that was found again and carries the tag."""
    commits: Mapping[str, str] = field(default_factory=dict)
    """By the name of a configuration that was found again: the commit that it was made for."""
    serving: Made | None = None
    """Our configuration that no record tells of, on our endpoint that none tells of: status was lost."""
    scaled: tuple[hosting_scaling.Scaled, ...] = ()
    """Only when the endpoint may be moved in this pass."""
    target: Mapping[str, Any] | None = None
    """The configuration to be held, as described: only where variants are scaled."""


def observe(view: View, this: Pass) -> Seen:
    name, attempt = identity(this), open_attempt(this)
    arns: dict[str, str] = {}
    owners: dict[str, Owner] = {}
    absent: set[str] = set()
    tags: dict[str, Mapping[str, str]] = {}
    close = this.doubt or this.resource.deleting
    for remote, item in _to_check(this) if close else ():
        found = view.describe(remote, item.name, fresh=True)
        if found is None:
            absent.add(item.name)
            continue
        arns[item.name] = str(found[f"{remote}Arn"])
        if not item.arn:
            told = view.tags(arns[item.name])
            owners[item.name], tags[item.name] = judge_owner(this, item.name, told, identity=item.hash), told or {}
    sent = any(reply.call.operation in SENDS for reply in this.replies)
    if sent or not (is_recorded(this) or attempt or close):
        marked = _told(tags, QUARANTINE_TAG)
        return Seen(owners=owners, arns=arns, absent=frozenset(absent), quarantined=marked)
    late = attempt is not None and this.now - attempt.requested_at >= EVIDENCE_WAIT and not attempt.evidence
    fresh = close or late or not is_recorded(this) or collecting(this) or not _is_quiet(this)
    endpoint = view.describe("Endpoint", name, fresh=fresh)
    serving = None
    if endpoint is not None and not _as_recorded(this, endpoint):
        arns[name] = str(endpoint["EndpointArn"])
        owners[name] = judge_owner(this, name, view.tags(arns[name]), identity=endpoint_digest(this))
        if owners[name] is Owner.US and close and not this.resource.deleting:
            serving, told = _unrecorded(view, this, str(endpoint.get("EndpointConfigName") or ""))
            tags |= {serving.name: told} if serving else {}
    scaled = hosting_scaling.look(view, this, endpoint) if endpoint is not None and _may_move(this, endpoint) else ()
    held = _desired(this)[1] if scaled else None
    target = view.describe("EndpointConfig", held.content.config) if held else None
    if held and target is None:
        absent.add(held.content.config)
    return Seen(
        endpoint,
        True,
        owners,
        arns,
        frozenset(absent),
        quarantined=_told(tags, QUARANTINE_TAG),
        commits=_told(tags, COMMIT_TAG),
        serving=serving,
        scaled=scaled,
        target=target,
    )


def _told(tags: Mapping[str, Mapping[str, str]], tag: str) -> dict[str, str]:
    """What one tag says, by the names of the things that were found again and carry it."""
    return {name: told[tag] for name, told in tags.items() if told.get(tag)}


def _unrecorded(view: View, this: Pass, name: str) -> tuple[Made | None, Mapping[str, str]]:
    """What serves, if it is ours by its tag and status does not know it: by its name its content is known again."""
    content = name.rpartition("-")[2]
    if name in made(this.past.get("configs")) or name != remote_name(this.resource.name, content):
        return None, {}
    found = view.describe("EndpointConfig", name)
    told = view.tags(str(found["EndpointConfigArn"])) if found else None
    if found is None or judge_owner(this, name, told) is not Owner.US:
        return None, {}
    models = tuple(str(variant["ModelName"]) for variant in found["ProductionVariants"] if variant.get("ModelName"))
    return Made(name, content, str(found["EndpointConfigArn"]), models), told or {}


def _may_move(this: Pass, endpoint: Mapping[str, Any]) -> bool:
    """Whether this pass may send an UpdateEndpoint: the endpoint takes one, and other content is wanted."""
    if this.resource.deleting or endpoint["EndpointStatus"] not in UPDATABLE:
        return False
    try:
        content = _desired(this)[0]
    except TerminalError:
        return False
    configs = made(this.past.get("configs"))
    live = str(endpoint.get("EndpointConfigName") or "")
    serves = live == content.config or (live in configs and configs[live].hash == content.hash)
    bad = any(entry.get("hash") == content.hash for entry in this.past.get("quarantine") or ())
    return not serves and (not bad or "retry" in this.tokens)


def _desired(this: Pass) -> tuple[Content, hosting_hold.Hold | None]:
    """What shall serve: Git's content, or what is held against it. Raises TerminalError as `wanted` does."""
    want = wanted(this)
    held = hosting_hold.verdict(this, this.past, "" if want.waits else want.content.hash).hold
    return (held.content if held else want.content), held


def _is_quiet(this: Pass) -> bool:
    """Whether nothing is about to be sent. Before an update the look must be new: the LastModifiedTime of an older one would
    later pass for evidence of what became of the request.
    """
    settled = (this.past.get("rollout") or {}).get("phase") in ("Complete", "Held") and not hosting_hold.moves(this)
    return settled and this.past.get("observedGeneration") == this.resource.generation and not this.tokens


def _to_check(this: Pass) -> list[tuple[str, Made]]:
    """Things whose create may or may not have happened, and, in doubt, all that the next call builds on."""
    made_before = [("Model", item) for item in made(this.past.get("models")).values()]
    made_before += [("EndpointConfig", item) for item in made(this.past.get("configs")).values()]
    return [
        (remote, item) for remote, item in made_before if not item.arn or (this.doubt and not this.resource.deleting)
    ]


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


def _as_recorded(this: Pass, found: Mapping[str, Any]) -> bool:
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
        configs = with_arns(without(configs, gone), ours)
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
        tagged = {reply.call.params["ResourceArn"] for reply in this.replies if _is_mirror(reply.call)}
        for entry in quarantine:
            config = configs.get(entry.get("endpointConfigName") or "")
            if config is not None and config.arn in tagged:
                entry["mirrored"] = True
        return cls(
            this,
            with_arns(without(models, gone), ours),
            configs,
            rollout,
            [dict(entry) for entry in past.get("history") or ()],
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


def _is_mirror(call: Call) -> bool:
    return call.operation == "AddTags" and any(tag["Key"] == QUARANTINE_TAG for tag in call.params["Tags"])


def _endpoint_record(this: Pass, ours: Mapping[str, str]) -> dict[str, Any]:
    name, found = identity(this), this.seen.endpoint
    record = {"region": this.region, **(this.past.get("endpoint") or {})}
    if not record.get("arn"):
        arn = ours.get(name) or ("" if "endpoint" in this.past else this.past.get("endpointArn"))
        if arn:
            record |= {"name": name, "arn": arn}
    if record.get("arn") and found is not None and (name in ours or _as_recorded(this, found)):
        record |= {"arn": str(found["EndpointArn"]), "creationTime": stamp(found["CreationTime"])}
    return record


def is_ours(this: Pass, name: str) -> bool:
    owner = this.seen.owners.get(name)
    return owner is Owner.US or (may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN))


_SERVING = frozenset({"InService", "Updating", "RollingBack", "SystemUpdating"})
"""The old fleet serves until the new one took over."""


def serves(this: Pass) -> bool | None:
    found = this.seen.endpoint
    return None if found is None else found["EndpointStatus"] in _SERVING


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


def failing(past: Mapping[str, Any], message: str) -> dict[str, Any]:
    """The archived operator's words while an error stands in the way; what serves keeps its own status."""
    served = bool((past.get("endpoint") or {}).get("arn"))
    return {**past, "additional": message, **({} if served else {"endpointStatus": "ReconcilingEndpoint"})}


def as_written(resource: Resource) -> Mapping[str, Any]:
    """The archived operator wrote nothing back into this kind's spec."""
    return resource.spec
