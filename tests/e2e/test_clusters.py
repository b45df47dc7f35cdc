"""Two whole clusters on one account; and a cluster whose API server, Git, SageMaker and definitions go away under the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.dev import binaries, crds
from reconciler.dev.control_plane import ControlPlane
from tests.e2e.kit import GITOPS, HOSTING, JOB, V1, WITHIN_S, Site, cpu_s, files
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository
from tests.support.lab import hosting, job
from tests.support.service import ServiceProcess, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually, never

BOTH = ((JOB, "train"), (HOSTING, "serve"))
DEFINITIONS = ("trainingjobs.sagemaker.aws.amazon.com", "hostingdeployments.sagemaker.aws.amazon.com")
WATCHED_S = 2.0
IDLE_CPU = 0.15
"""Of one core. A loop without backoff takes a whole one."""


@pytest.fixture
def other(own_control_plane: ControlPlane, simulator: SimControl, namespace: str, tmp_path: Path) -> Site:
    """A second cluster, with a namespace of the same name."""
    cluster = Cluster.of(own_control_plane)
    cluster.create_namespace(namespace)
    simulator.clock("scaled", 600)
    return Site(cluster, simulator, namespace, tmp_path / "other")


@pytest.fixture
def service(other: Site) -> Iterator[ServiceProcess]:
    process, page = other.service()
    with running(process, page):
        yield process


@pytest.mark.holds("D-3.3")
def test_deleted_definitions_stop_nothing_and_what_comes_back_is_taken_over(
    other: Site, service: ServiceProcess, own_control_plane: ControlPlane
) -> None:
    """`helm uninstall` of the archived operator's chart does just this.

    First, as what other services left behind with a finalizer would keep the definitions.
    """
    other.cluster.apply(hosting(namespace=other.namespace))
    other.wait_ready((HOSTING, "serve"))
    other.simulator.clock("manual")
    other.cluster.apply(job(namespace=other.namespace))
    eventually(lambda: other.status(JOB, "train").get("secondaryStatus"), WITHIN_S)
    mark, before = other.simulator.mark(), other.simulator.state()["resources"]
    other.cluster.kubectl("delete", "crd", *DEFINITIONS, "--timeout=50s")
    assert other.simulator.mutations(mark) == []
    assert other.simulator.state()["resources"] == before

    def loud() -> bool:
        events = [event for event in other.events() if event["reason"] == "DefinitionDeleted"]
        return sorted(event["involvedObject"]["name"] for event in events) == ["serve", "train"]

    eventually(loud, WITHIN_S, "one Event for each object")
    crds.install(binaries.kubectl(), own_control_plane.kubeconfig)
    other.cluster.apply(hosting(namespace=other.namespace))
    other.cluster.apply(job(namespace=other.namespace))
    other.simulator.clock("scaled", 600)
    other.wait_ready(*BOTH)
    assert other.effects(mark) == []
    assert service.alive


@pytest.mark.holds("D-1.11", "D-2.5")
def test_two_clusters_with_one_repository_never_touch_each_others_things(
    site: Site, other: Site, bare_repository: BareRepository
) -> None:
    """Equal manifests, names of the namespace and objects alike; an endpoint whose name is written out is for one of them."""
    contested = hosting("contested", endpointName="contested")
    commit = bare_repository.commit(files(job(), hosting()))
    ours, our_page = site.service("ours", RECONCILER_CLUSTER_NAME="blue", AWS_ACCESS_KEY_ID="blue")
    theirs, their_page = other.service("theirs", RECONCILER_CLUSTER_NAME="green", AWS_ACCESS_KEY_ID="green")
    with running(ours, our_page), running(theirs, their_page):
        for one in (site, other):
            one.sync(bare_repository.url)
        for one in (site, other):
            one.wait_applied(commit)
            one.wait_ready(*BOTH)
        made = changed_by(site, "blue"), changed_by(site, "green")
        assert [len(names) for names in made] == [4, 4]
        assert not made[0] & made[1]

        # What one of them has is refused to the other, stays when the other lets go, and is free when it lets go itself.
        site.cluster.apply(_in(contested, site))
        site.wait_ready((HOSTING, "contested"))
        other.cluster.apply(_in(contested, other))
        other.wait_reason(HOSTING, "contested", "OwnedByAnother")
        other.cluster.kubectl("-n", other.namespace, "delete", "hostingdeployment", "contested", "--timeout=40s")
        other.cluster.kubectl("-n", other.namespace, "delete", "gitsync", "team", "--timeout=40s")
        other.cluster.kubectl("-n", other.namespace, "delete", "hostingdeployment", "serve", "--timeout=40s")
        made = changed_by(site, "blue"), changed_by(site, "green")
        assert not made[0] & made[1]
        site.wait_ready((HOSTING, "serve"), (HOSTING, "contested"))
        other.cluster.apply(_in(contested, other))
        other.wait_reason(HOSTING, "contested", "OwnedByAnother")
        kept = site.status(HOSTING, "serve")["endpointName"]
        site.cluster.kubectl("-n", site.namespace, "delete", "hostingdeployment", "contested", "--timeout=40s")
        _look_now(other, HOSTING, "contested")
        other.wait_ready((HOSTING, "contested"))
        endpoints = {each["EndpointName"] for each in site.simulator.client().list_endpoints()["Endpoints"]}
    assert endpoints == {"contested", kept}


def changed_by(site: Site, key: str) -> set[str]:
    """The names of what a caller's requests changed."""
    rows = site.simulator.requests(service="sagemaker")
    return {row["key"] for row in rows if row["effect"] and row["caller"] == key}


def _in(manifest: dict[str, object], site: Site) -> dict[str, object]:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return {**manifest, "metadata": {**metadata, "namespace": site.namespace}}


def _look_now(site: Site, kind: str, name: str) -> None:
    note = {"metadata": {"annotations": {"sagemaker-gitops.dev/requestedAt": "now"}}}
    site.cluster.merge(GITOPS if kind == "GitSync" else V1, kind, name, site.namespace, note)


def idle(service: ServiceProcess) -> None:
    """It lives and comes to rest while something is away; a busy machine is late with what was begun before."""

    def rests() -> bool:
        before = cpu_s(service.pid)
        never(lambda: not service.alive, WATCHED_S)
        return (cpu_s(service.pid) - before) / WATCHED_S < IDLE_CPU

    eventually(rests)


@pytest.mark.endurance
def test_what_goes_away_is_waited_for_at_rest_and_comes_back_by_itself(
    other: Site, service: ServiceProcess, own_control_plane: ControlPlane, bare_repository: BareRepository
) -> None:
    other.sync(bare_repository.url)
    other.wait_applied(bare_repository.commit(files(job(), hosting())))
    other.wait_ready(*BOTH)

    # Git.
    away = bare_repository.path.with_name("away.git")
    bare_repository.path.rename(away)
    _look_now(other, "GitSync", "team")
    other.wait_reason("GitSync", "team", "RepositoryNotFound")
    idle(service)
    away.rename(bare_repository.path)
    commit = bare_repository.commit(files(job("second")))
    other.wait_applied(commit)
    assert other.condition("GitSync", "team")["status"] == "True"
    other.wait_ready((JOB, "second"))

    # The API server, while a job runs; what was pushed meanwhile is applied when it is back.
    other.simulator.clock("manual")
    other.cluster.apply(job("running", other.namespace))
    eventually(lambda: other.status(JOB, "running").get("secondaryStatus"), WITHIN_S)
    mark = other.simulator.mark()
    own_control_plane.apiserver.kill()
    commit = bare_repository.commit(files(job("third")))
    idle(service)
    own_control_plane.start_apiserver()
    other.simulator.clock("scaled", 600)
    other.wait_applied(commit)
    other.wait_ready((JOB, "third"), (JOB, "running"), *BOTH)
    assert other.effects(mark) == ["CreateTrainingJob"]

    # A watch that is too old: the process slept, the object changed, and the server that knew of it is gone.
    mark = other.simulator.mark()
    service.pause()
    other.cluster.apply(job("fourth", other.namespace))
    own_control_plane.apiserver.kill()
    own_control_plane.start_apiserver()
    service.resume()
    other.wait_ready((JOB, "fourth"), *BOTH)
    assert other.effects(mark) == ["CreateTrainingJob"]

    # SageMaker has enough of us.
    throttled = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
    mark = other.simulator.mark()
    other.simulator.rules({"id": "throttled", "match": {}, "action": throttled})
    other.cluster.apply(job("fifth", other.namespace))
    other.wait_reason(JOB, "fifth", "Throttled")
    idle(service)
    other.simulator.clear_rules("throttled")
    other.wait_ready((JOB, "fifth"), *BOTH)
    assert other.effects(mark) == ["CreateTrainingJob"]
