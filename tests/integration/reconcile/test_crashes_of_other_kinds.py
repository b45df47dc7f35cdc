"""A process dies at every boundary of the other kinds' lives; whoever takes over does nothing twice and leaves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, Lab
from tests.support.lab_kinds import model, processing, tuning

OTHER = model(image=IMAGE.replace(":1", ":2"))


def made(lab: Lab, manifest: dict[str, Any]) -> Key:
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    return key


def _processing(lab: Lab) -> tuple[Key, Callable[[], object]]:
    key = lab.cluster.apply(processing())
    return key, lambda: lab.is_ready(key)


def _tuning(lab: Lab) -> tuple[Key, Callable[[], object]]:
    key = lab.cluster.apply(tuning(most=2))
    return key, lambda: lab.is_ready(key) and len(lab.cluster.objects) == 3


def _model(lab: Lab) -> tuple[Key, Callable[[], object]]:
    key = lab.cluster.apply(model())
    return key, lambda: lab.is_ready(key)


def _changed(lab: Lab) -> tuple[Key, Callable[[], object]]:
    key = made(lab, model())
    lab.cluster.apply(OTHER)
    return key, lambda: lab.is_ready(key) and lab.exists()["Model"] == 1


def _deleted(lab: Lab) -> tuple[Key, Callable[[], object]]:
    key = made(lab, model())
    lab.cluster.delete(key)
    return key, lambda: key not in lab.cluster.objects


def _tagged(lab: Lab) -> tuple[Key, Callable[[], object]]:
    key = made(lab, model())
    manifest = model()
    manifest["spec"]["tags"] = [{"key": "team", "value": "churn"}]
    lab.cluster.apply(manifest)
    return key, lambda: lab.status(key).get("managedTags") == ["team"] and lab.status(key).get("tags")


STORIES = {
    "a processing job is made once": (_processing, {"CreateProcessingJob": 1}),
    "a tuning job is made once and all its children are shown": (_tuning, {"CreateHyperParameterTuningJob": 1}),
    "a model is made once": (_model, {"CreateModel": 1}),
    "changed content is made once and the old goes once": (_changed, {"CreateModel": 1, "DeleteModel": 1}),
    "deleting deletes once": (_deleted, {"DeleteModel": 1}),
}


@pytest.mark.parametrize(
    ("story", "effects"),
    [
        pytest.param(*row, id=name, marks=pytest.mark.endurance if row[0] is _tuning else ())
        for name, row in STORIES.items()
    ],
)
def test_a_crash_at_any_boundary_does_nothing_twice(
    lab: Lab, story: Callable[[Lab], tuple[Key, Callable[[], object]]], effects: dict[str, int]
) -> None:
    mark, over = _begin(lab, story)
    lab.begin()
    lab.run(until=over, step_s=30)
    assert lab.effects(mark) == Counter(effects)
    boundaries = list(lab.boundaries.passed)
    assert boundaries
    for number, boundary in enumerate(boundaries):
        mark, over = _begin(lab, story)
        lab.run_and_die(number, over)
        assert (boundary, lab.effects(mark)) == (boundary, Counter(effects)), f"died {boundary} ({number})"


def test_tags_are_right_wherever_the_process_dies(lab: Lab) -> None:
    _, over = _begin(lab, _tagged)
    lab.begin()
    lab.run(until=over, step_s=30)
    for number in range(len(lab.boundaries.passed)):
        _, over = _begin(lab, _tagged)
        lab.run_and_die(number, over)
        arn = lab.status(Key("Model", "team", "net"))["modelArn"]
        found = {tag["Key"]: tag["Value"] for tag in lab.simulator.client().list_tags(ResourceArn=arn)["Tags"]}
        assert found.get("team") == "churn"


def _begin(lab: Lab, story: Callable[[Lab], tuple[Key, Callable[[], object]]]) -> tuple[int, Callable[[], object]]:
    """Up to the moment at which the story's own effects begin."""
    lab.start_over()
    _, over = story(lab)
    return lab.simulator.mark(), over
