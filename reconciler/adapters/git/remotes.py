"""Commands that talk to a Git remote: the URL judged first, logged in, bounded, measured, and what failed classed.

Serves `repositories.py` and `notes.py`, and `bare_cache.py` for its fetches; knows nothing of what lies on this disk.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

from reconciler.adapters.git.environment import GitHome
from reconciler.adapters.git.errors import translate
from reconciler.adapters.processes import Bounds, Finished, run
from reconciler.core.git.rules import RemoteUrl, UrlPolicy, check_credentials, parse_url
from reconciler.core.git.source import Credentials, GitRemote, SourceError
from reconciler.core.meters import OK, GitMeter

_BUG = "InternalError"


class RemoteCommands:
    """The way out: to any remote that the policy allows, each with its own credentials. Safe for many threads."""

    def __init__(self, home: GitHome, policy: UrlPolicy, meter: GitMeter, *, login_field: str) -> None:
        """`login_field` is where a GitSync names the Secret to log in with; errors say so when there is none."""
        self._home = home
        self._policy = policy
        self._meter = meter
        self._login_field = login_field
        self._admitted: set[str] = set()

    def access(self, remote: GitRemote) -> RemoteAccess:
        """The remote, judged without asking it; SourceError InvalidURL or InvalidCredentials for one that may not be used."""
        url = parse_url(remote.url, self._policy)
        if remote.credentials is not None:
            check_credentials(url, remote.credentials)
        elif url.scheme == "ssh":
            raise SourceError(
                "InvalidCredentials", f"ssh needs identity and known_hosts in a Secret ({self._login_field})"
            )
        return RemoteAccess(self, url, remote.credentials)

    def admitted(self, access: RemoteAccess) -> bool:
        """Whether the last command of this process to this URL with these credentials succeeded."""
        return access.identity in self._admitted

    def run(
        self,
        access: RemoteAccess,
        command: Sequence[str],
        bounds: Bounds,
        cwd: Path,
        *,
        inherited: Sequence[int] = (),
    ) -> Finished:
        """Run one command; one that fails ends with another code than 0."""
        began, result = time.monotonic(), _BUG
        try:
            with self._home.remote_environment(access.url, access.credentials) as environment:
                done = run(command, environment, cwd, bounds, inherited=inherited)
            result = OK if done.code == 0 else translate(done.stderr, ()).reason
        except SourceError as error:
            result = error.reason
            raise
        finally:
            self._meter.git_called(_operation(command), result, time.monotonic() - began)
        if done.code == 0:
            self._admitted.add(access.identity)
        else:
            self._admitted.discard(access.identity)
        return done


class RemoteAccess:
    """One remote with one set of credentials. Errors raised here and by `error` hold no secret."""

    def __init__(self, commands: RemoteCommands, url: RemoteUrl, credentials: Credentials | None) -> None:
        self.url = url
        self.credentials = credentials
        self.secrets = credentials.secrets if credentials else ()
        # A digest, so that no second copy of a secret lies about.
        who = "\0".join(astuple(credentials)) if credentials else ""
        self.identity = hashlib.sha256(f"{url.text}\0{who}".encode("utf-8", "replace")).hexdigest()
        self._commands = commands

    @property
    def admitted(self) -> bool:
        """See `RemoteCommands.admitted`."""
        return self._commands.admitted(self)

    def ls_remote(self, patterns: Sequence[str], timeout_s: float, cwd: Path) -> Mapping[str, str]:
        """Ref to object id as the remote names them, unchecked; `symref HEAD` to the ref that HEAD stands for."""
        command = ["git", "ls-remote", "--symref", "--", self.url.text, *patterns]
        done = self._commands.run(self, command, Bounds(timeout_s), cwd)
        if done.code != 0:
            raise self.error(done)
        heads: dict[str, str] = {}
        for line in done.stdout.decode("utf-8", "replace").split("\n"):
            value, _, name = line.partition("\t")
            # "ref: refs/heads/main<TAB>HEAD" comes before HEAD's own id.
            heads[f"symref {name}" if value.startswith("ref: ") else name] = value.removeprefix("ref: ")
        return heads

    def fetch(self, path: Path, refspecs: Sequence[str], bounds: Bounds, lock: int) -> None:
        """Fetch into the bare repository at `path`. The command keeps `lock`, a descriptor, should it outlive us."""
        options = [
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-show-forced-updates",
            "--force",
        ]
        command = ["git", f"--git-dir={path}", "fetch", *options, "--", self.url.text, *refspecs]
        done = self._commands.run(self, command, bounds, path, inherited=(lock,))
        if done.code != 0:
            raise self.error(done)

    def push(self, path: Path, refspec: str, bounds: Bounds) -> Finished:
        """Push one ref, never forced, from the bare repository at `path`: what git says of it, in its porcelain format."""
        options = ["--porcelain", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed"]
        command = ["git", f"--git-dir={path}", "push", *options, "--", self.url.text, refspec]
        return self._commands.run(self, command, bounds, path)

    def error(self, done: Finished) -> SourceError:
        """Class what a failed command wrote."""
        return translate(done.stderr, self.secrets)


def _operation(command: Sequence[str]) -> str:
    """`fetch` of `git --git-dir=... fetch ...`."""
    return next(word for word in command[1:] if not word.startswith("-"))
