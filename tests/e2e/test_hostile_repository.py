"""A repository made to harm, through the whole service: each thing is refused by name, nothing escapes, the honest rest runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.kit import JOB, V1, WITHIN_S, Site, files
from tests.support.git_repository import BareRepository
from tests.support.lab import job
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually

CANARY = "canary-outside-the-repository"
HUGE = 100 * 1024 * 1024
MEMORY_BOUND_KB = 400 * 1024
"""Far above what the service needs, far below what a bomb takes."""


def text(manifest: dict[str, Any]) -> bytes:
    """Without a namespace."""
    (content,) = files(manifest).values()
    assert isinstance(content, str)
    return content.encode()


_BOMB = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
TEXTS: dict[str, tuple[bytes, str]] = {
    "aliases.yaml": (f"l0: &l0 [x]\n{_BOMB}\n".encode(), "InvalidYAML"),
    "many.yaml": (b"---\na: 1\n" * 10_000, "NotAManifest"),
    "nul.yaml": (b"kind: a\0b\n", "InvalidYAML"),
    "first.yaml": (text(job("twice")), "Duplicate"),
    "second.yaml": (text(job("twice")), "Duplicate"),
    "secret.yaml": (b"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n", "KindNotAllowed"),
    "binding.yaml": (
        b"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: x}\n",
        "KindNotAllowed",
    ),
    "system.yaml": (yaml.safe_dump(job("system", "kube-system")).encode(), "ForeignNamespace"),
}
"""Files, and the reason each is refused for."""
REMOTES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"url": "ext::sh -c touch% {trap}"}, "InvalidURL"),  # a helper that is a command
    ({"url": "--upload-pack=touch {trap}"}, "InvalidURL"),  # an option as URL
    ({"url": "ssh://-oProxyCommand=touch{trap}/x"}, "InvalidURL"),  # an option as host
    ({"ref": {"branch": "--upload-pack=touch {trap}"}}, "InvalidRef"),  # an option as branch
    ({"ref": {"tag": "-c core.sshCommand=touch"}}, "InvalidRef"),  # an option as tag
    ({"path": "../../etc"}, "InvalidPath"),  # a path that leaves
)


def hostile(repository: BareRepository, outside: Path) -> None:
    """On main, beside an honest job: everything of `TEXTS`, links, a submodule and a huge file."""
    told = {f"prod/{name}": content for name, (content, _) in TEXTS.items()}
    repository.commit({**told, **files(job("honest"))})
    repository.commit({"prod/link.yaml": str(outside), "prod/up": "../../.."}, mode="120000")
    sparse = outside.with_name("sparse")
    with sparse.open("wb") as file:
        file.truncate(HUGE)
    blob = repository.git("hash-object", "-w", str(sparse))
    _add(repository, ("100644", blob, "prod/huge.yaml"), ("160000", "a" * 40, "prod/vendor"))


def _add(repository: BareRepository, *entries: tuple[str, str, str]) -> None:
    """Entries that no fast-import writes, on top of main; git's index is used, a work tree never."""
    repository.git("read-tree", "main")
    for mode, sha, path in entries:
        repository.git("update-index", "--add", "--cacheinfo", f"{mode},{sha},{path}")
    tree = repository.git("write-tree")
    commit = repository.git("commit-tree", tree, "-p", "main", "-m", "More")
    repository.git("update-ref", "refs/heads/main", commit)


@pytest.mark.holds("D-10.7")
def test_each_is_refused_by_name_and_the_honest_rest_runs(
    site: Site, service: ServiceProcess, bare_repository: BareRepository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(yaml.safe_dump(job(CANARY)))
    hostile(bare_repository, outside)
    site.sync(bare_repository.url)
    site.wait_reason("GitSync", "team", "PartiallyApplied")
    refused = {(fault["path"], fault["reason"]) for fault in site.status("GitSync", "team")["rejected"]}
    assert refused == {(f"prod/{name}", reason) for name, (_, reason) in TEXTS.items()} | {
        ("prod/huge.yaml", "FileTooLarge"),
        ("prod/link.yaml", "SymbolicLink"),
        ("prod/up", "SymbolicLink"),
        ("prod/vendor", "Submodule"),
    }
    site.wait_ready((JOB, "honest"))
    assert [each["metadata"]["name"] for each in site.cluster.list(V1, JOB, site.namespace)] == ["honest"]
    assert site.cluster.list("v1", "Secret", site.namespace) == []
    assert site.cluster.find(V1, JOB, "system", "kube-system") is None
    assert site.effects() == ["CreateTrainingJob"]
    told = [service.log(), repr(site.events()), repr(site.object("GitSync", "team"))]
    assert not any(CANARY in text for text in told)
    peak = Path(f"/proc/{service.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
    assert int(peak) < MEMORY_BOUND_KB

    # Put right, it goes on: nothing was kept of the attack.
    bare_repository.delete("prod")
    site.wait_applied(bare_repository.commit(files(job("honest"), job("later"))))
    site.wait_ready((JOB, "honest"), (JOB, "later"))
    assert site.effects() == ["CreateTrainingJob", "CreateTrainingJob"]


def test_a_remote_that_would_run_something_is_refused(
    site: Site, service: ServiceProcess, bare_repository: BareRepository, tmp_path: Path
) -> None:
    """All at once, and beside them an honest one."""
    trap = tmp_path / "trap"
    for number, (repo, _) in enumerate(REMOTES):
        filled = yaml.safe_load(yaml.safe_dump(repo).replace("{trap}", str(trap)))
        site.sync(bare_repository.url, f"hostile-{number}", repo=filled)
    commit = bare_repository.commit(files(job("honest")))
    site.sync(bare_repository.url)
    site.wait_applied(commit)
    for number, (_, reason) in enumerate(REMOTES):
        found = site.wait_reason("GitSync", f"hostile-{number}", reason)
        assert found["status"] == "False"
        assert site.condition("GitSync", f"hostile-{number}", "Stalled")["status"] == "True"
    eventually(lambda: site.is_ready(JOB, "honest"), WITHIN_S)
    assert not trap.exists()
    assert service.alive
