"""What an installer applies: accepted by a real API server, and its rights suffice for the whole path."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from reconciler.dev import binaries
from reconciler.dev.children import free_port
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.service import ServiceProcess, environment, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "deploy" / "install"
NAMESPACE = "sagemaker-gitops-system"
GROUP = "sagemaker.aws.amazon.com/v1"


@pytest.fixture
def installed(control_plane: Cluster) -> Cluster:
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(INSTALL))
    return control_plane


def test_the_manifests_are_accepted_and_a_second_apply_changes_nothing(installed: Cluster) -> None:
    again = installed.kubectl("diff", "--server-side", "--force-conflicts", "-k", str(INSTALL))
    assert again.strip() == ""


def test_leader_election_is_on_where_there_are_two_replicas(installed: Cluster) -> None:
    deployment = installed.get("apps/v1", "Deployment", "sagemaker-gitops", NAMESPACE)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert deployment["spec"]["replicas"] == 2
    assert variables["RECONCILER_LEADER_ELECTION"] == "true"


def test_the_shipped_rights_suffice_from_push_to_completed(
    installed: Cluster, namespace: str, simulator: SimControl, bare_repository: BareRepository, tmp_path: Path
) -> None:
    kubeconfig = _as_service_account(installed, tmp_path)
    job = yaml.safe_load((ROOT / "examples" / "trainingjob.yaml").read_text())
    model = (ROOT / "examples" / "model.yaml").read_text()
    bare_repository.commit({"prod/job.yaml": yaml.safe_dump(job), "prod/model.yaml": model}, "Train")
    port = free_port()
    env = environment(
        kubeconfig,
        binaries.kubectl(),
        simulator.url,
        RECONCILER_PORT=str(port),
        RECONCILER_POLL_FAST="0.5",
        RECONCILER_NAMESPACE=namespace,
        RECONCILER_CONTROLLER_NAMESPACE=NAMESPACE,
        RECONCILER_LEADER_ELECTION="true",
        RECONCILER_CACHE_DIR=str(tmp_path / "cache"),
    )
    service = ServiceProcess(tmp_path / "service.log", env)
    with running(service, f"http://127.0.0.1:{port}/readyz"):
        installed.apply(
            {
                "apiVersion": "sagemaker-gitops.dev/v1alpha1",
                "kind": "GitSync",
                "metadata": {"name": "models", "namespace": namespace},
                "spec": {
                    "repo": {"url": bare_repository.url, "ref": {"branch": "main"}, "path": "./prod"},
                    "interval": "10s",
                },
            }
        )
        name = job["metadata"]["name"]

        def status() -> str:
            found = installed.find(GROUP, "TrainingJob", name, namespace) or {}
            return str(found.get("status", {}).get("trainingJobStatus"))

        eventually(lambda: status() == "Completed", 120, f"the job completed: {service.log()[-2000:]}")
        bare_repository.delete("prod/job.yaml")
        eventually(
            lambda: installed.find(GROUP, "TrainingJob", name, namespace) is None, 60, "the job's object is gone"
        )
        events = installed.list("v1", "Event", namespace)
        assert {"JobStarted", "JobCompleted"} <= {event["reason"] for event in events}
    assert "forbidden" not in service.log().lower()


def test_the_repository_layout_renders_for_every_cluster() -> None:
    layout = ROOT / "repo-layout"
    for cluster in sorted(path for path in (layout / "clusters").iterdir()):
        rendered = subprocess.run(
            [binaries.kubectl(), "kustomize", str(cluster)], capture_output=True, text=True, check=True
        )
        kinds = {document["kind"] for document in yaml.safe_load_all(rendered.stdout)}
        assert kinds == {"TrainingJob", "HostingDeployment"}
        sync = yaml.safe_load((layout / "bootstrap" / f"{cluster.name}.yaml").read_text())
        assert sync["spec"]["repo"]["path"] == f"./clusters/{cluster.name}"


def _as_service_account(cluster: Cluster, directory: Path) -> Path:
    """A kubeconfig that acts with the rights of the installed ServiceAccount and no others."""
    ca = base64.b64encode(cluster.ca_file.read_bytes()).decode()
    user = {"token": cluster.kubectl("create", "token", "sagemaker-gitops", "-n", NAMESPACE).strip()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": cluster.server, "certificate-authority-data": ca}}],
        "users": [{"name": "it", "user": user}],
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    return path
