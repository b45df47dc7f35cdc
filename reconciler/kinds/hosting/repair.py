"""What is done about a serving endpoint that is not as its content says; `drift` compares, the pass's policy decides.

Parts that are gone are made again first; then counts that the last update kept only because it keeps those of scaled variants
are set, as the rest of that rollout. Weights and counts are put back by UpdateEndpointWeightsAndCapacities, all weights in
one call, then one variant's count at a time, for that is all that SageMaker takes. It is no rollout and no entry of history.

    sent ──LastModifiedTime moved, or no trace for 60 s──> looked at again ──still off──> sent again, three times at most an hour
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from reconciler.core.conditions import moment, stamp
from reconciler.core.decision import Call, Decision, Difference, Phase
from reconciler.core.drift.policy import Sifted
from reconciler.core.kind import Pass
from reconciler.core.rollout import EVIDENCE_WAIT, SENDS_MAX, Live
from reconciler.kinds.hosting import drift
from reconciler.kinds.hosting.content import Wanted
from reconciler.kinds.hosting.drift import COUNT, RESIZE, Off, Part
from reconciler.kinds.hosting.phases import stalled, waiting
from reconciler.kinds.hosting.records import Made
from reconciler.kinds.hosting.send import make
from reconciler.kinds.hosting.state import REBALANCE, State, identity

_RECORD = "rebalance"
"""Member of `status.rollout`: the call that went out last, for as long as something is to be put back."""
_CORRECTING = "CorrectingDrift"
_PAUSE = timedelta(hours=1)
"""After so many tries in vain."""


@dataclass(frozen=True)
class Found:
    parts: tuple[Part, ...] = ()
    """What is served from."""
    gone: tuple[Part, ...] = ()
    offs: tuple[Off, ...] = ()
    resize: tuple[Off, ...] = ()
    """Counts that the rollout still has to set."""
    unset: tuple[str, ...] = ()
    """Their variants, and those of which nobody can say that nothing scales them."""
    drift: Sifted = field(default_factory=Sifted)
    variants: tuple[str, ...] = ()
    """Of which it matters whether they are scalable targets."""
    looked: bool = False
    unknown: str = ""

    @property
    def stands(self) -> tuple[Difference, ...] | None:
        return self.drift.stands if self.looked else None


def compare(this: Pass, state: State, want: Wanted) -> Found:
    """Everything that is not as wanted, on an endpoint that serves the wanted configuration and does not change."""
    parts = drift.parts(want, state.configs, state.models)
    sweep, endpoint = this.seen.sweep, this.seen.endpoint
    if sweep is None:
        return Found(parts, variants=tuple(state.endpoint.get("scaled") or ()))
    seen = {part: sweep.parts.get(part.made.name) for part in parts}
    gone = tuple(part for part, look in seen.items() if not part.made.arn or (look and look.gone))
    replaced = [part.replaced(look.created) for part, look in seen.items() if look and look.replaced]
    # What is held is compared once its configuration was read.
    known = want.held is None or bool(want.config_params)
    every = drift.unbalanced(this, want, endpoint) if known else ()
    unset = [off.variant for off in every if drift.is_unset(this, off) and sweep.scaled.get(off.variant) is not True]
    offs = drift.unscaled(every, sweep.scaled)
    resize = tuple(off for off in offs if drift.is_unset(this, off))
    offs = tuple(off for off in offs if off not in resize)
    capture = tuple(drift.capture(this, want, endpoint)) if known else ()
    differences = [*(part.gone for part in gone), *replaced, *(off.difference for off in offs), *capture]
    sifted = this.drift.sift(differences)
    return Found(
        parts,
        gone=gone,
        offs=offs,
        resize=resize,
        unset=tuple(unset),
        drift=sifted,
        variants=tuple(sweep.scaled),
        looked=True,
        unknown=sweep.unknown,
    )


def put_right(this: Pass, state: State, want: Wanted, found: Found) -> Decision | None:
    """The next thing to do about it; None when nothing may be done, or all was tried."""
    again = _make_again(this, state, want, found)
    return again or _rebalance(this, state, want, found)


def _make_again(this: Pass, state: State, want: Wanted, found: Found) -> Decision | None:
    going = [part for part in found.gone if part.ours and part.gone in found.drift.correct]
    names = {part.made.name for part in going}
    if not names:
        return None
    models = {name: _unmade(item) if name in names else item for name, item in state.models.items()}
    configs = {name: _unmade(item) if name in names else item for name, item in state.configs.items()}
    decision = make(this, replace(state, models=models, configs=configs), want)
    if decision is None:
        return None
    corrects = tuple(part.path for part in going) if decision.calls else ()
    return replace(decision, differences=found.stands, corrects=corrects)


def _unmade(item: Made) -> Made:
    return replace(item, arn="", created="", replaced=False)


def _rebalance(this: Pass, state: State, want: Wanted, found: Found) -> Decision | None:
    offs = _next(found)
    sent = state.rollout.get(_RECORD) or {}
    if not offs or vain_for(this, state, found):
        return None
    failure = this.failure if this.failure and this.failure.call.operation == REBALANCE else None
    if failure and not failure.maybe_received:
        return replace(_waiting(this, _without(state), want, found, "not taken on"), look_again=EVIDENCE_WAIT)
    if this.refused and not failure:
        refused = stalled(this, state, want, this.refused.reason, this.refused.message)
        return replace(refused, differences=found.stands)
    modified = Live.parse(this.seen.endpoint).modified
    left = EVIDENCE_WAIT - (this.now - moment(sent["requestedAt"])) if sent else timedelta(0)
    if sent and sent["lastModifiedTime"] == modified and left > timedelta(0):
        return replace(_waiting(this, state, want, found, "asked for, no trace of it yet"), look_again=left)
    call = _call(this, offs)
    record = {
        "call": call.identity,
        "requestedAt": stamp(this.now),
        "lastModifiedTime": modified,
        "attempt": int(sent["attempt"]) + 1 if sent.get("call") == call.identity and not _is_old(this, sent) else 1,
    }
    state = replace(state, rollout={**state.rollout, _RECORD: record})
    decision = _waiting(this, state, want, found, ", ".join(off.difference.path for off in offs))
    corrects = tuple(off.difference.path for off in offs if off not in found.resize)
    return replace(decision, phase=Phase.ACTING, calls=(call,), corrects=corrects)


def _next(found: Found) -> tuple[Off, ...]:
    """What one call may put right."""
    if found.resize:
        return found.resize[:1]
    offs = tuple(off for off in found.offs if off.difference in found.drift.correct)
    return tuple(off for off in offs if not off.is_count) or offs[:1]


def _call(this: Pass, offs: Sequence[Off]) -> Call:
    changes = [dict(off.change) for off in offs]
    return Call(REBALANCE, {"EndpointName": identity(this), "DesiredWeightsAndCapacities": changes})


def vain_for(this: Pass, state: State, found: Found) -> timedelta | None:
    """How much longer the next thing is left as it is, because it was tried often enough."""
    sent, offs = state.rollout.get(_RECORD) or {}, _next(found)
    if not offs or sent.get("call") != _call(this, offs).identity or sent["attempt"] < SENDS_MAX:
        return None
    settled = sent["lastModifiedTime"] != Live.parse(this.seen.endpoint).modified or _is_over(this, sent)
    return _PAUSE - (this.now - moment(sent["requestedAt"])) if settled and not _is_old(this, sent) else None


def _is_over(this: Pass, sent: Mapping[str, Any]) -> bool:
    return this.now - moment(sent["requestedAt"]) >= EVIDENCE_WAIT


def _is_old(this: Pass, sent: Mapping[str, Any]) -> bool:
    return this.now - moment(sent["requestedAt"]) >= _PAUSE


def recorded(state: State, found: Found) -> State:
    """With the counts that are still to be set, and without the record of what was sent once nothing is left of what it was
    sent for.
    """
    if not found.looked:
        return state
    state = replace(state, rollout={**state.rollout, RESIZE: list(found.unset)})
    return state if _next(found) else _without(state)


def _without(state: State) -> State:
    return replace(state, rollout={key: value for key, value in state.rollout.items() if key != _RECORD})


def _waiting(this: Pass, state: State, want: Wanted, found: Found, why: str) -> Decision:
    return replace(_under_way(this, state, want, why, resizes=bool(found.resize)), differences=found.stands)


def asked(this: Pass, state: State, want: Wanted, call: Call) -> Decision:
    """The call was answered: the endpoint is on its way."""
    of = {change["VariantName"] for change in call.params["DesiredWeightsAndCapacities"] if COUNT in change}
    resizes = not of.isdisjoint(state.rollout.get(RESIZE) or ())
    return _under_way(this, state, want, "waiting for the endpoint", resizes=resizes)


def _under_way(this: Pass, state: State, want: Wanted, why: str, *, resizes: bool) -> Decision:
    if resizes:
        return waiting(this, state, want, "RolloutInProgress", f"setting counts that the update kept: {why}")
    return waiting(this, state, want, _CORRECTING, f"putting back what was changed from outside: {why}")
