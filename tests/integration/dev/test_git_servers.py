"""The harness's git servers speak with git itself, refuse whom they should, and its repositories tell a story."""

import subprocess
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.git_http import GitHttpServer
from tests.support.git_repository import BareRepository
from tests.support.git_ssh import GitSshServer


def git(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
    return subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=30, check=False, env=clean | env)


def test_a_story_in_a_bare_repository(bare_repository: BareRepository) -> None:
    first = bare_repository.commit({"a.yaml": "1\n", "dir/b c.yaml": "x\n"}, "First")
    second = bare_repository.commit({"a.yaml": "2\n", "dir/b c.yaml": None}, "Second", author="Bob <bob@example.com>")
    assert bare_repository.read("a.yaml") == "2\n"

    bare_repository.revert(second)
    assert bare_repository.read("a.yaml") == "1\n"
    assert bare_repository.read("dir/b c.yaml") == "x\n"
    assert bare_repository.git("log", "-1", "--format=%s") == 'Revert "Second"'
    assert bare_repository.git("log", "-1", "--format=%an", second) == "Bob"

    bare_repository.branch("other", first)
    bare_repository.commit({"c.yaml": "3\n"}, "Third", branch="other")
    merged = bare_repository.commit({}, "Merge", merge=["other"])
    assert len(bare_repository.git("log", "-1", "--format=%P", merged).split()) == 2
    bare_repository.tag("v1.0.0", first)
    bare_repository.tag("v2.0.0", second, message="signed off")
    assert bare_repository.resolve("v2.0.0") == second
    gone = bare_repository.delete("dir")
    assert bare_repository.git("ls-tree", "-r", "--name-only", gone) == "a.yaml"
    assert bare_repository.note("refs/notes/none") == ""


def test_http_asks_for_the_password_and_takes_fetch_and_push(git_http_server: GitHttpServer, tmp_path: Path) -> None:
    repository = git_http_server.repository()
    repository.commit({"a.yaml": "x" * 3_000_000}, "Large")  # beyond the size that git sends in one piece
    url = git_http_server.url(repository)
    assert git("ls-remote", url).returncode != 0

    known = url.replace("http://", f"http://{git_http_server.user}:{git_http_server.password}@")
    assert git("clone", "--quiet", known, str(tmp_path / "clone")).returncode == 0
    (tmp_path / "clone" / "b.yaml").write_bytes(bytes(range(256)) * 8_000)
    clone = ("-C", str(tmp_path / "clone"), "-c", "user.name=A", "-c", "user.email=a@example.com")
    assert git(*clone, "add", ".").returncode == 0
    assert git(*clone, "commit", "--quiet", "-m", "More").returncode == 0
    pushed = git(*clone, "-c", "http.postBuffer=65536", "push", "--quiet")
    assert pushed.returncode == 0, pushed.stderr
    assert repository.git("log", "-1", "--format=%s") == "More"
    assert any("git-receive-pack" in request for request in git_http_server.requests)

    git_http_server.answer = HTTPStatus.SERVICE_UNAVAILABLE
    assert "503" in git("ls-remote", known).stderr
    git_http_server.answer, git_http_server.ask_password = None, False
    assert git("ls-remote", url).returncode == 0


@pytest.mark.parametrize("right", [True, False], ids=["right host key", "wrong host key"])
def test_ssh_checks_both_keys(git_ssh_server: GitSshServer, tmp_path: Path, *, right: bool) -> None:
    repository = git_ssh_server.repository()
    commit = repository.commit({"a.yaml": "1\n"})
    (tmp_path / "identity").write_text(git_ssh_server.identity)
    (tmp_path / "identity").chmod(0o600)
    (tmp_path / "hosts").write_text(git_ssh_server.known_hosts if right else git_ssh_server.wrong_known_hosts)
    options = f"-i {tmp_path}/identity -o UserKnownHostsFile={tmp_path}/hosts -o StrictHostKeyChecking=yes"
    asked = git(
        "ls-remote", git_ssh_server.url(repository), "HEAD",
        GIT_SSH_COMMAND=f"ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes {options}",
    )  # fmt: skip
    assert (asked.returncode == 0) is right, asked.stderr
    assert (commit in asked.stdout) is right
