"""An older database is put back under a running service: what it says is believed, and made true again, without a restart."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.dev.control_plane import ControlPlane
from tests.integration.sync.kit import Engine, Team, files
from tests.support import backup
from tests.support.cluster import ApiStatusError, Cluster
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually


def serves(team: Team) -> bool:
    """An API server that is ready may not know yet what its CRDs define."""
    with suppress(ApiStatusError):
        return bool(team.seen()) and team.models() is not None
    return False


@pytest.mark.parametrize("read", [False, True], ids=["from before Git was read", "with an older commit applied"])
def test_a_backup_comes_back_and_git_is_applied_again(
    own_control_plane: ControlPlane, bare_repository: BareRepository, tmp_path: Path, *, read: bool
) -> None:
    cluster, namespace = Cluster.of(own_control_plane), "read" if read else "unread"
    cluster.create_namespace(namespace)
    team = Team(cluster, namespace, bare_repository.url)
    team.sync()
    earlier = Engine(cluster, (namespace,), tmp_path / "earlier")
    commit = bare_repository.commit(files("a"))
    if read:
        earlier.start()
        team.wait_applied(commit)
    earlier.stop()
    kept = backup.taken(own_control_plane, tmp_path / "etcd")
    engine = Engine(cluster, (namespace,), tmp_path / "engine").start()
    try:
        newest = bare_repository.commit(files("a", "b", enableNetworkIsolation=True))
        engine.controller.wake(team.key)
        team.wait_applied(newest)
        eventually(engine.idle)

        backup.put_back(own_control_plane, kept)

        eventually(lambda: serves(team))
        team.wait_applied(newest)
        eventually(lambda: team.models() == team.inventory() == {"a", "b"})
        assert team.model("a")["spec"]["enableNetworkIsolation"]
        eventually(engine.idle)
    finally:
        engine.stop()
