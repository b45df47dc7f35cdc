"""What happens to processes: the service killed, paused, told to end; servers killed, and the database as it was before."""

from __future__ import annotations

from random import Random

from tests.walk.steps.step import Step, a_team
from tests.walk.world import World


def _kill(world: World, random: Random) -> str:
    replica = random.choice(a_team(world, random).replicas)
    replica.kill()
    return replica.log_path.stem


def _term(world: World, random: Random) -> str:
    replica = random.choice(a_team(world, random).replicas)
    return f"{replica.log_path.stem}: code {replica.stop(grace_s=25)}"


def _pause(world: World, random: Random) -> str:
    replica = random.choice(a_team(world, random).replicas)
    if not replica.alive:
        return "it is not there"
    return f"{replica.log_path.stem} {world.pause(replica)}"


def _apiserver(world: World, random: Random) -> str:
    del random
    world.plane.apiserver.kill()
    world.plane.start_apiserver()
    return "killed and started"


def _etcd(world: World, random: Random) -> str:
    del random
    world.plane.etcd.kill()
    world.plane.repair()
    return "killed and started"


def _backup(world: World, random: Random) -> str:
    del random
    world.kept = world.backup()
    return "taken"


def _restore(world: World, random: Random) -> str:
    """The past comes back; sometimes while Git cannot be read. What the notes did not hold by then would be lost with it."""
    if world.kept is None:
        return "there is no backup"
    if not world.notes_are_out():
        return "notes are on their way"
    away = random.random() < 0.3 and not world.away
    if away:
        world.git_away()
    world.restore(world.kept)
    return "restored" + (", Git is away" if away else "")


def _rebuild(world: World, random: Random) -> str:
    """The cluster is lost, and another one begins with the definitions and the GitSync."""
    del random
    if not world.notes_are_out():
        return "notes are on their way"
    world.kept = None
    world.restore(world.empty)
    return "rebuilt"


STEPS = (
    Step("kill", 9, _kill),
    Step("term", 2, _term),
    Step("pause", 3, _pause),
    Step("apiserver", 1, _apiserver),
    Step("etcd", 1, _etcd),
    Step("backup", 2, _backup),
    Step("restore", 2, _restore),
    Step("rebuild", 1, _rebuild),
)
