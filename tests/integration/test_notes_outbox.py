"""The outbox on a real API server and a real repository: stored, pushed, removed, and a crash between any two of these."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters import processes
from reconciler.adapters.git import GitNotes, bare_cache, object_store, remotes
from reconciler.adapters.kube.leader import LeaderElector, LeaseName, LeaseTimes
from reconciler.adapters.kube.objects import KubeObjects
from reconciler.core.errors import TransientError
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.git.source import Credentials, GitRemote, SourceError
from reconciler.core.notes import note
from reconciler.core.notes.note import About, NoteLine
from reconciler.core.notes.pending import PENDING_BYTES, decode
from reconciler.core.notes.target import NotesContendedError, NotesRefusedError, NotesTarget, note_ref
from reconciler.core.notes.text import parse
from reconciler.core.resource import Key, Resource
from reconciler.runtime.notes.lease import HeldLeases, Leases, NoLeases
from reconciler.runtime.notes.outbox import Outbox, OutboxPorts
from tests.integration.sync.kit import CountingClient, ToldEvents, WallClock
from tests.support.cluster import Cluster
from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually

REF = note_ref("prod")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "wrong-canary-7f3a"


def job(number: object, at: datetime = NOW) -> NoteLine:
    about = About("prod", "TrainingJob", "ml", f"job-{number}")
    return note.job_started(about, at, job=f"job-{number}", content="digest")


@dataclass
class Replica:
    """An outbox as one process has it; `target` is where its notes go, or None for a GitSync without notes."""

    cluster: Cluster
    namespace: str
    directory: Path
    target_: NotesTarget | None
    leases: Leases = field(default_factory=NoLeases)
    batch_s: float = 0.0

    def __post_init__(self) -> None:
        self.client = CountingClient(str(self.cluster.kubeconfig))
        self.events = ToldEvents()
        self.notes = GitNotes(self.directory, UrlPolicy(allow_file=True), pause=lambda _: None)
        self.sync = Key("GitSync", self.namespace, "team")
        metadata = {"name": "team", "namespace": self.namespace, "uid": "5e9d"}
        resource = Resource({"apiVersion": "sagemaker-gitops.dev/v1alpha1", "kind": "GitSync", "metadata": metadata})
        maps = KubeObjects(self.client, {})
        ports = OutboxPorts(maps, self, self.notes, self.leases, self.events, lambda _: resource)
        clock = WallClock()
        self.outbox = Outbox(ports, "prod", monotonic=clock.monotonic, jitter=lambda: 0.5, batch_s=self.batch_s)

    def wanted(self, _: Key) -> bool:
        return self.target_ is not None

    def target(self, _: Key) -> NotesTarget | None:
        return self.target_

    def close(self) -> None:
        self.outbox.stop()
        self.notes.close()
        self.client.close()

    def stored(self) -> set[str]:
        """Names of the jobs whose lines wait."""
        found = self.cluster.find("v1", "ConfigMap", "team-notes", self.namespace) or {}
        return {str(entry.record.data["job"]) for entry in decode(found.get("data")).values()}


Begin = Callable[..., Replica]


@pytest.fixture
def begin(control_plane: Cluster, namespace: str, tmp_path: Path, bare_repository: BareRepository) -> Iterator[Begin]:
    opened: list[Replica] = []

    def start(**given: Any) -> Replica:
        given.setdefault("target_", NotesTarget(GitRemote(bare_repository.url), REF))
        opened.append(Replica(control_plane, namespace, tmp_path / f"cache-{len(opened)}", **given))
        return opened[-1]

    yield start
    for replica in opened:
        replica.close()


def told(repository: BareRepository, sha: str) -> list[str]:
    return [str(record.data["job"]) for record in parse(repository.note(REF, sha))]


@pytest.mark.holds("D-12.4")
def test_a_line_is_stored_then_pushed_then_removed(begin: Begin, bare_repository: BareRepository) -> None:
    one, two = (bare_repository.commit({"a.yaml": str(number)}) for number in range(2))
    replica = begin()
    assert replica.outbox.put(replica.sync, one, job(1), job(2))
    assert replica.outbox.put(replica.sync, two, job(3))
    assert replica.stored() == {"job-1", "job-2", "job-3"}
    assert not replica.outbox.flush(replica.sync)
    assert (told(bare_repository, one), told(bare_repository, two)) == (["job-1", "job-2"], ["job-3"])
    assert replica.stored() == set()
    assert bare_repository.git("rev-list", "--count", REF) == "1"


def test_telling_an_event_again_costs_no_request(begin: Begin, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    replica = begin()
    replica.outbox.put(replica.sync, sha, job(1))
    requests = len(replica.client.requests)
    replica.outbox.put(replica.sync, sha, job(1, NOW + timedelta(hours=1)))
    assert len(replica.client.requests) == requests
    replica.outbox.flush(replica.sync)
    requests = len(replica.client.requests)
    replica.outbox.put(replica.sync, sha, job(1))
    assert len(replica.client.requests) == requests
    # Another process does not know; the note does.
    other = begin()
    other.outbox.put(other.sync, sha, job(1))
    other.outbox.flush(other.sync)
    assert told(bare_repository, sha) == ["job-1"]
    assert other.outbox.stats.pushes == 0


def test_nothing_is_written_where_nobody_wants_notes(begin: Begin, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    replica = begin(target_=None)
    assert replica.outbox.put(replica.sync, sha, job(1))
    wanting = begin()
    assert wanting.outbox.put(wanting.sync, "main; rm -rf", job(1))
    assert wanting.outbox.put(wanting.sync, "", job(1))
    assert replica.client.requests == wanting.client.requests == []


@pytest.mark.holds("D-12.4")
def test_what_was_put_is_pushed_by_itself_and_after_a_restart(begin: Begin, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    before = begin()
    before.outbox.put(before.sync, sha, job(1))
    after = begin()
    after.outbox.start([after.sync])
    eventually(lambda: told(bare_repository, sha) == ["job-1"])
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: after.outbox.put(after.sync, sha, job(number)), range(2, 22)))
    eventually(lambda: len(told(bare_repository, sha)) == 21)
    eventually(lambda: after.stored() == set())


def test_two_replicas_that_store_at_once_lose_none(begin: Begin, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    replicas = begin(), begin()

    def put(number: int) -> None:
        replica = replicas[number % 2]
        while not replica.outbox.put(replica.sync, sha, job(number)):
            continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(30)))
    assert replicas[0].stored() == {f"job-{number}" for number in range(30)}


@pytest.mark.holds("D-12.5")
def test_two_replicas_that_push_at_once_take_turns(begin: Begin, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    replicas: list[Replica] = []

    def elect(replica: int) -> HeldLeases:
        def make(name: str, won: Callable[[], None]) -> LeaderElector:
            at = replicas[replica]
            return LeaderElector(
                at.client, LeaseName(at.namespace, name), f"replica-{replica}", WallClock(),
                times=LeaseTimes(lease_s=3, renew_s=2, retry_s=0.05), on_started=won,
            )  # fmt: skip

        return HeldLeases(make)

    replicas += [begin(leases=elect(0)), begin(leases=elect(1))]

    def work(number: int) -> None:
        replica = replicas[number]
        for step in range(3):
            replica.outbox.put(replica.sync, sha, job(f"{number}-{step}"))
            replica.outbox.flush(replica.sync)

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, range(2)))
    assert sorted(told(bare_repository, sha)) == sorted(
        f"job-{number}-{step}" for number in range(2) for step in range(3)
    )
    leases = replicas[0].cluster.list("coordination.k8s.io/v1", "Lease", replicas[0].namespace)
    (lease,) = (item for item in leases if item["metadata"]["name"].startswith("sagemaker-gitops-notes-"))
    assert not lease["spec"].get("holderIdentity")


@pytest.mark.holds("D-12.5")
def test_a_lease_that_another_keeps_is_waited_for(begin: Begin, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})

    class Kept:
        def start(self) -> None: ...
        def stop(self) -> None: ...
        def is_leader(self) -> bool:
            return False

    replica = begin(leases=HeldLeases(lambda _name, _won: Kept(), patience_s=0.01))
    replica.outbox.put(replica.sync, sha, job(1))
    with pytest.raises(NotesContendedError):
        replica.outbox.flush(replica.sync)
    assert replica.stored() == {"job-1"}


class TestTrouble:
    def test_a_refused_ref_is_one_warning_and_no_storm(self, begin: Begin, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        hook = repository.path / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho >&2 'no notes here'; exit 1\n")
        hook.chmod(0o755)
        login = Credentials(username=git_http_server.user, password=git_http_server.password)
        replica = begin(target_=NotesTarget(GitRemote(git_http_server.url(repository), login), REF))
        replica.outbox.start([replica.sync])
        replica.outbox.put(replica.sync, sha, job(0))
        eventually(lambda: replica.outbox.problem(replica.sync))
        eventually(lambda: not replica.outbox._queue._active)
        pushed = len([request for request in git_http_server.requests if "receive-pack" in request])
        for number in range(1, 30):
            assert replica.outbox.put(replica.sync, sha, job(number))
        with pytest.raises(NotesRefusedError):
            replica.outbox.flush(replica.sync)
        hook.unlink()
        ((kind, reason, message),) = replica.events.told
        assert (kind, reason, replica.events.kinds) == ("GitSync", "NotesRefused", ["Warning"])
        assert "no notes here" in message
        more = len([r for r in git_http_server.requests if "receive-pack" in r]) - pushed
        assert 0 < more <= pushed, "thirty lines more cost one flush, no more than the first line did"
        assert len(replica.stored()) == 30
        replica.outbox.wake(replica.sync)
        eventually(lambda: len(told(repository, sha)) == 30)
        eventually(lambda: replica.outbox.problem(replica.sync) is None)

    def test_a_wrong_password_is_said_without_it(self, begin: Begin, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        wrong = GitRemote(git_http_server.url(repository), Credentials(username="git-user", password=CANARY))
        replica = begin(target_=NotesTarget(wrong, REF))
        replica.outbox.start([replica.sync])
        replica.outbox.put(replica.sync, sha, job(1))
        problem = eventually(lambda: replica.outbox.problem(replica.sync))
        assert problem is not None
        assert problem.reason == "AuthenticationFailed"
        assert CANARY not in f"{problem} {replica.events.told}"
        right = Credentials(username=git_http_server.user, password=git_http_server.password)
        replica.target_ = NotesTarget(GitRemote(wrong.url, right), REF)
        replica.outbox.wake(replica.sync)
        eventually(lambda: told(repository, sha) == ["job-1"])

    def test_a_repository_that_is_away_keeps_lines_waiting(self, begin: Begin, bare_repository: BareRepository) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        replica = begin(target_=NotesTarget(GitRemote("http://127.0.0.1:9/x"), REF))
        replica.outbox.put(replica.sync, sha, job(1))
        with pytest.raises(SourceError, match="GitOperationFailed"):
            replica.outbox.flush(replica.sync)
        assert replica.stored() == {"job-1"}

    def test_somebody_else_s_configmap_is_left_alone(self, begin: Begin, bare_repository: BareRepository) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        replica = begin()
        theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "team-notes"}, "data": {"a": "b"}}
        replica.cluster.request("POST", f"/api/v1/namespaces/{replica.namespace}/configmaps", theirs)
        assert not replica.outbox.put(replica.sync, sha, job(1))
        assert not replica.outbox.put(replica.sync, sha, job(2))
        assert replica.events.reasons("GitSync") == ["NotesConfigMapTaken"]
        assert replica.cluster.get("v1", "ConfigMap", "team-notes", replica.namespace)["data"] == {"a": "b"}

    def test_an_api_server_that_is_away_fails_no_pass(self, begin: Begin, bare_repository: BareRepository) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        replica = begin()

        def away(_verb: str, _path: str) -> None:
            raise TransientError("away")

        replica.client.before = away
        assert not replica.outbox.put(replica.sync, sha, job(1))
        replica.client.before = lambda _verb, _path: None
        replica.outbox.flush(replica.sync)
        assert told(bare_repository, sha) == ["job-1"]

    def test_what_waits_is_bounded_and_says_what_is_gone(self, begin: Begin, bare_repository: BareRepository) -> None:
        shas = [bare_repository.commit({"a.yaml": str(number)}) for number in range(5)]
        replica = begin()
        long = "x" * 900
        for start, sha in zip(range(0, 2000, 400), shas, strict=True):
            lines = [(sha, job(f"{n}-{long}", NOW + timedelta(seconds=n))) for n in range(start, start + 400)]
            assert replica.outbox.put_all(replica.sync, lines)
        found = replica.cluster.get("v1", "ConfigMap", "team-notes", replica.namespace)["data"]
        assert sum(len(key) + len(value) for key, value in found.items()) <= PENDING_BYTES
        while replica.outbox.flush(replica.sync):
            pass
        records = [record for sha in shas for record in parse(bare_repository.note(REF, sha))]
        gone = [int(record.data["count"]) for record in records if record.event in ("LinesDropped", "NoteTrimmed")]
        assert gone
        jobs = [record for record in records if record.event == "JobStarted"]
        summaries = [record for record in records if record.event == "LinesDropped"]
        trimmed = sum(int(record.data["count"]) for record in records if record.event == "NoteTrimmed")
        assert len(jobs) + sum(int(record.data["count"]) for record in summaries) + trimmed == 2000


class KilledError(BaseException):
    """Not an Exception: nothing of the service may catch it."""


@pytest.mark.parametrize(
    "answered",
    [
        # Outside the process it is what "after" the step before it left.
        pytest.param(False, id="before the step", marks=pytest.mark.endurance),
        pytest.param(True, id="after the step"),
    ],
)
def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(
    begin: Begin, bare_repository: BareRepository, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    """Steps are requests to the API server and commands of git, in whatever order they come."""
    sha = bare_repository.commit({"a.yaml": "1"})
    points = 0
    for step in itertools.count(1):
        replica = begin()
        crashed = _dies_at(replica, step, monkeypatch, answered=answered, sha=sha)
        points += crashed
        replica.close()
        after = begin()
        after.outbox.put(after.sync, sha, job(step, NOW + timedelta(days=step)))  # the next pass finds the event again
        after.outbox.flush(after.sync)
        assert sorted(told(bare_repository, sha)) == sorted(f"job-{number}" for number in range(1, step + 1))
        assert after.stored() == set()
        after.close()
        if not crashed:
            break
    assert points >= 10


def _dies_at(replica: Replica, step: int, monkeypatch: pytest.MonkeyPatch, *, answered: bool, sha: str) -> bool:
    steps = itertools.count(1)
    dead = False

    def before(*_: str) -> None:
        nonlocal dead
        if dead or (not answered and next(steps) >= step):
            dead = True
            raise KilledError

    def after(*_: str) -> None:
        nonlocal dead
        if answered and next(steps) >= step:
            dead = True
            raise KilledError

    def run(*arguments: Any, **more: Any) -> Any:
        before()
        done = processes.run(*arguments, **more)
        after()
        return done

    replica.client.before, replica.client.after = before, after
    with monkeypatch.context() as patch:
        for module in (bare_cache, object_store, remotes):
            patch.setattr(module, "run", run)
        try:
            replica.outbox.put(replica.sync, sha, job(step, NOW + timedelta(days=step)))
            replica.outbox.flush(replica.sync)
        except KilledError:
            return True
    return False
