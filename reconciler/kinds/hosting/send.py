"""How a HostingDeployment makes its parts and moves its endpoint: the intent goes into status, then the call goes out.

parts missing ──> make models and configuration, in a pass of its own ──> scaling steps aside ──> CreateEndpoint or UpdateEndpoint
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciler.core.conditions import stamp
from reconciler.core.decision import Call, Decision, Notice, Phase
from reconciler.core.kind import Pass
from reconciler.core.resource import Annotation
from reconciler.core.rollout import SENDS_MAX, Attempt, Content, Live, Step
from reconciler.kinds.hosting import hold, scaling
from reconciler.kinds.hosting.content import Wanted
from reconciler.kinds.hosting.drift import RESIZE
from reconciler.kinds.hosting.legacy import is_left
from reconciler.kinds.hosting.phases import stalled, waiting
from reconciler.kinds.hosting.records import NOTHING, Made, is_behind, limit_of, opened
from reconciler.kinds.hosting.state import State, identity

_SCALED_LOOK = timedelta(minutes=1)
WITHOUT_ALARMS = "withoutAlarms"
"""Member of `status.rollout`: the update is a way back, sent without the alarms that guard one to new content."""
UNGUARDED = "without its alarms, which may ring for what serves: it served before"
_ALARMS = "AutoRollbackConfiguration"
_KEPT_OVER_ROLLOUTS = ("stableHash", "applied", "scaling", *hold.KEYS)


def prepare(this: Pass, state: State, want: Wanted, step: Step) -> Decision:
    """Make what is missing first, in a pass of its own; the endpoint moves when all of it is recorded."""
    if want.held:
        return send(this, state, want, initiated_by="rollback")
    again = step in (Step.CORRECT_DRIFT, Step.RECREATE)
    return make(this, state, want) or send(this, state, want, initiated_by="drift" if again else "git")


def make(this: Pass, state: State, want: Wanted) -> Decision | None:
    """The models and the configuration of which no record says that they are there."""
    config = state.configs.get(want.content.config, NOTHING)
    missing = [] if is_left(config, want) else [m for m in want.models if not state.models.get(m.name, NOTHING).arn]
    if not missing and config.arn:
        return None
    if this.refused:
        return stalled(this, state, want, this.refused.reason, this.refused.message)
    calls = [want.create_model(model, this) for model in missing]
    if not config.arn:
        calls.append(want.create_config(this))
    since = stamp(this.now)
    models = {**state.models, **{m.name: Made(m.name, m.hash, requested=since) for m in missing}}
    configs = dict(state.configs)
    if not config.arn:
        named = tuple(m.name for m in want.models)
        configs[want.content.config] = Made(want.content.config, want.content.hash, models=named, requested=since)
    state = replace(state, models=models, configs=configs)
    decision = waiting(this, state, want, "Preparing", f"making {len(calls)} of {len(want.models) + 1} parts")
    return replace(decision, phase=Phase.ACTING, calls=tuple(calls))


def send(this: Pass, state: State, want: Wanted, *, sends: int = 1, initiated_by: str = "") -> Decision:
    """Move the endpoint. Status tells what is asked for and what served before; then the call goes out."""
    if this.refused:
        return stalled(this, state, want, this.refused.reason, this.refused.message)
    live = Live.parse(this.seen.endpoint) if this.seen.endpoint else None
    if stepping_aside := _scaling_first(this, state, want) if live else None:
        return stepping_aside
    previous = None
    if live is not None:
        known = state.configs.get(live.config)
        previous = Content(known.hash if known else "", live.config)
    modified = live.modified if live else str(state.rollout.get("replacing") or "")
    attempt = Attempt(want.content, previous, modified, live.failure if live else "", this.now, sends)
    history = state.history
    if sends == 1:
        held = want.held
        history = opened(
            {"history": state.history},
            want.content,
            this,
            initiated_by,
            limit_of(this.spec),
            commit=held.told if held else None,
            rollback_of=held.id if held else None,
        )
    rollout = {
        **{key: value for key, value in state.rollout.items() if key in _KEPT_OVER_ROLLOUTS},
        **attempt.record(),
        "phase": "Updating" if live else "Creating",
        "desiredHash": want.content.hash,
        "currentHash": previous.hash if previous else "",
        "startedAt": stamp(this.now),
        "revision": this.resource.annotations.get(Annotation.REVISION, ""),
    }
    call = want.create_endpoint(this)
    if previous:
        call = scaling.retaining(this, identity(this), this.seen.scaled, want.update_endpoint(this))
        if want.held or is_behind({"history": history}, want.content, previous):
            guarded, call = call, _without_alarms(call, this.seen.endpoint)
            rollout[WITHOUT_ALARMS] = call != guarded or None
        rollout[RESIZE] = scaling.to_resize(this, identity(this), this.seen.scaled, want.config_params)
    state = replace(state, rollout=rollout, history=history)
    if live is None:
        # Of the endpoint that is made now nothing served yet, whatever the one before it did.
        state = replace(state, endpoint={"name": identity(this), "region": this.spec.get("region")})
        state = replace(state, rollout={**rollout, "applied": None})
    decision = waiting(this, state, want, "RolloutInProgress", f"asking for {want.content.config}")
    again = f", attempt {sends} of {SENDS_MAX}" if sends > 1 else ""
    again += f", {UNGUARDED}" if rollout.get(WITHOUT_ALARMS) else ""
    return replace(
        decision,
        phase=Phase.ACTING,
        notices=(Notice("Normal", "RolloutStarted", f"{identity(this)}: {want.content.config}{again}"),),
        calls=(replace(call, params={**call.params, "EndpointName": identity(this)}),),
    )


def _without_alarms(call: Call, live: Mapping[str, Any] | None) -> Call:
    """An alarm that rings for what is left would have SageMaker roll the way back back at once (docs/adr, 7). What
    RetainDeploymentConfig would keep has its alarms too: it is said instead.
    """
    params = dict(call.params)
    retained = (live or {}).get("LastDeploymentConfig") if params.pop("RetainDeploymentConfig", False) else None
    guards = params.pop("DeploymentConfig", None) or retained or {}
    if _ALARMS not in guards:
        return call
    left = {key: value for key, value in guards.items() if key != _ALARMS}
    return replace(call, params={**params, "DeploymentConfig": left} if left else params)


def _scaling_first(this: Pass, state: State, want: Wanted) -> Decision | None:
    """Scalable targets that SageMaker would refuse the update for go first, in a round of their own: status tells the
    policies that own them. Those of anybody else are not ours to take off.
    """
    going = scaling.in_the_way(this, this.seen.scaled, want.config_params)
    if not going:
        return None
    names = ", ".join(one.where.variant for one in going)
    if scaling.foreign(this, identity(this), going):
        why = (
            f"variant {names} is a scalable target that no HostingAutoscalingPolicy here owns: deregister it, or let one "
            "adopt it, before its instance type changes or it goes"
        )
        return replace(stalled(this, state, want, "ScaledByAnother", why), look_again=_SCALED_LOOK)
    aside = scaling.told(state.rollout, going)
    state = replace(state, rollout={**state.rollout, "scaling": aside, "releasing": True})
    decision = waiting(this, state, want, "ScalingStepsAside", f"taking scaling off {names} for {want.content.config}")
    return replace(decision, phase=Phase.ACTING, calls=scaling.take_off(going))
