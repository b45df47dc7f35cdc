"""Fixtures that every kind of test may ask for. Each takes nothing that it is not asked for: unit tests start nothing."""

from __future__ import annotations

import gc
import itertools
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from reconciler.dev import binaries, crds, rights
from reconciler.dev.control_plane import ControlPlane
from tests.support import git_http, git_ssh, shared_control_plane
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.simulator_control import SimControl

if TYPE_CHECKING:
    from reconciler.dev.simulator import Simulator

_namespaces = itertools.count(1)

# No verdict by the clock, which a busy machine stretches; and the same examples each time, so that a failure repeats.
# Others: --hypothesis-profile=default.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "simulator(speed=60, clock='scaled', throttle=False): how the `simulator` fixture is started"
    )
    config.addinivalue_line(
        "markers", "holds(*ids): contracts of docs/design.md that the test holds; `make requirements` lists them"
    )
    config.addinivalue_line("markers", "endurance: long by nature; `make endurance` runs it, `make test` does not")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: service models and shapes are most of the heap, and each full collection walked them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Cluster]:
    """One cluster for all tests of this run, in whatever process; the CRDs are installed. Work in your `namespace`."""
    base = tmp_path_factory.getbasetemp()
    with shared_control_plane.joined((base if worker_id == "master" else base.parent) / "control-plane") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubeconfig(control_plane: Cluster) -> Path:
    """The administrator's kubeconfig of the shared cluster."""
    return control_plane.kubeconfig


@pytest.fixture
def namespace(control_plane: Cluster, request: pytest.FixtureRequest, worker_id: str) -> str:
    """A namespace of the shared cluster for this test alone. Nobody deletes it: there is no namespace controller."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].rstrip("-")
    name = f"{slug}-{worker_id}-{next(_namespaces)}"
    control_plane.create_namespace(name)
    return name


@pytest.fixture(scope="module")
def own_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of this module's own, CRDs installed: stop, restart or break its API server at will.

    `Cluster.of(own_control_plane)` speaks to it. Leave it running at the end of a test. One file runs in one process (`--dist loadfile`), so it starts once.
    """
    directory = tmp_path_factory.mktemp("own-control-plane")
    plane = ControlPlane(directory)
    plane.start()
    try:
        crds.install(binaries.kubectl(), plane.kubeconfig)
        yield plane
    finally:
        plane.apiserver.kill()  # its data are not wanted again
        plane.etcd.kill()
        shutil.rmtree(directory / "etcd", ignore_errors=True)


@pytest.fixture(scope="session")
def bench_simulator() -> Iterator[Simulator]:
    """The simulator of all tests on the bench in this process; they have it through `simulator`."""
    with _running(1.0, throttle=False) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def bench_controls(bench_simulator: Simulator) -> dict[str, SimControl]:
    """The ways to it, each kept so that boto3's clients last: one URL, and nothing runs beside a test there that could
    still be calling. `make endurance` tells the longest stories of the bench over HTTP; the many short ones go direct.
    """
    url = bench_simulator.url
    return {"direct": SimControl(url, bench_simulator.application), "over HTTP": SimControl(url)}


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> Iterator[SimControl]:
    """An empty simulator for this test alone. `@pytest.mark.simulator(clock="manual")` and the like choose how it runs."""
    marker = request.node.get_closest_marker("simulator")
    if "lab" in request.fixturenames:
        assert marker is None, "the bench moves the clock by hand"
        way = "over HTTP" if request.node.get_closest_marker("endurance") else "direct"
        control: SimControl = request.getfixturevalue("bench_controls")[way]
        control.throttle(enabled=False)
        control.clock("manual")
        control.reset()
        yield control
        return
    asked: dict[str, Any] = {"speed": 60.0, "clock": "scaled", "throttle": False} | (
        dict(marker.kwargs) if marker else {}
    )
    with _running(asked["speed"], throttle=asked["throttle"]) as running:
        control = SimControl(running.url)
        if asked["clock"] != "scaled":
            control.clock(asked["clock"])
        yield control


@contextmanager
def _running(speed: float, *, throttle: bool) -> Iterator[Simulator]:
    from reconciler.dev.simulator import Simulator  # noqa: PLC0415 # unit tests need not wait for moto's imports

    simulator = Simulator(speed=speed, throttle=throttle, iam_policy=rights.read(rights.shipped()))
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


@pytest.fixture
def bare_repository(tmp_path: Path) -> BareRepository:
    """An empty bare repository on disk; its `url` is a file:// one."""
    return BareRepository(tmp_path / "repository.git")


@pytest.fixture
def git_http_server(tmp_path: Path) -> Iterator[git_http.GitHttpServer]:
    """Smart HTTP with a password; `git_http_server.repository("team.git")` makes one to push to and fetch from."""
    root = tmp_path / "http"
    root.mkdir()
    with git_http.GitHttpServer(root).serving() as server:
        yield server


@pytest.fixture
def git_ssh_server(tmp_path: Path) -> Iterator[git_ssh.GitSshServer]:
    """A real SSH server with key and known_hosts of its own."""
    with git_ssh.serving(tmp_path / "ssh") as server:
        yield server
