"""Repositories made to harm: each ends in a clear refusal, nothing runs, nothing escapes, and the honest rest goes on."""

import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepositories
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.git.source import GitRemote, Ref, RepositoryRejectedError, Revision, SourceError
from reconciler.core.manifests.parse import ParseOptions
from reconciler.core.manifests.render import RenderCache, Rendered, RenderOptions, render
from tests.support.git_repository import BareRepository

V1 = "sagemaker.aws.amazon.com/v1"
OPTIONS = RenderOptions(ParseOptions("team", {"Model": V1}))
SECRET = "canary-outside-the-repository"


def model(name: str) -> str:
    return f"apiVersion: {V1}\nkind: Model\nmetadata: {{name: {name}}}\n"


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[GitRepositories]:
    with GitRepositories(tmp_path / "cache", UrlPolicy(allow_file=True)) as made:
        yield made


def rendered(repositories: GitRepositories, repository: BareRepository, path: str = "") -> Rendered:
    remote = GitRemote(repository.url)
    snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    return render(snapshot, path, OPTIONS, RenderCache(), validate=lambda _: ())


class Plumbing:
    """Writes objects that no honest git would."""

    def __init__(self, repository: BareRepository) -> None:
        self._path = repository.path

    def object(self, kind: str, data: bytes) -> str:
        command = ["git", "-C", str(self._path), "hash-object", "-w", "--literally", "-t", kind, "--stdin"]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode().strip()

    def blob(self, text: str) -> str:
        return self.object("blob", text.encode())

    def tree(self, entries: Sequence[tuple[str, bytes, str]]) -> str:
        return self.object(
            "tree",
            b"".join(
                f"{mode} ".encode() + name + b"\0" + bytes.fromhex(sha)
                for mode, name, sha in sorted(entries, key=lambda e: e[1])
            ),
        )

    def commit(
        self, tree: str, *, extra: bytes = b"", who: bytes = b"Eve <eve@x> 1700000000 +0000", text: bytes = b"Hostile\n"
    ) -> str:
        data = b"tree " + tree.encode() + b"\nauthor " + who + b"\ncommitter " + who + b"\n" + extra + b"\n" + text
        sha = self.object("commit", data)
        subprocess.run(["git", "-C", str(self._path), "update-ref", "refs/heads/main", sha], check=True)
        return sha


@pytest.fixture
def plumbing(bare_repository: BareRepository) -> Plumbing:
    return Plumbing(bare_repository)


@pytest.mark.holds("D-14.1")
@pytest.mark.parametrize(
    "target", ["good.yaml", "../../../../../../etc/passwd", "/etc/passwd", "link.yaml", "{outside}"]
)
def test_symbolic_links_are_not_followed(
    repositories: GitRepositories, bare_repository: BareRepository, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(model(SECRET))
    bare_repository.commit({"good.yaml": model("good")})
    bare_repository.commit({"link.yaml": target.format(outside=outside), "directory": "../.."}, mode="120000")
    result = rendered(repositories, bare_repository)
    assert [manifest.name for manifest in result.manifests] == ["good"]
    assert [(fault.path, fault.reason) for fault in result.rejections] == [
        ("directory", "SymbolicLink"),
        ("link.yaml", "SymbolicLink"),
    ]
    assert SECRET not in repr(result)
    with pytest.raises(SourceError, match="InvalidPath"):
        rendered(repositories, bare_repository, "directory/x")


@pytest.mark.holds("D-14.1")
def test_submodules_are_not_fetched(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository
) -> None:
    modules = plumbing.blob('[submodule "x"]\n\tpath = vendor\n\turl = https://evil.example/x\n')
    tree = plumbing.tree(
        [
            ("100644", b".gitmodules", modules),
            ("160000", b"vendor", "a" * 40),
            ("100644", b"a.yaml", plumbing.blob(model("a"))),
        ]
    )
    plumbing.commit(tree)
    result = rendered(repositories, bare_repository)
    assert [manifest.name for manifest in result.manifests] == ["a"]
    assert [(fault.path, fault.reason) for fault in result.rejections] == [("vendor", "Submodule")]


@pytest.mark.parametrize(
    "modules",
    [
        '[submodule "x"]\n\tpath = vendor\n\turl = -u./payload\n',
        '[submodule "../../x"]\n\tpath = vendor\n\turl = https://x/y\n',
    ],
    ids=["an option as its URL (CVE-2018-17456)", "a name that climbs (CVE-2018-11235)"],
)
def test_git_itself_refuses_known_attacks(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository, modules: str
) -> None:
    plumbing.commit(
        plumbing.tree([("100644", b".gitmodules", plumbing.blob(modules)), ("160000", b"vendor", "a" * 40)])
    )
    with pytest.raises(RepositoryRejectedError):
        rendered(repositories, bare_repository)


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"a/b"])
def test_trees_that_lead_out_are_refused_as_a_whole(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository, name: bytes
) -> None:
    inner = plumbing.tree([("100644", b"a.yaml", plumbing.blob(model("a")))])
    plumbing.commit(plumbing.tree([("40000", name, inner)]))
    with pytest.raises(RepositoryRejectedError):
        rendered(repositories, bare_repository)


def test_odd_names_are_refused_one_by_one(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository
) -> None:
    blob = plumbing.blob(model("evil"))
    names = [
        b"new\nline.yaml",
        b"\xff\xfe.yaml",
        b"esc\x1b[2J.yaml",
        b"-rf.yaml",
        b"$(touch x).yaml",
        b":(top)x.yaml",
        b"\xe2\x80\xaegnp.yaml",
    ]
    plumbing.commit(plumbing.tree([("100644", name, blob) for name in names]))
    result = rendered(repositories, bare_repository)
    refused = [fault for fault in result.rejections if fault.reason == "InvalidFileName"]
    assert len(refused) == 4
    assert all(fault.path.isprintable() for fault in result.rejections)
    # The others are only ugly: three files that declare one object.
    assert {fault.path for fault in result.rejections if fault.reason == "Duplicate"} == {
        "-rf.yaml",
        "$(touch x).yaml",
        ":(top)x.yaml",
    }


def test_odd_names_do_not_disturb_provenance(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository
) -> None:
    names = ["-rf.yaml", "--output=x", ":(top)x.yaml", ":!x", "a*"]
    sha = plumbing.commit(plumbing.tree([("100644", name.encode(), plumbing.blob(name)) for name in names]))
    snapshot = repositories.fetch(GitRemote(bare_repository.url), Revision("main", sha))
    assert {each.commit.sha for each in snapshot.provenance(None, names).values()} == {sha}


@pytest.mark.holds("D-14.2")
def test_a_tree_that_unfolds_without_end(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository
) -> None:
    tree = plumbing.tree([("100644", b"a.yaml", plumbing.blob("x"))])
    for _ in range(12):
        tree = plumbing.tree([("40000", f"d{n}".encode(), tree) for n in range(10)])
    plumbing.commit(tree)
    with pytest.raises(RepositoryRejectedError, match="files"):
        rendered(repositories, bare_repository)


def test_a_tree_without_a_floor(
    repositories: GitRepositories, plumbing: Plumbing, bare_repository: BareRepository
) -> None:
    tree = plumbing.tree([("100644", b"a.yaml", plumbing.blob("x"))])
    for _ in range(60):
        tree = plumbing.tree([("40000", b"d", tree)])
    plumbing.commit(tree)
    with pytest.raises(RepositoryRejectedError, match="levels"):
        rendered(repositories, bare_repository)


@pytest.mark.holds("D-14.2")
def test_a_huge_blob_is_refused_unread(
    repositories: GitRepositories, bare_repository: BareRepository, tmp_path: Path
) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    bare_repository.commit({"a.yaml": model("a")})
    blob = bare_repository.git("hash-object", "-w", str(sparse))
    inner = bare_repository.git("rev-parse", "main:a.yaml")
    plumbing = Plumbing(bare_repository)
    plumbing.commit(plumbing.tree([("100644", b"a.yaml", inner), ("100644", b"big.yaml", blob)]))
    remote = GitRemote(bare_repository.url)
    snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    result = render(snapshot, "", OPTIONS, RenderCache(), validate=lambda _: ())
    assert [manifest.name for manifest in result.manifests] == ["a"]
    assert [(fault.path, fault.reason) for fault in result.rejections] == [("big.yaml", "FileTooLarge")]
    with pytest.raises(RepositoryRejectedError, match="RepositoryTooLarge"):
        list(snapshot.read([blob]))


def test_hostile_files_beside_a_good_one(repositories: GitRepositories, bare_repository: BareRepository) -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    files: dict[str, str | bytes | None] = {
        "aliases.yaml": f"l0: &l0 [x]\n{layers}\n",
        "deep.json": "[" * 100_000,
        "good.yaml": model("good"),
        "nul.yaml": b"kind: a\0b\n",
        "objects.yaml": "kind: !!python/object/apply:os.system [touch /tmp/pwned]\n",
        "secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n",
        "sync.yaml": "apiVersion: sagemaker-gitops.dev/v1alpha1\nkind: GitSync\nmetadata: {name: x}\n",
        "system.yaml": model("x").replace("{name: x}", "{name: x, namespace: kube-system}"),
    }
    bare_repository.commit(files)
    result = rendered(repositories, bare_repository)
    assert [manifest.name for manifest in result.manifests] == ["good"]
    assert [(fault.path, fault.reason) for fault in result.rejections] == [
        ("aliases.yaml", "InvalidYAML"),
        ("deep.json", "InvalidYAML"),
        ("nul.yaml", "InvalidYAML"),
        ("objects.yaml", "InvalidYAML"),
        ("secret.yaml", "KindNotAllowed"),
        ("sync.yaml", "KindNotAllowed"),
        ("system.yaml", "ForeignNamespace"),
    ]


@pytest.mark.holds("D-14.1")
def test_no_filter_and_no_hook_runs(
    repositories: GitRepositories, bare_repository: BareRepository, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    script = tmp_path / "hook"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    text = "# $Id$\r\n" + model("a")
    bare_repository.commit({".gitattributes": "*.yaml filter=evil ident text eol=lf diff=evil\n", "a.yaml": text})
    bare_repository.branch("later")
    bare_repository.commit({"b.yaml": "x"}, branch="later")  # before its own hooks would meet it
    for name in ("post-update", "pre-receive", "reference-transaction", "post-checkout", "post-merge"):
        hook = bare_repository.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.symlink_to(script)
    for key in (
        "uploadpack.packObjectsHook",
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.evil.textconv",
        "filter.evil.smudge",
    ):
        bare_repository.git("config", key, str(script))
    remote = GitRemote(bare_repository.url)
    snapshot = repositories.fetch(remote, repositories.resolve(remote, Ref()))
    assert (
        dict(snapshot.read(file.blob for file in snapshot.files("") if file.path == "a.yaml")).popitem()[1]
        == text.encode()
    )
    assert snapshot.provenance(None, ["a.yaml"])
    # And in our own cache, should somebody get to write there.
    (store,) = (path for path in (tmp_path / "cache" / "repositories").iterdir() if path.is_dir())
    (store / "hooks").mkdir()
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        (store / "hooks" / name).symlink_to(script)
    repositories.fetch(remote, repositories.resolve(remote, Ref(branch="later")))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("extra", "who", "text", "author", "subject"),
    [
        pytest.param(
            b"encoding rot13\n", b"Eve <e@x> 1 +0000", b"Fvzcyr", "Eve", "Fvzcyr", id="an encoding that is none"
        ),
        pytest.param(
            b"encoding ISO-8859-1\n", b"Ren\xe9 <e@x> 1 +0000", b"\xe9t\xe9", "René", "été", id="an honest old encoding"
        ),
        pytest.param(
            b"",
            b"\x1b]0;pwned\x07Eve <e@x> 1 +0000",
            b"a\x1b[2Jb\rc",
            "]0;pwnedEve",
            "a[2Jb c",
            id="commands for a terminal",
        ),
        pytest.param(b"", b"Eve <e@x> 1 +0000", b"x" * 100_000, "Eve", "x" * 200, id="a long subject"),
        pytest.param(b"", b"Eve <e@x> 1 +0000", b"\xff\xfe", "Eve", "\ufffd\ufffd", id="no text at all"),
    ],
)
def test_commit_texts(
    *,
    repositories: GitRepositories,
    plumbing: Plumbing,
    bare_repository: BareRepository,
    extra: bytes,
    who: bytes,
    text: bytes,
    author: str,
    subject: str,
) -> None:
    sha = plumbing.commit(plumbing.tree([]), extra=extra, who=who, text=text)
    commit = repositories.fetch(GitRemote(bare_repository.url), Revision("main", sha)).commit
    assert (commit.author, commit.subject) == (author, subject)
    assert commit.when == datetime.fromtimestamp(1, UTC)


@pytest.mark.parametrize(
    ("url", "ref"),
    [
        ("ext::sh -c 'touch {trap}'", Ref()),
        ("--upload-pack=touch {trap}", Ref()),
        ("file:///x", Ref(branch="--upload-pack=touch {trap}")),
        ("file:///x", Ref(tag="-x")),
        ("file:///x", Ref(commit="--exec=touch")),
        ("ssh://-oProxyCommand=touch {trap}/x", Ref()),
    ],
)
def test_what_is_refused_starts_no_process(
    repositories: GitRepositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, ref: Ref
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    trap = tmp_path / "trap"
    with pytest.raises(SourceError, match="Invalid"):
        repositories.resolve(
            GitRemote(url.format(trap=trap)), Ref(ref.branch.format(trap=trap), ref.tag, ref.semver, ref.commit)
        )
