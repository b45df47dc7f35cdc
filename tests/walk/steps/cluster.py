"""What people do with kubectl: every annotation, edits of spec, labels and status, deletions."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.support.cluster import ApiStatusError
from tests.walk.contents import OBJECTS, V1, image
from tests.walk.steps.step import PREFIX, Step, a_name, a_team, annotate, merge
from tests.walk.world import World

_TOGGLES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("drift-mode", ("Correct", "Warn", "Ignore", None, None)),
    ("deletion-policy", ("retain", None, None)),
    ("prune", ("disabled", None, None)),
    ("suspend", ("true", None, None)),
    ("on-change", ("Run", "Reject", None)),
    ("adopt", ("true", None)),
)


def _toggle(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random)
    key, values = random.choice(_TOGGLES)
    return annotate(world, team, OBJECTS[name], name, **{key: random.choice(values)})


def _look(world: World, random: Random) -> str:
    team, name = a_team(world, random), random.choice([*OBJECTS, "team"])
    return annotate(world, team, OBJECTS.get(name, "GitSync"), name, requestedAt=_token(random))


def _retry(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random, "HostingDeployment")
    known = [entry["hash"] for entry in world.status(team, OBJECTS[name], name).get("quarantine") or ()]
    return annotate(world, team, OBJECTS[name], name, retry=random.choice([*known, *known, _token(random)]))


def _run(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random, "TrainingJob", "ProcessingJob")
    return annotate(world, team, OBJECTS[name], name, run=_token(random))


def _hold(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random, "HostingDeployment")
    ids = [str(entry["id"]) for entry in world.status(team, OBJECTS[name], name).get("history") or ()]
    until = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=random.choice([15, 600]))
    end = random.choice([None, until.strftime("%Y-%m-%dT%H:%M:%SZ")])
    return annotate(world, team, OBJECTS[name], name, rollback_to=random.choice([*ids, *ids, "99"]), rollback_until=end)


def _unhold(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random, "HostingDeployment")
    return annotate(world, team, OBJECTS[name], name, rollback_to=None, rollback_until=None)


def _edit(world: World, random: Random) -> str:
    """An edit of the spec, or of what Git states in the metadata."""
    team, name = a_team(world, random), a_name(random)
    kind, spec = OBJECTS[name], dict[str, Any]()
    match kind:
        case "HostingDeployment":
            spec = {"models": _models(world.object(team, kind, name), random)}
        case "TrainingJob":
            spec = {"stoppingCondition": {"maxRuntimeInSeconds": random.randrange(100, 9999)}}
        case "ProcessingJob":
            spec = {"environment": [{"name": "EDITED", "value": str(random.randrange(9))}]}
        case "HostingAutoscalingPolicy":
            spec = {"maxCapacity": random.randrange(8, 20)}
    patch = {"spec": spec}
    return merge(world, team, kind, name, random.choice([patch, patch, {"metadata": {"labels": {"edited": "yes"}}}]))


def _models(body: dict[str, Any], random: Random) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = body.get("spec", {}).get("models") or []
    for model in models:
        for container in model["containers"]:
            container["image"] = image(random.randrange(50, 60))
    return models


def _forge(world: World, random: Random) -> str:
    """An edit of what the sync writes: origin, author, hash."""
    team, name = a_team(world, random), a_name(random)
    return annotate(
        world, team, OBJECTS[name], name, **{random.choice(["commit", "author", "path", "applied-hash"]): "forged"}
    )


def _wipe(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random)
    patch: dict[str, Any] = {"status": None}
    return merge(world, team, OBJECTS[name], name, patch, subresource="status")


def _delete(world: World, random: Random) -> str:
    team, name = a_team(world, random), a_name(random)
    world.cluster.delete(V1, OBJECTS[name], name, team.name)
    return f"{team.name} {OBJECTS[name]}/{name}"


def _sync_mode(world: World, random: Random) -> str:
    """The GitSync's own settings; a freeze among them."""
    team = a_team(world, random)
    spec = random.choice(
        [
            {"drift": {"mode": random.choice(["Correct", "Warn", "Ignore"])}},
            {"drift": None},
            {"suspend": random.random() < 0.4},
            {"suspend": False},
        ]
    )
    return merge(world, team, "GitSync", "team", {"spec": spec})


def _approve(world: World, random: Random) -> str:
    team = a_team(world, random)
    if world.away:
        return "Git is away"
    commit = world.contents.repository.resolve()
    return annotate(world, team, "GitSync", "team", approve_prune=commit, allow_rewind=random.choice([commit, None]))


def calm(world: World) -> None:
    """Nothing that people wrote is in the way any more: neither freeze nor hold, mode nor policy."""
    for team in world.teams:
        merge(world, team, "GitSync", "team", {"spec": {"suspend": False, "drift": None}})
        for name, kind in OBJECTS.items():
            keys = (*(key for key, _ in _TOGGLES), "rollback-to", "rollback-until")
            patch = {"metadata": {"annotations": dict.fromkeys(PREFIX + key for key in keys)}}
            try:
                merge(world, team, kind, name, patch)
            except ApiStatusError as error:
                if error.code != 404:
                    raise


def _token(random: Random) -> str:
    return f"t{random.randrange(10**6)}"


STEPS = (
    Step("toggle", 6, _toggle),
    Step("look", 2, _look),
    Step("retry", 4, _retry),
    Step("run", 2, _run),
    Step("hold", 4, _hold),
    Step("unhold", 3, _unhold),
    Step("edit", 6, _edit),
    Step("forge", 2, _forge),
    Step("wipe", 2, _wipe),
    Step("delete-object", 2, _delete),
    Step("sync-mode", 3, _sync_mode),
    Step("approve", 1, _approve),
)
