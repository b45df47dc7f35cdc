from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.objects import KubeApplier, KubeObjects
from reconciler.core.errors import ConflictError, DeniedError, NotFoundError, StaleError, TerminalError
from tests.integration.kube.kit import KINDS, edit, key, model
from tests.support.waiting import eventually

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def test_applying_the_same_again_writes_nothing(applier: KubeApplier, namespace: str) -> None:
    first = applier.apply(model(namespace, "same"))
    # Stores the default of a status that nobody wrote yet; what has a status is never written by an equal apply.
    second = applier.apply(model(namespace, "same"))
    third = applier.apply(model(namespace, "same"))
    assert (first.generation, third.generation, third.resource_version) == (1, 1, second.resource_version)


def test_what_left_git_leaves_the_object(applier: KubeApplier, namespace: str) -> None:
    applier.apply(model(namespace, "leaves", enableNetworkIsolation=True))
    assert "enableNetworkIsolation" not in applier.apply(model(namespace, "leaves")).spec


def test_force_takes_a_field_back_and_without_it_the_owner_is_named(
    applier: KubeApplier, client: KubeClient, namespace: str
) -> None:
    edit(client, applier.apply(model(namespace, "contested")), "somebody", region="eu-west-1")
    with pytest.raises(ConflictError, match=r"somebody.*spec\.region"):
        applier.apply(model(namespace, "contested"), force=False)
    assert applier.apply(model(namespace, "contested")).spec["region"] == "us-west-2"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"regoin": "x"}, "spec.regoin: field not declared", id="an undeclared key is named"),
        pytest.param({"enableNetworkIsolation": "yes"}, "spec.enableNetworkIsolation: expected", id="a wrong type"),
        pytest.param({"region": None}, "spec.region", id="an explicit null"),
        pytest.param({"sageMakerEndpoint": "ftp://x"}, "spec.sageMakerEndpoint: Invalid value", id="a broken pattern"),
    ],
)
def test_a_bad_manifest_is_refused_with_the_field(
    applier: KubeApplier, namespace: str, spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(TerminalError) as refused:
        applier.apply(model(namespace, "bad", **spec))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param([{"name": "TOKEN", "value": "canary" * 10_000}], id="too long"),
        pytest.param([{"name": "TOKEN", "value": {"x": "canary"}}], id="an object"),
        pytest.param([{"name": "TOKEN", "value": ["canary\ncanary"]}], id="a list, over two lines"),
        pytest.param({"TOKEN": "canary"}, id="a map as other tools have it"),
        pytest.param("canary", id="a text"),
    ],
)
def test_a_refused_environment_value_stays_out_of_the_message(
    applier: KubeApplier, namespace: str, environment: Any
) -> None:
    container = {"image": "least:1", "environment": environment}
    with pytest.raises(TerminalError) as refused:
        applier.apply(model(namespace, "canary", primaryContainer=container))
    assert "spec.primaryContainer.environment" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_missing_namespace_and_an_unknown_kind(applier: KubeApplier) -> None:
    with pytest.raises(NotFoundError, match="not-there"):
        applier.apply(model("not-there", "a"))
    with pytest.raises(TerminalError, match="Pod"):
        applier.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "default"}})


def test_a_name_cannot_reach_another_path(applier: KubeApplier, namespace: str) -> None:
    with pytest.raises((TerminalError, NotFoundError)):
        applier.apply(model(namespace, "../../kube-system/models/a"))
    with pytest.raises((TerminalError, NotFoundError)):
        applier.apply(model(namespace, ".."))


@pytest.mark.holds("D-7.4")
def test_replace_takes_foreign_fields_away(applier: KubeApplier, client: KubeClient, namespace: str) -> None:
    ours = applier.apply(model(namespace, "mine"))
    theirs = edit(client, ours, "kubectl-edit", enableNetworkIsolation=True, region="eu-west-1")
    back = applier.replace(theirs.with_spec(ours.spec))
    assert back.spec == ours.spec


def test_what_was_put_back_still_leaves_with_git(applier: KubeApplier, client: KubeClient, namespace: str) -> None:
    ours = applier.apply(model(namespace, "later", enableNetworkIsolation=True))
    theirs = edit(client, ours, "kubectl-edit", enableNetworkIsolation=False)
    back = applier.replace(theirs.with_spec(ours.spec))
    assert back.spec["enableNetworkIsolation"] is True
    assert "enableNetworkIsolation" not in applier.apply(model(namespace, "later")).spec


@pytest.mark.holds("D-7.4")
def test_replace_of_an_old_look_is_refused(applier: KubeApplier, client: KubeClient, namespace: str) -> None:
    ours = applier.apply(model(namespace, "old-look"))
    edit(client, ours, "kubectl-edit", region="eu-west-1")
    with pytest.raises(StaleError):
        applier.replace(ours)


def test_delete_is_conditional(applier: KubeApplier, client: KubeClient, objects: KubeObjects, namespace: str) -> None:
    first = applier.apply(model(namespace, "doomed"))
    second = edit(client, first, "kubectl-edit", region="eu-west-1")
    with pytest.raises(StaleError):
        applier.delete(first)
    applier.delete(second)
    applier.delete(second)
    assert objects.get(key(namespace, "doomed")) is None


def test_a_namesake_made_later_is_not_deleted(applier: KubeApplier, namespace: str) -> None:
    first = applier.apply(model(namespace, "namesake"))
    applier.delete(first)
    applier.apply(model(namespace, "namesake"))
    with pytest.raises(StaleError):
        applier.delete(first)


def test_a_service_account_applies_with_its_own_rights(client: KubeClient, namespace: str) -> None:
    impersonated = KubeApplier(client.as_service_account(namespace, "deployer"), KINDS)
    with pytest.raises(DeniedError, match=f"system:serviceaccount:{namespace}:deployer"):
        impersonated.apply(model(namespace, "theirs"))
    rule = {"apiGroups": ["sagemaker.aws.amazon.com"], "resources": ["models"], "verbs": ["*"]}
    role = {"metadata": {"name": "models"}, "rules": [rule]}
    client.request("POST", f"{RBAC}/namespaces/{namespace}/roles", None, role)
    # Bound to the group of the namespace's accounts, which we never send: the API server knows it from the name.
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": f"system:serviceaccounts:{namespace}"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "models"}
    binding = {"metadata": {"name": "models"}, "roleRef": reference, "subjects": [group]}
    client.request("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", None, binding)

    def allowed() -> bool:
        try:
            return impersonated.apply(model(namespace, "theirs")).name == "theirs"
        except DeniedError:
            return False  # the authorizer reads bindings from its own informer

    eventually(allowed)
