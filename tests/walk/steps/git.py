"""Pushes: good, spoiled, reverted, renamed, deleted and added again; and Git away."""

from __future__ import annotations

from random import Random

from tests.walk.contents import OBJECTS
from tests.walk.steps.step import Step, Take, a_name
from tests.walk.world import World

_FASHION = 5
"""So many contents are in use: they come back, as after a revert."""


def _push(world: World, random: Random) -> str:
    name, content = a_name(random), random.randrange(_FASHION)
    return f"{name} content {content} {world.contents.put(name, content)[:7]}"


def _push_hosting(world: World, random: Random) -> str:
    name, content = a_name(random, "HostingDeployment"), random.randrange(_FASHION)
    return f"{name} content {content} {world.contents.put(name, content)[:7]}"


def _tag(world: World, random: Random) -> str:
    name, tags = a_name(random, "HostingDeployment", "TrainingJob"), random.randrange(4)
    return f"{name} {tags} tags {world.contents.tag(name, tags)[:7]}"


def _spoil(world: World, random: Random) -> str:
    name = a_name(random)
    return f"{name} {world.contents.spoil(name, random)[:7]}"


def _revert(world: World, random: Random) -> str:
    del random
    return world.contents.revert()[:7] or "there is nothing to revert"


def _rename(world: World, random: Random) -> str:
    name = a_name(random)
    return f"{name} {world.contents.rename(name)[:7]}"


def _delete(world: World, random: Random) -> str:
    name = random.choice([name for name in OBJECTS if name not in world.contents.gone] or list(OBJECTS))
    if name in world.contents.gone:
        return "nothing is left"
    return f"{name} {world.contents.delete(name)[:7]}"


def _bring_back(world: World, random: Random) -> str:
    if not world.contents.gone:
        return "nothing is gone"
    name = random.choice(sorted(world.contents.gone))
    return f"{name} {world.contents.put(name, world.contents.number[name])[:7]}"


def _pushing(take: Take) -> Take:
    """A push needs Git; who wants to push is who finds that it is away, and sometimes sees to it."""

    def taken(world: World, random: Random) -> str:
        back = random.random() < 0.4
        if world.away and not (back and world.git_back()):
            return "Git is away"
        return take(world, random)

    return taken


def _away(world: World, random: Random) -> str:
    del random
    return "back" if world.git_back() else world.git_away()


STEPS = (
    Step("push", 8, _pushing(_push)),
    Step("push-hosting", 14, _pushing(_push_hosting)),
    Step("tags", 3, _pushing(_tag)),
    Step("spoil", 2, _pushing(_spoil)),
    Step("revert", 4, _pushing(_revert)),
    Step("rename", 2, _pushing(_rename)),
    Step("delete", 2, _pushing(_delete)),
    Step("bring-back", 4, _pushing(_bring_back)),
    Step("git-away", 2, _away),
)
