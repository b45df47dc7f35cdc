"""A backup of a control plane's database, and the older database put back under whoever runs on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from reconciler.dev.control_plane import ControlPlane


def taken(plane: ControlPlane, into: Path) -> Path:
    """The database as it is now; both servers are started again."""
    plane.stop()
    kept: Path = shutil.copytree(plane.directory / "etcd", into)
    plane.repair()
    return kept


def put_back(plane: ControlPlane, kept: Path) -> None:
    """As etcd's manual says: the API server is stopped meanwhile. It has its port again."""
    plane.stop()
    shutil.rmtree(plane.directory / "etcd")
    shutil.copytree(kept, plane.directory / "etcd")
    plane.repair()
