"""Lifecycle configurations of Studio in the simulator, for the throw-away kind: created at once, never changed."""

from __future__ import annotations

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.kinds.fields import event_times, named
from reconciler.dev.simulator.paging import Listing
from reconciler.dev.simulator.store import Answer, Resource
from reconciler.dev.simulator.world import Call, Kind, World

_NAME, _NOUN = "StudioLifecycleConfig", "studio-lifecycle-config"


def _create(call: Call) -> Answer:
    name = call.input[f"{_NAME}Name"]
    if call.world.store.get(call.scope, _NAME, name):
        raise errors.already_exists(_NOUN, call.scope.arn(_NOUN, name))
    config = call.world.create(call, CONFIGS, "")
    call.world.changed(config, call.now)
    return {f"{_NAME}Arn": config.arn}


def _delete(call: Call) -> Answer:
    call.world.remove(CONFIGS.existing(call), call.now)
    return {}


def _summary(config: Resource) -> Answer:
    return named(_NAME, config)


def _describe(_world: World, config: Resource) -> Answer:
    return {**config.request, **_summary(config)}


CONFIGS = Kind(
    name=_NAME,
    arn_type=_NOUN,
    name_field=f"{_NAME}Name",
    operations={f"Create{_NAME}": _create, f"Delete{_NAME}": _delete},
    listing=Listing(op=f"List{_NAME}s", result=f"{_NAME}s", order="Descending"),
    describe=_describe,
    summarize=_summary,
    absent=lambda _arn, _name: errors.job_not_found(),
    event="SageMaker Studio Lifecycle Config State Change",
    detail=lambda world, config: event_times(_describe(world, config)),
)
