"""What a HostingDeployment shall serve, by content: what Git wants, or an earlier rollout that people hold against it.

Names are made of digests over content, so equal content reuses what is there, a tag edit changes nothing and going back
to earlier content finds its configuration again.

    rollback-to: <history id>   (rollback-until: <time>)   ──>  `status.rollout.hold`  ──>  over, kept as `lastHold`

While a hold lasts, the entry's content is wanted instead of Git's; spec is never written. It is over when Git's content is
another than when it began, at `rollback-until`, or when the annotation is taken off. A token acts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass
from reconciler.core.naming import USER_TAGS_MAX, digest, remote_name
from reconciler.core.ownership import tags_for
from reconciler.core.records.content import Content
from reconciler.core.records.request import Handled
from reconciler.core.records.rollout import HoldRecord, LastHold, RefusedRollback, RolloutRecord
from reconciler.core.records.source import SourceRecord
from reconciler.core.references import resolve
from reconciler.core.resource import Annotation
from reconciler.core.schema.shapes import List, Structure, to_request
from reconciler.core.takeover import content_of
from reconciler.core.values import Answer, Json, JsonObject, Params
from reconciler.kinds.hosting.records import HostingRecords, endpoint_name
from reconciler.kinds.model import without_default_modes

VARIANT_LISTS = {"productionVariants": "ProductionVariants", "shadowProductionVariants": "ShadowProductionVariants"}
"""Spec keys of the variants, and what SageMaker calls them."""
_TOKEN = "rollbackTo"  # noqa: S105 - the name in status.handled


@dataclass(frozen=True)
class DesiredModel:
    logical: str
    """What variants call it: models[].name."""
    name: str
    hash: str
    params: Params


@dataclass(frozen=True)
class DesiredHosting:
    endpoint: str
    content: Content
    models: tuple[DesiredModel, ...] = ()
    config_params: Params = field(default_factory=dict)
    """Parameters of CreateEndpointConfig; of a hold, as much as its configuration was described."""
    waits: str = ""
    """What keeps a reference from being resolved. Then this is not the content that was asked for: it is not rolled out."""
    references: tuple[Mapping[str, str], ...] = ()
    """What each reference stood for, as status records it."""
    hold: HoldRecord | None = None
    """Against Git: then this is the content of an earlier rollout, of which everything exists already."""
    source: SourceRecord | None = None
    """Of content that served last and comes back though Git wants other content: what brought it into service."""

    def create_model(self, model: DesiredModel, this: Pass) -> Call:
        return Call("CreateModel", {"ModelName": model.name, **model.params, "Tags": tags_for(this)})

    def create_config(self, this: Pass, rollout: int) -> Call:
        """`rollout`: the id that the rollout it is made for has in history. The mark of a quarantine keeps its place among the
        50 tags that SageMaker takes.
        """
        room = len(this.spec.get("tags") or ()) < USER_TAGS_MAX
        tags = tags_for(this, **({"rollout": str(rollout)} if room else {}))
        return Call(
            "CreateEndpointConfig", {"EndpointConfigName": self.content.config, **self.config_params, "Tags": tags}
        )

    def create_endpoint(self, this: Pass) -> Call:
        guards = to_request(this.shape, this.spec, "CreateEndpoint")
        return Call(
            "CreateEndpoint",
            {
                **guards,
                "EndpointName": self.endpoint,
                "EndpointConfigName": self.content.config,
                "Tags": tags_for(this),
            },
        )

    def update_endpoint(self, this: Pass) -> Call:
        options = to_request(this.shape, this.spec, "UpdateEndpoint")
        return Call(
            "UpdateEndpoint", {**options, "EndpointName": self.endpoint, "EndpointConfigName": self.content.config}
        )

    def as_described(self, config: Answer | None) -> Self:
        """A hold is not what the spec says: its configuration, as described, says what its endpoint shall be like."""
        if not self.hold:
            return self
        members = (*VARIANT_LISTS.values(), "DataCaptureConfig")
        return replace(self, config_params={key: value for key, value in (config or {}).items() if key in members})


# --- what Git wants ---------------------------------------------------------------------------------------------------


def desired_by_git(this: Pass) -> DesiredHosting:
    """Raises TerminalError, naming the field, for what the schema cannot refuse and the archived operator did not."""
    key = this.resource.key
    refs = resolve(this.shape, this.spec, key.namespace, this.others)
    this = replace(this, spec=refs.spec)
    models = _models(this)
    by_name = {model.logical: model.name for model in models}
    params = {
        name: value
        for name, value in to_request(this.shape, this.spec, "CreateEndpointConfig").items()
        if name not in ("Tags", "EndpointConfigName")
    }
    written = content_of(this, this.shape, this.spec)
    content = {
        one.key: value
        for one in this.shape.fields
        if "CreateEndpointConfig" in one.operations and one.digest and (value := written.get(one.key)) is not None
    }
    for variants, api in VARIANT_LISTS.items():
        if api in params:
            params[api] = [
                _resolved(item, "ModelName", by_name, f"/spec/{variants}/{n}/modelName")
                for n, item in enumerate(params[api])
            ]
            content[variants] = [
                _resolved(item, "modelName", by_name, f"/spec/{variants}/{n}/modelName")
                for n, item in enumerate(content[variants])
            ]
    identity = digest([this.identity.cluster, key.namespace, key.kind, key.name, content])
    named = Content(identity, remote_name(key.name, identity))
    return DesiredHosting(endpoint_name(this), named, models, params, refs.why, tuple(refs.records()))


def _resolved(variant: Answer, member: str, by_name: Mapping[str, str], path: str) -> dict[str, Json]:
    logical = variant.get(member)
    if logical not in by_name:
        raise TerminalError(
            f"{path}: no model is named {logical!r}; spec.models has {', '.join(by_name) or 'none'}", "UnknownModel"
        )
    return {**variant, member: by_name[str(logical)]}


def _models(this: Pass) -> tuple[DesiredModel, ...]:
    key = this.resource.key
    shape = this.shape.by_key["models"].shape
    assert isinstance(shape, List) and isinstance(shape.item, Structure)  # noqa: S101, PT018 - the schema says so
    found: dict[str, DesiredModel] = {}
    for index, model in enumerate(this.spec.get("models") or ()):
        logical = str(model.get("name") or "")
        if logical in found:
            raise TerminalError(f"/spec/models/{index}/name: {logical!r} is used twice", "DuplicateName")
        content = content_of(this, shape.item, model)
        content = without_default_modes(content) if this.taken else content
        identity = digest([this.identity.cluster, key.namespace, "Model", f"{key.name}/{logical}", content])
        params = _containers(to_request(shape.item, model), model, f"/spec/models/{index}")
        found[logical] = DesiredModel(logical, remote_name(f"{key.name}-{logical}", identity), identity, params)
    return tuple(found.values())


def _containers(params: dict[str, Json], model: JsonObject, path: str) -> dict[str, Json]:
    """One container serves alone; several are a pipeline, in their order (the archived operator did the same)."""
    params.pop("Name", None)
    containers = params.pop("Containers", None) or []
    primary = params.pop("PrimaryContainer", None) or model.get("primaryContainer")
    hostnames = [container.get("ContainerHostname") for container in containers]
    if primary and primary not in hostnames:
        raise TerminalError(f"{path}/primaryContainer: no container has the hostname {primary!r}", "UnknownContainer")
    if len(containers) == 1:
        return {**params, "PrimaryContainer": containers[0]}
    return {**params, "Containers": containers} if containers else params


# --- what people hold against it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RollbackRequest:
    """What people ask for by annotation."""

    to: str = ""
    until: str = ""
    new: bool = False
    """Whether `to` was not acted on yet."""

    @classmethod
    def of(cls, this: Pass) -> Self:
        annotations = this.resource.annotations
        to = annotations.get(Annotation.ROLLBACK_TO, "")
        acted_on = Handled.parse(this.past.get("handled")).rollback_to
        new = bool(to) and this.tokens.get(_TOKEN) == to and acted_on != to
        return cls(to, annotations.get(Annotation.ROLLBACK_UNTIL, ""), new)


@dataclass(frozen=True)
class HoldVerdict:
    hold: HoldRecord | None = None
    """What is held from here on."""
    begun: bool = False
    ended: str = ""
    """Why what was held before is held no more."""
    refused: str = ""
    """Why what is newly asked for is not held: nothing changes then."""

    def recorded(self, rollout: RolloutRecord, request: RollbackRequest, now: datetime) -> RolloutRecord:
        """What is held, what was held last, and what was asked for in vain."""
        before, refused = rollout.hold, rollout.hold_refused
        rollout = replace(rollout, hold=self.hold)
        if before and self.ended:
            last = LastHold(before.id, before.since, before.until, stamp(now), self.ended)
            rollout = replace(rollout, last_hold=last)
        if self.refused:
            return replace(rollout, hold_refused=RefusedRollback(request.to, self.refused))
        if self.begun or (refused and refused.rollback_to != request.to):
            return replace(rollout, hold_refused=None)
        return rollout


def hold_verdict(this: Pass, records: HostingRecords, git: DesiredHosting) -> HoldVerdict:
    return weigh(RollbackRequest.of(this), records, "" if git.waits else git.content.hash, this.now)


def under_hold(git: DesiredHosting, hold: HoldRecord, references: tuple[Mapping[str, str], ...]) -> DesiredHosting:
    """What is wanted while a hold lasts. `references` are those that status knows, for where Git's are not resolved."""
    known = references if git.waits else git.references
    return replace(git, content=hold.content, waits="", references=known, hold=hold)


def weigh(request: RollbackRequest, records: HostingRecords, git: str, now: datetime) -> HoldVerdict:
    """Whether a hold begins, goes on or is over. `git` is the hash of what Git wants now; empty: a reference is waited for, so
    nobody knows.
    """
    hold = records.rollout.hold
    if request.new:
        found = _asked_for(request, records, git, now)
        if isinstance(found, str):
            as_it_was = RollbackRequest(request.to, hold.until if hold else "")
            before = _going_on(hold, as_it_was, records, git, now) if hold else HoldVerdict()
            return replace(before, refused=found)
        return HoldVerdict(found, begun=True, ended=f"{found.title} is held instead" if hold else "")
    return _going_on(hold, request, records, git, now) if hold else HoldVerdict()


def _going_on(
    hold: HoldRecord, request: RollbackRequest, records: HostingRecords, git: str, now: datetime
) -> HoldVerdict:
    until = _time(request.until)
    if isinstance(until, datetime):
        hold = replace(hold, until=stamp(until))
    elif not request.until:
        hold = replace(hold, until="")
    left = hold.left(now)
    if not request.to:
        return HoldVerdict(ended=f"{Annotation.ROLLBACK_TO} was removed")
    if hold.git_hash and git and git != hold.git_hash:
        return HoldVerdict(ended="Git's content changed")
    if left is not None and left <= timedelta(0):
        return HoldVerdict(ended=f"it was to end at {hold.until}")
    if why := _unfit(hold.content, records):
        return HoldVerdict(ended=why)
    return HoldVerdict(replace(hold, git_hash=hold.git_hash or git))


def _asked_for(request: RollbackRequest, records: HostingRecords, git: str, now: datetime) -> HoldRecord | str:
    """The hold, or why there can be none."""
    number = request.to.removeprefix("#")
    entry = next((entry for entry in records.history.entries if str(entry.id) == number), None)
    until = _time(request.until)
    if entry is None:
        return f"history has no entry {request.to}"
    if not entry.succeeded:
        return f"#{entry.id} never served ({entry.result or 'it is under way'})"
    if why := _unfit(entry.content, records):
        return f"#{entry.id}: {why}"
    rollout = records.rollout
    if git == entry.hash and rollout.attempt is None and rollout.applied == entry.content:
        return f"#{entry.id} serves already, and Git wants it"
    if request.until and until is None:
        return f"{Annotation.ROLLBACK_UNTIL} must be a time with a zone (RFC 3339), not {request.until}"
    if until is not None and until <= now:
        return f"{Annotation.ROLLBACK_UNTIL} is over: {request.until}"
    return HoldRecord(
        id=entry.id,
        hash=entry.hash,
        config=entry.config,
        revision=entry.revision,
        commit=entry.commit,
        author=entry.author,
        subject=entry.subject,
        path=entry.path,
        git_hash=git,
        since=stamp(now),
        until=stamp(until) if until else "",
    )


def _unfit(content: Content, records: HostingRecords) -> str:
    if content.hash in records.quarantine.hashes:
        return f"its content {content.hash} is in quarantine"
    kept = records.configs.get(content.config)
    return "" if kept and kept.exists else f"its configuration {content.config} is not kept any more"


def _time(text: str) -> datetime | None:
    try:
        found = moment(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def hold_may_change(this: Pass, records: HostingRecords) -> bool:
    """Whether a hold is about to begin, or may be over, whatever Git says."""
    hold, request = records.rollout.hold, RollbackRequest.of(this)
    if request.new or hold is None:
        return request.new
    until = _time(request.until)
    return not request.to or (until is not None and until <= this.now)


def hold_message(hold: HoldRecord) -> str:
    until = f" until {hold.until}" if hold.until else ""
    return (
        f"{hold.title} is held against Git{until}: {hold.config} serves; it ends when Git's content changes"
        f"{', at that time' if hold.until else ''} or when {Annotation.ROLLBACK_TO} is removed"
    )
