"""A process dies between any two of its side effects, and the next one goes on from what status and SageMaker say.

Every boundary is tried: before and after each AWS call and each write to the cluster. What counts is the simulator's own
record: nothing is made twice, nothing is left behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from reconciler.core.resource import Key
from tests.support.lab import Lab, hosting, job


class Story(NamedTuple):
    """What was there before, what happens, how it ends, and what it may cost."""

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    """None: the object is deleted."""
    effects: Mapping[str, int]
    """Of what happens: how often each operation may take effect."""
    left: Mapping[str, int]


def begin(lab: Lab, story: Story) -> tuple[Key, Callable[[], object], int]:
    """Up to the point where it gets dangerous: the key, when it is over, and the newest request so far."""
    lab.start_over()
    key = None
    if story.before is not None:
        key = made = lab.cluster.apply(story.before)
        lab.run(until=lambda: lab.is_ready(made), step_s=60)
    if story.after is None:
        assert key is not None
        lab.cluster.delete(key)
        return key, lambda: key not in lab.cluster.objects, lab.simulator.mark()
    key = lab.cluster.apply({**story.after})
    wanted = lab.cluster.objects[key]["metadata"]["generation"]
    mark = lab.simulator.mark()
    return key, lambda: lab.status(key).get("observedGeneration") == wanted and lab.is_ready(key), mark


STORIES = {
    "a job that is created starts once": Story(None, job(), {"CreateTrainingJob": 1}, {"TrainingJob": 1}),
    "a job whose content changes runs once more": Story(
        job(),
        job(hyperParameters=[{"name": "a", "value": "2"}]) | {"on_change": "Run"},
        {"CreateTrainingJob": 1},
        {"TrainingJob": 2},
    ),
    "a first rollout makes each part once": Story(
        None,
        hosting(models=2),
        {"CreateModel": 2, "CreateEndpointConfig": 1, "CreateEndpoint": 1},
        {"Model": 2, "EndpointConfig": 1, "Endpoint": 1},
    ),
    "an update makes what changed once and moves the endpoint once": Story(
        hosting(),
        hosting(image="lab:2"),
        {"CreateModel": 1, "CreateEndpointConfig": 1, "UpdateEndpoint": 1},
        {"Model": 2, "EndpointConfig": 2, "Endpoint": 1},
    ),
    "a deletion leaves nothing": Story(
        hosting(), None, {"DeleteModel": 1, "DeleteEndpointConfig": 1, "DeleteEndpoint": 1}, {}
    ),
}
FOR_EVERY_CHANGE = (
    "a job that is created starts once",
    "an update makes what changed once and moves the endpoint once",
)
"""Each boundary costs its story once more; these two stand for the others in `make test`."""


def run_mode(story: Story) -> Story:
    """A changed job runs again only where changes were reviewed."""
    mode = {"sagemaker-gitops.dev/on-change": "Run"}

    def annotated(manifest: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if manifest is None:
            return None
        plain = {name: value for name, value in manifest.items() if name != "on_change"}
        return {**plain, "metadata": {**plain["metadata"], "annotations": mode}}

    return story._replace(before=annotated(story.before), after=annotated(story.after))


@pytest.mark.holds("D-5.5", "D-10.10")
@pytest.mark.parametrize(
    "story",
    [
        pytest.param(story, id=name, marks=() if name in FOR_EVERY_CHANGE else pytest.mark.endurance)
        for name, story in STORIES.items()
    ],
)
def test_a_crash_at_any_boundary_does_nothing_twice(lab: Lab, story: Story) -> None:
    story = run_mode(story)
    key, over, mark = begin(lab, story)
    lab.begin()
    lab.run(until=over, step_s=30)
    boundaries = list(lab.boundaries.passed)
    assert lab.effects(mark) == Counter(story.effects)
    for number, boundary in enumerate(boundaries):
        key, over, mark = begin(lab, story)
        died = lab.run_and_die(number, over)
        assert died == boundary
        assert (boundary, lab.effects(mark)) == (boundary, Counter(story.effects)), f"died {boundary} ({number})"
        assert (boundary, lab.exists()) == (boundary, Counter(story.left)), f"died {boundary} ({number})"
        assert key in lab.cluster.objects or story.after is None


@pytest.mark.holds("D-5.7", "D-10.9")
@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_a_lost_request_is_sent_again_and_a_lost_reply_is_not(lab: Lab, story: Story, fault: str) -> None:
    story = run_mode(story)
    for operation in story.effects:
        _, over, mark = begin(lab, story)
        lab.simulator.rules({"match": {"op": operation, "count": 1}, "action": {"type": fault}})
        lab.run(until=over, step_s=10)
        assert lab.effects(mark) == Counter(story.effects), f"{fault} of {operation}"
        assert lab.exists() == Counter(story.left)
        sent = lab.simulator.counts(mark)[operation]
        # What can be looked up by name is asked for again under it; an update cannot, so only a lost one is resent.
        if operation == "UpdateEndpoint":
            assert sent == (2 if fault == "drop_before" else 1)


@pytest.mark.endurance
def test_a_crash_after_a_lost_reply_does_nothing_twice(lab: Lab) -> None:
    story = run_mode(Story(hosting(), hosting(image="lab:2"), {"UpdateEndpoint": 1}, {}))
    for number in range(40):
        _, over, mark = begin(lab, story)
        lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": {"type": "drop_after"}})
        died = lab.run_and_die(number, over)
        assert lab.effects(mark)["UpdateEndpoint"] == 1, f"died {died} ({number})"
        assert lab.simulator.counts(mark)["UpdateEndpoint"] == 1, f"died {died} ({number})"
        if died is None:
            return
    raise AssertionError("the story never ended")
