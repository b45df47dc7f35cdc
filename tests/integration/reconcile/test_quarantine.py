"""Content that was rolled back stays away, however long, whoever leads and whatever is forgotten (D-5.9, D-5.10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.integration.reconcile.test_rollouts import CANARY, SILENT, alarm, in_service, rolled_back, tags_of, updates
from tests.support.lab import PREFIX, Lab, annotated, hosting, job

PASSES, RESTARTS = 1000, 20


def bad(commit: str = "badc0de", **spec: Any) -> dict[str, Any]:
    return annotated(hosting(image="lab:2", **spec), revision=f"main@sha1:{commit}")


def wipe(lab: Lab, key: Key) -> None:
    """Somebody, or a restore from a backup, empties the status."""
    body = dict(lab.cluster.objects[key], status=None)
    lab.cluster._store(key, body)
    lab.begin()


def relist(lab: Lab) -> None:
    """The informer lists anew: every object is looked at as if it were new."""
    lab._seen.clear()
    lab.settle()


def another_leads(lab: Lab) -> None:
    """The old leader goes on for a moment without the Lease; then a process without its memory takes over."""
    lab.around.leading = False
    for key in list(lab.cluster.objects):
        lab.reconcile(key)
    lab.around.leading = True
    lab.begin()


COMMITS: tuple[Callable[[Lab], object], ...] = (
    lambda lab: lab.cluster.apply(bad("1", tags=[{"key": "team", "value": "x"}])),
    lambda lab: lab.cluster.apply(bad("2")),
    lambda lab: lab.cluster.apply(bad("3", deploymentConfig=CANARY)),
    lambda lab: lab.cluster.apply(bad("4", revisionHistoryLimit=2)),
    lambda lab: lab.cluster.apply(job("unrelated")),
)


@pytest.mark.holds("D-5.10")
def test_a_thousand_passes_send_it_no_second_time(lab: Lab) -> None:
    alarm(lab)
    key = rolled_back(lab)
    mark, config = lab.simulator.mark(), lab.status(key)["quarantine"][0]["endpointConfigName"]
    happens = {150 * n + 100: commit for n, commit in enumerate(COMMITS)} | {300: relist, 500: another_leads}
    for number in range(PASSES):
        if number % (PASSES // RESTARTS) == 0:
            lab.begin()
        if number in happens:
            happens[number](lab)
        lab.reconcile(key)
    lab.run(7200, step_s=600)
    assert updates(lab) == 1
    assert lab.effects(mark).keys() <= {"AddTags", "DeleteTags", "CreateTrainingJob"}
    assert (lab.reason(key), lab.types(key)) == ("RevisionQuarantined", {"Stalled", "Healthy"})
    assert PREFIX + "quarantined" in tags_of(lab, config)


def test_it_is_sent_once_in_all_from_bad_over_good_to_bad_with_and_without_alarms(lab: Lab) -> None:
    alarm(lab)
    in_service(lab, hosting(deploymentConfig=CANARY))
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": SILENT})
    key = lab.cluster.apply(bad(deploymentConfig=CANARY))
    lab.run(until=lambda: lab.reason(key) == "RevisionQuarantined", step_s=20)
    in_service(lab, hosting(image="lab:3"))
    lab.cluster.apply(bad())
    lab.run(3600, step_s=300)
    assert (lab.reason(key), updates(lab)) == ("RevisionQuarantined", 2)


LOSSES: Mapping[str, tuple[Callable[[Lab, Key], object], ...]] = {
    "its status is wiped": (wipe,),
    "its status is wiped while other content serves": (
        lambda lab, _: in_service(lab, hosting(image="lab:3")),
        wipe,
        lambda lab, key: lab.run(until=lambda: lab.is_ready(key), step_s=60),
    ),
    "Git had left it before it was rolled back, and then status is wiped": (),
    "its entry was evicted, and then status is wiped": (
        *(
            lambda lab, _, version=version: in_service(lab, hosting(image=f"lab:{version}", revisionHistoryLimit=2))
            for version in (3, 4, 5)
        ),
        wipe,
    ),
}


@pytest.mark.holds("D-5.9")
@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES.keys())
def test_it_is_known_again_by_the_mark_on_its_configuration(
    lab: Lab, losses: tuple[Callable[[Lab, Key], object], ...]
) -> None:
    if losses:
        key = rolled_back(lab)
    else:
        key = in_service(lab, hosting())
        lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": SILENT})
        lab.cluster.apply(bad())
        lab.run(20, step_s=20)
        in_service(lab, hosting(image="lab:3"))
        wipe(lab, key)
    for happens in losses:
        happens(lab, key)
    before = updates(lab)
    lab.cluster.apply(bad("again"))
    lab.run(1800, step_s=120)
    assert (lab.reason(key), updates(lab)) == ("RevisionQuarantined", before)
    [entry] = lab.status(key)["quarantine"]

    lab.cluster.annotate(key, retry="anotherhash22")
    lab.run(600, step_s=120)
    assert (lab.reason(key), updates(lab)) == ("RevisionQuarantined", before)

    lab.cluster.annotate(key, retry=entry["hash"])
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.begin()
    lab.run(1800, step_s=120)
    assert updates(lab) == before + 1
    assert PREFIX + "quarantined" not in tags_of(lab, entry["endpointConfigName"])
