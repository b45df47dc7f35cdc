"""What a pass over a HostingDeployment looks at, and how closely. Deciding is in `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.errors import DeniedError, TerminalError
from reconciler.core.kind import Pass, View
from reconciler.core.naming import COMMIT_TAG, QUARANTINE_TAG, remote_name
from reconciler.core.ownership import Owner
from reconciler.core.ownership import judge as judge_owner
from reconciler.core.rollout import EVIDENCE_WAIT, UPDATABLE, Content
from reconciler.kinds.hosting import drift, hold, legacy, scaling, sweep
from reconciler.kinds.hosting.content import Wanted, endpoint_digest, wanted, with_reference
from reconciler.kinds.hosting.records import Made, made
from reconciler.kinds.hosting.state import (
    REBALANCE,
    SENDS,
    STAGE_LOOK,
    as_recorded,
    collecting,
    identity,
    is_recorded,
    open_attempt,
)
from reconciler.kinds.hosting.sweep import Sweep


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
    scaled: tuple[scaling.Scaled, ...] = ()
    """Only when the endpoint may be moved in this pass."""
    target: Mapping[str, Any] | None = None
    """The configuration that is held, as described: where it serves, or is to and variants are scaled."""
    sweep: Sweep | None = None
    """Only while what is wanted serves and nothing changes."""


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
    for remote, untold_name in legacy.untold(this):
        found = view.describe(remote, untold_name, fresh=True)
        if found is not None:
            arns[untold_name], owners[untold_name] = str(found[f"{remote}Arn"]), Owner.US
    sent = any(reply.call.operation in (*SENDS, REBALANCE) for reply in this.replies)
    if sent or not (is_recorded(this) or attempt or close):
        marked = _told(tags, QUARANTINE_TAG)
        return Seen(owners=owners, arns=arns, absent=frozenset(absent), quarantined=marked)
    late = attempt is not None and this.now - attempt.requested_at >= EVIDENCE_WAIT and not attempt.evidence
    fresh = close or late or not is_recorded(this) or collecting(this) or not _is_quiet(this)
    updating = attempt is not None and attempt.previous is not None
    endpoint = view.describe("Endpoint", name, fresh=fresh, at_most_old=STAGE_LOOK if updating else None)
    serving = None
    if endpoint is not None and not as_recorded(this, endpoint):
        arns[name] = str(endpoint["EndpointArn"])
        owners[name] = judge_owner(this, name, view.tags(arns[name]), identity=endpoint_digest(this))
        if owners[name] is Owner.US and close and not this.resource.deleting:
            serving, told = _unrecorded(view, this, str(endpoint.get("EndpointConfigName") or ""))
            tags |= {serving.name: told} if serving else {}
    seen = Seen(
        endpoint,
        True,
        owners,
        arns,
        frozenset(absent),
        quarantined=_told(tags, QUARANTINE_TAG),
        commits=_told(tags, COMMIT_TAG),
        serving=serving,
    )
    want = _desired(this) if endpoint is not None and not this.resource.deleting else None
    if endpoint is None or want is None:
        return seen
    if not _serves_from(this, want, endpoint):
        return _before_a_move(view, this, seen, want, endpoint)
    settled = endpoint["EndpointStatus"] == "InService" and not (want.waits and not want.held)
    return _settled(view, this, seen, want, endpoint) if settled else seen


def look_back(view: View, this: Pass) -> Seen | None:
    """The recorded endpoint, if it is there: that it is not is for a pass to say that knows where to look."""
    if not (this.past.get("endpoint") or {}).get("arn"):
        return None
    endpoint = view.describe("Endpoint", identity(this), at_most_old=STAGE_LOOK if open_attempt(this) else None)
    return Seen(endpoint, True) if endpoint is not None and as_recorded(this, endpoint) else None


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


def _before_a_move(view: View, this: Pass, seen: Seen, want: Wanted, endpoint: Mapping[str, Any]) -> Seen:
    """Whether this pass may send an UpdateEndpoint, and then what scales: the endpoint takes one, and other content is wanted."""
    bad = any(entry.get("hash") == want.content.hash for entry in this.past.get("quarantine") or ())
    if endpoint["EndpointStatus"] not in UPDATABLE or (bad and "retry" not in this.tokens):
        return seen
    scaled = scaling.look(view, this, endpoint)
    if not (scaled and want.held):
        return replace(seen, scaled=scaled)
    target = view.describe("EndpointConfig", want.content.config)
    absent = seen.absent | ({want.content.config} if target is None else set())
    return replace(seen, scaled=scaled, target=target, absent=absent)


def _settled(view: View, this: Pass, seen: Seen, want: Wanted, endpoint: Mapping[str, Any]) -> Seen:
    """What serves is what is wanted: is all of it as its content says? What is to be put right is looked at anew first."""
    live = str(endpoint["EndpointConfigName"])
    try:
        target = view.describe("EndpointConfig", live) if want.held else None
    except DeniedError:
        target = None  # then nothing of the endpoint itself is compared
    want = with_reference(replace(want, content=Content(want.content.hash, live)), target)
    swept = sweep.look(view, this, want, endpoint)
    offs = drift.unscaled(drift.unbalanced(this, want, endpoint), swept.scaled)
    unset = any(drift.is_unset(this, off) for off in offs)
    if unset or this.drift.sift(off.difference for off in offs).correct:
        endpoint = view.describe("Endpoint", identity(this), fresh=True) or endpoint
    return replace(seen, endpoint=endpoint, target=target, sweep=swept)


def _serves_from(this: Pass, want: Wanted, endpoint: Mapping[str, Any]) -> bool:
    configs, live = made(this.past.get("configs")), str(endpoint.get("EndpointConfigName") or "")
    return live == want.content.config or (live in configs and configs[live].hash == want.content.hash)


def _desired(this: Pass) -> Wanted | None:
    """What shall serve: Git's content, or what is held against it. None where the spec does not say."""
    try:
        want = wanted(this)
    except TerminalError:
        return None
    held = hold.verdict(this, this.past, "" if want.waits else want.content.hash).hold
    return replace(want, content=held.content, held=held) if held else want


def _is_quiet(this: Pass) -> bool:
    """Whether nothing is about to be sent. Before an update the look must be new: the LastModifiedTime of an older one would
    later pass for evidence of what became of the request.
    """
    settled = (this.past.get("rollout") or {}).get("phase") in ("Complete", "Held") and not hold.moves(this)
    return settled and this.past.get("observedGeneration") == this.resource.generation and not this.tokens


def _to_check(this: Pass) -> list[tuple[str, Made]]:
    """Things whose create may or may not have happened, and, in doubt, all that the next call builds on."""
    made_before = [("Model", item) for item in made(this.past.get("models")).values()]
    made_before += [("EndpointConfig", item) for item in made(this.past.get("configs")).values()]
    return [
        (remote, item) for remote, item in made_before if not item.arn or (this.doubt and not this.resource.deleting)
    ]
