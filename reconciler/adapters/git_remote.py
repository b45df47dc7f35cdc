"""One command that talks to a Git remote: logged in, bounded, measured. Serves `git.py` and `notes.py`; classes no error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git_environment import GitHome
from reconciler.adapters.git_errors import translate
from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.rules import RemoteUrl
from reconciler.core.git.source import Remote, SourceError
from reconciler.core.meters import OK, GitMeter

_BUG = "InternalError"


@dataclass(frozen=True, slots=True)
class Line:
    """The way out: to any remote, each with its own credentials."""

    home: GitHome
    meter: GitMeter

    def run(
        self,
        url: RemoteUrl,
        remote: Remote,
        command: Sequence[str],
        bounds: Bounds,
        cwd: Path,
        *,
        inherited: Sequence[int] = (),
    ) -> Finished:
        began, result = time.monotonic(), _BUG
        try:
            with self.home.remote_environment(url, remote.credentials) as environment:
                done = run(command, environment, cwd, bounds, inherited=inherited)
            result = OK if done.code == 0 else translate(done.stderr, ()).reason
        except SourceError as error:
            result = error.reason
            raise
        finally:
            self.meter.git_called(_operation(command), result, time.monotonic() - began)
        return done


def _operation(command: Sequence[str]) -> str:
    """`fetch` of `git --git-dir=... fetch ...`."""
    return next(word for word in command[1:] if not word.startswith("-"))
