from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.events import BURST, MOST_PENDING, KubeEvents
from reconciler.adapters.kube.objects import KubeApplier
from reconciler.core.resource import Resource
from tests.integration.kube.kit import WallClock, Wire, applied, model
from tests.support.waiting import eventually

Written = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def events(client: KubeClient) -> Iterator[KubeEvents]:
    events = KubeEvents(client, WallClock(), "replica-1")
    events.start()
    yield events
    events.stop()


@pytest.fixture
def written(client: KubeClient, namespace: str) -> Written:
    return lambda: client.request("GET", f"/api/v1/namespaces/{namespace}/events")["items"]


@pytest.fixture
def about(applier: KubeApplier, namespace: str) -> Resource:
    return applied(applier, namespace, "talked-about")[0]


def counts(written: Written) -> dict[str, int]:
    return {event["reason"]: event["count"] for event in written()}


def test_an_event_points_at_its_object(events: KubeEvents, written: Written, about: Resource) -> None:
    events.emit(about, "Warning", "RolledBack", "alarm p99\ntripped")
    (event,) = eventually(written)
    assert event["involvedObject"] == {
        "apiVersion": "sagemaker.aws.amazon.com/v1",
        "kind": "Model",
        "namespace": about.namespace,
        "name": about.name,
        "uid": about.uid,
        "resourceVersion": about.resource_version,
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "RolledBack", "alarm p99 tripped")
    assert (event["source"]["component"], event["reportingInstance"]) == ("sagemaker-gitops", "replica-1")


def test_equal_events_are_counted_and_others_are_not(events: KubeEvents, written: Written, about: Resource) -> None:
    for _ in range(3):
        events.emit(about, "Normal", "Creating", "job a")
    events.emit(about, "Normal", "Ready", "job a")
    eventually(lambda: counts(written) == {"Creating": 3, "Ready": 1})
    events.emit(about, "Normal", "Creating", "job a")
    eventually(lambda: counts(written) == {"Creating": 4, "Ready": 1})


def test_an_event_that_the_server_forgot_begins_anew(
    events: KubeEvents, written: Written, about: Resource, client: KubeClient
) -> None:
    events.emit(about, "Normal", "Creating", "job a")
    (event,) = eventually(written)
    client.request("DELETE", f"/api/v1/namespaces/{about.namespace}/events/{event['metadata']['name']}")
    events.emit(about, "Normal", "Creating", "job a")
    eventually(lambda: counts(written) == {"Creating": 1})


def test_a_chatterbox_is_cut_off_and_nobody_else(
    events: KubeEvents, written: Written, about: Resource, applier: KubeApplier
) -> None:
    for number in range(BURST + 20):
        events.emit(about, "Normal", "Chatter", f"message {number}")
    (other,) = applied(applier, about.namespace, "quiet")
    events.emit(other, "Normal", "Quiet", "once")
    eventually(lambda: "Quiet" in counts(written))
    assert (len(written()), events.dropped) == (BURST + 1, 20)


def test_a_long_note_is_cut_by_bytes(events: KubeEvents, written: Written, about: Resource) -> None:
    events.emit(about, "Normal", "Long", "ä" * 2000)
    (event,) = eventually(written)
    assert event["message"] == "ä" * 512


def test_what_cannot_be_written_stops_nothing(events: KubeEvents, written: Written, about: Resource) -> None:
    events.emit(Resource({"metadata": {"name": "x"}}), "Normal", "Broken", "of no kind: not even taken down")
    events.emit(Resource(model("not-there", "lost")), "Normal", "Lost", "its namespace is gone")
    events.emit(about, "Normal", "Kept", "goes on")
    eventually(lambda: counts(written) == {"Kept": 1})
    assert events.dropped == 1


def test_an_outage_costs_the_oldest_beyond_the_bound_and_nothing_else(
    wire: Wire, written: Written, about: Resource
) -> None:
    events = KubeEvents(KubeClient(wire.kubeconfig), WallClock())
    for number in range(MOST_PENDING):
        filler = about.with_metadata(uid=f"uid-{number}", name=f"filler-{number}")
        events.emit(filler, "Normal", "Filler", "x")
    for _ in range(2):
        events.emit(about, "Normal", "Last", "x")
    assert events.dropped == 1
    wire.cut()
    events.start()
    eventually(lambda: wire.knocks)
    wire.mend()
    eventually(lambda: counts(written).get("Last") == 2)
    events.stop()
    names = {event["involvedObject"]["name"] for event in written()}
    assert (len(names), "filler-0" in names, "filler-1" in names) == (MOST_PENDING, False, True)


def test_a_lost_reply_makes_no_twin(wire: Wire, written: Written, about: Resource) -> None:
    events = KubeEvents(KubeClient(wire.kubeconfig), WallClock())
    events.start()
    events.emit(about, "Normal", "First", "opens the connection")
    eventually(lambda: counts(written) == {"First": 1})
    wire.swallow_replies()
    events.emit(about, "Normal", "Second", "arrives, unanswered")
    eventually(lambda: counts(written) == {"First": 1, "Second": 1})
    wire.mend()
    events.stop(timeout_s=5)
    assert sorted(event["reason"] for event in written()) == ["First", "Second"]


def test_stopping_writes_what_is_pending(client: KubeClient, written: Written, about: Resource) -> None:
    events = KubeEvents(client, WallClock())
    events.emit(about, "Normal", "Stopping", "bye")
    events.start()
    events.stop()
    assert counts(written) == {"Stopping": 1}


def test_stopping_in_an_outage_does_not_wait_for_it(wire: Wire, about: Resource) -> None:
    events = KubeEvents(KubeClient(wire.kubeconfig), WallClock())
    wire.cut()
    events.start()
    events.emit(about, "Normal", "Stopping", "bye")
    eventually(lambda: wire.knocks)
    events.stop(timeout_s=5)
