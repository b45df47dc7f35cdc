"""`reconciler dev` as a person uses it: processes, exit codes, files."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.dev import envfile
from tests.integration.dev.kit import dev, gone, processes_naming, status
from tests.support.cluster import Cluster
from tests.support.waiting import eventually

VARIABLES = [
    "KUBECONFIG",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "KUBECTL",
    "RECONCILER_CLUSTER_NAME",
    "RECONCILER_ALLOW_FILE_REMOTES",
    "RECONCILER_SAGEMAKER_ENDPOINTS",
]


@pytest.mark.holds("D-21.3")
@pytest.mark.endurance
def test_up_is_ready_when_it_returns_and_down_leaves_no_process(directory: Path) -> None:
    up = dev("up", "--detach", "--dir", str(directory))
    assert up.returncode == 0, up.stderr
    running = status(directory)
    assert running["ready"]
    assert {"etcd", "kube-apiserver", "simulator"} == set(running["pids"])

    script = 'set -eu; set -a; . "$1"; set +a; "$KUBECTL" get namespaces -o name; "$KUBECTL" get crds -o name; env'
    shell = subprocess.run(
        ["sh", "-c", script, "sh", directory / "env"], capture_output=True, text=True, check=True, timeout=30
    )
    assert "namespace/default" in shell.stdout
    assert "customresourcedefinition.apiextensions.k8s.io/trainingjobs.sagemaker.aws.amazon.com" in shell.stdout
    assert f"RECONCILER_SAGEMAKER_ENDPOINTS=*={running['simulator']['url']}\n" in shell.stdout
    values = envfile.parse((directory / "env").read_text())
    assert list(values) == VARIABLES
    assert all(f"{name}={value}\n" in shell.stdout for name, value in values.items())
    assert oct((directory / "kubeconfig").stat().st_mode & 0o777) == "0o600"

    again = dev("up", "--detach", "--dir", str(directory))
    assert (again.returncode, "Runs already" in again.stdout) == (0, True)
    assert status(directory)["pids"] == running["pids"]
    other = dev("up", "--detach", "--speed", "1", "--dir", str(directory))
    assert f"reconciler dev down --dir {directory}, then up --dir {directory}" in other.stdout

    subprocess.run([values["KUBECTL"], "--kubeconfig", values["KUBECONFIG"], "create", "namespace", "kept"], check=True)
    assert dev("down", "--dir", str(directory)).returncode == 0
    assert gone(running["pids"])
    assert processes_naming(directory) == []
    twice = dev("down", "--dir", str(directory))
    assert (twice.returncode, "Nothing runs" in twice.stdout) == (0, True)
    assert dev("status", "--dir", str(directory)).returncode == 1

    assert dev("up", "--detach", "--dir", str(directory)).returncode == 0
    assert envfile.parse((directory / "env").read_text()) == values, "kubeconfigs and shells of before stay good"
    subprocess.run([values["KUBECTL"], "--kubeconfig", values["KUBECONFIG"], "get", "namespace", "kept"], check=True)


@pytest.mark.endurance
def test_an_existing_cluster_is_used_and_ctrl_c_ends_the_rest(directory: Path, kubeconfig: Path) -> None:
    up = [sys.executable, "-m", "reconciler", "dev", "up", f"--dir={directory}", f"--kubeconfig={kubeconfig}"]
    with subprocess.Popen(up, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as foreground:
        running = eventually(lambda: (seen := status(directory))["ready"] and seen, 120, "it is ready")
        assert set(running["pids"]) == {"simulator"}
        assert running["controlPlane"] == {"ready": True, "embedded": False}
        assert envfile.parse((directory / "env").read_text())["KUBECONFIG"] == str(kubeconfig)
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(60) == 0
    assert gone(running["pids"])


def test_a_cluster_that_does_not_answer_is_said_so(directory: Path, kubeconfig: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "kubeconfig"
    wrong.write_text(kubeconfig.read_text().replace("127.0.0.1:", "127.0.0.1:1"))
    up = dev("up", "--detach", "--dir", str(directory), "--kubeconfig", str(wrong))
    assert up.returncode == 1
    assert str(wrong) in up.stderr
    assert "Traceback" not in up.stderr
    assert not status(directory)["running"]


@pytest.mark.parametrize("arguments", [["up", "--speed", "0"], ["up", "--kubeconfig", "/nowhere"], ["sideways"]])
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert dev(*arguments).returncode == 2


def test_the_shared_cluster_has_the_crds(control_plane: Cluster) -> None:
    names = {
        crd["metadata"]["name"] for crd in control_plane.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    }
    assert "gitsyncs.sagemaker-gitops.dev" in names
