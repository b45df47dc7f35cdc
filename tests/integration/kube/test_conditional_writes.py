from __future__ import annotations

import base64

import pytest

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.objects import KubeApplier, KubeObjects
from reconciler.core.errors import ConflictError, NotFoundError, StaleError
from reconciler.core.resource import FINALIZER, Key, Resource
from tests.integration.kube.kit import edit, key, model

STATUS = {"status": "Created", "additional": "m-1"}


def test_absence_is_an_answer(objects: KubeObjects, namespace: str) -> None:
    assert objects.get(key(namespace, "absent")) is None


@pytest.mark.holds("D-16.2")
def test_status_is_written_whole_and_leaves_the_spec_alone(
    objects: KubeObjects, applier: KubeApplier, namespace: str
) -> None:
    seen = applier.apply(model(namespace, "status"))
    wrote = objects.replace_status(seen.with_spec({"region": "elsewhere"}), STATUS)
    assert (wrote.status, wrote.spec, wrote.generation) == (STATUS, seen.spec, seen.generation)
    assert objects.replace_status(wrote, {"status": "Created"}).status == {"status": "Created"}


@pytest.mark.holds("D-16.2")
def test_only_one_of_two_who_saw_the_same_writes_status(
    objects: KubeObjects, applier: KubeApplier, namespace: str
) -> None:
    seen = applier.apply(model(namespace, "race"))
    objects.replace_status(seen, STATUS)
    with pytest.raises(StaleError):
        objects.replace_status(seen, {"status": "Failed"})
    live = objects.get(seen.key)
    assert live is not None
    assert live.status == STATUS


def test_an_edit_of_the_spec_makes_a_decision_stale(
    objects: KubeObjects, applier: KubeApplier, client: KubeClient, namespace: str
) -> None:
    seen = applier.apply(model(namespace, "edited"))
    edit(client, seen, "kubectl-edit", region="eu-west-1")
    with pytest.raises(StaleError):
        objects.replace_status(seen, STATUS)


def test_a_namesake_does_not_get_the_status_of_the_dead(
    objects: KubeObjects, applier: KubeApplier, namespace: str
) -> None:
    dead = applier.apply(model(namespace, "phoenix"))
    applier.delete(dead)
    with pytest.raises(NotFoundError):
        objects.replace_status(dead, STATUS)
    applier.apply(model(namespace, "phoenix"))
    with pytest.raises(StaleError):
        objects.replace_status(dead, STATUS)
    with pytest.raises(StaleError):
        objects.set_finalizers(dead, [FINALIZER])


def test_what_was_never_read_cannot_be_written(objects: KubeObjects, namespace: str) -> None:
    with pytest.raises(StaleError):
        objects.replace_status(Resource(model(namespace, "unread")), STATUS)


def test_finalizers_hold_an_object_until_they_are_taken_off(
    objects: KubeObjects, applier: KubeApplier, namespace: str
) -> None:
    seen = applier.apply(model(namespace, "held"))
    held = objects.set_finalizers(seen, [FINALIZER])
    assert held.finalizers == (FINALIZER,)
    with pytest.raises(StaleError):
        objects.set_finalizers(seen, [])
    applier.delete(held)
    deleting = objects.get(seen.key)
    assert deleting is not None
    assert deleting.deleting
    objects.set_finalizers(deleting, [])
    assert objects.get(seen.key) is None


def test_three_writers_have_three_names(objects: KubeObjects, applier: KubeApplier, namespace: str) -> None:
    seen = objects.set_finalizers(applier.apply(model(namespace, "names")), [FINALIZER])
    seen = objects.replace_status(seen, STATUS)
    managers = {entry["manager"] for entry in seen.metadata["managedFields"]}
    assert managers == {"reconciler-sync", "reconciler-finalizer", "reconciler-status"}


def test_one_of_two_creates_wins(objects: KubeObjects, namespace: str) -> None:
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": namespace}}
    made = objects.create(Resource({**wanted, "data": {"a": "1"}}))
    with pytest.raises(ConflictError):
        objects.create(Resource(wanted))
    changed = objects.replace(Resource({**made.body, "data": {"a": "2"}}), "notes")
    assert changed.body["data"] == {"a": "2"}
    with pytest.raises(StaleError):
        objects.replace(made, "notes")
    assert objects.get(Key("ConfigMap", namespace, "notes")) == changed


def test_a_secret_is_read_by_name(objects: KubeObjects, client: KubeClient, namespace: str) -> None:
    data = {"username": base64.b64encode(b"git").decode(), "raw": base64.b64encode(b"\xff\n").decode()}
    body = {"metadata": {"name": "credentials"}, "data": data}
    client.request("POST", f"/api/v1/namespaces/{namespace}/secrets", None, body)
    secret = objects.read_secret(namespace, "credentials")
    assert (secret["username"], secret["raw"].encode(errors="surrogateescape")) == ("git", b"\xff\n")
    with pytest.raises(NotFoundError):
        objects.read_secret(namespace, "absent")
