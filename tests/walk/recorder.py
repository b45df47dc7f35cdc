"""Watches from outside: SageMaker's request log, the API server and the repository. Imports nothing of the product.

One thread looks at the log and the repository every LOOK_S; objects are watched (`watching.py`). What is away (a server that
was killed, a repository that was moved) is looked at again the next time. Called by the walk, which says when it is at rest.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from tests.walk.record import Call, Head, Line, Record, Remote
from tests.walk.watching import PATHS, ApiServer, Watch

LOOK_S = 0.25
READS = ("Describe", "List", "Get", "Search", "BatchGet", "BatchDescribe", "Filter", "Head", "Lookup", "GET", "HEAD")
"""Operations that begin so change nothing."""
_DESCRIBED = {
    "Endpoint": ("DescribeEndpoint", "EndpointName"),
    "TrainingJob": ("DescribeTrainingJob", "TrainingJobName"),
    "ProcessingJob": ("DescribeProcessingJob", "ProcessingJobName"),
    "TransformJob": ("DescribeTransformJob", "TransformJobName"),
}
_NOTES = "refs/notes/sagemaker-gitops/"


@dataclass(frozen=True)
class Sources:
    """Where to look: the simulator's URL, the API server, the bare repository, its branch and the path in it."""

    simulator: str
    cluster: ApiServer
    repository: Path
    branch: str = "main"
    path: str = "prod"


class Recorder:
    """`with Recorder(...)` looks until the block ends; then `record` is whole."""

    def __init__(self, sources: Sources, clusters: Mapping[str, tuple[str, str]]) -> None:
        self.record = Record(clusters=dict(clusters))
        self._from = sources
        self._last_call = 0
        self._told: set[tuple[str, str, str]] = set()
        self._notes_at: dict[str, str] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="recorder")
        self._watches: list[Watch] = []

    def __enter__(self) -> Self:
        spaces = [namespace for _, namespace in self.record.clusters.values()]
        self._watches += [Watch(self._from.cluster, kind, spaces, self.record.seen.append) for kind in PATHS]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for watch in self._watches:
            watch.stop()

    def look(self) -> None:
        """One look at everything; also by the caller, who wants to be sure of what there is now."""
        with self._lock:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._look_at_git()  # first: a commit is seen before the calls that follow from it
            self._look_at_calls()

    def look_at_rest(self) -> None:
        """What there is in SageMaker now, with what it says of endpoints and jobs; instead of what was there at the last rest."""
        self.look()
        with self._lock:
            self.record.remotes[:] = list(self._remotes())

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 # an audit of what was not recorded must not pass
                self.record.problems.append(f"{type(error).__name__}: {error}")

    # SageMaker

    def _look_at_calls(self) -> None:
        rows = self._simulator(f"_sim/requests?since={self._last_call}")
        for row in rows:
            if row["id"] != self._last_call + 1 and self._last_call:
                self.record.problems.append(f"the request log lost what was before {row['id']}")
            self._last_call = row["id"]
            if row["service"] in ("sagemaker", "application-autoscaling") and not row["op"].startswith(READS):
                known = {
                    name: row[name] for name in ("id", "service", "op", "key", "code", "effect", "caller", "input")
                }
                self.record.calls.append(Call(at=time.time(), **known))

    def _remotes(self) -> Iterator[Remote]:
        for row in self._simulator("_sim/state")["resources"]:
            described: Mapping[str, Any] = {}
            if row["kind"] in _DESCRIBED:
                op, field = _DESCRIBED[row["kind"]]
                described = self._simulator("", {field: row["name"]}, f"SageMaker.{op}")
            yield Remote(time.time(), row["kind"], row["name"], row["status"] or "", row["tags"], described)

    def _simulator(self, path: str, body: Mapping[str, Any] | None = None, target: str = "") -> Any:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target} if target else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._from.simulator}/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    # Git

    def _look_at_git(self) -> None:
        if not self._from.repository.exists():
            return
        refs = dict(
            line.split(" ", 1) for line in self._git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        )
        head = refs.get(f"refs/heads/{self._from.branch}", "")
        before = self.record.heads[-1].commit if self.record.heads else ""
        if head and before != head:
            for commit in self._git("rev-list", "--reverse", f"{before}..{head}" if before else head).split():
                self.record.heads.append(Head(time.time(), commit, tuple(self._manifests(commit))))
        for ref, at in refs.items():
            if ref.startswith(_NOTES) and self._notes_at.get(ref) != at:
                self._notes_at[ref] = at
                self._read_notes(ref)

    def _read_notes(self, ref: str) -> None:
        for row in self._git("notes", f"--ref={ref}", "list").splitlines():
            blob, commit = row.split()
            if (ref, blob, commit) in self._told:
                continue
            self._told.add((ref, blob, commit))
            for text in self._git("cat-file", "blob", blob).splitlines():
                if text.strip() and (ref, commit, text) not in self._told:
                    self._told.add((ref, commit, text))
                    self.record.lines.append(Line(time.time(), ref, commit, *_parsed(text)))

    def _manifests(self, commit: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path in self._git("ls-tree", "-r", "--name-only", commit, self._from.path).splitlines():
            with contextlib.suppress(yaml.YAMLError):
                for document in yaml.safe_load_all(self._git("show", f"{commit}:{path}")):
                    if isinstance(document, dict) and document.get("kind"):
                        yield path, document

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._from.repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _parsed(text: str) -> tuple[Mapping[str, Any], str]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}, text
    return (said, "") if isinstance(said, dict) else ({}, text)
