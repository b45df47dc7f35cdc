from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.adapters.kube.api import Api
from reconciler.adapters.kube.backoff import Backoff
from reconciler.adapters.kube.cache import KubeCache
from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.informer import PAGE
from reconciler.adapters.kube.objects import KubeApplier
from reconciler.core.resource import Key, Resource
from tests.integration.kube.kit import (
    CRDS,
    KINDS,
    Diary,
    Heard,
    applied,
    edit,
    install,
    key,
    make_namespace,
    model,
    unique,
)
from tests.support.waiting import eventually

Start = Callable[..., KubeCache]


def quick() -> Backoff:
    return Backoff(0.02, 0.1)


@pytest.fixture
def start(client: KubeClient) -> Iterator[Start]:
    """Start a cache, and see at the end that it leaves no thread behind."""
    before = set(threading.enumerate())
    caches = []

    def start(heard: Heard, via: KubeClient = client, kinds: dict[str, Api] = KINDS, **more: object) -> KubeCache:
        cache = KubeCache(via, kinds, backoff=quick, **more)  # type: ignore[arg-type]
        caches.append(cache)
        cache.subscribe(heard)
        cache.start()
        return cache

    yield start
    for cache in caches:
        cache.stop()
    left = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("informer")}
    assert not left


def test_what_is_there_and_what_changes_is_told_in_order(
    start: Start, applier: KubeApplier, client: KubeClient, namespace: str
) -> None:
    applied(applier, namespace, "before")
    heard = Heard()
    cache = start(heard, namespaces=[namespace])
    eventually(cache.synced)
    assert heard.of("before") == ["new"]
    (during,) = applied(applier, namespace, "during")
    changed = edit(client, during, "kubectl-edit", region="eu-west-1")
    eventually(lambda: heard.of("during") == ["new", "changed"])
    cached = cache.get(key(namespace, "during"))
    assert cached == changed
    assert {entry["manager"] for entry in changed.metadata["managedFields"]} == {"reconciler-sync", "kubectl-edit"}
    applier.delete(changed)
    eventually(lambda: heard.of("during") == ["new", "changed", "gone"])
    assert cache.get(key(namespace, "during")) is None
    assert [found.name for found in cache.items("Model")] == ["before"]
    assert heard.torn == []


def test_only_the_chosen_namespaces_are_known(start: Start, applier: KubeApplier, client: KubeClient) -> None:
    one, two, other = (make_namespace(client, unique("view")) for _ in range(3))
    for namespace in (one, two, other):
        applied(applier, namespace, "listed")
    heard = Heard()
    cache = start(heard, namespaces=[one, two])
    eventually(cache.synced)
    for namespace in (other, one, two):
        applied(applier, namespace, "watched")
    eventually(lambda: len(heard.of("watched")) == 2)
    assert {found.namespace for found in cache.items("Model")} == {one, two}


def test_a_shard_sees_what_carries_its_label(start: Start, applier: KubeApplier, namespace: str) -> None:
    heard = Heard()
    cache = start(heard, namespaces=[namespace], label_selector="shard=a")
    body = model(namespace, "moves")
    body["metadata"]["labels"] = {"shard": "a"}
    applied(applier, namespace, "elsewhere")
    applier.apply(body)
    eventually(lambda: heard.of("moves") == ["new"])
    body["metadata"]["labels"] = {"shard": "b"}
    applier.apply(body)
    eventually(lambda: heard.of("moves") == ["new", "gone"])
    assert heard.of("elsewhere") == []
    assert list(cache.items("Model")) == []


def test_a_handler_that_fails_hides_nothing_from_the_others(start: Start, applier: KubeApplier, namespace: str) -> None:
    heard = Heard()
    cache = start(heard, namespaces=[namespace])
    eventually(cache.synced)

    def broken(about: Key, old: Resource | None, new: Resource | None) -> None:
        raise ZeroDivisionError

    cache.subscribe(broken)
    applied(applier, namespace, "one", "two")
    eventually(lambda: heard.of("two") == ["new"])
    assert cache.problems() == []


def test_who_subscribes_late_is_told_what_is_there(start: Start, applier: KubeApplier, namespace: str) -> None:
    applied(applier, namespace, "early")
    cache = start(Heard(), namespaces=[namespace])
    eventually(cache.synced)
    late = Heard()
    cache.subscribe(late)
    assert late.changes == [("early", "new")]


def test_a_watch_that_ends_goes_on_where_it_was(
    start: Start, applier: KubeApplier, kubeconfig: Path, namespace: str
) -> None:
    diary, heard = Diary(str(kubeconfig)), Heard()
    cache = start(heard, via=diary, namespaces=[namespace], watch_s=1)
    eventually(cache.synced)
    eventually(lambda: len(diary.watches) >= 3)
    applied(applier, namespace, "after")
    eventually(lambda: heard.of("after") == ["new"])
    assert (len(diary.lists), cache.problems()) == (1, [])


def test_a_long_list_comes_in_pages(start: Start, client: KubeClient, kubeconfig: Path, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(PAGE + 1):
        client.request("POST", path, None, {"metadata": {"name": f"page-{number}"}})
    diary = Diary(str(kubeconfig))
    cache = start(Heard(), via=diary, kinds={"ConfigMap": Api("", "v1", "configmaps")}, namespaces=[namespace])
    eventually(cache.synced)
    assert (len(diary.lists), len(list(cache.items("ConfigMap")))) == (2, PAGE + 1)


def test_a_kind_that_is_not_installed_is_waited_for_and_may_go_and_come_again(
    start: Start, client: KubeClient, namespace: str
) -> None:
    api = Api(f"{unique('late')}.example", "v1", "gadgets")
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{api.group}"},
        "spec": {
            "group": api.group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }
    heard = Heard()
    cache = start(heard, kinds={"Gadget": api})
    eventually(cache.problems)
    assert not cache.synced()
    assert "Gadget: not installed" in cache.problems()[0]

    def make(name: str) -> None:
        body = {"apiVersion": api.api_version, "kind": "Gadget", "metadata": {"name": name}}
        client.request("POST", api.path(namespace), None, body)

    install(client, definition)
    make("first")
    eventually(lambda: heard.of("first") == ["new"])
    assert (cache.synced(), cache.problems()) == (True, [])

    client.request("DELETE", CRDS.path("", f"gadgets.{api.group}"))
    eventually(lambda: heard.of("first") == ["new", "gone"])
    eventually(cache.problems)
    install(client, definition)
    make("second")
    eventually(lambda: heard.of("second") == ["new"])
    assert cache.problems() == []
    client.request("DELETE", CRDS.path("", f"gadgets.{api.group}"))
