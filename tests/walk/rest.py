"""The trouble ends: what is away comes back, nobody freezes or holds anything, and every object gets content it never had."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.cluster import ApiStatusError
from tests.support.waiting import eventually
from tests.walk.contents import OBJECTS
from tests.walk.steps.cluster import calm
from tests.walk.steps.console import set_alarm
from tests.walk.world import World

_STILL_S = 13.0
"""So long nothing changes before it counts as rest: longer than the look at tags, the slow poll and the push of notes."""
_TELL_S = 30.0


def come_to_rest(world: World, within_s: float, *, fresh: bool = True, say: Callable[[str], None] = print) -> list[str]:
    """What is not at rest by then, in words; nothing when all is."""
    for replica in list(world.paused):
        world.pause(replica)
    world.git_back()
    world.simulator.clear_rules()
    set_alarm(world, "OK")
    world.keep()
    eventually(lambda: _calmed(world), 60, "the API server takes what makes it calm")
    commit = world.contents.renew() if fresh else world.repository.resolve()
    told = still = time.monotonic()
    deadline, known = told + within_s, ""
    while time.monotonic() < deadline:
        world.keep()
        restless = _ask(world, commit)
        versions = str(restless) if restless else _versions(world)
        if time.monotonic() - told > _TELL_S:
            told = time.monotonic()
            say(f"waiting for {len(restless)}: {'; '.join(restless)[:400]}")
        if restless or versions != known:
            still, known = time.monotonic(), versions
        elif time.monotonic() - still > _STILL_S:
            return []
        time.sleep(0.5)  # part of the walk: a look at a state that must last
    return list(_restless(world, commit)) or ["objects go on changing"]


def _calmed(world: World) -> bool:
    try:
        calm(world)
    except (ApiStatusError, OSError, http.client.HTTPException) as error:
        raise AssertionError(str(error)) from error
    return True


def _ask(world: World, commit: str) -> list[str]:
    try:
        return list(_restless(world, commit))
    except (ApiStatusError, OSError, http.client.HTTPException) as error:
        return [str(error)]


def _restless(world: World, commit: str) -> Iterator[str]:
    for team in world.teams:
        sync = world.status(team, "GitSync", "team")
        if not sync.get("lastAppliedRevision", "").endswith(commit):
            yield f"{team.name} GitSync has not applied {commit[:7]}: {_ready(sync)}"
        for name, kind in OBJECTS.items():
            body = world.object(team, kind, name)
            status = body.get("status") or {}
            ready = _ready(status)
            if ready.get("status") != "True" or status.get("observedGeneration") != body["metadata"]["generation"]:
                yield f"{team.name} {kind}/{name} is not ready: {ready}"
    if not world.notes_are_out():
        yield "lines of notes wait to be pushed"


def _ready(status: dict[str, Any]) -> dict[str, Any]:
    return next((one for one in status.get("conditions") or () if one["type"] == "Ready"), {})


def _versions(world: World) -> str:
    found = [world.object(team, kind, name) for team in world.teams for name, kind in OBJECTS.items()]
    return str([body["metadata"]["resourceVersion"] for body in found])
