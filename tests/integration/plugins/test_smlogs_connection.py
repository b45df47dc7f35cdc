"""The connection flags of kubectl, against a real API server."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.plugins.kit import PLUGIN, SOON_S, Desk, messages


@pytest.fixture
def logged(desk: Desk) -> Desk:
    desk.training(status="Completed")
    desk.log("job1/algo-1-1", "line")
    return desk


def _without_kubeconfig(desk: Desk, home: Path) -> dict[str, str]:
    return {key: value for key, value in desk.environment().items() if key != "KUBECONFIG"} | {"HOME": str(home)}


def test_the_flags_alone_are_enough(logged: Desk, tmp_path: Path) -> None:
    cluster = logged.cluster
    env = _without_kubeconfig(logged, tmp_path)
    here = ["trainingjob", "mnist", "-n", logged.namespace, "-s", cluster.server, "--token", cluster.token]
    assert messages(logged.call(*here, "--certificate-authority", str(cluster.ca_file), env=env)) == ["line"]
    unchecked = logged.call(*here, "--insecure-skip-tls-verify", "--request-timeout", "30s", env=env)
    assert messages(unchecked) == ["line"]
    assert "Insecure" not in unchecked.stderr
    untrusted = logged.call(*here, env=env)
    assert untrusted.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in untrusted.stderr
    silent = logged.call(*here, "--server", "https://127.0.0.1:1", env=env)
    assert silent.returncode == 1
    assert "Is it the right cluster and user?" in silent.stderr
    named = logged.call(
        *here, "--certificate-authority", str(cluster.ca_file), "--tls-server-name", "other.example", env=env
    )
    assert named.returncode == 1
    assert "other.example" in named.stderr
    nowhere = logged.call("trainingjob", "mnist", env=env)
    assert nowhere.returncode == 1
    assert "no Kubernetes cluster is configured" in nowhere.stderr


def test_impersonation_by_user_and_group(logged: Desk) -> None:
    nobody = logged.call_here("trainingjob", "mnist", "--as", "nobody")
    assert nobody.returncode == 1
    assert 'User "nobody" cannot get resource "trainingjobs"' in nobody.stderr
    assert "Ask for the right to get trainingjobs" in nobody.stderr
    member = logged.call_here(
        "trainingjob", "mnist", "--as", "nobody", "--as-group", "others", "--as-group", "system:masters"
    )
    assert messages(member) == ["line"]


def test_context_cluster_user_and_the_contexts_namespace(logged: Desk, tmp_path: Path) -> None:
    """Two files in KUBECONFIG, the second holding the credentials; the certificate's path is relative to its file."""
    cluster = logged.cluster
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "ca.crt").write_bytes(cluster.ca_file.read_bytes())
    nobody = {"name": "wrong", "user": {"token": "wrong"}}
    contexts = {
        "current-context": "elsewhere",
        "contexts": [
            {"name": "elsewhere", "context": {"cluster": "gone", "user": "wrong"}},
            {"name": "here", "context": {"cluster": "near", "user": "me", "namespace": logged.namespace}},
        ],
        "clusters": [{"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [nobody],
    }
    credentials = {
        "clusters": [
            {"name": "near", "cluster": {"server": cluster.server, "certificate-authority": "certificates/ca.crt"}}
        ],
        "users": [{"name": "me", "user": {"tokenFile": "token"}}],
    }
    (tmp_path / "token").write_text(cluster.token)
    (tmp_path / "contexts").write_text(yaml.safe_dump(contexts))
    (tmp_path / "credentials").write_text(yaml.safe_dump(credentials))
    env = logged.environment(KUBECONFIG=f"{tmp_path}/contexts:{tmp_path}/missing:{tmp_path}/credentials")

    assert messages(logged.call("trainingjob", "mnist", "--context", "here", env=env)) == ["line"]
    pieces = ["--cluster", "near", "--user", "me", "-n", logged.namespace]
    assert messages(logged.call("trainingjob", "mnist", *pieces, env=env)) == ["line"]
    refused = logged.call("trainingjob", "mnist", "--context", "here", "--user", "wrong", env=env)
    assert refused.returncode == 1
    assert "does not accept our credentials" in refused.stderr
    flag = logged.call("trainingjob", "mnist", "--kubeconfig", str(cluster.kubeconfig), "-n", logged.namespace, env=env)
    assert messages(flag) == ["line"]
    missing = logged.call("trainingjob", "mnist", "--kubeconfig", str(tmp_path / "missing"), env=env)
    assert missing.returncode == 1
    assert "No such file" in missing.stderr


def test_completion_knows_the_names_in_the_namespace(logged: Desk) -> None:
    logged.training("fraud")
    script = PLUGIN.with_name("kubectl_complete-smlogs")
    ended = subprocess.run(
        [script, "trainingjob", "-n", logged.namespace, ""],
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=True,
        env=logged.environment(),
    )
    assert ended.stdout.split() == ["fraud", "mnist", ":4"]
