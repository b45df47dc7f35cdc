"""The service as a process: started by a file of settings, ended by one signal or by two."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import yaml

from reconciler.dev import binaries
from tests.support.cluster import Cluster
from tests.support.lab import job
from tests.support.service import ServiceProcess, environment, free_port, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

V1 = "sagemaker.aws.amazon.com/v1"
SILENCE = {"id": "silence", "match": {"op": "CreateTrainingJob"}, "action": {"type": "delay", "seconds": 15}}


@pytest.fixture
def service(
    control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path
) -> tuple[ServiceProcess, str]:
    """Not started yet, and its probe."""
    port = free_port()
    settings = {
        "cluster-name": "from-file", "namespace": [namespace], "controller-namespace": namespace, "poll-fast": 0.3,
        "poll-slow": 1, "port": port, "cache-dir": str(tmp_path / "cache"), "leader-election": False, "workers": 2,
    }  # fmt: skip
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings))
    env = environment(control_plane.kubeconfig, binaries.kubectl(), simulator.url)
    env = {name: value for name, value in env.items() if name != "RECONCILER_CLUSTER_NAME"}
    process = ServiceProcess(tmp_path / "service.log", env, f"--config={file}")
    return process, f"http://127.0.0.1:{port}/readyz"


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_second_signal_ends_a_stop_at_once_and_pays_for_nothing_twice(
    control_plane: Cluster, simulator: SimControl, namespace: str, service: tuple[ServiceProcess, str], first: int
) -> None:
    process, page = service
    simulator.clock("scaled", 600)
    simulator.rules(SILENCE)
    with running(process, page):
        assert control_plane.get("v1", "ConfigMap", "sagemaker-gitops", namespace)["data"] == {
            "clusterName": "from-file"
        }
        control_plane.apply(job(namespace=namespace))
        eventually(lambda: control_plane.get(V1, "TrainingJob", "train", namespace)["status"]["intent"])
        os.kill(process.pid, first)
        eventually(lambda: "a second signal ends at once" in process.log())  # it has heard the first
        assert process.alive
        os.kill(process.pid, signal.SIGTERM)
        eventually(lambda: not process.alive, timeout=5)
        assert process.exit_code == -signal.SIGTERM

        simulator.clear_rules()
        process.start()

        def completed() -> bool:
            status = control_plane.get(V1, "TrainingJob", "train", namespace)["status"]
            return bool(status.get("trainingJobStatus") == "Completed")

        eventually(completed, timeout=90)
        made = [
            row for row in simulator.requests(service="sagemaker") if row["op"] == "CreateTrainingJob" and row["effect"]
        ]
        assert len(made) == 1
        assert process.stop() == 0


def test_a_second_reconciler_refuses_to_act_beside_the_first(
    service: tuple[ServiceProcess, str], control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path
) -> None:
    process, page = service
    env = environment(control_plane.kubeconfig, binaries.kubectl(), simulator.url)
    told = {**env, "RECONCILER_CLUSTER_NAME": "from-file"}
    arguments = [f"--namespace={namespace}", f"--controller-namespace={namespace}", f"--port={free_port()}"]
    second = ServiceProcess(tmp_path / "second.log", told, *arguments, f"--cache-dir={tmp_path / 'other'}")
    with running(process, page):
        second.start()
        eventually(lambda: not second.alive, timeout=60)
        assert second.exit_code == 1
        assert "another reconciler" in second.log()
        assert "--leader-election" in second.log()
        assert process.alive
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: not process.alive)
        process.start()  # whoever held the Lease is gone
        process.wait_ready(page)
