"""What a step is, and what several of them draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.walk.contents import OBJECTS, V1
from tests.walk.world import GITOPS, Team, World

PREFIX = "sagemaker-gitops.dev/"


Take = Callable[[World, Random], str]


@dataclass(frozen=True)
class Step:
    """`weight` is how often it is drawn beside others; one that costs seconds has a small one."""

    name: str
    weight: int
    take: Take


def a_team(world: World, random: Random) -> Team:
    return random.choice(world.teams)


def a_name(random: Random, *kinds: str) -> str:
    return random.choice([name for name, kind in OBJECTS.items() if not kinds or kind in kinds])


def annotate(world: World, team: Team, kind: str, name: str, **annotations: str | None) -> str:
    """As `kubectl annotate` does; None takes an annotation off."""
    said: dict[str, Any] = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    return merge(world, team, kind, name, {"metadata": {"annotations": said}}, manager="kubectl-annotate")


def merge(
    world: World,
    team: Team,
    kind: str,
    name: str,
    patch: Mapping[str, Any],
    *,
    manager: str = "kubectl-edit",
    subresource: str = "",
) -> str:
    """A merge patch by a person; says what was patched."""
    version = GITOPS if kind == "GitSync" else V1
    world.cluster.merge(version, kind, name, team.name, patch, manager=manager, subresource=subresource)
    return f"{team.name} {kind}/{name} {patch}"
