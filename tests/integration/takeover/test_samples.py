"""The archived operator's own samples, unchanged, through the service as users run it: `kubectl apply`, then `kubectl get`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.dev import binaries
from tests.support.bad_manifests import EXAMPLES
from tests.support.cluster import Cluster
from tests.support.lab import IMAGE, ROLE
from tests.support.service import ServiceProcess, environment, free_port, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

SAMPLES = EXAMPLES.parents[1] / "shared" / "samples"
CUSTOM = "https://sagemaker.us-west-2.amazonaws.com"
GROUP = "sagemaker.aws.amazon.com"

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the archived operator's samples are not beside this checkout"
)

COLUMNS = {
    "trainingjobs": ["NAME", "STATUS", "SECONDARY-STATUS", "CREATION-TIME", "SAGEMAKER-JOB-NAME"],
    "hyperparametertuningjobs": [
        *("NAME", "STATUS", "CREATION-TIME", "COMPLETED", "INPROGRESS", "ERRORS", "STOPPED"),
        *("BEST-TRAINING-JOB", "SAGEMAKER-JOB-NAME"),
    ],
    "batchtransformjobs": ["NAME", "STATUS", "CREATION-TIME", "SAGEMAKER-JOB-NAME"],
    "processingjobs": ["NAME", "STATUS", "CREATION-TIME", "SAGEMAKER-JOB-NAME"],
    "hostingdeployments": ["NAME", "STATUS", "SAGEMAKER-ENDPOINT-NAME"],
    "hap": ["NAME", "STATUS", "CREATION-TIME"],
}
END = {"hostingdeployments": "InService", "hap": "Created"}


@pytest.fixture
def service(control_plane: Cluster, namespace: str, simulator: SimControl, tmp_path: Path) -> Iterator[ServiceProcess]:
    port = free_port()
    env = environment(
        control_plane.kubeconfig,
        binaries.kubectl(),
        simulator.url,
        RECONCILER_NAMESPACE=namespace,
        RECONCILER_CONTROLLER_NAMESPACE=namespace,
        RECONCILER_SAGEMAKER_ENDPOINTS=f"{CUSTOM}={simulator.url}",
        RECONCILER_POLL_FAST="0.5",
        RECONCILER_PORT=str(port),
        RECONCILER_CACHE_DIR=str(tmp_path / "cache"),
    )
    with running(
        ServiceProcess(tmp_path / "service.log", env, forked=True), f"http://127.0.0.1:{port}/readyz"
    ) as service:
        yield service


@pytest.mark.simulator(speed=600)
def test_every_sample_reaches_its_end_and_fills_its_columns(
    service: ServiceProcess, control_plane: Cluster, namespace: str, simulator: SimControl, tmp_path: Path
) -> None:
    _what_they_expect(simulator)
    files = sorted(SAMPLES.glob("*.yaml"))
    extra = tmp_path / "endpoints.yaml"
    extra.write_text(
        yaml.safe_dump_all([_pointing(CUSTOM, "custom"), _pointing("https://collect.example", "unlisted")])
    )
    # Not server-side: as its users have always done.
    paths = [argument for file in (*files, extra) for argument in ("-f", str(file))]
    control_plane.kubectl("apply", "-n", namespace, *paths)

    def rows() -> dict[str, list[list[str]]]:
        told = {plural: control_plane.kubectl("get", plural, "-n", namespace).splitlines() for plural in COLUMNS}
        for plural, columns in COLUMNS.items():
            assert told[plural][0].split()[: len(columns)] == columns
        return {plural: [line.split() for line in lines[1:]] for plural, lines in told.items()}

    def done() -> bool:
        found = rows()
        for plural, lines in found.items():
            for cells in lines:
                if cells[0] != "unlisted":
                    assert cells[1] == END.get(plural, "Completed"), (plural, cells)
        return sum(map(len, found.values())) >= len(files) + 2

    eventually(done, 200, f"all have ended:\n{service.log()[-1500:]}")
    for plural, lines in rows().items():
        for cells in (cells for cells in lines if cells[0] != "unlisted"):
            assert len(cells) >= len(COLUMNS[plural]), (plural, cells)
    unlisted = control_plane.get(f"{GROUP}/v1", "TrainingJob", "unlisted", namespace)["status"]
    assert unlisted["trainingJobStatus"] == "ReconcilingTrainingJob"
    assert "collect.example is not an allowed endpoint" in unlisted["additional"]
    assert not [row for row in simulator.requests(op="CreateTrainingJob") if row["key"].startswith("unlisted")]


def _pointing(endpoint: str, name: str) -> dict[str, Any]:
    sample: dict[str, Any] = yaml.safe_load((SAMPLES / "xgboost-mnist-trainingjob.yaml").read_text())
    return {**sample, "metadata": {"name": name}, "spec": {**sample["spec"], "sageMakerEndpoint": endpoint}}


def _what_they_expect(simulator: SimControl) -> None:
    """A model for the batch transform, two endpoints for the policy."""
    west, east = simulator.client(region="us-west-2"), simulator.client(region="us-east-2")
    west.create_model(ModelName="sagemaker-tensorflow-model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    sample = yaml.safe_load((SAMPLES / "hap-predefined-metric.yaml").read_text())
    for scaled in sample["spec"]["resourceId"]:
        name = scaled["endpointName"]
        east.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        variant = {
            "VariantName": scaled["variantName"],
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        east.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        east.create_endpoint(EndpointName=name, EndpointConfigName=name)
