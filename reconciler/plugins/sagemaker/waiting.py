"""Waiting for objects by watching them: the loop around `goals.judge`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import click

from reconciler.core.resource import Key, Resource
from reconciler.plugins import terminal
from reconciler.plugins.sagemaker.goals import Goal, GoalState, GoalVerdict, judge
from reconciler.plugins.sagemaker.kinds import SYNC, every_kind
from reconciler.plugins.sagemaker.live import ObjectWatch
from reconciler.plugins.sagemaker.session import NO, TIMED_OUT, Session

_TICK_S = 0.5


def until(session: Session, goal: Goal, wanted: Sequence[Key], timeout: timedelta) -> int:
    """0 when all got there, 1 as soon as one will not by itself, 124 when time ran out. A key without kind is any kind's."""
    kinds = {key.kind for key in wanted}
    watched = [kind for kind in every_kind() if "" in kinds or kind.kind in kinds or kind.kind == SYNC]
    view = ObjectWatch(session.cluster, watched, [session.cluster.namespace])
    deadline = time.monotonic() + timeout.total_seconds()
    printed: dict[Key, str] = {}
    done: set[Key] = set()
    with view.running():
        view.settle()
        while True:
            resources = view.resources()
            for key in wanted:
                if key in done:
                    continue
                verdict, resource = _judged(goal, key, resources)
                if resource is None and verdict.state is GoalState.FAILED and not view.settled():
                    verdict = GoalVerdict(
                        GoalState.PENDING, f"is not known, for the cluster was not read yet{_trouble(view)}"
                    )
                name = f"{resource.kind} {resource.name}" if resource else f"{key.kind} {key.name}".strip()
                text = f"{name} {verdict.text}"
                if verdict.state is GoalState.DONE:
                    done.add(key)
                    click.echo(text)
                elif verdict.state is GoalState.FAILED:
                    terminal.note(f"error: {text}")
                    return NO
                elif printed.get(key) != text:
                    printed[key] = text
                    terminal.note(f"waiting for {goal}: {text}")
            left = deadline - time.monotonic()
            if len(done) == len(wanted):
                return 0
            if left <= 0:
                late = "; ".join(text for key, text in printed.items() if key not in done)
                terminal.note(f"error: not within {timeout.total_seconds():g} s: {late}{_trouble(view)}")
                return TIMED_OUT
            if view.next(min(_TICK_S, left)) is not None:
                while not view.changes.empty():
                    view.changes.get()


def _judged(goal: Goal, key: Key, resources: Sequence[Resource]) -> tuple[GoalVerdict, Resource | None]:
    named = [one for one in resources if one.name == key.name and one.namespace == key.namespace]
    named = [one for one in named if key.kind in ("", one.kind)]
    if len(named) > 1:
        several = ", ".join(f"{one.kind.lower()}/{one.name}" for one in named)
        return GoalVerdict(GoalState.FAILED, f"names several objects; say which: {several}"), None
    resource = next(iter(named), None)
    return judge(goal, resource, [one for one in resources if one.kind == SYNC]), resource


def _trouble(view: ObjectWatch) -> str:
    problems = view.troubles()
    return f" ({problems[0]})" if problems else ""
