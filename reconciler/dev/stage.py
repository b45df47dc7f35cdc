"""The stage of the demo: a cluster, a SageMaker, a repository and the service, and how the audience is told of them.

A real kube-apiserver, etcd, git and the service as its own process; only SageMaker is simulated. What is printed after a
`$` was run and printed this.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import click

from reconciler.dev import envfile
from reconciler.dev.children import Child, free_port
from reconciler.dev.environment import Environment, Options
from reconciler.dev.progress import Progress

_POLL_S = 0.25
_AGE = re.compile(r"\s+\d+[smhd](\d+[smh])?(?=\s|$)")


class NotSeenError(Exception):
    """A step of the story did not happen in time."""


class Stage:
    """Where the story plays: a cluster, a SageMaker, a repository, the service; and what the audience sees of them."""

    def __init__(self, directory: Path, speed: float) -> None:
        self.directory = directory
        self.speed = speed
        self.repository = directory / "models.git"
        self.work = directory / "work"
        self._environment = Environment(directory / "dev", Options(speed=speed), Progress())
        self._service = Child("service", directory / "service.log")
        self._env: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._environment.up()
        values = envfile.parse((self.directory / "dev" / "env").read_text())
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RECONCILER_"))}
        self._env = inherited | values | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        try:
            self._start_service()
            self._make_repository()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop()
        self._environment.down()

    @property
    def simulator(self) -> str:
        return self._env["AWS_ENDPOINT_URL"]

    # --- telling ---

    def title(self, text: str) -> None:
        click.echo()
        click.secho(text, bold=True, fg="cyan")

    def tell(self, text: str) -> None:
        click.echo(f"  {text}")

    def command(self, line: str, output: str) -> None:
        click.secho(f"  $ {line}", fg="green")
        for row in output.rstrip().splitlines():
            click.echo(f"    {row}")

    # --- acting ---

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it prints; a failure ends the demo with kubectl's own words."""
        ended = subprocess.run(
            [self._env["KUBECTL"], *arguments],
            input=stdin or "",
            capture_output=True,
            text=True,
            env=self._env,
            check=False,
        )
        if ended.returncode:
            raise NotSeenError(f"kubectl {' '.join(arguments)}: {ended.stderr.strip()}")
        return ended.stdout

    def show(self, *arguments: str) -> None:
        self.command(f"kubectl {' '.join(arguments)}", self.kubectl(*arguments))

    def git(self, *arguments: str) -> str:
        ended = subprocess.run(
            ["git", "-C", str(self.work), *arguments], capture_output=True, text=True, env=self._env, check=False
        )
        if ended.returncode:
            raise NotSeenError(f"git {' '.join(arguments)}: {ended.stderr.strip()}")
        return ended.stdout

    def push(self, message: str, changes: Mapping[str, str | None]) -> str:
        """Commit files (None: `git rm`) and push; the short commit."""
        for path, text in changes.items():
            target = self.work / path
            if text is None:
                self.git("rm", "--quiet", path)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            self.git("add", path)
        self.git("commit", "--quiet", "-m", message)
        self.git("push", "--quiet", "origin", "main")
        commit = self.git("rev-parse", "--short=7", "HEAD").strip()
        self.command("git push", f"{commit} {message}")
        return commit

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """The object, or {} when there is none."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    def until(
        self, what: str, kind: str, name: str, seen: Callable[[dict[str, Any]], bool], *, within_s: float = 60
    ) -> dict[str, Any]:
        """Wait until the object looks as told, printing `kubectl get` whenever its row changes."""
        deadline = time.monotonic() + within_s
        shown = ""
        while time.monotonic() < deadline:
            found = self.object(kind, name)
            table = self.kubectl("get", kind, name, "--ignore-not-found")
            row = _steady(table)
            if row and row != shown:
                rows = table.splitlines()
                self.command(f"kubectl get {kind} {name}", table) if not shown else self.tell(f"  {rows[-1]}")
                shown = row
            if seen(found):
                click.secho(f"  seen: {what}", fg="yellow")
                return found
            if not self._service.alive:
                raise NotSeenError(f"the service ended:\n{self._service.last_words()}")
            time.sleep(_POLL_S)
        raise NotSeenError(
            f"{what} was not seen within {within_s:.0f} s\n{self.kubectl('get', kind, name, '-o', 'yaml', '--ignore-not-found')}"
        )

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """SageMaker's own log of requests."""
        with urllib.request.urlopen(f"{self.simulator}/_sim/requests?since={since}") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def last_words(self) -> str:
        return self._service.last_words(15)

    def _start_service(self) -> None:
        port = free_port()
        settings = {"RECONCILER_PORT": str(port), "RECONCILER_POLL_FAST": "1", "RECONCILER_POLL_SLOW": "5"}
        settings["RECONCILER_CACHE_DIR"] = str(self.directory / "cache")
        self._service.start([sys.executable, "-m", "reconciler", "run"], self._env | settings)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(_POLL_S)
            if not self._service.alive:
                break
        raise NotSeenError(f"the service did not get ready:\n{self._service.last_words()}")

    def _make_repository(self) -> None:
        for arguments in (
            ["init", "--quiet", "--bare", "--initial-branch=main", str(self.repository)],
            ["clone", "--quiet", str(self.repository), str(self.work)],
        ):
            subprocess.run(["git", *arguments], check=True, env=self._env, capture_output=True)
        self.git("checkout", "--quiet", "-B", "main")
        self.git("config", "user.name", "Ada Lovelace")
        self.git("config", "user.email", "ada@example.com")


def _steady(table: str) -> str:
    """The row of a table without ages, which always change."""
    rows = table.splitlines()
    return _AGE.sub("", rows[-1]) if len(rows) > 1 else ""
