"""From a cluster's state to a forge's statuses: nothing lost, nothing twice, nothing too often. No thread, no waiting."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler.adapters.forge_http import Http
from reconciler.adapters.forges import Forges
from reconciler.core.conditions import find
from reconciler.core.errors import TransientError
from reconciler.core.resource import Key
from reconciler.runtime.forge.hosts import Hosts
from reconciler.runtime.forge.reports import FAILING, HUMAN_S, Reports
from tests.support.forge import FakeForge, Fault
from tests.support.small_cluster import SetClock, SmallCluster
from tests.support.waiting import eventually

A, B = "a" * 40, "b" * 40
KEY = Key("GitSync", "team", "models")
CANARY = "canary-0123456789-token"
READY, NOT_READY = ("True", ""), ("False", "")
FAILED = ("False", "JobFailed")


class Story:
    """A GitSync, its objects and a forge, with the verbs of a tale."""

    def __init__(self, forge: FakeForge) -> None:
        self.forge, self.cluster, self.clock = forge, SmallCluster(), SetClock()
        self.cluster.secret("status", token=forge.token)
        self.reports = self.restart()

    def restart(self, **more: Any) -> Reports:
        """Another process: it knows what status knows."""
        cluster, self.cluster.handlers = self.cluster, []
        self.reports = Reports(
            cluster="dev", cache=cluster, look=cluster.objects.get, objects=cluster, forge=Forges(self.clock, Http(self.clock, 2)),
            events=cluster, leader=cluster, clock=self.clock, jitter=lambda: 0.5, **more,
        )  # fmt: skip
        self.reports.start(workers=0)
        return self.reports

    def sync(self, commit: str = A, *, applied: bool = True, name: str = "models", **spec: Any) -> None:
        write_back = {"commitStatus": {"provider": self.forge.kind, "secretRef": {"name": "status"}, **spec}}
        before = self.cluster.objects.get(Key("GitSync", "team", name))
        past = dict(before.status) if before else {}
        conditions = [c for c in past.get("conditions", ()) if c["type"] == FAILING]
        self.cluster.put({
            "kind": "GitSync",
            "metadata": {"name": name},
            "spec": {"repo": {"url": f"{self.forge.url}/org/team.git"}, "writeBack": write_back},
            "status": {
                **past,
                "conditions": [{"type": "Ready", "status": "True", "reason": "R", "message": ""}, *conditions],
                "lastAttemptedRevision": f"main@sha1:{commit}",
                "lastAppliedRevision": f"main@sha1:{commit}" if applied else "",
                "inventory": ["Model/team/m@h"],
            },
        })  # fmt: skip

    def model(self, how: tuple[str, str] = READY, commit: str = A) -> None:
        ready, stalled = how
        conditions = [{"type": "Ready", "status": ready, "reason": stalled or "R", "message": CANARY}]
        if stalled:
            conditions.append({"type": "Stalled", "status": "True", "reason": stalled, "message": CANARY})
        annotations = {
            "sagemaker-gitops.dev/revision": f"main@sha1:{commit}",
            "sagemaker-gitops.dev/applied-hash": "h",
            "sagemaker-gitops.dev/owner": "team/models",
        }
        status = {"observedGeneration": 1, "conditions": conditions}
        self.cluster.put({"kind": "Model", "metadata": {"name": "m", "annotations": annotations}, "status": status})

    def tell(self) -> float | None:
        return self.reports.report(KEY)

    def problem(self) -> dict[str, Any]:
        return dict(find(self.cluster.objects[KEY].status["conditions"], FAILING) or {})


@pytest.fixture
def forge(request: pytest.FixtureRequest) -> Iterator[FakeForge]:
    kind = getattr(request, "param", "github")
    mount = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}[kind]
    with FakeForge(kind, mount).serving() as serving:
        yield serving


@pytest.fixture
def story(forge: FakeForge) -> Story:
    return Story(forge)


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        ("github", ["pending", "failure", "success"]),
        ("gitlab", ["pending", "failed", "success"]),
        ("gitea", ["pending", "failure", "success"]),
    ],
    indirect=["forge"],
)
def test_a_commit_from_attempt_to_end(story: Story, words: list[str]) -> None:
    story.sync(applied=False)
    story.tell()
    story.sync()
    for how in (NOT_READY, FAILED, NOT_READY, READY, NOT_READY, FAILED):
        story.model(how)
        story.tell()

    assert story.forge.words(A) == words
    assert set(story.forge.statuses) == {(A, "sagemaker-gitops/dev/team/models")}


@pytest.mark.holds("D-20.4")
@pytest.mark.parametrize(
    ("forge", "word"), [("github", "error"), ("gitlab", "canceled"), ("gitea", "warning")], indirect=["forge"]
)
def test_a_superseded_commit_is_closed(story: Story, word: str) -> None:
    story.sync(applied=False)
    story.tell()
    story.model(commit=B)
    story.sync(B)
    story.tell()

    assert story.forge.words(A) == ["pending", word]
    assert story.forge.last(A) == "Superseded by bbbbbbb before it was finished"
    assert story.forge.words(B) == ["success"]


def test_an_idle_pass_costs_no_request_and_no_write(story: Story) -> None:
    story.model()
    story.sync()
    story.tell()
    requests, writes, reads = len(story.forge.requests), story.cluster.status_writes, len(story.cluster.reads)

    for _ in range(5):
        story.tell()

    assert (len(story.forge.requests), story.cluster.status_writes) == (requests, writes) == (2, 1)
    assert {key.kind for key in story.cluster.reads[reads:]} == {"GitSync"}


def test_a_restart_posts_nothing_again(story: Story) -> None:
    story.model()
    story.sync()
    story.tell()
    story.restart()
    story.tell()

    assert story.forge.words(A) == ["success"]
    assert len(story.forge.requests) == 2


def test_a_crash_between_the_post_and_our_memory_posts_nothing_again(story: Story) -> None:
    story.model()
    story.sync()

    def die() -> None:
        raise TransientError("the process ends here")

    story.cluster.before_write = die
    with pytest.raises(TransientError):
        story.tell()
    story.cluster.before_write = lambda: None
    story.restart()
    story.tell()

    assert story.forge.words(A) == ["success"]


def test_a_status_that_could_not_be_written_is_remembered_meanwhile(story: Story) -> None:
    test_a_crash_between_the_post_and_our_memory_posts_nothing_again(story)
    requests = len(story.forge.requests)
    story.tell()

    assert len(story.forge.requests) == requests


def test_a_lost_gitsync_status_paints_no_finished_commit_red(story: Story) -> None:
    story.model()
    story.sync()
    story.tell()
    story.cluster.drop(KEY)
    story.restart()
    story.model(FAILED)
    story.sync()
    story.tell()

    assert story.forge.words(A) == ["success"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(500), id="the forge is down"),
        pytest.param(Fault(cut=True), id="the connection is cut before"),
        pytest.param(Fault(cut=True, after=True), id="the answer is lost"),
        pytest.param(Fault(409), id="a conflict"),
    ],
)
def test_a_failed_post_is_owed_and_said_later_once(story: Story, fault: Fault) -> None:
    story.sync(applied=False)
    story.tell()
    story.model()
    story.sync()
    story.forge.faults.append(fault)

    assert story.tell()
    story.model(NOT_READY)  # drift meanwhile: what was decided stands
    story.restart()
    assert story.tell() is None

    assert story.forge.words(A) == ["pending", "success"]
    assert story.problem() == {}


def test_a_lost_answer_is_looked_up_before_it_is_said_again(story: Story) -> None:
    """In one process, for a commit that began under its eyes: the one case in which it would not look."""
    story.model()
    story.sync()
    story.tell()
    story.model(commit=B)
    story.sync(B)
    story.forge.faults.append(Fault(cut=True, after=True))

    story.clock.pass_s(story.tell() or 0)
    story.tell()

    assert story.forge.words(B) == ["success"]
    assert [verb for verb, _ in story.forge.requests] == ["GET", "POST", "POST", "GET"]


def test_after_a_failure_nothing_is_tried_before_its_time(story: Story) -> None:
    story.model()
    story.sync()
    story.forge.faults += [Fault(502)] * 3
    waits = []
    for _ in range(3):
        waits.append(story.tell() or 0)
        story.model(NOT_READY)
        story.tell()
        story.clock.pass_s(waits[-1])
    story.tell()

    assert waits == [1.0, 2.0, 4.0]
    assert story.forge.words(A) == ["success"]
    assert len(story.forge.requests) == 3 + 2


def test_retry_after_holds_the_whole_host_back(story: Story) -> None:
    story.model()
    story.sync()
    story.sync(name="other")
    story.forge.faults.append(Fault(403, {"Retry-After": "120"}))

    assert story.tell() == 120
    assert story.reports.report(Key("GitSync", "team", "other")) == 120
    assert len(story.forge.requests) == 1
    story.clock.pass_s(120)
    story.tell()

    assert story.forge.words(A) == ["success"]
    assert story.problem() == {}


def test_the_pace_stays_below_the_hosts_limits(story: Story) -> None:
    story.restart(hosts=Hosts(per_minute=3, per_hour=4))
    moments: list[float] = []
    for number in range(6):
        story.model(commit=f"{number:040x}")
        story.sync(f"{number:040x}")
        while (wait_s := story.tell()) and story.forge.posts <= number:
            story.clock.pass_s(wait_s)
        moments.append(story.clock.monotonic())

    assert [round(at - moments[0]) for at in moments] == [0, 0, 0, 60, 3600, 3600]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param(lambda s: s.forge.faults.append(Fault(401)), "AuthenticationFailed", id="401"),
        pytest.param(lambda s: s.forge.faults.append(Fault(403)), "AccessDenied", id="403"),
        pytest.param(lambda s: s.forge.faults.append(Fault(404)), "RepositoryNotFound", id="404"),
        pytest.param(lambda s: s.forge.faults.append(Fault(302, {"Location": "/"})), "Moved", id="a redirect"),
        pytest.param(lambda s: s.cluster.drop(Key("Secret", "team", "status")), "SecretNotFound", id="no Secret"),
        pytest.param(lambda s: s.cluster.secret("status", "github.com", token=CANARY), "SecretNotAllowed", id="a Secret for another host"),
        pytest.param(lambda s: s.cluster.secret("status", "", token=CANARY), "SecretNotAllowed", id="a Secret for no host"),
        pytest.param(lambda s: s.cluster.secret("status", token=f"{CANARY}\nX: y"), "InvalidCredentials", id="a broken token"),
        pytest.param(lambda s: s.cluster.secret("status", token=CANARY, ca__crt="x"), "InvalidCredentials", id="a broken ca.crt"),
    ],
)  # fmt: skip
def test_what_only_a_human_can_mend_is_one_condition_and_one_warning(
    story: Story, prepare: Callable[[Story], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    story.model()
    story.sync()
    prepare(story)
    story.tell()

    assert story.problem()["reason"] == reason
    assert [event[:2] for event in story.cluster.events] == [("Warning", FAILING)]
    for _ in range(5):
        story.model(NOT_READY)
        story.tell()
    assert len(story.cluster.events) == 1
    assert len(story.forge.requests) <= 1

    story.cluster.secret("status", token=story.forge.token)
    story.clock.pass_s(HUMAN_S)
    story.tell()

    assert story.forge.words(A) == ["success"]
    assert story.problem() == {}
    assert CANARY not in caplog.text + json.dumps(story.cluster.objects[KEY].body) + str(story.cluster.events)


def test_an_edit_of_the_gitsync_tries_again_at_once(story: Story) -> None:
    story.model()
    story.sync(apiUrl="http://127.0.0.1:1/api")
    story.tell()
    story.sync(apiUrl=story.forge.api)
    body = story.cluster.objects[KEY].body
    story.cluster.put({**body, "metadata": {**body["metadata"], "generation": 2}})
    story.tell()

    assert story.forge.words(A) == ["success"]


def test_a_spec_that_names_no_forge_is_said(story: Story) -> None:
    story.sync(apiUrl="http://internal.example/api")
    story.tell()

    assert story.problem()["reason"] == "InvalidURL"
    assert story.forge.requests == []


def test_a_commit_that_the_forge_does_not_know_holds_up_nothing(story: Story) -> None:
    story.forge.commits = frozenset({B})
    story.sync(applied=False)
    story.tell()
    story.model(commit=B)
    story.sync(B)
    story.tell()

    assert story.forge.words(B) == ["success"]
    assert [event[1] for event in story.cluster.events] == ["CommitStatusRefused"]
    assert story.problem() == {}


def test_switched_off_says_nothing_and_takes_its_complaint_back(story: Story) -> None:
    story.model()
    story.sync()
    story.forge.faults.append(Fault(401))
    story.tell()
    story.sync(provider="none")
    story.tell()

    assert story.problem() == {}
    assert story.forge.posts == 0


def test_the_syncs_own_writes_are_kept(story: Story) -> None:
    """The sync wrote while the status was posted."""
    story.model()
    story.sync()

    def meanwhile() -> None:
        story.cluster.before_write = lambda: None
        live = story.cluster.objects[KEY]
        story.cluster.put({**live.body, "status": {**live.status, "lastHandledReconcileAt": "now"}})

    story.cluster.before_write = meanwhile
    story.tell()

    status = story.cluster.objects[KEY].status
    assert status["lastHandledReconcileAt"] == "now"
    assert status["commitStatus"]["records"][0]["state"] == "success"


def test_nothing_is_said_by_a_process_that_does_not_lead(story: Story) -> None:
    story.model()
    story.sync()
    story.cluster.leads = False
    story.tell()

    assert (story.forge.requests, story.cluster.status_writes) == ([], 0)


def test_a_gone_gitsync_is_forgotten(story: Story) -> None:
    story.sync()
    story.cluster.drop(KEY)

    assert story.tell() is None


def test_with_threads_an_object_that_becomes_ready_is_enough(forge: FakeForge) -> None:
    story = Story(forge)
    clock = RealClock()
    story.cluster.handlers = []
    cluster = story.cluster
    reports = Reports(
        cluster="dev", cache=cluster, look=cluster.objects.get, objects=cluster, forge=Forges(clock), events=cluster,
        leader=cluster, clock=clock, jitter=lambda: 0.5,
    )  # fmt: skip
    reports.start()
    try:
        story.model(NOT_READY)
        story.sync()
        eventually(lambda: forge.words(A) == ["pending"])
        story.model(READY)
        eventually(lambda: forge.words(A) == ["pending", "success"])
    finally:
        reports.stop()


class RealClock(SetClock):
    def monotonic(self) -> float:
        return time.monotonic()
