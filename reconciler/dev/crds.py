"""Installs the packaged CRDs into a cluster and waits until the API server serves them."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import reconciler
from reconciler.dev.errors import DevError

_ESTABLISHED_WITHIN = "60s"


def directory() -> Path:
    """`reconciler/crds` in a wheel, `crds` beside the package in a checkout."""
    package = Path(reconciler.__file__).parent
    packaged = package / "crds"
    return packaged if packaged.is_dir() else package.parent / "crds"


def install(kubectl: Path, kubeconfig: Path) -> list[str]:
    """Apply every CRD and return their file names once all are established."""
    files = sorted(directory().glob("*.yaml"))
    if not files:
        return []
    named = [f"--filename={file}" for file in files]
    _run(kubectl, kubeconfig, ["apply", "--server-side", "--force-conflicts", "--field-manager=reconciler-dev", *named])
    _run(kubectl, kubeconfig, ["wait", "--for=condition=Established", f"--timeout={_ESTABLISHED_WITHIN}", *named])
    return [file.name for file in files]


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
