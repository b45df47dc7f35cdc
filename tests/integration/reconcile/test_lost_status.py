"""What history still tells when status is lost: what serves, with the commit that it was made for (docs/hosting.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.core.notes.past import of_cluster, rollouts
from reconciler.core.resource import Key
from tests.integration.reconcile.test_quarantine import wipe
from tests.integration.reconcile.test_rollouts import SILENT, in_service, rolled_back, updates
from tests.support.lab import Lab, annotated, hosting

MADE, LATER = "1" * 40, "2" * 40


def pushed(commit: str, image: str = "lab:1", **spec: Any) -> dict[str, Any]:
    return annotated(hosting(image=image, **spec), revision=f"main@sha1:{commit}", commit=commit, author="Ada")


def rebuilt(lab: Lab, key: Key, manifest: Mapping[str, Any]) -> Key:
    """The cluster burnt down and came back from Git."""
    lab.cluster.forget(key)
    lab.begin()
    return lab.cluster.apply(manifest)


def wiped(lab: Lab, key: Key, manifest: Mapping[str, Any]) -> None:
    lab.cluster.apply(manifest)
    wipe(lab, key)


LOSSES: dict[str, Callable[[Lab, Key, Mapping[str, Any]], object]] = {
    "the cluster is rebuilt": rebuilt,
    "status is wiped": wiped,
}


@pytest.mark.holds("D-5.16")
@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES.keys())
def test_what_serves_is_told_with_the_commit_that_it_was_made_for(
    lab: Lab, lose: Callable[[Lab, Key, Mapping[str, Any]], object]
) -> None:
    key = in_service(lab, pushed(MADE))
    mark = lab.simulator.mark()
    lose(lab, key, pushed(LATER, tags=[{"key": "team", "value": "x"}]))
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    [entry] = lab.status(key)["history"]
    assert (entry["id"], entry["commit"], entry["initiatedBy"], entry["result"]) == (1, MADE, "manual", "Succeeded")
    assert "author" not in entry  # of the later commit nobody knows whether it is the same person's
    assert lab.effects(mark).keys() <= {"AddTags"}


def test_when_git_has_moved_on_what_serves_is_still_a_way_back(lab: Lab) -> None:
    key = in_service(lab, pushed(MADE))
    serving = lab.status(key)["endpointConfigName"]
    rebuilt(lab, key, pushed(LATER, "lab:2"))
    lab.run(until=lambda: lab.is_ready(key) and updates(lab) == 1, step_s=20)
    newest, older, oldest = lab.status(key)["history"]
    assert (oldest["result"], oldest["reason"]) == ("Superseded", "the endpoint exists already")
    assert (newest["commit"], newest["initiatedBy"]) == (LATER, "git")
    assert (older["endpointConfigName"], older["commit"], older["result"]) == (serving, MADE, "Succeeded")
    mark = lab.simulator.mark()
    lab.cluster.annotate(key, rollback_to="2")
    lab.run(until=lambda: lab.reason(key) == "RollbackHeld", step_s=20)
    assert lab.effects(mark) == {"UpdateEndpoint": 1}
    assert lab.status(key)["endpointConfigName"] == serving


def test_what_was_found_again_is_collected_when_its_entry_is_evicted(lab: Lab) -> None:
    key = in_service(lab, pushed(MADE))
    rebuilt(lab, key, pushed(LATER, "lab:2", revisionHistoryLimit=2))
    lab.run(until=lambda: lab.is_ready(key) and updates(lab) == 1, step_s=20)
    for version in ("3", "4"):
        in_service(lab, pushed(LATER, f"lab:{version}", revisionHistoryLimit=2))
    lab.run(300, step_s=60)
    assert lab.exists() == {"Model": 2, "EndpointConfig": 2, "Endpoint": 1}


def test_a_quarantine_names_what_serves_also_after_a_loss(lab: Lab) -> None:
    key = rolled_back(lab)
    good = next(one for one in lab.status(key)["history"] if one["result"] == "Succeeded")
    wipe(lab, key)
    lab.run(600, step_s=60)
    assert lab.reason(key) == "RevisionQuarantined"
    assert f"#1 {good['endpointConfigName']} serves" in lab.condition(key, "Ready")["message"]


def test_a_configuration_of_somebody_else_is_no_history_of_ours(lab: Lab) -> None:
    key = in_service(lab, pushed(MADE))
    client, status = lab.simulator.client(), lab.status(key)
    found = client.describe_endpoint_config(EndpointConfigName=status["endpointConfigName"])
    theirs = {"EndpointConfigName": "serve-aaaaaaaaaaaa", "ProductionVariants": found["ProductionVariants"]}
    client.create_endpoint_config(**theirs)
    client.update_endpoint(EndpointName=status["endpointName"], EndpointConfigName="serve-aaaaaaaaaaaa")
    lab.run(600, step_s=100)
    wipe(lab, key)
    lab.cluster.apply(pushed(LATER, "lab:2"))
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert {entry["commit"] for entry in lab.status(key)["history"]} == {LATER}
    assert lab.exists()["EndpointConfig"] == 3


@pytest.mark.holds("D-5.16")
def test_a_rebuilt_cluster_has_the_history_that_notes_tell_and_goes_on_counting(lab: Lab) -> None:
    key = in_service(lab, pushed(MADE))
    lab.cluster.apply(pushed(LATER, "lab:2"))
    lab.run(until=lambda: lab.is_ready(key) and updates(lab) == 1, step_s=20)
    before = [(one["id"], one["hash"], one["result"]) for one in lab.status(key)["history"]]
    told, mark = dict(lab.around.noted), lab.simulator.mark()
    lab.around.past_rollouts = noted(lab, key)
    rebuilt(lab, key, pushed(LATER, "lab:2"))
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    after = lab.status(key)["history"]
    assert [(one["id"], one["hash"], one["result"]) for one in after if one.get("recalled")] == before
    assert [one["id"] for one in after] == sorted({one["id"] for one in after}, reverse=True)
    assert lab.effects(mark).keys() <= {"AddTags"}
    told_again = [line for id_, line in lab.around.noted.items() if id_ not in told and line["rollout"] <= len(before)]
    assert told_again == []


def noted(lab: Lab, key: Key) -> tuple[Mapping[str, Any], ...]:
    """What the notes tell of the object's rollouts."""
    return rollouts(of_cluster((json.dumps(line) for line in lab.around.noted.values()), "lab")).get(key, ())


def rolled_back_by_notes(lab: Lab) -> Key:
    """lab:1 serves and lab:2 was rolled back, both told on their commits."""
    key = in_service(lab, pushed(MADE))
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": SILENT})
    lab.cluster.apply(pushed(LATER, "lab:2"))
    lab.run(until=lambda: lab.reason(key) == "RevisionQuarantined", step_s=20)
    return key


def made_anew(lab: Lab, key: Key, manifest: Mapping[str, Any]) -> None:
    """The object was deleted with all that it had in SageMaker, and came again."""
    lab.around.past_rollouts = noted(lab, key)
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=20)
    lab.begin()
    lab.cluster.apply(manifest)


def test_content_that_notes_tell_was_rolled_back_stays_away_from_an_object_that_is_made_anew(lab: Lab) -> None:
    key = rolled_back_by_notes(lab)
    [condemned] = lab.status(key)["quarantine"]
    mark = lab.simulator.mark()
    made_anew(lab, key, pushed(LATER, "lab:2"))
    lab.run(1800, step_s=120)
    assert (lab.reason(key), lab.effects(mark)["CreateEndpoint"]) == ("RevisionQuarantined", 0)
    [entry] = lab.status(key)["quarantine"]
    assert (entry["hash"], entry["revision"]) == (condemned["hash"], f"main@sha1:{LATER}")
    assert "the note of #2 (2222222) tells RolledBack" in entry["reason"]
    lab.cluster.annotate(key, retry=entry["hash"])
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    lab.begin()
    lab.run(600, step_s=60)
    assert (lab.effects(mark)["CreateEndpoint"], "quarantine" in lab.status(key)) == (1, False)


def test_content_that_notes_tell_served_after_all_is_sent_as_any_other(lab: Lab) -> None:
    key = rolled_back_by_notes(lab)
    lab.cluster.annotate(key, retry=lab.status(key)["quarantine"][0]["hash"])
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    made_anew(lab, key, pushed(LATER, "lab:2"))
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert "quarantine" not in lab.status(key)
