"""What is shown of a HostingDeployment: status, the decisions that only say how things are, and their messages for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from reconciler.core.aws.partitions import invocation_url
from reconciler.core.decision import REFUSAL_MESSAGE, Decision, Notice, Pace, Phase, Watch
from reconciler.core.drift.policy import CORRECTIONS_MAX, DriftMode
from reconciler.core.errors import ReconcileError
from reconciler.core.records.quarantine import QuarantineEntry
from reconciler.core.records.remote_object import EndpointRecord, Part
from reconciler.core.references import NOT_READY
from reconciler.core.refusals import way_out
from reconciler.core.resource import Annotation, Resource
from reconciler.core.rollout import ACCEPTED, EVIDENCE_WAIT, SENDS_MAX
from reconciler.core.values import Answer, Json, Spec, Status
from reconciler.kinds.hosting.desired import DesiredHosting, hold_message
from reconciler.kinds.hosting.drift import CONFIG_PATH, elsewhere
from reconciler.kinds.hosting.endpoint_status import KEPT, described
from reconciler.kinds.hosting.legacy import serving_names
from reconciler.kinds.hosting.observed.endpoint import CONFIG_GONE, STAGE_LOOK
from reconciler.kinds.hosting.observed.parts import young_for
from reconciler.kinds.hosting.observed.scaling import instances_of
from reconciler.kinds.hosting.observed.stage import stage_of
from reconciler.kinds.hosting.situation.situation import Situation

WITHOUT_ALARMS = "without its alarms: one that fires for the content it replaces would stop the rollback"
_GONE_LOOK = timedelta(minutes=10)
_SERVING = frozenset({"InService", "Updating", "RollingBack", "SystemUpdating"})
"""The old fleet serves until the new one took over."""


# --- decisions that say how things are --------------------------------------------------------------------------------


def waiting(s: Situation, reason: str, message: str, *, status: str = "") -> Decision:
    return Decision(
        Phase.WAITING,
        reason,
        message,
        status_of(s, status),
        watches=(Watch("Endpoint", s.name, Pace.FAST),),
        healthy=_is_serving(s),
    )


def stalled(s: Situation, reason: str, message: str) -> Decision:
    recorded = s.records.endpoint.exists
    return Decision(
        Phase.STALLED,
        reason,
        message,
        status_of(s, additional=message or REFUSAL_MESSAGE),
        watches=(Watch("Endpoint", s.name, Pace.SLOW),) if recorded else (),
        healthy=_is_serving(s) if recorded else None,
    )


def refused(s: Situation) -> Decision:
    """What is shown when the calls of a decision may not go out: the refusal, in its own words."""
    return stalled(s, "", "")


def rollout_under_way(s: Situation) -> Decision:
    attempt = s.attempt
    assert attempt is not None  # noqa: S101 - of an attempt that is open
    stage, before = stage_of(s.seen.endpoint), attempt.stage
    message = _rollout_message(s, stage)
    s = s.with_rollout(desired_hash=s.want.content.hash, attempt=replace(attempt, stage=stage or s.status))
    decision = waiting(s, "RolloutInProgress", message, status=s.status)
    if stage and stage != before:
        kind: Literal["Normal", "Warning"] = "Warning" if s.status == "RollingBack" else "Normal"
        decision = replace(decision, notices=(Notice(kind, "RolloutProgressing", f"{s.name}: {stage}"),))
    wait = EVIDENCE_WAIT - attempt.age(s.this.now)
    if attempt.evidence not in ("", ACCEPTED) or wait <= timedelta(0):
        return replace(decision, look_again=STAGE_LOOK if attempt.previous else None)
    return replace(decision, look_again=wait)


def _rollout_message(s: Situation, stage: str) -> str:
    attempt, want = s.attempt, s.want
    assert attempt is not None  # noqa: S101 - of an attempt that is open
    following = "" if attempt.requested == want.content or s.quarantined else f"; {want.content.config} is next"
    if following and want.hold:
        following += f", held as {want.hold.title}: SageMaker cannot cancel an update"
    alarms = f" {WITHOUT_ALARMS}" if attempt.without_alarms else ""
    to = "to" if attempt.evidence else "and was asked for"
    message = f"{s.name} is {s.status} {to} {attempt.requested.config}{alarms}{following}"
    return f"{message} ({stage})" if stage else message


def reference_missing(s: Situation) -> Decision:
    """Nothing new is rolled out while a reference is waited for; what serves goes on serving."""
    return Decision(
        Phase.WAITING,
        NOT_READY,
        s.want.waits,
        status_of(s),
        watches=(Watch("Endpoint", s.name, Pace.SLOW),) if s.records.endpoint.exists else (),
        healthy=_is_serving(s),
    )


def creates_in_vain(s: Situation, why: str) -> Decision:
    """The first create failed as often as it is tried, for no fault of the content's: a person has to see to it."""
    opened = s.records.history.newest
    history = s.records.history.closed(s.this.now, "Failed", why)
    s = s.having(replace(s.records, history=history)).with_rollout(phase="Failed")
    tries = s.attempt.sends if s.attempt else 0
    message = (
        f"the endpoint was created {tries} times and failed each time ({why or 'no reason was given'}); to try again"
    )
    decision = stalled(s, "EndpointFailed", f"{message}: {way_out(s.this.resource)}")
    if opened and opened.open:
        decision = replace(decision, notices=(Notice("Warning", "RolloutFailed", message),))
    return decision


def rolled_back_in_vain(s: Situation, why: str, at: str) -> Decision:
    """Every quick try was rolled back, for no fault of the content's: what served before serves, and it is tried again later."""
    opened = s.records.history.newest
    history = s.records.history.closed(s.this.now, "RolledBack", why)
    s = s.having(replace(s.records, history=history)).with_rollout(phase="RolledBack")
    tries, config = (s.attempt.sends, s.attempt.requested.config) if s.attempt else (0, "")
    message = f"{config} was rolled back {tries} times for no fault of its content"
    later = f"tried again at {at}, or now by: {way_out(s.this.resource)}"
    why = f" ({why or 'no reason is given by now'})"
    decision = stalled(s, "RolloutRolledBack", f"{message}; {later}{why}")
    if opened and opened.open:
        decision = replace(decision, notices=(Notice("Warning", "RolloutRolledBack", message + why),))
    return decision


def quarantined(s: Situation, entry: QuarantineEntry) -> Decision:
    what = s.want.content.hash
    release = f"annotate {Annotation.RETRY}: {what} (kubectl sagemaker retry) to try it again"
    serves = f"{_what_serves(s)}{_not_brought_back(s)}"
    return stalled(s, "RevisionQuarantined", f"{what} is quarantined, {serves}; {release} ({entry.reason})")


def _not_brought_back(s: Situation) -> str:
    """Why what served last does not serve, where the endpoint is gone."""
    good = s.last_good if s.live is None and not s.want.hold else None
    if good is None:
        return ""
    return f"; the endpoint was deleted, {_left_so(s, CONFIG_PATH, f'#{good.id}, which served last, back')}"


def _what_serves(s: Situation) -> str:
    """In words that lead to it: history id and commit where they are known."""
    live = s.live
    if live is None or live.status == "Failed":
        return "nothing serves"
    entry = s.records.history.served_by(live.config)
    commit = entry.source.short if entry else ""
    known = (f"#{entry.id}" if entry else "", f"({commit})" if commit else "", live.config)
    return f"{' '.join(filter(None, known))} serves"


def serving_config_gone(s: Situation, why: str) -> Decision:
    """It was deleted and cannot be made again from here: nothing is sent, for every update would be refused (SM-96)."""
    name = s.live.config if s.live else ""
    message = (
        f"{name}, which {s.name} serves from, was deleted, and no update is possible without it: create it, or delete the endpoint, "
        f"which is then made anew; {why or 'what it was made of is not known'}"
    )
    return replace(stalled(s, CONFIG_GONE, message), look_again=_GONE_LOOK)


def changed_outside(s: Situation) -> Decision:
    """The endpoint was moved or deleted by somebody else, and is left so."""
    live, difference = s.live, elsewhere(s.want, s.live)
    what = f"moved to {difference.live}" if live else "deleted"
    left = _left_so(s, difference.path, "it corrected")
    return Decision(
        Phase.READY if live else Phase.STALLED,
        difference.reason,
        f"the endpoint was {what} from outside {left}",
        status_of(s, live.status if live else ""),
        watches=(Watch("Endpoint", s.name, Pace.SLOW),),
        differences=s.this.drift.sift([difference]).stands,
        healthy=live is not None,
    )


def _left_so(s: Situation, path: str, what: str) -> str:
    """Why a change from outside is not corrected, and how a person has it so."""
    retry = f"annotate {Annotation.RETRY}: <a new token>"
    if path in s.this.drift.flapping:
        left = f"again, after it was corrected {CORRECTIONS_MAX} times within the hour: it is left so for now"
        return f"{left}; {retry} to have {what} at once"
    way_out = f"annotate {Annotation.DRIFT_MODE}: Correct, or once {retry.removeprefix('annotate ')}, to have {what}"
    return f"and mode {s.this.drift.mode} leaves it so; {way_out}"


def ready(s: Situation, left_alone: timedelta | None) -> Decision:
    """`left_alone`: for how much longer what differs is not sent again, since it was tried often enough."""
    message = hold_message(s.want.hold) if s.want.hold else f"{s.want.content.config} serves"
    if left_alone:
        message += f"; what differs was asked for {SENDS_MAX} times in vain and is left as it is for an hour"
    # Whether or not it was seen already: what goes within its first minute moves no more, so nothing else wakes us then.
    young = [young_for(s.this, part.record) for part in s.drift.parts]
    return Decision(
        Phase.READY,
        "RollbackHeld" if s.want.hold else "InService",
        message,
        status_of(s, "InService"),
        watches=(Watch("Endpoint", s.name, Pace.SLOW), *_watches_of_parts(s)),
        differences=s.drift.stands,
        unknown_drift=s.drift.unknown,
        healthy=True,
        look_again=min((left for left in (left_alone, *young) if left), default=None),
    )


def _watches_of_parts(s: Situation) -> list[Watch]:
    if s.this.drift.mode is DriftMode.IGNORE:
        return []
    parts = [Watch(part.remote, part.record.name, Pace.SLOW) for part in s.drift.parts if part.record.exists]
    targets = (instances_of(s.name, variant).target for variant in s.drift.variants)
    return parts + [Watch("ScalableTarget", target, Pace.SLOW) for target in targets]


# --- status -----------------------------------------------------------------------------------------------------------


def status_of(s: Situation, status: str = "", additional: str = "") -> dict[str, Json]:
    """The archived operator's fields, and our records. What was not looked at in this pass stays as it was."""
    past, found = s.this.past, s.seen.endpoint
    if s.name in s.seen.owners and not s.owned(s.name):
        found = None  # what somebody else runs under this name is not this object's status
    fields: dict[str, Json] = {key: past.get(key) for key in (*KEPT, "references")}
    fields |= {"endpointName": s.name, "additional": additional, "endpointStatus": status or past.get("endpointStatus")}
    if found is not None:
        fields |= _described(s, found, status)
    elif s.seen.endpoint_known and not s.this.replies:
        fields |= {"endpointStatus": status or None, "productionVariants": None}
    if not fields.get("endpointStatus"):
        fields["endpointStatus"] = "ReconcilingEndpoint" if additional else "SynchronizingK8sJobWithSageMaker"
    if not s.want.waits:
        fields["references"] = list(s.want.references)
        config = s.records.configs.get(s.want.content.config) or Part(s.want.content.config)
        fields["modelNames"] = held_names(config, s.want) if s.want.hold else serving_names(s.this, config, s.want)
    return {**fields, **s.records.record()}


def _described(s: Situation, found: Answer, status: str) -> dict[str, Json]:
    return {
        **described(found),
        "endpointStatus": status or found["EndpointStatus"],
        "endpointUrl": invocation_url(s.this.partition, s.this.region, s.name),
    }


def _is_serving(s: Situation) -> bool | None:
    found = s.seen.endpoint
    return None if found is None else found["EndpointStatus"] in _SERVING


def held_names(config: Part, want: DesiredHosting) -> list[dict[str, str]]:
    """Models of a configuration that the spec does not speak of, by the names in spec.models as far as they still match."""
    stems = {name.rpartition("-")[0]: name for name in config.models}
    found = [(model.logical, stems.get(model.name.rpartition("-")[0])) for model in want.models]
    return [{"name": logical, "value": name} for logical, name in found if name]


def failing(past: Status, error: ReconcileError) -> dict[str, Json]:
    """The archived operator's words while an error stands in the way; what serves keeps its own status."""
    served = EndpointRecord.parse(past.get("endpoint")).exists
    return {**past, "additional": str(error), **({} if served else {"endpointStatus": "ReconcilingEndpoint"})}


def as_written(resource: Resource) -> Spec:
    """The archived operator wrote nothing back into this kind's spec."""
    return resource.spec
