"""What the informers do while the API server is away, and what they know when it is back."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest

from reconciler.adapters.kube.backoff import Backoff
from reconciler.adapters.kube.cache import KubeCache
from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.objects import KubeApplier
from reconciler.dev.control_plane import ControlPlane
from tests.integration.kube.kit import (
    KINDS,
    Diary,
    Heard,
    Wire,
    applied,
    edit,
    key,
    make_namespace,
    unique,
    wired,
)
from tests.support import backup
from tests.support.waiting import eventually


def test_a_server_that_is_away_is_asked_less_and_less(wire: Wire, namespace: str) -> None:
    delays = [0.05, 0.1, 0.2, 0.4, 0.4]
    cache = KubeCache(
        KubeClient(wire.kubeconfig), KINDS, namespaces=[namespace], backoff=lambda: Backoff(0.05, 0.4, lambda: 0.0)
    )
    wire.cut()
    cache.start()
    eventually(lambda: len(wire.knocks) > len(delays))
    gaps = [later - earlier for earlier, later in itertools.pairwise(wire.knocks)]
    assert [gap >= delay for gap, delay in zip(gaps, delays, strict=False)] == [True] * len(delays)
    assert not cache.synced()
    assert "does not answer" in cache.problems()[0]
    # Waiting it out is progress: no outage, however long, makes an informer look stuck.
    eventually(lambda: cache.loops()[0].busy_s < 0.3)
    wire.mend()
    eventually(cache.synced)
    eventually(lambda: cache.problems() == [])
    cache.stop()


def test_an_outage_of_the_wire_loses_no_change_and_costs_one_list(
    wire: Wire, applier: KubeApplier, client: KubeClient, namespace: str
) -> None:
    stays, goes = applied(applier, namespace, "stays", "goes")
    diary, heard = Diary(wire.kubeconfig), Heard()
    cache = KubeCache(diary, KINDS, namespaces=[namespace], backoff=lambda: Backoff(0.02, 0.1))
    cache.subscribe(heard)
    cache.start()
    eventually(cache.synced)
    wire.cut()
    eventually(cache.problems)
    edit(client, stays, "kubectl-edit", region="eu-west-1")
    applier.delete(goes)
    applied(applier, namespace, "comes")
    assert len(heard.changes) == 2
    wire.mend()
    eventually(lambda: heard.of("comes") == ["new"])
    assert (heard.of("stays"), heard.of("goes")) == (["new", "changed"], ["new", "gone"])
    eventually(lambda: cache.problems() == [])
    assert (len(diary.lists), heard.torn) == (2, [])
    cache.stop()


def test_stop_wakes_whoever_waits_out_an_outage(wire: Wire, namespace: str) -> None:
    cache = KubeCache(KubeClient(wire.kubeconfig), KINDS, namespaces=[namespace], backoff=lambda: Backoff(60, 60))
    wire.cut()
    cache.start()
    eventually(cache.problems)
    began = time.monotonic()
    cache.stop()
    assert time.monotonic() - began < 2
    assert not [thread for thread in threading.enumerate() if thread.name == f"informer-Model-{namespace}"]


@pytest.mark.endurance
def test_a_restarted_server_that_forgot_the_past_is_listed_anew(
    own_control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Behind the informer's back things change, then the server restarts: its watch cache knows no older versions.

    That is how a 410 comes about in life, and the only trace of a deletion is then that a name is missing.
    """
    kubeconfig = own_control_plane.kubeconfig
    direct = KubeClient(str(kubeconfig))
    applier = KubeApplier(direct, KINDS)
    stays, goes, reborn, _ = applied(applier, "default", "stays", "goes", "reborn", "same")
    heard = Heard()
    with wired(kubeconfig, tmp_path) as wire:
        diary = Diary(wire.kubeconfig)
        cache = KubeCache(diary, KINDS, backoff=lambda: Backoff(0.05, 1.0))
        cache.subscribe(heard)
        cache.start()
        eventually(cache.synced)
        eventually(lambda: diary.watches)
        wire.cut()
        edit(direct, stays, "kubectl-edit", region="eu-west-1")
        applier.delete(goes)
        applier.delete(reborn)
        applied(applier, "default", "comes", "reborn")
        own_control_plane.stop_apiserver()
        wire.mend()
        knocks = len(wire.knocks)
        away = time.monotonic()
        own_control_plane.start_apiserver()
        away = time.monotonic() - away
        eventually(lambda: heard.of("comes") == ["new"])
        # Half the nominal delay each: 1.0 s from the fifth attempt on, and whatever start-up took afterwards.
        assert len(wire.knocks) - knocks <= 8 + (away + 2) / 0.5
        assert len(diary.lists) >= 2  # more when the server was still finding itself
        assert heard.of("stays") == ["new", "changed"]
        assert heard.of("goes") == ["new", "gone"]
        assert heard.of("reborn") == ["new", "gone", "new"]
        assert heard.of("same") == ["new"]
        assert heard.torn == []
        live = cache.get(key("default", "stays"))
        assert live is not None
        assert live.spec["region"] == "eu-west-1"
        eventually(lambda: cache.problems() == [])
        cache.stop()


@pytest.mark.parametrize("overtaken", [False, True], ids=["its count is behind ours", "its count has passed ours"])
def test_an_older_database_that_was_put_back_is_believed(
    own_control_plane: ControlPlane, tmp_path: Path, *, overtaken: bool
) -> None:
    """A watch from a version of the future is accepted and silent, and one from a version of another history misses changes."""
    plane = own_control_plane
    direct, heard = KubeClient(str(plane.kubeconfig)), Heard()
    namespace = make_namespace(direct, unique("restored"))
    applier = KubeApplier(direct, KINDS)
    stays, goes = applied(applier, namespace, "stays", "goes")
    kept = backup.taken(plane, tmp_path / "etcd")
    with wired(plane.kubeconfig, tmp_path) as wire:
        diary = Diary(wire.kubeconfig)
        cache = KubeCache(diary, KINDS, namespaces=[namespace], backoff=lambda: Backoff(0.05, 0.5))
        cache.subscribe(heard)
        cache.start()
        eventually(cache.synced)
        edit(direct, stays, "kubectl-edit", region="eu-west-1")
        applier.delete(goes)
        newest = applied(applier, namespace, *(f"later-{number}" for number in range(20)))[-1]
        eventually(lambda: heard.of(newest.name) == ["new"])
        if overtaken:
            wire.cut()
        backup.put_back(plane, kept)
        if overtaken:
            while int(applied(applier, namespace, unique("meanwhile"))[0].resource_version) <= int(
                newest.resource_version
            ):
                pass
            wire.mend()
        eventually(lambda: heard.versions.get(key(namespace, "stays")) == stays.resource_version)
        assert heard.of("goes") == ["new", "gone", "new"]
        assert heard.of(newest.name) == ["new", "gone"]
        applied(applier, namespace, "after")
        eventually(lambda: heard.of("after") == ["new"])
        assert heard.torn == []
        cache.stop()


@pytest.mark.parametrize("failures", [1, 5, 5000])
def test_no_delay_exceeds_the_longest(failures: int) -> None:
    backoff = Backoff(0.2, 30.0, lambda: 0.0)
    assert [backoff.next_s() for _ in range(failures)][-1] == min(30.0, 0.2 * 2 ** (min(failures, 32) - 1))
