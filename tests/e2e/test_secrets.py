"""Values that may be secret: they reach SageMaker and the remote, and nothing else that anybody can read."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.kit import HOSTING, JOB, WITHIN_S, Site, files
from tests.support.git_http import GitHttpServer
from tests.support.lab import hosting, job
from tests.support.service import running
from tests.support.waiting import eventually

CANARY = "hunter2-canary-77aa"
PAIRS = [{"name": "password", "value": CANARY}]


class Spy:
    """Reads the arguments of the service and of everything it starts, over and over."""

    def __init__(self, pid: int) -> None:
        self.seen: set[str] = set()
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Spy]:
        self._thread.start()
        try:
            yield self
        finally:
            self._end.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.01):
            for pid in self._family():
                with contextlib.suppress(OSError):
                    self.seen.add(
                        Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )

    def _family(self) -> list[str]:
        found, todo = [], [str(self._pid)]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    todo += (task / "children").read_text().split()
        return found


def serving(name: str, image: str = "team:1") -> dict[str, object]:
    manifest = hosting(name, image=image)
    manifest["spec"]["models"][0]["containers"][0]["environment"] = PAIRS
    return manifest


@pytest.mark.holds("D-14.5", "D-14.11")
def test_a_secret_value_shows_in_no_log_event_status_or_argument(site: Site, git_http_server: GitHttpServer) -> None:
    """Accepted, refused by the schema, refused by SageMaker in words that repeat it, edited in the cluster, drifted."""
    git_http_server.password = f"{CANARY}-git"
    repository = git_http_server.repository()
    encoded = {
        key: base64.b64encode(value.encode()).decode()
        for key, value in {"username": git_http_server.user, "password": git_http_server.password}.items()
    }
    metadata = {
        "name": "git",
        "namespace": site.namespace,
        "annotations": {"sagemaker-gitops.dev/allowed-hosts": "127.0.0.1"},
    }
    site.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})
    bad = job("bad-type", hyperParameters=[{"name": "password", "value": [CANARY]}], environment=PAIRS)
    site.simulator.rules(
        {
            "match": {"op": "Create*", "name": "refused*"},
            "action": {
                "type": "error",
                "code": "ValidationException",
                "message": f"1 validation error detected: Value '{{password={CANARY}}}' at 'environment' failed to satisfy",
            },
        }
    )
    process, page = site.service("service", "--log-level=debug", forked=False)
    with running(process, page), Spy(process.pid).watching() as spy:
        refused = job("refused", environment=PAIRS, hyperParameters=PAIRS)
        broken = f"kind: TrainingJob\nspec: {{environment: [{{name: password, value: {CANARY}\n"
        good = job("train", environment=PAIRS, hyperParameters=PAIRS)
        tree = files(good, serving("serve"), refused, serving("refused-too"), bad)
        repository.commit({**tree, "prod/broken.yaml": broken})
        site.sync(git_http_server.url(repository), repo={"secretRef": {"name": "git"}})
        site.wait_ready((JOB, "train"), (HOSTING, "serve"))
        site.wait_reason(JOB, "refused", "Rejected")
        site.wait_reason(HOSTING, "refused-too", "Rejected")
        rejected = site.status("GitSync", "team")["rejected"]
        assert {fault["path"] for fault in rejected} == {"prod/bad-type.yaml", "prod/broken.yaml"}
        spec = site.object(JOB, "train")["spec"]
        site.patch(JOB, "train", {"op": "replace", "path": "/spec/environment/0/value", "value": f"{CANARY}-edited"})
        eventually(lambda: site.object(JOB, "train")["spec"] == spec, WITHIN_S, "put back")
        eventually(lambda: any(event["reason"] == "DriftCorrected" for event in site.events()), WITHIN_S)
        told = {"log": process.log(), "events": repr(site.events()), "argv": repr(spy.seen)}
        for kind, names in ((JOB, ("train", "refused")), (HOSTING, ("serve", "refused-too")), ("GitSync", ("team",))):
            for name in names:
                found = site.object(kind, name)
                found.pop("spec")
                found["metadata"].pop("managedFields")
                told[f"{kind} {name}"] = yaml.safe_dump(found)
        assert [where for where, text in told.items() if CANARY in text] == []
        assert any("git" in line for line in spy.seen)
    assert site.simulator.client().describe_training_job(
        TrainingJobName=site.status(JOB, "train")["sageMakerTrainingJobName"]
    )["Environment"] == {"password": CANARY}
