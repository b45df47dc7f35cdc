"""What a pass over a HostingDeployment looks at, and how closely. What follows from it is for `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.core.conditions import READY, find, stamp
from reconciler.core.errors import DeniedError, DependencyError, OldLookError, TerminalError
from reconciler.core.kind import Pass, View
from reconciler.core.naming import COMMIT_TAG, QUARANTINE_TAG, ROLLOUT_TAG, remote_name
from reconciler.core.ownership import Owner, may_adopt
from reconciler.core.ownership import judge as judge_owner
from reconciler.core.records.content import Content
from reconciler.core.records.remote_object import Part
from reconciler.core.records.rollout import Attempt
from reconciler.core.rollout import ACCEPTED, EVIDENCE_WAIT, UPDATABLE, LiveEndpoint
from reconciler.core.values import Answer
from reconciler.kinds.hosting import drift, legacy
from reconciler.kinds.hosting.desired import (
    DesiredHosting,
    desired_by_git,
    hold_may_change,
    hold_verdict,
)
from reconciler.kinds.hosting.observed import adopted, scaling, users
from reconciler.kinds.hosting.observed import parts as served_parts
from reconciler.kinds.hosting.observed.parts import PartsObserved
from reconciler.kinds.hosting.observed.scaling import ScaledVariant
from reconciler.kinds.hosting.records import (
    HostingRecords,
    as_recorded,
    endpoint_digest,
    identity,
    is_new_to_us,
    recorded,
)

SENDS = ("CreateEndpoint", "UpdateEndpoint")
CONFIG_GONE = "EndpointConfigDeleted"
"""Reason: what serves cannot be made again from here."""
REBALANCE = "UpdateEndpointWeightsAndCapacities"
STAGE_LOOK = timedelta(minutes=2)
"""No List shows the stage of a rollout, and nobody says that LastModifiedTime moves with each: it is shown this late at most."""


@dataclass(frozen=True)
class HostingObserved:
    """What a look at SageMaker found. A name that is no key was not looked at."""

    endpoint: Answer | None = None
    endpoint_known: bool = False
    """Whether `endpoint` is an answer: None then means that the service says it is not there."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """Only of objects that no record proves to be ours."""
    arns: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    quarantined: Mapping[str, str] = field(default_factory=dict)
    """Why, by the name of a configuration that was found again and carries the tag."""
    commits: Mapping[str, str] = field(default_factory=dict)
    """By the name of a configuration that was found again: the commit that it was made for."""
    rollouts: Mapping[str, str] = field(default_factory=dict)
    """By the name of a configuration that was found again: the id of the rollout that it was made for."""
    serving: Part | None = None
    """A configuration that no record names, on our endpoint: ours, and status was lost or is older than SageMaker; or that of an
    adopted endpoint, equal to what is wanted (`taken`).
    """
    scaled: tuple[ScaledVariant, ...] = ()
    """Only when the endpoint may be moved in this pass."""
    scaling_denied: str = ""
    """Why nobody can say what is scaled, where a right is missing: the update keeps every count then."""
    config: Answer | None = None
    """The configuration of a hold, as described: where it serves, or is to and variants are scaled."""
    serving_gone: bool = False
    """The endpoint may be moved, and names a configuration that is not there: no update would be taken (SM-96)."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Who else uses a part, by its name: only where something is about to be deleted."""
    parts: PartsObserved | None = None
    """Only while what is wanted serves and nothing changes."""

    @property
    def live(self) -> LiveEndpoint | None:
        return LiveEndpoint.parse(self.endpoint) if self.endpoint else None

    def owned(self, this: Pass, name: str) -> bool:
        """Whether an object of which no record says so is ours, or may be taken over."""
        owner = self.owners.get(name)
        return owner is Owner.US or (may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN))


def observe(view: View, this: Pass) -> HostingObserved:
    records = recorded(this)
    attempt, close = records.rollout.attempt, this.doubt or this.resource.deleting
    close = close or (may_adopt(this) and is_new_to_us(this))
    found = _parts_made(view, this, records) if close else _Found()
    for remote, name in legacy.without_arn(this):
        described = view.describe(remote, name, fresh=True)
        if described is not None:
            found = found.added(name, str(described[f"{remote}Arn"]), Owner.US)
    if refused := _refused_owner(view, this, records):
        return refused
    sent = any(reply.call.operation in (*SENDS, REBALANCE) for reply in this.replies)
    if sent or not (records.endpoint.exists or attempt or close):
        return found.observed()
    fresh = _is_late(this, attempt) or close or not _is_quiet(this, records)
    updating = attempt is not None and attempt.previous is not None
    name = identity(this, records)
    endpoint = view.describe("Endpoint", name, fresh=fresh, at_most_old=STAGE_LOOK if updating else None)
    _check_age(this, endpoint)
    serving = None
    if endpoint is not None and not as_recorded(records, endpoint):
        arn = str(endpoint["EndpointArn"])
        owner = judge_owner(this, name, view.tags(arn), identity=endpoint_digest(this))
        found = found.added(name, arn, owner)
        if owner is Owner.US and close and not this.resource.deleting:
            serving, tags = _unrecorded(view, this, records, str(endpoint.get("EndpointConfigName") or ""))
            found = replace(found, tags={**found.tags, serving.name: tags}) if serving else found
        elif may_adopt(this) and owner in (Owner.NOBODY, Owner.UNKNOWN) and (want := _desired(this, records)):
            taken = adopted.equal(view, want, str(endpoint.get("EndpointConfigName") or ""))
            serving = taken[0] if taken else None
            for model, model_arn in taken[1] if taken else ():
                found = found.added(model, model_arn, Owner.NOBODY)
    elif endpoint is not None and not this.resource.deleting:
        serving, tags = _unrecorded(view, this, records, str(endpoint.get("EndpointConfigName") or ""))
        found = (
            _with_models(view, this, replace(found, tags={**found.tags, serving.name: tags}), serving)
            if serving
            else found
        )
    seen = replace(
        found.observed(),
        endpoint=endpoint,
        endpoint_known=True,
        commits=found.tagged(COMMIT_TAG),
        rollouts=found.tagged(ROLLOUT_TAG),
        serving=serving,
    )
    want = _desired(this, records) if endpoint is not None and not this.resource.deleting else None
    if endpoint is None and this.resource.deleting:
        return replace(seen, users=users.look(view, _there(this, records, seen), name, ""))
    if endpoint is None or want is None:
        return seen
    if not _serves_from(records, want, endpoint):
        return _before_a_move(view, this, records, want, seen)
    settled = endpoint["EndpointStatus"] == "InService" and not (want.waits and not want.hold)
    return _settled(view, this, records, want, seen) if settled else seen


def _refused_owner(view: View, this: Pass, records: HostingRecords) -> HostingObserved | None:
    """Somebody else's endpoint under the name that is wanted, before anything is made for it; None where there is none."""
    made = records.exist or records.models or records.configs or records.rollout.attempt
    if made or this.resource.deleting or this.replies or this.failure:
        return None
    name = identity(this, records)
    endpoint = view.describe("Endpoint", name, fresh=True)
    if endpoint is None:
        return None
    arn = str(endpoint["EndpointArn"])
    owner = judge_owner(this, name, view.tags(arn), identity=endpoint_digest(this))
    seen = replace(_Found().added(name, arn, owner).observed(), endpoint=endpoint, endpoint_known=True)
    return None if seen.owned(this, name) else seen


def _check_age(this: Pass, endpoint: Answer | None) -> None:
    """Raises OldLookError for the endpoint as it was before what status knows of it (both times are SageMaker's own)."""
    if endpoint is None or not endpoint.get("LastModifiedTime"):
        return
    known, shown = str(this.past.get("lastModifiedTime") or ""), stamp(endpoint["LastModifiedTime"])
    if shown < known and this.past.get("creationTime") == stamp(endpoint["CreationTime"]):
        raise OldLookError(
            f"SageMaker shows the endpoint as of {shown}, and /status/lastModifiedTime is {known}: an old read is asked again; "
            "where status is wrong, remove that member"
        )


@dataclass(frozen=True)
class _Found:
    """Objects found again by their names."""

    owners: Mapping[str, Owner] = field(default_factory=dict)
    arns: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def added(self, name: str, arn: str, owner: Owner) -> _Found:
        return replace(self, arns={**self.arns, name: arn}, owners={**self.owners, name: owner})

    def tagged(self, tag: str) -> dict[str, str]:
        """The values of one tag, by the names of those that carry it."""
        return {name: tags[tag] for name, tags in self.tags.items() if tags.get(tag)}

    def observed(self) -> HostingObserved:
        return HostingObserved(
            owners=self.owners, arns=self.arns, absent=self.absent, quarantined=self.tagged(QUARANTINE_TAG)
        )


def _parts_made(view: View, this: Pass, records: HostingRecords) -> _Found:
    """Parts whose create may or may not have happened, and, in doubt, all that the next call builds on."""
    known = [("Model", part) for part in records.models.values()]
    known += [("EndpointConfig", part) for part in records.configs.values()]
    found = _Found()
    for remote, part in known:
        if part.exists and (not this.doubt or this.resource.deleting):
            continue
        described = view.describe(remote, part.name, fresh=True)
        if described is None:
            found = replace(found, absent=found.absent | {part.name})
            continue
        arn = str(described[f"{remote}Arn"])
        if part.exists:
            found = replace(found, arns={**found.arns, part.name: arn})
        else:
            tags = view.tags(arn)
            owner = judge_owner(this, part.name, tags, identity=part.hash)
            found = replace(found.added(part.name, arn, owner), tags={**found.tags, part.name: tags or {}})
    return found


def _there(this: Pass, records: HostingRecords, seen: HostingObserved) -> HostingRecords:
    """With the parts alone that are there and ours."""
    configs, models = (
        {name: part for name, part in parts.items() if part.exists or seen.owned(this, name)}
        for parts in (records.configs, records.models)
    )
    return replace(records, configs=configs, models=models)


def _is_late(this: Pass, attempt: Attempt | None) -> bool:
    """Whether an attempt without evidence is to be concluded upon."""
    return attempt is not None and attempt.age(this.now) >= EVIDENCE_WAIT and attempt.evidence in ("", ACCEPTED)


def _is_quiet(this: Pass, records: HostingRecords) -> bool:
    """Whether nothing is about to be sent. Before an update the look must be new: the LastModifiedTime of an older one would
    later pass for evidence of what became of the request.
    """
    rollout = records.rollout
    if not records.endpoint.exists or rollout.collecting or this.tokens or hold_may_change(this, records):
        return False
    return rollout.phase in ("Complete", "Held") and this.past.get("observedGeneration") == this.resource.generation


def look_back(view: View, this: Pass) -> HostingObserved | None:
    """The recorded endpoint, if it is there: that it is not is for a pass to say that knows where to look."""
    if not (this.past.get("endpoint") or {}).get("arn"):
        return None
    records = recorded(this)
    at_most_old = STAGE_LOOK if records.rollout.attempt else None
    endpoint = view.describe("Endpoint", identity(this, records), at_most_old=at_most_old)
    return HostingObserved(endpoint, True) if endpoint is not None and as_recorded(records, endpoint) else None


def _unrecorded(view: View, this: Pass, records: HostingRecords, name: str) -> tuple[Part | None, Mapping[str, str]]:
    """What serves, if it is ours by its tag and status does not know it: by its name its content is known again."""
    content = name.rpartition("-")[2]
    if name in records.configs or name != remote_name(this.resource.name, content):
        return None, {}
    found = view.describe("EndpointConfig", name)
    tags = view.tags(str(found["EndpointConfigArn"])) if found else None
    if found is None or judge_owner(this, name, tags) is not Owner.US:
        return None, {}
    models = tuple(str(variant["ModelName"]) for variant in found["ProductionVariants"] if variant.get("ModelName"))
    return Part(name, str(found["EndpointConfigArn"]), hash=content, models=models), tags or {}


def _with_models(view: View, this: Pass, found: _Found, serving: Part) -> _Found:
    """With the models of a configuration that status does not know, as far as they are ours."""
    for name in dict.fromkeys(serving.models):
        described = view.describe("Model", name)
        if described is not None:
            arn = str(described["ModelArn"])
            found = found.added(name, arn, judge_owner(this, name, view.tags(arn)))
    return found


def _desired(this: Pass, records: HostingRecords) -> DesiredHosting | None:
    """What shall serve: Git's content, or what is held against it. None where the spec does not say."""
    try:
        git = desired_by_git(this)
    except TerminalError:
        return None
    hold = hold_verdict(this, records, git).hold
    return replace(git, content=hold.content, hold=hold) if hold else git


def _serves_from(records: HostingRecords, want: DesiredHosting, endpoint: Answer) -> bool:
    live = str(endpoint.get("EndpointConfigName") or "")
    return live == want.content.config or (live in records.configs and records.configs[live].hash == want.content.hash)


def _before_a_move(
    view: View, this: Pass, records: HostingRecords, want: DesiredHosting, seen: HostingObserved
) -> HostingObserved:
    """Whether this pass may send an UpdateEndpoint, and then what scales: the endpoint takes one, and other content is wanted."""
    endpoint, bad = seen.endpoint or {}, records.quarantine.of(want.content) is not None
    if endpoint["EndpointStatus"] not in UPDATABLE or (bad and "retry" not in this.tokens):
        return seen
    gone = _is_gone(view, this, records, seen, str(endpoint.get("EndpointConfigName") or ""))
    seen = replace(seen, serving_gone=gone)
    try:
        seen = replace(seen, scaled=scaling.look(view, endpoint))
    except DeniedError as error:
        if scaling.owned(this, str(endpoint["EndpointName"])):
            raise
        return replace(seen, scaling_denied=str(error))
    if not (seen.scaled and want.hold):
        return seen
    config = view.describe("EndpointConfig", want.content.config)
    absent = seen.absent | ({want.content.config} if config is None else set())
    return replace(seen, config=config, absent=absent)


def _is_gone(view: View, this: Pass, records: HostingRecords, seen: HostingObserved, name: str) -> bool:
    """Whether the configuration of the endpoint is known to be gone: asked where a refusal, or status, says that it may be."""
    made = any(reply.call.params.get("EndpointConfigName") == name for reply in this.replies)
    if made or name in seen.arns:
        return False
    if name in seen.absent:
        return True
    part, failure = records.configs.get(name), this.failure
    refused = failure and failure.call.operation == "UpdateEndpoint" and isinstance(failure.error, DependencyError)
    stalled = (find(this.past.get("conditions") or (), READY) or {}).get("reason") == CONFIG_GONE
    suspected = not part.exists if part else refused or stalled
    return bool(suspected) and view.describe("EndpointConfig", name, fresh=True) is None


def _settled(
    view: View, this: Pass, records: HostingRecords, want: DesiredHosting, seen: HostingObserved
) -> HostingObserved:
    """What serves is what is wanted: is all of it as its content says? What is to be corrected is read again first."""
    endpoint = seen.endpoint or {}
    live = str(endpoint["EndpointConfigName"])
    try:
        config = view.describe("EndpointConfig", live) if want.hold else None
    except DeniedError:
        config = None  # then nothing of the endpoint itself is compared
    want = replace(want, content=Content(want.content.hash, live)).as_described(config)
    parts = served_parts.look(view, this, records, want, endpoint)
    offs = drift.unscaled(drift.unbalanced(this, want, endpoint), parts.scaled)
    resize = any(drift.is_resize(this.drift, off, records.rollout.resize) for off in offs)
    if resize or this.drift.sift(off.difference for off in offs).correct:
        endpoint = view.describe("Endpoint", identity(this, records), fresh=True) or endpoint
    used = users.look(view, records, str(endpoint["EndpointName"]), live) if records.rollout.collecting else {}
    return replace(seen, endpoint=endpoint, config=config, parts=parts, users=used)
