"""The service as a process, on a real API server: what it makes and writes is what the CRDs take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.dev import binaries
from tests.support.cluster import Cluster
from tests.support.lab import annotated, hosting, job
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.service import ServiceProcess, environment, free_port, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

V1 = "sagemaker.aws.amazon.com/v1"
TRAINED = {"kind": "TrainingJob", "name": "train"}
_WITHIN_S = 120


@pytest.fixture
def service(control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    simulator.clock("scaled", 600)
    port = free_port()
    env = environment(control_plane.kubeconfig, binaries.kubectl(), simulator.url)
    env |= {"RECONCILER_CLUSTER_NAME": "kinds"}
    arguments = ["--poll-fast=0.3", "--poll-slow=1", f"--port={port}", f"--namespace={namespace}"]
    arguments += [f"--controller-namespace={namespace}", f"--cache-dir={tmp_path / 'cache'}"]
    process = ServiceProcess(tmp_path / "service.log", env, *arguments, forked=True)
    with running(process, f"http://127.0.0.1:{port}/readyz"):
        yield process


class Team:
    """One namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    def apply(self, manifest: dict[str, Any]) -> None:
        self._cluster.apply({**manifest, "metadata": {**manifest["metadata"], "namespace": self._namespace}})

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        return self._cluster.find(V1, kind, name, self._namespace)

    def delete(self, kind: str, name: str) -> None:
        self._cluster.delete(V1, kind, name, self._namespace)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return self._cluster.list(V1, kind, self._namespace)

    def columns(self, kind: str) -> str:
        return self._cluster.kubectl("get", kind, "-n", self._namespace)

    def condition(self, kind: str, name: str) -> str:
        status = (self.get(kind, name) or {}).get("status") or {}
        ready: dict[str, str] = next((one for one in status.get("conditions") or () if one["type"] == "Ready"), {})
        return f"{ready.get('status')} {ready.get('reason')}: {ready.get('message')}"

    def ready(self, kind: str, name: str) -> dict[str, Any]:
        def current() -> dict[str, Any]:
            told = self.condition(kind, name)
            assert told.startswith("True"), told
            found = self.get(kind, name)
            assert found is not None
            assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
            status: dict[str, Any] = found["status"]
            return status

        return eventually(current, _WITHIN_S, f"{kind} {name} is ready")


@pytest.fixture
def team(control_plane: Cluster, namespace: str, service: ServiceProcess) -> Team:
    del service
    return Team(control_plane, namespace)


def test_a_chain_of_references_runs_from_training_to_an_endpoint(team: Team) -> None:
    serve = hosting()
    serve["spec"]["models"][0]["containers"][0]["modelDataUrlRef"] = TRAINED
    for manifest in (
        serve,
        config(modelRef={"kind": "Model", "name": "net"}),
        transform(modelRef={"kind": "HostingDeployment", "name": "serve"}),
        model(modelDataUrlRef=TRAINED),
        processing(),
    ):
        team.apply(manifest)
    eventually(lambda: "DependencyNotReady" in team.condition("HostingDeployment", "serve"), _WITHIN_S)
    team.apply(annotated(job(), on_change="Run"))
    trained = team.ready("TrainingJob", "train")
    for kind, name in (("Model", "net"), ("EndpointConfig", "split"), ("BatchTransformJob", "score")):
        team.ready(kind, name)
    team.ready("ProcessingJob", "prepare")
    served = team.ready("HostingDeployment", "serve")
    assert served["references"][0]["value"] == trained["modelPath"]
    assert served["references"][0]["run"] == trained["sageMakerTrainingJobName"]
    assert "Created" in team.columns("models")
    assert "Completed" in team.columns("batchtransformjobs")
    team.delete("Model", "net")
    eventually(lambda: "InUse" in team.condition("Model", "net"), _WITHIN_S)
    team.delete("EndpointConfig", "split")
    eventually(lambda: team.get("EndpointConfig", "split") is None, _WITHIN_S)
    eventually(lambda: team.get("Model", "net") is None, _WITHIN_S)


def test_a_tuning_job_shows_its_training_jobs_and_takes_them_with_it(team: Team) -> None:
    team.apply(tuning())
    told = team.ready("HyperparameterTuningJob", "search")
    assert told["bestTrainingJob"]["finalHyperParameterTuningJobObjectiveMetric"]["value"]
    children = team.all("TrainingJob")
    assert len(children) == 4
    assert all(child["metadata"]["ownerReferences"][0]["name"] == "search" for child in children)
    for child in children:
        team.ready("TrainingJob", child["metadata"]["name"])
    assert "finalizers" not in children[0]["metadata"]
    team.delete("TrainingJob", children[0]["metadata"]["name"])
    assert team.get("TrainingJob", children[0]["metadata"]["name"]) is None
    team.delete("HyperparameterTuningJob", "search")
    eventually(lambda: team.get("HyperparameterTuningJob", "search") is None, _WITHIN_S)
    eventually(lambda: team.all("TrainingJob") == [], _WITHIN_S)
