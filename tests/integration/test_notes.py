"""Notes on real repositories: over file, HTTP and SSH; what other writers, servers and crashes do to them."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters import processes
from reconciler.adapters.git import GitNotes, GitRepositories, NotesLimits, bare_cache, object_store, remotes
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.git.source import Credentials, GitRemote, Ref, SourceError
from reconciler.core.notes.target import NotesContendedError, NotesRefusedError, NotesTarget, note_ref
from reconciler.core.notes.text import parse
from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository
from tests.support.git_ssh import GitSshServer

REF = note_ref("prod")
CANARY = "wrong-canary-7f3a"
FILES = UrlPolicy(allow_file=True)

Open = Callable[[], GitNotes]


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Open]:
    """Writers that share nothing but the remote, as two replicas do."""
    opened: list[GitNotes] = []

    def begin() -> GitNotes:
        opened.append(GitNotes(tmp_path / f"cache-{len(opened)}", FILES, pause=lambda _: None))
        return opened[-1]

    yield begin
    for notes in opened:
        notes.close()


@pytest.fixture
def notes(another: Open) -> GitNotes:
    return another()


def line(name: object) -> str:
    return json.dumps({"v": 1, "id": f"id-{name}", "at": "2026-01-01T00:00:00Z", "event": "RolloutStarted"})


def long_line(name: object) -> str:
    return json.dumps({**json.loads(line(name)), "at": "2026-02-01T00:00:00Z", "reason": "x" * 400})


def ids(repository: BareRepository, commit: str, ref: str = REF) -> list[str]:
    return [record.id for record in parse(repository.note(ref, commit))]


def local(repository: BareRepository, ref: str = REF) -> NotesTarget:
    return NotesTarget(GitRemote(repository.url), ref)


class TestNotes:
    def test_a_note_is_seen_by_git_log(self, notes: GitNotes, bare_repository: BareRepository) -> None:
        sha = bare_repository.commit({"a.yaml": "1"}, "Add a")
        assert notes.append(local(bare_repository), {sha: [line("a"), line("b")]}).pushed
        shown = bare_repository.git("log", f"--notes={REF}", "--format=%s%n%N", "main")
        assert [text for text in shown.splitlines() if text] == ["Add a", line("a"), line("b")]

    def test_lines_that_are_there_are_not_pushed_again(
        self, notes: GitNotes, another: Open, bare_repository: BareRepository
    ) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        notes.append(local(bare_repository), {sha: [line("a")]})
        before = bare_repository.refs()
        for writer in (notes, another()):
            assert not writer.append(local(bare_repository), {sha: [line("a")]}).pushed
        assert bare_repository.refs() == before

    def test_three_hundred_lines_are_one_push(self, notes: GitNotes, bare_repository: BareRepository) -> None:
        shas = [bare_repository.commit({"a.yaml": str(number)}) for number in range(20)]
        lines = {sha: [line(f"{sha}-{number}") for number in range(15)] for sha in shas}
        notes.append(local(bare_repository), lines)
        assert bare_repository.git("rev-list", "--count", REF) == "1"
        assert all(len(ids(bare_repository, sha)) == 15 for sha in shas)

    @pytest.mark.parametrize("fan_out", ["{sha}", "{sha:.2}/{rest}", "{sha:.2}/{rest:.2}/{rest2}"])
    def test_every_fan_out_of_others_is_read(
        self, notes: GitNotes, bare_repository: BareRepository, fan_out: str
    ) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        path = fan_out.format(sha=sha, rest=sha[2:], rest2=sha[4:])
        bare_repository.commit({path: f"seen by ops\n{line('theirs')}\n", "README": "kept"}, branch="scratch")
        bare_repository.git("update-ref", REF, "refs/heads/scratch")
        notes.append(local(bare_repository), {sha: [line("ours")]})
        assert bare_repository.note(REF, sha) == f"seen by ops\n{line('ours')}\n{line('theirs')}"
        assert bare_repository.read("README", REF) == "kept"
        assert len(bare_repository.git("ls-tree", "-r", REF).splitlines()) == 2

    def test_one_commit_in_two_fan_outs_becomes_one_note(
        self, notes: GitNotes, bare_repository: BareRepository
    ) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        mixed = {sha: line("a"), f"{sha[:2]}/{sha[2:]}": f"{line('a')}\n{line('b')}"}
        bare_repository.commit(mixed, branch="scratch")
        bare_repository.git("update-ref", REF, "refs/heads/scratch")
        notes.append(local(bare_repository), {sha: [line("c")]})
        assert ids(bare_repository, sha) == ["id-a", "id-b", "id-c"]
        assert len(bare_repository.git("ls-tree", "-r", REF).splitlines()) == 1

    def test_git_itself_goes_on_writing(self, notes: GitNotes, bare_repository: BareRepository) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        notes.append(local(bare_repository), {sha: [line("a")]})
        bare_repository.git("notes", f"--ref={REF}", "append", "-m", "seen by ops", sha)
        notes.append(local(bare_repository), {sha: [line("b")]})
        assert "seen by ops" in bare_repository.note(REF, sha)
        assert ids(bare_repository, sha) == ["id-a", "id-b"]

    def test_a_commit_that_was_rebased_away_keeps_its_note(
        self, notes: GitNotes, bare_repository: BareRepository
    ) -> None:
        here, gone = bare_repository.commit({"a.yaml": "1"}), "5" * 40
        assert notes.append(local(bare_repository), {here: [line("a")], gone: [line("b")]}).skipped == {}
        assert f"{gone[:2]}/{gone[2:]}" in bare_repository.git("ls-tree", "-r", "--name-only", REF)
        assert ids(bare_repository, here) == ["id-a"]

    @pytest.mark.parametrize("commit", ["6" * 64, "--exec=x", "main", "A" * 40])
    def test_what_is_no_id_of_this_repository_is_said(
        self, notes: GitNotes, bare_repository: BareRepository, commit: str
    ) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        written = notes.append(local(bare_repository), {commit: [line("a")], sha: [line("b")]})
        assert (list(written.skipped), ids(bare_repository, sha)) == ([commit], ["id-b"])

    def test_a_note_that_others_made_huge_is_left_alone(self, tmp_path: Path, bare_repository: BareRepository) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        bare_repository.git("notes", f"--ref={REF}", "add", "-m", "w" * 300, sha)
        with GitNotes(tmp_path / "cache", FILES, NotesLimits(note_bytes=200)) as notes:
            written = notes.append(local(bare_repository), {sha: [line("a")]})
        assert (list(written.skipped), written.pushed) == ([sha], False)

    def test_lines_of_all_notes_are_found(
        self, notes: GitNotes, another: Open, bare_repository: BareRepository
    ) -> None:
        one, two = (bare_repository.commit({"a.yaml": str(number)}) for number in range(2))
        assert notes.find(local(bare_repository), "RolloutStarted") == ()
        another().append(local(bare_repository), {one: [line("a"), line("b")], two: [line("c")]})
        assert sorted(notes.find(local(bare_repository), '"event": "RolloutStarted"')) == [line(n) for n in "abc"]
        assert notes.find(local(bare_repository), "id-c") == [line("c")]
        assert sorted(notes.find(local(bare_repository), "id-c", "id-a")) == [line("a"), line("c")]
        assert notes.find(local(bare_repository), "no such text") == []

    def test_a_sha256_repository(self, notes: GitNotes, tmp_path: Path) -> None:
        path = tmp_path / "sha256.git"
        subprocess.run(["git", "init", "-q", "--bare", "--object-format=sha256", path], check=True)
        repository = BareRepository(path)
        sha = repository.commit({"a.yaml": "1"})
        for name in ("a", "b"):
            notes.append(local(repository), {sha: [line(name)]})
        assert (len(sha), ids(repository, sha)) == (64, ["id-a", "id-b"])

    def test_the_sync_sees_no_change(self, notes: GitNotes, bare_repository: BareRepository, tmp_path: Path) -> None:
        """Its look asks for its own ref, and the read cache is not written to."""
        sha = bare_repository.commit({"a.yaml": "1"})
        with GitRepositories(tmp_path / "cache-0", FILES) as repositories:
            remote = GitRemote(bare_repository.url)
            before = repositories.resolve(remote, Ref())
            repositories.fetch(remote, before)
            cached = sorted(tmp_path.glob("cache-0/repositories/*/**"))
            notes.append(local(bare_repository), {sha: [line("a")]})
            assert repositories.resolve(remote, Ref()) == before
            assert sorted(tmp_path.glob("cache-0/repositories/*/**")) == cached


class TestOnce:
    """One event is told once per ref, whichever commit it is told for the second time."""

    @pytest.mark.parametrize(
        "forgets",
        [
            pytest.param(False, id="by the same process, for a file that was added again"),
            pytest.param(True, id="by a rebuilt cluster"),
        ],
    )
    def test_a_line_that_stands_on_one_commit_is_not_told_again_on_another(
        self, another: Open, bare_repository: BareRepository, forgets: bool
    ) -> None:
        first, second = (bare_repository.commit({"a.yaml": text}) for text in ("a: 1", "a: 2"))
        target = local(bare_repository)
        writer = another()
        writer.append(target, {first: [line("ran")]})
        writer = another() if forgets else writer
        assert writer.append(target, {second: [line("ran")]}).pushed is False
        writer.append(target, {second: [line("ran"), line("new")]})
        assert (ids(bare_repository, first), ids(bare_repository, second)) == (["id-ran"], ["id-new"])

    def test_nor_one_that_had_to_make_room(self, notes: GitNotes, bare_repository: BareRepository) -> None:
        first, second = (bare_repository.commit({"a.yaml": text}) for text in ("a: 1", "a: 2"))
        target = local(bare_repository)
        text = json.dumps({**json.loads(line("trimmed-away")), "at": "2025-01-01T00:00:00Z"})
        notes.append(target, {first: [text]})
        for batch in range(3):
            notes.append(target, {first: [long_line(f"{batch}-{number}") for number in range(100)]})
        assert "id-trimmed-away" not in ids(bare_repository, first)
        assert notes.append(target, {second: [text]}).pushed is False


class TestOtherWriters:
    def test_two_clusters_lose_none(self, another: Open, bare_repository: BareRepository) -> None:
        shas = [bare_repository.commit({"a.yaml": str(number)}) for number in range(3)]

        def write(cluster: str, notes: GitNotes) -> None:
            target = local(bare_repository, note_ref(cluster))
            for number in range(5):
                assert notes.append(target, {sha: [line(f"{cluster}-{number}")] for sha in shas}).pushed

        with ThreadPoolExecutor() as pool:
            list(pool.map(write, ["prod", "dev"], [another(), another()]))
        for cluster, sha in itertools.product(["prod", "dev"], shas):
            assert ids(bare_repository, sha, note_ref(cluster)) == [f"id-{cluster}-{number}" for number in range(5)]

    @pytest.mark.holds("D-20.3")
    def test_two_writers_on_one_ref_lose_none_and_write_none_twice(
        self, another: Open, bare_repository: BareRepository
    ) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})

        def write(writer: int, notes: GitNotes) -> None:
            for number in range(6):
                while True:
                    try:
                        notes.append(
                            local(bare_repository), {sha: [line(f"{writer}-{number}"), line(f"both-{number}")]}
                        )
                        break
                    except NotesContendedError:  # as the outbox does
                        continue

        with ThreadPoolExecutor() as pool:
            list(pool.map(write, range(3), [another(), another(), another()]))
        found = ids(bare_repository, sha)
        assert sorted(found) == sorted({f"id-{who}-{number}" for who in (0, 1, 2, "both") for number in range(6)})

    def test_a_ref_that_was_deleted_or_rewritten_begins_anew_from_what_is_there(
        self, notes: GitNotes, bare_repository: BareRepository
    ) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        for name in ("a", "b", "c"):
            notes.append(local(bare_repository), {sha: [line(name)]})
        bare_repository.git("update-ref", REF, f"{REF}~1")
        bare_repository.git("notes", f"--ref={REF}", "append", "-m", line("x"), sha)
        notes.append(local(bare_repository), {sha: [line("d")]})
        assert ids(bare_repository, sha) == ["id-a", "id-b", "id-d", "id-x"]
        bare_repository.delete_ref(REF)
        notes.append(local(bare_repository), {sha: [line("e")]})
        assert ids(bare_repository, sha) == ["id-e"]

    @pytest.mark.parametrize("taken", ["refs/notes/sagemaker-gitops", f"{REF}/more"])
    def test_a_ref_in_the_way_is_named(self, notes: GitNotes, bare_repository: BareRepository, taken: str) -> None:
        sha = bare_repository.commit({"a.yaml": "1"})
        bare_repository.git("update-ref", taken, sha)
        with pytest.raises(NotesRefusedError, match=f"{taken} exists, and Git cannot have"):
            notes.append(local(bare_repository), {sha: [line("a")]})


def over_http(server: GitHttpServer, repository: BareRepository, password: str | None = None) -> NotesTarget:
    login = Credentials(username=server.user, password=server.password if password is None else password)
    return NotesTarget(GitRemote(server.url(repository), login), REF)


def fails(notes: GitNotes, target: NotesTarget, sha: str, reason: str, *secrets: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        notes.append(target, {sha: [line("not taken")]})
    assert caught.value.reason == reason, caught.value
    shown = f"{caught.value} {caught.value!r} {target!r}"
    assert not [secret for secret in (CANARY, *secrets) if secret in shown]
    return caught.value


class TestHttp:
    def test_a_password_to_write(self, notes: GitNotes, git_http_server: GitHttpServer) -> None:
        git_http_server.ask_password = False
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        target = over_http(git_http_server, repository)
        for name in ("a", "b"):
            notes.append(target, {sha: [line(name)]})
        assert ids(repository, sha) == ["id-a", "id-b"]
        fails(notes, NotesTarget(GitRemote(target.remote.url), REF), sha, "AuthenticationFailed")

    def test_a_wrong_password(self, notes: GitNotes, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        fails(notes, over_http(git_http_server, repository, CANARY), sha, "AuthenticationFailed")
        # Whoever may read without a password still may not write.
        git_http_server.ask_password = False
        fails(notes, over_http(git_http_server, repository, CANARY), sha, "AuthenticationFailed")
        assert REF not in repository.refs()

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (HTTPStatus.NOT_FOUND, "RepositoryNotFound"),
            (HTTPStatus.FORBIDDEN, "AuthenticationFailed"),
            (HTTPStatus.SERVICE_UNAVAILABLE, "GitOperationFailed"),
        ],
    )
    def test_what_the_server_answers(
        self, notes: GitNotes, git_http_server: GitHttpServer, status: HTTPStatus, reason: str
    ) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        git_http_server.answer = status
        fails(notes, over_http(git_http_server, repository), sha, reason, git_http_server.password)

    def test_a_hook_that_refuses_the_ref(self, notes: GitNotes, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        hook(repository, 'echo >&2 "no notes here, $SECRET"; exit 1')
        error = fails(notes, over_http(git_http_server, repository), sha, "NotesRefused", git_http_server.password)
        assert "no notes here" in error.message
        assert REF in error.message
        assert len(pushes(git_http_server)) == NotesLimits().refusals
        hook(repository, "exit 0")
        notes.append(over_http(git_http_server, repository), {sha: [line("a")]})
        assert ids(repository, sha) == ["id-a"]

    def test_a_hook_that_refuses_once(self, notes: GitNotes, git_http_server: GitHttpServer) -> None:
        repository = git_http_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        hook(repository, "test -e once || { touch once; echo >&2 busy; exit 1; }")
        notes.append(over_http(git_http_server, repository), {sha: [line("a")]})
        assert ids(repository, sha) == ["id-a"]


class TestSsh:
    def test_a_key(self, notes: GitNotes, git_ssh_server: GitSshServer) -> None:
        repository = git_ssh_server.repository()
        sha = repository.commit({"a.yaml": "1"})
        login = Credentials(identity=git_ssh_server.identity, known_hosts=git_ssh_server.known_hosts)
        target = NotesTarget(GitRemote(git_ssh_server.url(repository), login), REF)
        notes.append(target, {sha: [line("a")]})
        assert ids(repository, sha) == ["id-a"]
        secret = git_ssh_server.identity.splitlines()[1]
        other = replace(login, known_hosts=git_ssh_server.wrong_known_hosts)
        fails(notes, replace(target, remote=replace(target.remote, credentials=other)), sha, "HostKeyMismatch", secret)
        fails(notes, NotesTarget(GitRemote(target.remote.url), REF), sha, "InvalidCredentials")


def hook(repository: BareRepository, script: str) -> None:
    path = repository.path / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def pushes(server: GitHttpServer) -> list[str]:
    return [request for request in server.requests if request.startswith("POST") and "receive-pack" in request]


def test_a_hook_of_a_local_repository_is_not_run(
    notes: GitNotes, bare_repository: BareRepository, tmp_path: Path
) -> None:
    """The URL comes out of a manifest: it must not choose a program that runs as the service."""
    sha = bare_repository.commit({"a.yaml": "1"})
    hook(bare_repository, f"touch {tmp_path}/ran")
    notes.append(local(bare_repository), {sha: [line("a")]})
    assert not (tmp_path / "ran").exists()


class KilledError(BaseException):
    """Not an Exception: nothing of the service may catch it."""


@pytest.mark.holds("D-20.3")
@pytest.mark.parametrize(
    "answered",
    [
        # Outside the process it is what "after" the command before it left.
        pytest.param(False, id="before the command", marks=pytest.mark.endurance),
        pytest.param(True, id="after the command"),
    ],
)
def test_a_crash_between_any_two_commands_loses_and_doubles_nothing(
    bare_repository: BareRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    real, points = processes.run, 0
    for step in itertools.count(1):
        bare_repository.git("notes", f"--ref={REF}", "append", "-m", line(f"theirs-{step}"), sha)
        calls = itertools.count(1)

        def run(*arguments: Any, _step: int = step, _calls: Iterator[int] = calls, **more: Any) -> Any:
            dies = next(_calls) == _step
            if dies and not answered:
                raise KilledError
            done = real(*arguments, **more)
            if dies:
                raise KilledError
            return done

        ours: Mapping[str, Sequence[str]] = {sha: [line(f"ours-{step}")]}
        with GitNotes(tmp_path / "cache", FILES) as notes, monkeypatch.context() as patch:
            for module in (bare_cache, object_store, remotes):
                patch.setattr(module, "run", run)
            try:
                notes.append(local(bare_repository), ours)
                crashed = False
            except KilledError:
                crashed = True
        points += crashed
        with GitNotes(tmp_path / "cache", FILES) as notes:
            notes.append(local(bare_repository), ours)
        assert sorted(ids(bare_repository, sha)) == sorted(
            f"id-{who}-{number}" for who in ("ours", "theirs") for number in range(1, step + 1)
        )
        if not crashed:
            break
    assert points >= 9


def test_what_a_killed_git_left_locked_or_broken_is_made_anew(bare_repository: BareRepository, tmp_path: Path) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    for number, damage in enumerate((_lock, _empty_objects, _no_head)):
        with GitNotes(tmp_path / "cache", FILES) as notes:
            notes.append(local(bare_repository), {sha: [line(number)]})
        (store,) = (path for path in (tmp_path / "cache/notes").iterdir() if (path / "objects").exists())
        damage(store)
        with GitNotes(tmp_path / "cache", FILES) as notes:
            notes.append(local(bare_repository), {sha: [line(f"{number}-after")]})
    assert len(ids(bare_repository, sha)) == 6


def _lock(store: Path) -> None:
    (store / "refs/tracked/x.lock").touch()


def _empty_objects(store: Path) -> None:
    for file in (store / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"")


def _no_head(store: Path) -> None:
    (store / "HEAD").unlink()


def test_a_cache_that_somebody_cleared_is_made_anew(
    notes: GitNotes, bare_repository: BareRepository, tmp_path: Path
) -> None:
    sha = bare_repository.commit({"a": "1"})
    assert notes.append(local(bare_repository), {sha: [line("a")]}).pushed
    shutil.rmtree(tmp_path / "cache-0")
    assert notes.append(local(bare_repository), {sha: [line("b")]}).pushed
    assert ids(bare_repository, sha) == ["id-a", "id-b"]


def test_notes_are_found_again_once_their_damaged_cache_was_seen(
    notes: GitNotes, bare_repository: BareRepository, tmp_path: Path
) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    notes.append(local(bare_repository), {sha: [line("a")]})
    (store,) = (path for path in (tmp_path / "cache-0/notes").iterdir() if (path / "objects").exists())
    _empty_objects(store)
    with pytest.raises(SourceError, match="CacheCorrupted"):
        notes.find(local(bare_repository), "id-a")
    assert notes.find(local(bare_repository), "id-a") == [line("a")]


def test_notes_that_are_too_large_are_downloaded_once_and_take_no_disk(
    git_http_server: GitHttpServer, tmp_path: Path
) -> None:
    repository = git_http_server.repository()
    sha = repository.commit({"a.yaml": "1"})
    repository.git("notes", f"--ref={REF}", "add", "-m", random.Random(1).randbytes(60_000).hex(), sha)  # noqa: S311
    target = over_http(git_http_server, repository)
    with GitNotes(tmp_path / "cache", limits=NotesLimits(store_bytes=20_000)) as notes:
        fails(notes, target, sha, "RepositoryTooLarge")
        before = len(git_http_server.requests)
        assert sum(file.stat().st_size for file in (tmp_path / "cache/notes").rglob("objects/**/*")) < 20_000
        fails(notes, target, sha, "RepositoryTooLarge")
        asked = [request for request in git_http_server.requests[before:] if request.startswith("POST")]
        assert len(asked) == 1  # the look


def test_a_thread_waits_for_its_turn_no_longer_than_a_push_may_take(
    bare_repository: BareRepository, tmp_path: Path
) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    with GitNotes(tmp_path / "cache", FILES, NotesLimits(push_s=0.5)) as impatient, ThreadPoolExecutor() as pool:

        def meanwhile() -> bool:
            with pytest.raises(NotesContendedError):
                pool.submit(impatient.append, local(bare_repository), {sha: [line("b")]}).result()
            return True

        assert impatient.append(local(bare_repository), {sha: [line("a")]}, meanwhile).pushed
    assert ids(bare_repository, sha) == ["id-a"]


def test_the_lease_is_asked_before_the_push(notes: GitNotes, bare_repository: BareRepository) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    with pytest.raises(NotesContendedError):
        notes.append(local(bare_repository), {sha: [line("a")]}, lambda: False)
    assert REF not in bare_repository.refs()


def test_credentials_are_gone_after_each_command(
    notes: GitNotes, git_http_server: GitHttpServer, tmp_path: Path
) -> None:
    repository = git_http_server.repository()
    sha = repository.commit({"a.yaml": "1"})
    notes.append(over_http(git_http_server, repository), {sha: [line("a")]})
    held = [path for path in (tmp_path / "cache-0").rglob("*") if path.is_file()]
    assert held
    assert not [path for path in held if git_http_server.password.encode() in path.read_bytes()]


def test_many_pushes_leave_few_files(bare_repository: BareRepository, tmp_path: Path) -> None:
    sha = bare_repository.commit({"a.yaml": "1"})
    with GitNotes(tmp_path / "cache", FILES, NotesLimits(tidy_after=5)) as notes:
        for number in range(5):
            notes.append(local(bare_repository), {sha: [line(number)]})
        loose = [path for path in (tmp_path / "cache/notes").rglob("objects/??/*") if path.is_file()]
    assert loose == []
