"""What follows from what is remembered, seen and wanted, before anything is decided.

`CONCLUSIONS` are drawn in their order, each a pure function of the situation that the ones before it left. A conclusion changes
records and says so in notices; it decides nothing and sends nothing. The order: first what exists and under which name; then
what is wanted; then what became of an open attempt, for that may quarantine what is wanted; and at last, once nothing is under
way, what serves and how it differs from its content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from reconciler.core.conditions import stamp
from reconciler.core.decision import Call, Notice
from reconciler.core.kind import Pass
from reconciler.core.naming import QUARANTINE_TAG
from reconciler.core.records.content import Content
from reconciler.core.records.history import SUCCEEDED, SUPERSEDED, History
from reconciler.core.records.quarantine import QuarantineEntry
from reconciler.core.records.remote_object import EndpointRecord, Part
from reconciler.core.records.rollout import Attempt
from reconciler.core.records.source import SourceRecord
from reconciler.core.resource import Annotation
from reconciler.core.rollout import CHANGING
from reconciler.kinds.hosting import drift
from reconciler.kinds.hosting.desired import (
    DesiredHosting,
    RollbackRequest,
    desired_by_git,
    hold_message,
    hold_verdict,
    under_hold,
)
from reconciler.kinds.hosting.drift import HostingDrift
from reconciler.kinds.hosting.legacy import known_configs, legacy_configs, legacy_models
from reconciler.kinds.hosting.observed.endpoint import HostingObserved
from reconciler.kinds.hosting.records import (
    HostingRecords,
    as_recorded,
    commit_of,
    history_limit,
    identity,
    is_new_to_us,
    recorded,
)
from reconciler.kinds.hosting.situation.attempt import settled
from reconciler.kinds.hosting.situation.recalled import recalled
from reconciler.kinds.hosting.situation.situation import Situation

__all__ = ["concluded", "situation"]


def situation(this: Pass, seen: HostingObserved, want: DesiredHosting | None = None) -> Situation:
    """What is remembered, with what was seen. `want`: not what the spec says, for nobody knows whether Git says it."""
    records = recorded(this)
    name = identity(this, records)
    if want is None:
        # What an object wants that is being deleted does not matter, and may be no valid spec at all.
        want = DesiredHosting(name, Content(), waits="deleted") if this.resource.deleting else desired_by_git(this)
    return Situation(this, seen, name, looked_at(this, seen, name, records), want)


def concluded(s: Situation) -> Situation:
    for conclude in () if s.this.resource.deleting else CONCLUSIONS:
        s = conclude(s)
    return s


# --- what exists ------------------------------------------------------------------------------------------------------


def looked_at(this: Pass, seen: HostingObserved, name: str, records: HostingRecords) -> HostingRecords:
    """The records with what replies and looks show of the objects that they name."""
    arns = {one: arn for one, arn in seen.arns.items() if seen.owned(this, one)} | _created(this)
    models, configs = records.models, records.configs
    if is_new_to_us(this):
        models, configs = legacy_models(this, seen.arns), legacy_configs(this, seen.arns)
    if seen.serving:
        taken = seen.serving.taken
        found = {one: Part(one, hash=one.rpartition("-")[2], taken=taken) for one in seen.serving.models}
        models = found | dict(models)
        configs = {seen.serving.name: seen.serving} | dict(configs)
    configs = _still_named(seen, configs) | _parts_seen(this, seen, configs, arns)
    history = records.history.remembered(this.past_rollouts, history_limit(this))
    quarantine = recalled(records.quarantine, records.history, history, this.past_rollouts)
    quarantine = quarantine.remembered(_tagged_quarantine(this, seen, configs))
    marked = {reply.call.params["ResourceArn"] for reply in this.replies if is_quarantine_mark(reply.call)}
    return replace(
        records,
        endpoint=_endpoint_seen(seen, name, records.endpoint, arns),
        models=_parts_seen(this, seen, models, arns),
        configs=configs,
        history=history,
        quarantine=quarantine.mirrored({config.name for config in configs.values() if config.arn in marked}),
    )


def _created(this: Pass) -> dict[str, str]:
    """ARNs by name, of what was created in this pass."""
    return {
        str(reply.call.params[f"{remote}Name"]): str(reply.answer[f"{remote}Arn"])
        for reply in this.replies
        for remote in ("Model", "EndpointConfig")
        if reply.call.operation == f"Create{remote}"
    }


def _parts_seen(
    this: Pass, seen: HostingObserved, parts: Mapping[str, Part], arns: Mapping[str, str]
) -> dict[str, Part]:
    deleted = {
        str(value)
        for reply in this.replies
        if reply.call.operation in ("DeleteModel", "DeleteEndpointConfig")
        for value in reply.call.params.values()
    }
    there = {name: part for name, part in parts.items() if name not in seen.absent and name not in deleted}
    there = {name: replace(part, arn=arns.get(name, part.arn)) for name, part in there.items()}
    looks = seen.parts.parts if seen.parts else {}
    return {name: looks[name].seen_of(part) if name in looks else part for name, part in there.items()}


def _still_named(seen: HostingObserved, configs: Mapping[str, Part]) -> dict[str, Part]:
    """The configuration that the endpoint names, as one that is to be made: deleted, it is forgotten only where nobody knows how it
    was.
    """
    config = configs.get(seen.live.config) if seen.live else None
    if config is None or not config.parameters or config.name not in seen.absent:
        return {}
    return {config.name: replace(config, arn="", creation_time="", replaced=False)}


def _tagged_quarantine(this: Pass, seen: HostingObserved, configs: Mapping[str, Part]) -> Iterator[QuarantineEntry]:
    """Entries that only a tag remembers: status was lost."""
    for name, reason in seen.quarantined.items():
        if name in configs and (configs[name] is seen.serving or seen.owned(this, name)):
            yield QuarantineEntry(configs[name].hash, name, since=stamp(this.now), reason=reason, mirrored=True)


def is_quarantine_mark(call: Call) -> bool:
    return call.operation == "AddTags" and any(tag["Key"] == QUARANTINE_TAG for tag in call.params["Tags"])


def _endpoint_seen(
    seen: HostingObserved, name: str, endpoint: EndpointRecord, arns: Mapping[str, str]
) -> EndpointRecord:
    found = seen.endpoint
    before = HostingRecords(endpoint)
    if not endpoint.exists and name in arns:
        endpoint = replace(endpoint, name=name, arn=arns[name])
    if endpoint.exists and found is not None and (name in arns or as_recorded(before, found)):
        endpoint = replace(endpoint, arn=str(found["EndpointArn"]), creation_time=stamp(found["CreationTime"]))
    if seen.parts is not None:
        scaled = tuple(sorted(variant for variant, is_scaled in seen.parts.scaled.items() if is_scaled))
        endpoint = replace(endpoint, scaled=scaled)
    return endpoint


# --- what is wanted ---------------------------------------------------------------------------------------------------


def taken_over(s: Situation) -> Situation:
    """What the archived operator left is taken for what serves, or for what it was about to bring there."""
    asked, endpoint = str(s.this.past.get("endpointConfigName") or ""), s.records.endpoint
    if not (is_new_to_us(s.this) and endpoint.exists):
        return s
    configs = known_configs(s.this, s.records.configs, endpoint.arn, s.want)
    records = replace(s.records, configs=configs)
    serving = configs.get(s.live.config) if s.live else None
    if serving is None or s.want.content.hash == serving.hash:
        return s.having(records.with_rollout(applied=records.serving(asked)) if asked else records)
    # Not what is wanted, so it will be left: what serves may be rolled back to. No commit of the object's is known to have asked for it.
    serves = records.serving(serving.name)
    history = _opened(s, records.history, serves, SourceRecord()).closed(s.this.now, SUCCEEDED)
    s = s.having(replace(records, history=history)).with_rollout(applied=serves)
    if asked not in configs or asked == serving.name:
        return s
    return _asked_for_another(s, records.serving(asked), serves)


def _asked_for_another(s: Situation, asked: Content, serves: Content) -> Situation:
    """The archived operator had sent an update that is not in service: it is under way, or came back, which it never noticed
    and sent again for ever.
    """
    assert s.live is not None  # noqa: S101 - what serves is known
    status = str(s.this.past.get("endpointStatus") or "")
    if s.live.status in CHANGING:
        history = _opened(s, s.records.history, asked, SourceRecord())
        attempt = Attempt(
            requested=asked,
            previous=serves,
            last_modified_time=s.live.modified,
            failure_before=s.live.failure,
            requested_at=stamp(s.this.now),
        )
        return s.having(replace(s.records, history=history)).with_rollout(attempt=attempt, applied=asked)
    if s.live.status != "InService" or not (s.live.failure or status in CHANGING or status == "InService"):
        return s
    reason = s.live.failure or str(s.this.past.get("failureReason") or "") or "it was rolled back before the take-over"
    result = "RolledBack"
    history = _opened(s, s.records.history, asked, SourceRecord()).closed(s.this.now, result, reason)
    quarantine = s.records.quarantine.added(asked, reason, s.this.now)
    notice = Notice("Warning", f"Rollout{result}", f"{asked.config}: {reason}")
    return s.having(replace(s.records, history=history, quarantine=quarantine)).noticed(notice)


def known_by_content(s: Situation) -> Situation:
    """What is wanted, by the name under which its content is known already."""
    hash_ = s.want.content.hash
    name = next((config.name for config in s.records.configs.values() if config.hash == hash_), None)
    return replace(s, want=replace(s.want, content=Content(hash_, name))) if name else s


def held_against_git(s: Situation) -> Situation:
    """What is wanted while people hold an earlier rollout against Git."""
    request, before = RollbackRequest.of(s.this), s.records.rollout.hold
    verdict = hold_verdict(s.this, s.records, s.want)
    rollout = verdict.recorded(s.records.rollout, request, s.this.now)
    s = s.having(replace(s.records, rollout=rollout))
    if before and verdict.ended:
        s = s.noticed(Notice("Normal", "RollbackEnded", f"{before.title} is held no more: {verdict.ended}"))
    if verdict.refused:
        s = s.noticed(Notice("Warning", "RollbackRefused", f"{Annotation.ROLLBACK_TO}: {verdict.refused}"))
    hold = verdict.hold
    if hold is None:
        return s
    if verdict.begun:
        s = s.noticed(Notice("Normal", "RollbackHeld", hold_message(hold)))
    want = under_hold(s.want, hold, tuple(s.this.past.get("references") or ()))
    return replace(s, want=want.as_described(s.seen.config))


def same_identity(s: Situation) -> Situation:
    endpoint = s.records.endpoint
    change = ""
    if s.region_changed and (s.records.exist or s.attempt):
        change = f"/spec/region was {endpoint.region}"
    elif endpoint.exists and s.this.spec.get("endpointName") and s.want.endpoint != endpoint.name:
        change = f"/spec/endpointName was {endpoint.name}"
    return replace(s, identity_change=change)


def released(s: Situation) -> Situation:
    """`retry` lets the content that it names out of quarantine."""
    quarantine, gone = s.records.quarantine.released(s.this.tokens.get("retry", ""))
    notices = (
        Notice(
            "Normal",
            "RevisionReleased",
            f"{entry.hash} was released by {Annotation.RETRY} and is sent again when it is wanted",
        )
        for entry in gone
    )
    return replace(s.having(replace(s.records, quarantine=quarantine)), released=gone).noticed(*notices)


# --- what serves ------------------------------------------------------------------------------------------------------


def newer_than_status(s: Situation) -> Situation:
    """The endpoint serves content of this object that status never knew: status is older than SageMaker, as after a restore from a
    backup. What serves is believed: it is what was applied last, under the id that its configuration remembers.
    """
    if s.this.git.read or s.asked_for or s.records.rollout.outdated != s.this.resource.generation:
        s = s.with_rollout(outdated=None)
    serving, live = s.seen.serving, s.live
    if not (s.undisputed and s.attempt is None and s.records.rollout.applied) or serving is None or live is None:
        return s
    if live.status != "InService" or live.config != serving.name:
        return s
    content, history = s.records.serving(live.config), s.records.history
    if not any(entry.hash == content.hash for entry in history.succeeded):
        opened = _opened(s, history, content, _made_by(s, content), initiated_by="git")
        history = opened.closed(s.this.now, SUCCEEDED).as_recalled()
    number = next(entry.id for entry in history.succeeded if entry.hash == content.hash)
    message = (
        f"status is older than SageMaker: #{number} serves, {live.config}, which status did not know; it is believed"
    )
    s = s.having(replace(s.records, history=history)).with_rollout(applied=content)
    if not (s.this.git.read or s.asked_for or s.this.past.get("observedGeneration") != s.this.resource.generation):
        s = s.with_rollout(outdated=s.this.resource.generation)
    return s.noticed(Notice("Warning", "StatusOutdated", message))


def found_serving(s: Situation) -> Situation:
    """What serves, though no rollout is known to have brought it there, is taken for what was applied last."""
    if not (s.undisputed and s.attempt is None and s.looked):
        return s
    s, live = s.with_rollout(releasing=False), s.live
    if s.want.waits or s.records.rollout.applied or live is None or live.status != "InService":
        return s
    applied = s.records.serving(live.config)
    s = s.with_rollout(applied=applied)
    if s.seen.serving is None or live.config != s.seen.serving.name:
        return s
    # A first create was about to be asked for, when it turned out that status had been lost.
    history, newest = s.records.history, s.records.history.newest
    if newest and newest.hash != applied.hash:
        history = history.closed(s.this.now, SUPERSEDED, "the endpoint exists already")
    return s.having(replace(s.records, history=_with_serving(s, history, applied)))


def compared(s: Situation) -> Situation:
    """What is wanted serves: it is recorded so, and compared with its content."""
    if not (s.idle and s.serves_desired):
        return s
    garbage_found, content = s.records.rollout.collecting, s.want.content
    s = s.with_rollout(
        phase="Held" if s.want.hold else "Complete",
        current_hash=content.hash,
        stable_hash=content.hash,
        desired_hash=content.hash,
        applied=content,
        collecting=False,
        outdated=None,
    )
    history = _with_serving(s, s.records.history, content)
    s = s.having(replace(s.records, history=history, configs=_with_parameters(s)))
    return replace(s, drift=differences(s), garbage_found=garbage_found)


def _with_parameters(s: Situation) -> Mapping[str, Part]:
    """The configurations, with what the one that serves was made of where an earlier version did not note it."""
    want, configs = s.want, s.records.configs
    config = configs.get(want.content.config)
    known = config is None or config.parameters or s.want.hold or config.hash != want.content.hash
    if known or config is None or set(config.models) != {model.name for model in want.models}:
        return configs
    return {**configs, config.name: replace(config, parameters=dict(want.config_params))}


def _with_serving(s: Situation, history: History, serving: Content) -> History:
    """With an entry for what serves even when no rollout of this object brought it there: one may roll back to it. When status was
    lost, the commit is known by the tag of its configuration.
    """
    newest = history.newest
    if newest and newest.open and newest.hash != serving.hash:
        history = history.closed(s.this.now, SUPERSEDED, "content that serves is wanted again")
    if not any(entry.hash == serving.hash for entry in history.succeeded):
        history = _opened(s, history, serving, _made_by(s, serving))
    return history.closed(s.this.now, SUCCEEDED).trimmed(history_limit(s.this))


def _opened(
    s: Situation, history: History, content: Content, source: SourceRecord, *, initiated_by: str = "manual"
) -> History:
    """With an entry for what others brought into service, or we did before status was lost."""
    tagged = s.seen.rollouts.get(content.config, "")
    return history.opened(
        content,
        source,
        now=s.this.now,
        initiated_by=initiated_by,
        limit=history_limit(s.this),
        at_least=int(tagged) if tagged.isdecimal() else 0,
    )


def _made_by(s: Situation, serving: Content) -> SourceRecord:
    """The commit that content was made for: of content that was found again, by the tag of its configuration."""
    own, commit = commit_of(s.this), s.seen.commits.get(serving.config, "")
    unrecorded = s.seen.serving is not None and serving.config == s.seen.serving.name
    return SourceRecord(commit=commit) if commit != own.commit and (commit or unrecorded) else own


def differences(s: Situation) -> HostingDrift:
    """Everything that is not as wanted, on an endpoint that serves the wanted configuration and does not change."""
    parts, looks, policy = drift.served_parts(s.want, s.records), s.seen.parts, s.this.drift
    if looks is None or s.seen.endpoint is None:
        return HostingDrift(parts, variants=s.records.endpoint.scaled)
    seen = {part: looks.parts.get(part.record.name) for part in parts}
    gone = tuple(part for part, look in seen.items() if not part.record.exists or (look and look.gone))
    replaced = [part.replaced(look.created) for part, look in seen.items() if look and look.replaced]
    # What is held is compared once its configuration was read.
    known = s.want.hold is None or bool(s.want.config_params)
    every = drift.unbalanced(s.this, s.want, s.seen.endpoint) if known else ()
    kept = [off for off in every if drift.is_resize(policy, off, s.records.rollout.resize)]
    offs = drift.unscaled(every, looks.scaled)
    others = tuple(off for off in offs if off not in kept)
    capture = tuple(drift.capture(s.this, s.want, s.seen.endpoint)) if known else ()
    found = [*(part.gone for part in gone), *replaced, *(off.difference for off in others), *capture]
    return HostingDrift(
        parts,
        gone=gone,
        offs=others,
        resize=tuple(off for off in offs if off in kept),
        unset=tuple(off.variant for off in kept if looks.scaled.get(off.variant) is not True),
        sifted=policy.sift(found),
        variants=tuple(looks.scaled),
        looked=True,
        unknown=looks.unknown,
    )


CONCLUSIONS: tuple[Callable[[Situation], Situation], ...] = (
    taken_over,
    known_by_content,
    held_against_git,
    same_identity,
    released,
    settled,
    newer_than_status,
    found_serving,
    compared,
)
