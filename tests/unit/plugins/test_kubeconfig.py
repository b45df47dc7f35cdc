"""kubectl's rules: files merged, flags laid over them."""

from typing import Any

import pytest

from reconciler.core.errors import PreconditionError
from reconciler.plugins.connection import ConnectionFlags
from reconciler.plugins.kubeconfig import Chosen, choose

ONE: dict[str, Any] = {
    "current-context": "dev",
    "contexts": [
        {"name": "dev", "context": {"cluster": "near", "user": "me", "namespace": "team"}},
        {"name": "bare", "context": {"cluster": "near", "user": "nobody"}},
    ],
    "clusters": [{"name": "near", "cluster": {"server": "https://near", "certificate-authority-data": "Q0E="}}],
    "users": [{"name": "me", "user": {"exec": {"command": "login"}, "client-certificate-data": "Q0VSVA=="}}],
}
TWO: dict[str, Any] = {
    "current-context": "prod",
    "contexts": [
        {"name": "dev", "context": {"cluster": "far", "user": "them"}},
        {"name": "prod", "context": {"cluster": "far", "user": "them", "namespace": "live"}},
    ],
    "clusters": [{"name": "far", "cluster": {"server": "https://far", "insecure-skip-tls-verify": True}}],
    "users": [{"name": "them", "user": {"token": "t", "as": "boss", "as-groups": ["a", "b"]}}],
}


def chosen(*files: dict[str, Any], **flags: Any) -> Chosen:
    return choose([(f"/f{number}", body) for number, body in enumerate(files)], ConnectionFlags(**flags))


@pytest.mark.parametrize(
    ("files", "flags", "server", "namespace"),
    [
        pytest.param([ONE], {}, "https://near", "team", id="the current context"),
        pytest.param([ONE, TWO], {}, "https://near", "team", id="of two files the first that says something wins"),
        pytest.param([{}, TWO], {}, "https://far", "live", id="an empty file says nothing"),
        pytest.param([ONE, TWO], {"context": "prod"}, "https://far", "live", id="--context"),
        pytest.param([ONE], {"context": "bare"}, "https://near", "default", id="a context without a namespace"),
        pytest.param([ONE], {"namespace": "other"}, "https://near", "other", id="-n"),
        pytest.param([ONE, TWO], {"cluster": "far"}, "https://far", "team", id="--cluster"),
        pytest.param([ONE], {"server": "https://else"}, "https://else", "team", id="--server"),
        pytest.param([], {"server": "https://else"}, "https://else", "default", id="--server alone"),
        pytest.param(
            [], {"server": "localhost:8080"}, "http://localhost:8080", "default", id="a server without scheme"
        ),
    ],
)
def test_where_to_go(files: list[dict[str, Any]], flags: dict[str, Any], server: str, namespace: str) -> None:
    found = chosen(*files, **flags)
    assert (found.cluster.body["server"], found.namespace) == (server, namespace)


def test_an_entry_keeps_its_file_for_relative_paths() -> None:
    found = chosen(ONE, TWO, context="prod")
    assert (found.cluster.file, found.user.file) == ("/f1", "/f1")


def test_a_token_takes_the_place_of_other_credentials() -> None:
    assert chosen(ONE, token="x").user.body == {"client-certificate-data": "Q0VSVA==", "token": "x"}


def test_a_certificate_of_the_flags_takes_the_place_of_the_files() -> None:
    user = chosen(ONE, client_certificate="/c.crt", client_key="/c.key").user.body
    assert (user["client-certificate"], user["client-key"]) == ("/c.crt", "/c.key")
    assert "client-certificate-data" not in user


@pytest.mark.parametrize(
    ("flags", "cluster"),
    [
        ({"certificate_authority": "/ca.crt"}, {"server": "https://near", "certificate-authority": "/ca.crt"}),
        ({"insecure_skip_tls_verify": True}, {"server": "https://near", "insecure-skip-tls-verify": True}),
    ],
)
def test_how_the_server_is_known(flags: dict[str, Any], cluster: dict[str, Any]) -> None:
    assert chosen(ONE, **flags).cluster.body == cluster


def test_impersonation_by_file_and_by_flags() -> None:
    groups = [("Impersonate-Group", "a"), ("Impersonate-Group", "b")]
    assert chosen(TWO).impersonation == [("Impersonate-User", "boss"), *groups]
    assert chosen(TWO, as_user="you", as_uid="7").impersonation == [
        ("Impersonate-User", "you"),
        ("Impersonate-Uid", "7"),
    ]
    assert chosen(ONE, as_user="you", as_groups=("a", "b")).impersonation == [("Impersonate-User", "you"), *groups]


@pytest.mark.parametrize(
    ("files", "flags", "says"),
    [
        ([ONE], {"context": "none"}, "context 'none' is not in /f0"),
        ([ONE], {"cluster": "none"}, "cluster 'none' is not in /f0"),
        ([ONE], {"user": "none"}, "user 'none' is not in /f0"),
        ([], {}, "no Kubernetes cluster is configured"),
        ([], {"context": "dev"}, "is not in any kubeconfig"),
        ([ONE], {"as_groups": ("a",)}, "add --as NAME"),
    ],
)
def test_what_is_missing_is_said(files: list[dict[str, Any]], flags: dict[str, Any], says: str) -> None:
    with pytest.raises(PreconditionError, match=says):
        chosen(*files, **flags)
