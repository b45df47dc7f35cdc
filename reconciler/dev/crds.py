"""Installs the packaged CRDs into a cluster and waits until the API server serves them."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import reconciler
from reconciler.dev.errors import DevError

_SERVED_WITHIN_S = 60.0
_POLL_S = 0.1


def directory() -> Path:
    """`reconciler/crds` in a wheel, `crds` beside the package in a checkout."""
    package = Path(reconciler.__file__).parent
    packaged = package / "crds"
    return packaged if packaged.is_dir() else package.parent / "crds"


def install(kubectl: Path, kubeconfig: Path) -> list[str]:
    """Apply every CRD and return their names once the API server serves all of them."""
    files = sorted(directory().glob("*.yaml"))
    if not files:
        return []
    named = [f"--filename={file}" for file in files]
    apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=reconciler-dev", "--output=name", *named]
    names = [line.rpartition("/")[2] for line in _run(kubectl, kubeconfig, apply).splitlines()]
    await_served(kubectl, kubeconfig, names)
    return names


def await_served(kubectl: Path, kubeconfig: Path, names: Sequence[str]) -> None:
    """Until each is listed. `kubectl wait` would not do: it fails on a CRD that has no conditions yet, and an established one answers
    `storage is (re)initializing` for about a second more.
    """
    deadline = time.monotonic() + _SERVED_WITHIN_S
    while True:
        try:
            # A namespace that holds none of these objects: on a cluster of the user's the answer stays small.
            _run(kubectl, kubeconfig, ["get", ",".join(names), "--namespace=kube-public", "--output=name"])
        except DevError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return


def ready(kubectl: Path, kubeconfig: Path) -> bool:
    """Whether the cluster that the kubeconfig names says it is ready."""
    try:
        _run(kubectl, kubeconfig, ["get", "--raw=/readyz", "--request-timeout=5s"])
    except DevError:
        return False
    return True


def server_version(kubectl: Path, kubeconfig: Path) -> str:
    return _run(kubectl, kubeconfig, ["get", "--raw=/version", "--request-timeout=10s"])


def _run(kubectl: Path, kubeconfig: Path, arguments: Sequence[str]) -> str:
    try:
        ended = subprocess.run(
            [str(kubectl), f"--kubeconfig={kubeconfig}", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
        )
    except subprocess.TimeoutExpired:
        raise DevError(
            f"`kubectl {arguments[0]}` did not end within 120 s; does {kubeconfig} name a cluster that answers?"
        ) from None
    if ended.returncode != 0:
        raise DevError(f"`kubectl {arguments[0]}` failed with {kubeconfig}:\n{ended.stderr.strip()[-2000:]}")
    return ended.stdout
