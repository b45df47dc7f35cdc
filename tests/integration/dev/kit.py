"""`reconciler dev` as a shell runs it, and what it leaves in the process table."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def dev(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler", "dev", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=180, check=False, stdin=subprocess.DEVNULL, env=env
    )


def status(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dev("status", "--dir", str(directory), "-o", "json").stdout)
    return found


def processes_naming(directory: Path) -> list[str]:
    """Command lines of living processes that mention a directory; ps would mention itself."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(directory) in line:
                found.append(line)
    return found


def gone(pids: Mapping[str, int]) -> bool:
    return not any(lives(pid) for pid in pids.values())


def lives(pid: int | str) -> bool:
    """A zombie does not: whoever inherits it, a container's first process for one, may be slow to bury it."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
