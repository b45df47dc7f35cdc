"""Lifecycle configurations of Studio in the simulator, for the throw-away kind: created at once, never changed."""

from __future__ import annotations

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.kinds.fields import event_times, named
from reconciler.dev.simulator.paging import ListOperation
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

_NAME, _NOUN = "StudioLifecycleConfig", "studio-lifecycle-config"


def _create(call: SimulatedCall) -> Answer:
    name = call.input[f"{_NAME}Name"]
    if call.world.store.get(call.scope, _NAME, name):
        raise errors.already_exists(_NOUN, call.scope.arn(_NOUN, name))
    config = call.world.create(call, CONFIGS, "")
    call.world.changed(config, call.now)
    return {f"{_NAME}Arn": config.arn}


def _delete(call: SimulatedCall) -> Answer:
    call.world.remove(CONFIGS.existing(call), call.now)
    return {}


def _summary(config: SimulatedResource) -> Answer:
    return named(_NAME, config)


def _describe(_world: World, config: SimulatedResource) -> Answer:
    return {**config.request, **_summary(config)}


CONFIGS = SimulatedKind(
    name=_NAME,
    arn_type=_NOUN,
    name_field=f"{_NAME}Name",
    operations={f"Create{_NAME}": _create, f"Delete{_NAME}": _delete},
    listing=ListOperation(op=f"List{_NAME}s", result=f"{_NAME}s", order="Descending"),
    describe=_describe,
    summarize=_summary,
    absent=lambda _arn, _name: errors.job_not_found(),
    event="SageMaker Studio Lifecycle Config State Change",
    detail=lambda world, config: event_times(_describe(world, config)),
)
