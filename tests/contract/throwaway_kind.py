"""A kind that nobody needs: a lifecycle configuration of SageMaker Studio, declared in this one file and entered into a catalogue below.

It shows what a new kind costs. The contract tests run over it as over `KINDS`, and everything that knows kinds by their
declaration alone takes it as it comes: the worker, tags, tenancy, references, the observer, `validate` and the plugins.
Nothing in `reconciler` names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from reconciler.core import references
from reconciler.core.aws.remote import RemoteKind
from reconciler.core.catalog import Catalog
from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Pace, Phase, Watch
from reconciler.core.kind import Kind, Pass, Shown, StatusKeys, View
from reconciler.core.naming import digest, remote_name
from reconciler.core.ownership import Owner, adoption_refusal, judge, may_adopt, tags_for
from reconciler.core.records.common import status
from reconciler.core.records.remote_object import ImmutableObject
from reconciler.core.schema.declaration import ApiDifference, Column, Schema, Source
from reconciler.core.schema.problems import Problem
from reconciler.core.schema.reference import Given, Provider
from reconciler.core.schema.shapes import Field, canonical, to_request
from reconciler.core.schema.status import record, string
from reconciler.kinds import CATALOG
from reconciler.kinds.shared import ADDED_COLUMNS, ROOT, TAGS

CONFIG = RemoteKind("StudioLifecycleConfig", "StudioLifecycleConfigs", arn_type="studio-lifecycle-config")
KEYS = StatusKeys("studioLifecycleConfigName", "status")

SCHEMA = Schema(
    kind="StudioLifecycleConfig",
    plural="studiolifecycleconfigs",
    doc="A lifecycle configuration of SageMaker Studio.",
    columns=(Column("Status", f".status.{KEYS.status}"), *ADDED_COLUMNS),
    sources=(Source("CreateStudioLifecycleConfig"),),
    differences=(
        TAGS,
        ApiDifference("StudioLifecycleConfigName", leave_out=True),
        # A script may be nothing but the name of the configuration that it is to find.
        ApiDifference("StudioLifecycleConfigContent", reference="lifecycle config"),
    ),
    added=ROOT,
    status=status(
        record(studioLifecycleConfigName=string(), status=string(), additional=string()),
        Field("config", ImmutableObject.shape(), doc="What this object made in SageMaker."),
    ),
)

_CONFIRMED_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class ConfigObserved:
    known: bool = False
    """Whether `found` is an answer."""
    found: Mapping[str, Any] | None = None
    owners: Mapping[str, Owner] = field(default_factory=dict)


def _recorded(this: Pass) -> ImmutableObject:
    """As status has it, or as it is to be."""
    key = this.resource.key
    name = remote_name(key.name, digest([this.identity.cluster, key.namespace, key.kind, key.name]))
    return ImmutableObject.parse(this.past.get("config") or {"name": name, "region": this.spec.get("region")})


def observe(view: View, this: Pass) -> ConfigObserved:
    config = _recorded(this)
    if this.replies:
        return ConfigObserved()  # the reply is the best look there is
    close = not config.exists or this.doubt or this.resource.deleting
    if not close and not view.unlisted(CONFIG.name, config.name):
        return ConfigObserved(
            view.summary(CONFIG.name, config.name) is not None, view.summary(CONFIG.name, config.name)
        )
    found = view.describe(CONFIG.name, config.name, fresh=True)
    if found is None or config.creation_time == stamp(found["CreationTime"]):
        return ConfigObserved(True, found)
    owner = judge(this, config.name, view.tags(str(found[CONFIG.arn_key])), identity=config.name.rpartition("-")[2])
    return ConfigObserved(True, found, {config.name: owner})


def decide(this: Pass, seen: ConfigObserved) -> Decision:
    config = _looked_at(this, _recorded(this), seen)
    if this.resource.deleting:
        return _end(this, config, seen)
    if _foreign(this, config, seen):
        reason, why = adoption_refusal(this, config.name, seen.owners[config.name])
        return Decision(Phase.STALLED, reason, why, _status(this, config), look_again=timedelta(minutes=10))
    refs = references.resolve(this.shape, this.spec, this.resource.namespace, this.others)
    if refs.waits:
        return Decision(Phase.WAITING, references.NOT_READY, refs.why, _status(this, config), watches=_watches(config))
    if not config.exists:
        return _create(this, config, refs)
    if config.hash and config.hash != digest([canonical(this.shape, this.spec)]):
        why = "SageMaker never changes one: put the spec back, or make another object"
        return Decision(Phase.STALLED, "ImmutableFieldChanged", why, _status(this, config), watches=_watches(config))
    if seen.known and seen.found is None:
        return _gone(this, config, refs)
    made = f"{config.name} is there"
    return Decision(Phase.READY, "Created", made, _status(this, config, "Created"), watches=_watches(config))


def _looked_at(this: Pass, config: ImmutableObject, seen: ConfigObserved) -> ImmutableObject:
    """The record with what a reply of this pass, or the look, says of it."""
    if reply := this.reply(f"Create{CONFIG.name}"):
        return replace(config, arn=str(reply.answer[CONFIG.arn_key]), creation_time="")
    if seen.found is None or _foreign(this, config, seen):
        return config
    arn = str(seen.found.get(CONFIG.arn_key) or config.arn)
    return replace(config, arn=arn, creation_time=stamp(seen.found["CreationTime"]))


def _foreign(this: Pass, config: ImmutableObject, seen: ConfigObserved) -> bool:
    owner = seen.owners.get(config.name, Owner.US)
    return owner is Owner.OTHER or (owner is not Owner.US and not may_adopt(this))


def _create(this: Pass, config: ImmutableObject, refs: references.Resolved) -> Decision:
    content = digest([canonical(this.shape, this.spec)])
    asked = replace(config, arn="", creation_time="", requested_at=stamp(this.now), hash=content)
    operation = f"Create{CONFIG.name}"
    params = {
        **to_request(this.shape, refs.spec, operation),
        CONFIG.name_key: config.name,
        "Tags": tags_for(this),
    }
    before = replace(config, requested_at="") if this.failure and not this.failure.maybe_received else config
    return Decision(
        Phase.ACTING,
        "Creating",
        f"asking SageMaker for {config.name}",
        {**_status(this, asked, "Pending"), "references": refs.records()},
        calls=(Call(operation, params),),
        watches=_watches(asked),
        unsent=Decision(Phase.STALLED, "", "", _status(this, before)),
    )


def _gone(this: Pass, config: ImmutableObject, refs: references.Resolved) -> Decision:
    drift = this.drift.sift([Difference("sagemaker", f"/status/{KEYS.name}", config.name, "(deleted)", gone=True)])
    if drift.correct:
        return replace(_create(this, config, refs), differences=drift.stands, corrects=drift.paths)
    why = f"{config.name} was deleted from outside"
    status = _status(this, config, "Deleted")
    return Decision(Phase.STALLED, "ExternallyDeleted", why, status, watches=_watches(config), differences=drift.stands)


def _end(this: Pass, config: ImmutableObject, seen: ConfigObserved) -> Decision:
    deleted = this.reply(f"Delete{CONFIG.name}")
    young = config.requested and this.now - moment(config.requested_at) < _CONFIRMED_AFTER
    if deleted or _foreign(this, config, seen) or (seen.found is None and (config.exists or not young)):
        return Decision(Phase.RELEASED, "Deleted", "", _status(this, config))
    calls = (Call(f"Delete{CONFIG.name}", {CONFIG.name_key: config.name}),) if seen.found is not None else ()
    why = f"deleting {config.name}"
    phase = Phase.ACTING if calls else Phase.WAITING
    return Decision(phase, "Deleting", why, _status(this, config), calls=calls, look_again=timedelta(seconds=10))


def _status(this: Pass, config: ImmutableObject, said: str = "") -> dict[str, Any]:
    past = this.past
    name = config.name if config.exists else past.get(KEYS.name)
    fields = {KEYS.name: name, KEYS.status: said or past.get(KEYS.status), "references": past.get("references")}
    return {**fields, "config": config.record() if config.exists or config.requested else None}


def _watches(config: ImmutableObject) -> tuple[Watch, ...]:
    return (Watch(CONFIG.name, config.name, Pace.SLOW),) if config.exists else ()


# --- what the rest of the project knows of it ------------------------------------------------------------------------


def _records(status: Mapping[str, Any]) -> tuple[ImmutableObject, ...]:
    return (ImmutableObject.parse(status["config"]),) if status.get("config") else ()


def _shown(status: Mapping[str, Any]) -> Iterator[Shown]:
    if name := status.get(KEYS.name):
        yield Shown(CONFIG.name, str(name), str(status.get(KEYS.status) or ""))


def _given(status: Mapping[str, Any]) -> Mapping[str, Given] | str:
    name = str(status.get(KEYS.name) or "")
    return {"": Given(name)} if name else "has no config yet"


def _findings(spec: Mapping[str, Any]) -> Iterator[Problem]:
    content = spec.get("studioLifecycleConfigContent")
    if content is not None and len(content) % 4:
        yield Problem("/spec/studioLifecycleConfigContent", "NotBase64", "a script is given in base64")


KIND = Kind(
    schema=SCHEMA,
    observe=observe,
    decide=decide,
    failing=lambda past, message: {**past, "additional": str(message)},
    as_written=lambda resource: resource.spec,
    remotes=(CONFIG,),
    keys=KEYS,
    records=_records,
    shown=_shown,
    owners=lambda seen: seen.owners,
    gives={"lifecycle config": Provider(_given)},
    findings=_findings,
)

WITH_IT = Catalog((*CATALOG.kinds, KIND), CATALOG.others)
"""The one entry."""
