"""The stage of the demo: a cluster, a SageMaker, a repository and the service, and what scenes do with them.

A real kube-apiserver, etcd, git and the service as its own process; only SageMaker is simulated.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import boto3

from reconciler.dev import envfile, rights
from reconciler.dev.children import Child, free_port
from reconciler.dev.demo import narrator
from reconciler.dev.demo.looks import Look
from reconciler.dev.demo.table import DemoTable
from reconciler.dev.environment import Environment, Options, answers
from reconciler.dev.progress import Progress

_POLL_S = 0.25
_READY_WITHIN_S = 30.0
CLUSTER = envfile.CLUSTER_NAME


T = TypeVar("T")


class NotSeenError(Exception):
    """A step of the story did not happen in time."""


class Stage:
    """Where the story plays. What is said and shown goes through `narrator`."""

    def __init__(self, directory: Path, speed: float) -> None:
        self.directory = directory
        self.speed = speed
        self.repository = directory / "models.git"
        self.work = directory / "work"
        options = Options(speed=speed, iam_policy=str(rights.shipped()))
        self._environment = Environment(directory / "dev", options, Progress())
        self._service = Child("service", directory / "service.log")
        self._env: dict[str, str] = {}
        self._key = ""

    def __enter__(self) -> Self:
        self._environment.up()
        values = envfile.parse((self.directory / "dev" / "env").read_text())
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RECONCILER_"))}
        self._env = inherited | values | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        # The service has the rights of the shipped policy; people, whose key this is, have all.
        self._key, self._env["AWS_ACCESS_KEY_ID"] = self._env["AWS_ACCESS_KEY_ID"], "console"
        # kubectl looks there for `kubectl sagemaker`.
        self._env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self._env.get('PATH', os.defpath)}"
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

    def last_words(self) -> str:
        return self._service.last_words(15)

    # --- what people do ---

    def tell(self, text: str) -> None:
        narrator.tell(text)

    def kubectl(self, *arguments: str, codes: Collection[int] = (0,)) -> str:
        """What kubectl prints. Another exit code ends the demo with its own words."""
        return self._run([self._env["KUBECTL"], *arguments], codes)

    def show(self, *arguments: str, codes: Collection[int] = (0,)) -> str:
        """`kubectl` with the audience looking on."""
        text = self.kubectl(*arguments, codes=codes)
        narrator.command(f"kubectl {shlex.join(arguments)}", text)
        return text

    def apply(self, file: str, manifest: str) -> None:
        (self.directory / file).write_text(manifest)
        narrator.command(f"cat {file}", manifest)
        self.show("apply", "-f", file)

    def git(self, *arguments: str) -> str:
        return self._run(["git", "-C", str(self.work), *arguments])

    def show_git(self, *arguments: str) -> str:
        text = self.git(*arguments)
        narrator.command(f"git {shlex.join(arguments)}", text, whole=True)
        return text

    def push(self, message: str, changes: Mapping[str, str | None], *, diff: bool = False) -> str:
        """Commit files (None: `git rm`) and push; the short commit. `diff` shows what changed in them."""
        for path, text in changes.items():
            target = self.work / path
            if text is None:
                self.show_git("rm", "-q", path)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            self.git("add", path)
        if diff:
            changed = [line for line in self.git("diff", "--staged", "-U0").splitlines() if line.startswith(("+", "-"))]
            narrator.command("git diff --staged -U0 | grep '^[+-]'", "\n".join(changed))
        self.show_git("commit", "-m", message)
        return self.pushed()

    def pushed(self) -> str:
        """Push what is committed; the short commit."""
        self.show_git("push", "-q")
        return self.git("rev-parse", "--short=7", "HEAD").strip()

    def aws(self, client: str, operation: str, **parameters: Any) -> Any:
        """Plain boto3, as the console would do it."""
        narrator.called(client, operation, parameters)
        endpoint, region = self._env["AWS_ENDPOINT_URL"], self._env["AWS_REGION"]
        keys = {name.lower(): self._env[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        there = boto3.client(client, region_name=region, endpoint_url=endpoint, **keys)
        return getattr(there, operation)(**parameters)

    # --- what comes of it ---

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """The object, or {} when there is none."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    def until(
        self, what: str, kind: str, name: str, look: Look, *, columns: str = "", within_s: float = 60
    ) -> dict[str, Any]:
        """Wait until the object looks as described, printing `kubectl get` whenever its row changes."""
        get = ["get", kind, name, *(["-o", f"custom-columns={columns}"] if columns else [])]
        narrator.command(f"kubectl {shlex.join(get)}")
        table, version = DemoTable(), ""

        def seen() -> dict[str, Any] | None:
            nonlocal version
            found = self.get(kind, name)
            before, version = version, found.get("metadata", {}).get("resourceVersion", "")
            if found.get("status") and version != before:
                narrator.printed("\n".join(table.changed(self.kubectl(*get, "--ignore-not-found").splitlines())))
            return found if look(found) else None

        return self.wait(what, seen, within_s=within_s, otherwise=lambda: json.dumps(self.get(kind, name)))

    def wait(
        self, what: str, seen: Callable[[], T | None], *, within_s: float = 60, otherwise: Callable[[], str] = str
    ) -> T:
        """Ask until there is an answer, and say that it was seen; `otherwise` tells how things are when it was not."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            answer = seen()
            if answer is not None:
                narrator.seen(what)
                return answer
            if not self._service.alive:
                raise NotSeenError(f"the service ended:\n{self._service.last_words()}")
            time.sleep(_POLL_S)
        raise NotSeenError(f"{what} was not seen within {within_s:.0f} s\n{otherwise()}")

    def check(self, what: str, *, holds: bool, found: object) -> None:
        """Say that something was seen; the demo ends here when it does not hold."""
        if not holds:
            raise NotSeenError(f"{what}: not so, it was {found}")
        narrator.seen(what)

    def mark(self) -> int:
        """The moment, for `asked`."""
        return max((int(call["id"]) for call in self._calls(0)), default=0)

    def asked(self, since: int = 0) -> list[str]:
        """What SageMaker was asked to change since a mark, by its own log of requests."""
        return [str(call["op"]) for call in self._calls(since) if call["service"] == "sagemaker" and call["effect"]]

    def _calls(self, since: int) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._env['AWS_ENDPOINT_URL']}/_sim/requests?since={since}") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    # --- before it begins ---

    def _start_service(self) -> None:
        port = free_port()
        settings = {"RECONCILER_PORT": str(port), "RECONCILER_POLL_FAST": "1", "RECONCILER_POLL_SLOW": "5"}
        settings |= {"RECONCILER_CACHE_DIR": str(self.directory / "cache"), "AWS_ACCESS_KEY_ID": self._key}
        self._service.start([sys.executable, "-m", "reconciler", "run"], self._env | settings)
        deadline = time.monotonic() + _READY_WITHIN_S
        while not answers(f"http://127.0.0.1:{port}/readyz"):
            if not self._service.alive or time.monotonic() > deadline:
                raise NotSeenError(f"the service did not get ready:\n{self._service.last_words()}")
            time.sleep(_POLL_S)

    def _make_repository(self) -> None:
        self._run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.repository)])
        self._run(["git", "clone", "--quiet", str(self.repository), str(self.work)])
        self.git("checkout", "--quiet", "-B", "main")
        self.git("config", "push.default", "current")
        self.git("config", "user.name", "Ada Lovelace")
        self.git("config", "user.email", "ada@example.com")

    def _run(self, command: list[str], codes: Collection[int] = (0,)) -> str:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=self._env,
            cwd=self.directory,
        )  # fmt: skip
        if ended.returncode not in codes:
            raise NotSeenError(f"{shlex.join(command)}: {ended.stderr.strip() or ended.stdout.strip()}")
        return ended.stdout
