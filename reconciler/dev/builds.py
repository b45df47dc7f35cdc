"""Builds kube-apiserver and etcd from the pinned module, once per version, with Go.

The first build takes about eight minutes on two cores. Go keeps what it has compiled, so an interrupted build goes on
where it stopped; the two servers appear in the cache together and whole, or not at all.
"""

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.dev import wheels
from reconciler.dev.children import Running
from reconciler.dev.errors import DevError
from reconciler.dev.files import Lock
from reconciler.dev.progress import Progress
from reconciler.dev.waiting import until_acquired

_PACKAGES = {"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"}
_KEPT_LINES = 15


@dataclass(frozen=True)
class Go:
    executable: Path
    version: str


def build(module: Path, target: Path, version: str, cache: Path, progress: Progress) -> None:
    """Leave the two servers in `target`. A second process waits for the first and takes its result."""
    lock = Lock(target.with_name(f"{target.name}.lock"))
    with until_acquired(lock, "builds the control plane", progress):
        if all(os.access(target / name, os.X_OK) for name in _PACKAGES):
            return
        go = find_go(module, cache, progress)
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        # Copied: the package may be installed read-only, and Go wants to lock its module's directory.
        source = partial / "module"
        source.mkdir()
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(module / name, source / name)
        progress.say(
            f"Building kube-apiserver and etcd {version} with Go {go.version}: once, about 8 minutes on two cores; "
            "an interrupted build goes on where it stopped"
        )
        progress.begin()
        _build_all(go, source, partial, version, progress)
        shutil.rmtree(source)
        shutil.rmtree(target, ignore_errors=True)
        partial.replace(target)
        progress.done(f"Built {target}")


def find_go(module: Path, cache: Path, progress: Progress) -> Go:
    """Go on PATH if it is new enough for the module, else the one out of the pinned wheel."""
    wanted = _version((module / "go.mod").read_text(), r"^go (\S+)")
    if on_path := shutil.which("go"):
        go = Path(on_path).absolute()
        found = _ask_version(go)
        if found and _numbers(found) >= _numbers(wanted):
            return Go(go, found)
        progress.say(f"{go} is Go {found or 'of an unknown version'}; {wanted} or newer is needed")
    go = wheels.executable("go", cache, progress)
    return Go(go, _ask_version(go) or "of the wheel")


def _build_all(go: Go, source: Path, partial: Path, version: str, progress: Progress) -> None:
    env = _environment(partial.parent)
    downloaded = _Count(r"^go: downloading ")
    listing = [str(go.executable), "list", "-deps", *_PACKAGES.values()]
    _run(listing, source, env, lambda line: progress.update(f"Go modules downloaded: {downloaded.see(line)}"))
    compiled = _Count(r"^[\w.-]+(/\S+)?$")
    flags = "-s -w"
    for name, package in _PACKAGES.items():
        if name == "kube-apiserver":
            flags += f" -X k8s.io/component-base/version.gitVersion={version}"
        command = [
            str(go.executable),
            "build",
            "-v",
            "-trimpath",
            f"-ldflags={flags}",
            "-o",
            str(partial / name),
            package,
        ]
        _run(
            command,
            source,
            env,
            lambda line, name=name: progress.update(f"{name}: {compiled.see(line)} packages compiled"),  # type: ignore[misc]
        )


class _Count:
    """Counts the lines of a shape."""

    def __init__(self, shape: str) -> None:
        self._shape = re.compile(shape)
        self._seen = 0

    def see(self, line: str) -> int:
        self._seen += self._shape.match(line) is not None
        return self._seen


def _run(command: list[str], cwd: Path, env: Mapping[str, str], heard: Callable[[str], object]) -> None:
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    with Running(command, env, cwd) as running:
        for line in running.lines():
            if line:
                last.append(line)
            heard(line)
        code = running.exit_code
    if code != 0:
        said = "\n".join(f"  | {line}" for line in last)
        raise DevError(
            f"`go {command[1]}` failed with code {code}:\n{said}\n"
            "What is compiled is kept: run the same command again and it goes on from there. If Go modules cannot be "
            "fetched here, set GOPROXY to a module proxy you can reach, or set KUBEBUILDER_ASSETS to a directory that "
            "holds kube-apiserver (1.30 or newer) and etcd, or use an existing cluster: `reconciler dev up --kubeconfig F`."
        )


def _environment(cache: Path) -> dict[str, str]:
    env = dict(os.environ)
    if not env.get("HOME"):
        env |= {"GOPATH": str(cache / "go"), "GOCACHE": str(cache / "go-build")}
    # The user's workspace, flags or wish for another toolchain must not change what is built.
    return env | {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}


def _ask_version(go: Path) -> str:
    try:
        said = subprocess.run(
            [go, "version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=dict(os.environ) | {"GOTOOLCHAIN": "local"},
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\bgo(\d+(?:\.\d+)+)", said)
    return found[1] if found else ""


def _version(text: str, shape: str) -> str:
    found = re.search(shape, text, re.MULTILINE)
    if found is None:
        raise DevError("the pinned go.mod names no Go version")
    return found[1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
