"""The control plane alone: outages on purpose, restarts in place, no process left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from reconciler.dev.control_plane import ControlPlane
from tests.integration.dev.kit import lives
from tests.support.cluster import ApiStatusError, Cluster
from tests.support.waiting import eventually


@pytest.mark.endurance
def test_the_api_server_restarts_on_its_port_with_its_data(own_control_plane: ControlPlane) -> None:
    cluster = Cluster.of(own_control_plane)
    cluster.create_namespace("before")
    port, etcd = own_control_plane.port, own_control_plane.etcd.pid

    own_control_plane.stop_apiserver()
    assert not own_control_plane.ready()
    with pytest.raises(ConnectionError):
        cluster.create_namespace("meanwhile")
    own_control_plane.start_apiserver()

    assert (own_control_plane.port, own_control_plane.etcd.pid) == (port, etcd)
    assert cluster.get("v1", "Namespace", "before")


@pytest.mark.endurance
def test_what_died_is_started_again(own_control_plane: ControlPlane) -> None:
    own_control_plane.etcd.kill()
    own_control_plane.apiserver.kill()
    assert own_control_plane.repair() == ["etcd", "kube-apiserver"]
    assert own_control_plane.repair() == []
    assert own_control_plane.ready()


@pytest.mark.endurance
def test_strangers_and_ordinary_accounts_are_held_to_rbac(own_control_plane: ControlPlane) -> None:
    cluster = Cluster.of(own_control_plane)
    with pytest.raises(ApiStatusError, match="403"):
        cluster.request("GET", "/api/v1/namespaces", headers={"Impersonate-User": "somebody"})
    with pytest.raises(ApiStatusError, match="401"):
        cluster.request("GET", "/api/v1/namespaces", headers={"Authorization": "Bearer wrong"})


def test_service_accounts_get_tokens_that_work(control_plane: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    control_plane.request("POST", path, {"metadata": {"name": "robot"}})
    token = control_plane.request("POST", f"{path}/robot/token", {"spec": {}})["status"]["token"]
    me = control_plane.request(
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert me["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"


PARENT = textwrap.dedent(
    """
    import sys, threading, time
    from pathlib import Path
    from reconciler.dev.control_plane import ControlPlane

    plane = ControlPlane(Path(sys.argv[1]))
    # Not on the main thread: the kernel would end the children of a thread with it, were it not for the spawner.
    starting = threading.Thread(target=plane.start)
    starting.start()
    starting.join()
    print(plane.etcd.pid, plane.apiserver.pid, plane.ready(), flush=True)
    time.sleep(60)
    """
)


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "plane")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        etcd, apiserver, ready = parent.stdout.readline().split()
        assert ready == "True"
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    eventually(lambda: not (lives(etcd) or lives(apiserver)), message="the children die with their parent")
