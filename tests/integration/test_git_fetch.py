"""Refs, snapshots, ancestry, provenance, and a cache that mends itself, over a repository on this disk."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.adapters import processes
from reconciler.adapters.git import GitLimits, GitRepositories, ReadLimits, bare_cache, remotes
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.git.source import GitRemote, Ref, Revision, SourceError
from reconciler.core.manifests.parse import ParseOptions
from reconciler.core.manifests.render import RenderCache, RenderOptions, render
from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository

POLICY = UrlPolicy(allow_file=True)
UNKNOWN = "0" * 39 + "1"


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[GitRepositories]:
    with GitRepositories(tmp_path / "cache", POLICY) as made:
        yield made


@pytest.fixture
def remote(bare_repository: BareRepository) -> GitRemote:
    return GitRemote(bare_repository.url)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The git commands that talk to a remote, in order."""
    seen: list[str] = []
    real = processes.run

    def recording(arguments: list[str], *rest: object, **options: object) -> object:
        seen.append(next(word for word in arguments if word in ("ls-remote", "fetch", "init")))
        return real(arguments, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(bare_cache, "run", recording)
    monkeypatch.setattr(remotes, "run", recording)
    return seen


def store_of(tmp_path: Path) -> Path:
    (path,) = (path for path in (tmp_path / "cache" / "repositories").iterdir() if path.is_dir())
    return path


@pytest.mark.holds("D-19.1")
def test_every_kind_of_ref(repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository) -> None:
    first = bare_repository.commit({"a": "1"})
    bare_repository.tag("v1.2.0", message="annotated")
    second = bare_repository.commit({"a": "2"})
    bare_repository.tag("v1.10.0")
    bare_repository.branch("feature/x", first)
    cases = {
        Ref(): f"main@sha1:{second}",
        Ref(branch="feature/x"): f"feature/x@sha1:{first}",
        Ref(tag="v1.2.0"): f"v1.2.0@sha1:{first}",
        Ref(semver="1.x"): f"v1.10.0@sha1:{second}",
        Ref(commit=first): f"sha1:{first}",
        Ref(branch="main", tag="v1.2.0", semver="1.2.x", commit=second): f"main@sha1:{second}",
        Ref(branch="main", tag="v1.10.0", semver="1.2.x"): f"v1.2.0@sha1:{first}",
    }
    for ref, expected in cases.items():
        revision = repositories.resolve(remote, ref)
        assert str(revision) == expected
        assert repositories.fetch(remote, revision).commit.sha == revision.sha


@pytest.mark.parametrize("ref", [Ref(branch="none"), Ref(tag="none"), Ref(semver="9.x")])
def test_a_ref_that_is_not_there(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository, ref: Ref
) -> None:
    bare_repository.commit({"a": "1"})
    with pytest.raises(SourceError, match="RefNotFound"):
        repositories.resolve(remote, ref)


def test_an_empty_repository_and_no_repository(
    repositories: GitRepositories, remote: GitRemote, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="RefNotFound"):
        repositories.resolve(remote, Ref())
    with pytest.raises(SourceError, match="RepositoryNotFound"):
        repositories.resolve(GitRemote(f"file://{tmp_path}/nowhere"), Ref())


def test_a_commit_that_nobody_has(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
) -> None:
    bare_repository.commit({"a": "1"})
    with pytest.raises(SourceError, match="RefNotFound"):
        repositories.fetch(remote, Revision("", UNKNOWN))


@pytest.mark.holds("D-14.12")
def test_a_snapshot_shows_one_commit(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
) -> None:
    bare_repository.commit(
        {"a.yaml": "1", "d/b.yaml": "2", "d/e/c.yaml": "33"},
        author="Ada\x07 <ada@example.com>",
        message="One\x1b[1m\n\nbody",
    )
    sha = bare_repository.resolve()
    snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    bare_repository.commit({"a.yaml": "later"})
    assert (snapshot.commit.author, snapshot.commit.subject) == ("Ada", "One[1m")
    assert [(file.path, file.size) for file in snapshot.files("")] == [
        ("a.yaml", 1),
        ("d/b.yaml", 1),
        ("d/e/c.yaml", 2),
    ]
    assert [file.path for file in snapshot.files("d/e")] == ["d/e/c.yaml"]
    assert [data for _, data in snapshot.read(file.blob for file in snapshot.files("d"))] == [b"2", b"33"]
    assert snapshot.tree_id("") == bare_repository.git("rev-parse", f"{sha}^{{tree}}")
    assert snapshot.tree_id("d/e") == bare_repository.git("rev-parse", f"{sha}:d/e")
    assert snapshot.tree_id("none/there") is None
    assert snapshot.files("none") == []
    with pytest.raises(SourceError, match="InvalidPath"):
        snapshot.tree_id("a.yaml")


def test_an_idle_look_is_one_ls_remote(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository, commands: list[str]
) -> None:
    bare_repository.commit({"a": "1"})
    repositories.fetch(remote, repositories.resolve(remote, Ref()))
    commands.clear()
    repositories.fetch(remote, repositories.resolve(remote, Ref()))
    assert commands == ["ls-remote"]


def test_many_at_once_fetch_once(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository, commands: list[str]
) -> None:
    bare_repository.commit({"a": "1"})
    revision = repositories.resolve(remote, Ref())
    at_once = threading.Barrier(8)

    def fetch() -> None:
        at_once.wait()
        repositories.fetch(remote, revision)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert commands.count("fetch") == 1


def test_a_cached_commit_is_shown_only_to_who_may_read_the_repository(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository, tmp_path: Path
) -> None:
    sha = bare_repository.commit({"a": "1"})
    repositories.fetch(remote, repositories.resolve(remote, Ref()))
    repositories.close()
    shutil.move(bare_repository.path, tmp_path / "withdrawn")
    with GitRepositories(tmp_path / "cache", POLICY) as later, pytest.raises(SourceError, match="RepositoryNotFound"):
        later.fetch(remote, Revision("", sha))


def test_a_one_file_commit_among_a_thousand_reads_one_blob(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
) -> None:
    def model(name: str) -> str:
        return f"apiVersion: sagemaker.aws.amazon.com/v1\nkind: Model\nmetadata: {{name: {name}}}\n"

    bare_repository.commit({f"prod/{n}.yaml": model(f"m{n}") for n in range(1000)})
    cache, options = RenderCache(), RenderOptions(ParseOptions("team", {"Model": "sagemaker.aws.amazon.com/v1"}))
    parses = []
    for change in ({}, {"other/x": "1"}, {"prod/7.yaml": model("new")}):
        if change:
            bare_repository.commit(change)
        snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
        before = cache.parses
        result = render(snapshot, "prod", options, cache, validate=lambda _: ())
        parses.append(cache.parses - before)
        assert len(result.manifests) == 1000
    assert parses == [1000, 0, 1]


def test_ancestry(repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository) -> None:
    first = bare_repository.commit({"a": "1"})
    second = bare_repository.commit({"a": "2"})
    snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    assert snapshot.contains(first)
    assert snapshot.contains(second)
    assert not snapshot.contains(UNKNOWN)
    assert not snapshot.contains("main")
    third = bare_repository.commit({"a": "3"}, orphan=True)
    rewritten = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    assert rewritten.revision.sha == third
    assert not rewritten.contains(second)


def test_a_commit_that_left_its_branch_meanwhile_is_still_found(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
) -> None:
    bare_repository.git("config", "uploadpack.allowAnySHA1InWant", "false")
    bare_repository.commit({"a": "1"})
    revision = repositories.resolve(remote, Ref())
    bare_repository.commit({"a": "2"})
    assert repositories.fetch(remote, revision).commit.sha == revision.sha


def test_branches_that_cannot_exist_at_once(
    repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
) -> None:
    bare_repository.commit({"a": "1"})
    bare_repository.branch("x")
    repositories.fetch(remote, repositories.resolve(remote, Ref(branch="x")))
    bare_repository.delete_ref("refs/heads/x")
    bare_repository.commit({"a": "2"})
    bare_repository.branch("x/y")
    repositories.fetch(remote, repositories.resolve(remote, Ref(branch="x/y")))


class TestProvenance:
    @pytest.mark.holds("D-13.1")
    def test_the_newest_commit_that_changed_each_file(
        self, repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
    ) -> None:
        first = bare_repository.commit({"a": "1", "b": "1", "odd\nname": "1"}, "First", author="Ada <a@x>")
        second = bare_repository.commit({"a": "2", f":100644 {first}": "x"}, "Second", author="Bob <b@x>")
        bare_repository.commit({"c": "1"}, "Third")
        found = repositories.fetch(remote, repositories.resolve(remote, Ref())).provenance(
            None, ["a", "b", "odd\nname", f":100644 {first}"]
        )
        assert {path: each.commit.sha for path, each in found.items()} == {
            "a": second,
            "b": first,
            "odd\nname": first,
            f":100644 {first}": second,
        }
        assert found["a"].commit.author == "Bob"
        assert not any(each.approximate for each in found.values())

    @pytest.mark.holds("D-13.1")
    def test_the_commit_and_not_its_merge(
        self, repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
    ) -> None:
        base = bare_repository.commit({"a": "1", "b": "1"})
        bare_repository.branch("side")
        side = bare_repository.commit({"a": "2"}, "On the side", branch="side")
        bare_repository.commit({"b": "2"})
        bare_repository.commit({"a": "2"}, "Merge", merge=[side])
        snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
        assert snapshot.provenance(base, ["a"])["a"].commit.sha == side

    def test_what_did_not_change_since_is_found_before(
        self, repositories: GitRepositories, remote: GitRemote, bare_repository: BareRepository
    ) -> None:
        first = bare_repository.commit({"a": "1", "b": "1"})
        second = bare_repository.commit({"b": "2"})
        third = bare_repository.commit({"b": "3"})
        snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
        found = snapshot.provenance(second, ["a", "b"])
        assert (found["a"].commit.sha, found["b"].commit.sha) == (first, third)
        assert snapshot.provenance(UNKNOWN, ["b"])["b"].commit.sha == third

    @pytest.mark.holds("D-13.1")
    def test_beyond_the_bound_it_is_the_head_and_approximate(
        self, tmp_path: Path, remote: GitRemote, bare_repository: BareRepository
    ) -> None:
        bare_repository.commit({"old": "1", **{f"f{n}": "" for n in range(200)}})
        for n in range(5):
            head = bare_repository.commit({"new": str(n)})
        limits = GitLimits(read=ReadLimits(commits=3))
        with GitRepositories(tmp_path / "cache", POLICY, limits) as repositories:
            snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
            # More paths than are handed to git, so the bound counts all commits.
            found = snapshot.provenance(None, ["old", "new", *(f"f{n}" for n in range(200))])
        assert (found["old"].commit.sha, found["old"].approximate) == (head, True)
        assert (found["new"].commit.sha, found["new"].approximate) == (head, False)


def _locks(store: Path) -> None:
    for name in ("config.lock", "packed-refs.lock", "shallow.lock", "refs/snapshots/x.lock", "objects/pack/tmp_pack_x"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_bytes(b"half")
    for ref in (store / "refs/snapshots").iterdir():
        if ref.suffix != ".lock":
            ref.with_suffix(".lock").write_bytes(b"")


def _truncated(store: Path) -> None:
    for file in (store / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _no_objects(store: Path) -> None:
    shutil.rmtree(store / "objects")


def _lost_objects(store: Path) -> None:
    for file in (store / "objects").rglob("*"):
        if file.is_file():
            file.unlink()


def _half_made(store: Path) -> None:
    shutil.rmtree(store)
    store.mkdir()
    (store / "HEAD").write_text("ref: refs/heads/main\n")


def _empty_refs(store: Path) -> None:
    for ref in (store / "refs/snapshots").iterdir():
        ref.write_bytes(b"")


@pytest.mark.parametrize("damage", [_locks, _truncated, _no_objects, _lost_objects, _half_made, _empty_refs])
@pytest.mark.parametrize("restart", [True, False], ids=["after a restart", "while running"])
def test_a_damaged_cache_mends_itself(
    tmp_path: Path, remote: GitRemote, bare_repository: BareRepository, damage: Callable[[Path], None], restart: bool
) -> None:
    bare_repository.commit({"a.yaml": "1", "d/b.yaml": "2"})
    repositories = GitRepositories(tmp_path / "cache", POLICY)
    repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")
    damage(store_of(tmp_path))
    if restart:
        repositories.close()
        repositories = GitRepositories(tmp_path / "cache", POLICY)
    bare_repository.commit({"a.yaml": "new"})
    for attempt in range(3):  # a fault that only reading finds costs one pass
        try:
            snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
            contents = dict(snapshot.read(file.blob for file in snapshot.files("")))
            break
        except SourceError as error:
            assert error.reason == "CacheCorrupted", error  # noqa: PT017
            assert attempt < 2
    assert sorted(contents.values()) == [b"2", b"new"]
    repositories.close()


def test_a_cache_that_somebody_cleared_is_made_anew(
    repositories: GitRepositories, tmp_path: Path, remote: GitRemote, bare_repository: BareRepository
) -> None:
    bare_repository.commit({"a": "1"})
    repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")
    shutil.rmtree(tmp_path / "cache")
    bare_repository.commit({"b": "2"})
    assert [file.path for file in repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")] == [
        "a",
        "b",
    ]
    (config,) = (tmp_path / "cache").glob("home-*/gitconfig")
    assert "allow = never" in config.read_text()
    with GitRepositories(tmp_path / "cache", POLICY):
        assert config.exists()  # the next service takes it for one that lives


def test_a_sha256_repository(repositories: GitRepositories, tmp_path: Path) -> None:
    work = tmp_path / "work"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", "-b", "main", work], check=True)
    (work / "a.yaml").write_text("1")
    subprocess.run(["git", "-C", work, "add", "."], check=True)
    subprocess.run(["git", "-C", work, "-c", "user.name=A", "-c", "user.email=a@x", "commit", "-qm", "One"], check=True)
    remote = GitRemote(f"file://{work}")
    revision = repositories.resolve(remote, Ref())
    snapshot = repositories.fetch(remote, revision)
    assert str(revision).startswith("main@sha256:")
    assert [data for _, data in snapshot.read(file.blob for file in snapshot.files(""))] == [b"1"]


def test_settings_of_the_machine_do_not_matter(
    repositories: GitRepositories,
    remote: GitRemote,
    bare_repository: BareRepository,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As in a git hook, or with an `insteadOf` that sends everybody elsewhere."""
    bare_repository.commit({"a": "1"})
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "file:///nowhere"]\n\tinsteadOf = {bare_repository.url}\n')
    for name, value in {
        "GIT_DIR": "/nowhere",
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_OBJECT_DIRECTORY": "/nowhere",
        "GIT_CONFIG_GLOBAL": str(config),
    }.items():
        monkeypatch.setenv(name, value)
    snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    assert [file.path for file in snapshot.files("")] == ["a"]


def test_a_cache_inside_somebody_s_checkout(tmp_path: Path, remote: GitRemote, bare_repository: BareRepository) -> None:
    bare_repository.commit({"a": "1"})
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "config", "url.file:///nowhere.insteadOf", bare_repository.url], check=True)
    with GitRepositories(tmp_path / "cache", POLICY) as repositories:
        assert repositories.fetch(remote, repositories.resolve(remote, Ref())).files("")


def test_a_cache_that_cannot_be_written(tmp_path: Path, remote: GitRemote, bare_repository: BareRepository) -> None:
    bare_repository.commit({"a": "1"})
    with GitRepositories(tmp_path / "cache", POLICY) as repositories:
        revision = repositories.resolve(remote, Ref())
        (tmp_path / "cache" / "repositories").rmdir()
        (tmp_path / "cache" / "repositories").write_text("in the way")
        with pytest.raises(SourceError, match="GitOperationFailed"):
            repositories.fetch(remote, revision)


def test_git_that_is_not_installed(tmp_path: Path, remote: GitRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        GitRepositories(tmp_path / "cache", POLICY) as repositories,
        pytest.raises(SourceError, match="git cannot be started"),
    ):
        repositories.resolve(remote, Ref())


_FETCHING = """
import sys
from pathlib import Path
from reconciler.adapters.git import GitRepositories
from reconciler.core.git.source import Ref, GitRemote, Revision
repositories = GitRepositories(Path(sys.argv[1]))
remote = GitRemote(sys.argv[2])
revision = repositories.resolve(remote, Ref())
print("fetching", flush=True)
repositories.fetch(remote, revision)
"""


def test_kill_9_in_a_fetch(tmp_path: Path, git_http_server: GitHttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The git that is left behind keeps the lock; who comes after waits for it and then finds or makes what is needed."""
    git_http_server.ask_password = False
    repository = git_http_server.repository()
    repository.commit({"a.yaml": "1"})
    reached, release = threading.Event(), threading.Event()

    def stall(server: GitHttpServer, header: str | None) -> bool:
        if any(request.startswith("POST") for request in server.requests[-1:]) and len(server.requests) > 3:
            reached.set()
            release.wait(30)
        return False

    monkeypatch.setattr(GitHttpServer, "permits", stall)
    url = git_http_server.url(repository)
    with subprocess.Popen(
        [sys.executable, "-c", _FETCHING, tmp_path / "cache", url], stdout=subprocess.DEVNULL
    ) as child:
        assert reached.wait(30)
        child.kill()
    release.set()
    with GitRepositories(tmp_path / "cache") as repositories:
        remote = GitRemote(url)
        snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
        assert [data for _, data in snapshot.read(file.blob for file in snapshot.files(""))] == [b"1"]
        assert len(list((tmp_path / "cache").glob("home-*"))) == 1
