"""Metrics and probes of a running service, over HTTP: two replicas on a real API server, one story for all of it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from reconciler.adapters import metrics
from reconciler.app.service import Service
from reconciler.app.settings import Settings
from reconciler.dev import binaries
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.observer import Paces
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.lab import job
from tests.support.lab_kinds import model
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually


class Replica:
    """A service in this process, as a scraper and a kubelet see it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.url = f"http://127.0.0.1:{service._web.port}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with at least these labels."""
        _, text = self.get("/metrics")
        families = text_string_to_metric_families(text)
        samples = [one for family in families for one in family.samples if one.name == f"{metrics.PREFIX}_{name}"]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())


class Team(NamedTuple):
    cluster: Cluster
    namespace: str
    repository: BareRepository


@pytest.fixture
def team(control_plane: Cluster, namespace: str, bare_repository: BareRepository) -> Team:
    return Team(control_plane, namespace, bare_repository)


@pytest.fixture
def start(
    team: Team, simulator: SimControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Replica]]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    control_plane, namespace, _ = team
    with ExitStack() as stack:

        def begin(name: str) -> Replica:
            settings = Settings(
                cluster_name="metrics", kubeconfig=str(control_plane.kubeconfig), namespaces=(namespace,),
                controller_namespace=namespace, leader_election=True, endpoints={"*": simulator.url},
                allow_file_remotes=True, cache_dir=tmp_path / name, paces=Paces(0.3, 1.0), port=0,
                kubectl=str(binaries.kubectl()), pass_deadline_s=5.0,
            )  # fmt: skip
            # By host and process: two in one process would take each other's Lease for their own.
            monkeypatch.setattr("socket.gethostname", lambda: name)
            service = Service(settings)
            service.start()
            stack.callback(service.stop)
            return Replica(service)

        yield begin


@pytest.mark.holds("D-22.2")
def test_a_push_shows_in_the_metrics_and_a_stuck_pass_in_the_probe(
    start: Callable[[str], Replica], simulator: SimControl, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    control_plane, namespace, bare_repository = team
    simulator.clock("scaled", 600)
    replica = start("first")
    eventually(lambda: replica.get("/readyz")[0] == 200)
    assert simulator.counts(service="sts") == {"GetCallerIdentity": 1}

    # The first commit trains; the second, which is measured, brings a model.
    bare_repository.commit({"job.yaml": yaml.safe_dump(job(namespace=namespace))}, "Train")
    sync = {
        "apiVersion": "sagemaker-gitops.dev/v1alpha1", "kind": "GitSync",
        "metadata": {"name": "main", "namespace": namespace},
        "spec": {"repo": {"url": bare_repository.url, "ref": {"branch": "main"}}, "interval": "10s"},
    }  # fmt: skip
    control_plane.apply(sync)
    eventually(lambda: replica.value("jobs", kind="TrainingJob", state="Completed") == 1, 60)
    bare_repository.commit({"model.yaml": _model("net", namespace)}, "Serve")
    healthy = "sync_applied_to_healthy_seconds_count"
    eventually(lambda: replica.value(healthy, sync="main", sync_namespace=namespace) == 2, 60)

    def told() -> bool:
        """Each counts when its own work ends, a moment after what it did can be seen."""
        assert replica.value("sync_commit_to_applied_seconds_count", sync="main") == 1
        assert replica.value("objects", kind="Model", ready="True") == 1
        assert replica.value("sync_objects_total", action="applied") == 2
        assert replica.value("reconcile_duration_seconds_count", kind="Model") >= 1
        assert replica.value("aws_calls_total", service="sagemaker", operation="CreateModel", result="ok") == 1
        assert replica.value("aws_call_duration_seconds_count", operation="CreateTrainingJob") == 1
        assert replica.value("git_operation_duration_seconds_count", operation="fetch", result="ok") == 2
        assert replica.value("git_operation_duration_seconds_count", operation="ls-remote", result="ok") >= 2
        assert replica.value("kubernetes_requests_total", verb="WATCH", code="200") >= 1
        assert replica.value("kubernetes_requests_total", verb="PATCH", code="201") >= 2
        assert replica.value("notes_lines_total") >= 1
        assert replica.value("git_operation_duration_seconds_count", operation="push", result="ok") >= 1
        assert replica.value("notes_waiting_lines") == 0
        assert replica.value("leader") == 1
        assert replica.value("build_info") == 1
        assert replica.value("metrics_faults_total") == 0
        assert replica.value("drifted_objects") == 0
        assert replica.value("sweep_pages_total", kind="TrainingJob") >= 1
        assert replica.value("unverified_things", kind="Model") == 0
        assert 0 < replica.value("verification_age_seconds", kind="Model") < 60
        return True

    eventually(told)

    # Another replica waits for its Lease: alive, ready, and counting for itself. One without credentials is not ready.
    other = start("second")
    eventually(lambda: other.get("/readyz")[0] == 200)
    assert other.get("/healthz")[0] == 200
    assert other.value("leader") == 0
    assert other.value("objects") == 0
    assert other.value("aws_calls_total") == 1
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    poor = start("third")
    eventually(lambda: "give the service a role" in poor.get("/readyz")[1])
    assert (poor.get("/readyz")[0], poor.get("/healthz")[0]) == (503, 200)

    # Everything that was started for good is watched.
    watched = {loop.name for loop in replica.service.vitals.loops()}
    informers = {f"informer-{schema.kind}-{namespace}" for schema in CATALOG.schemas}
    assert watched == informers | {
        *("events", "leader-sagemaker-gitops", "schedule", "observer"),
        *("objects", "sync-sources", "sync-clusters", "notes", "commit-statuses", "webhooks"),
    }

    # AWS away is no illness; a pass that does not end is one, until it ends.
    simulator.rules({"match": {"service": "*"}, "action": {"type": "drop_before"}})
    eventually(lambda: replica.value("aws_calls_total", result="TransientError") >= 3)
    assert [replica.get(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    simulator.clear_rules()
    (held,) = simulator.rules({"match": {"op": "CreateModel"}, "action": {"type": "hold", "when": "before"}})
    bare_repository.commit({"another.yaml": _model("another", namespace)}, "Another")
    said = eventually(lambda: [text for code, text in [replica.get("/healthz")] if code == 503], 40)
    assert said[0].startswith("objects: no progress for")
    assert f"(Model {namespace}/another)" in said[0]
    assert replica.value("stuck_loops") == 1
    simulator.clear_rules()
    simulator.release(held)
    eventually(lambda: replica.get("/healthz")[0] == 200)


def _model(name: str, namespace: str) -> str:
    manifest = model(name)
    return yaml.safe_dump({**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}})
