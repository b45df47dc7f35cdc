"""What fifty objects cost from push to Completed and at rest, counted on the real parts (D-15); and the cluster's name."""

from __future__ import annotations

import pytest

from tests.e2e.kit import GITOPS, HOSTING, JOB, V1, WITHIN_S, Site, files
from tests.support.git_repository import BareRepository
from tests.support.lab import hosting, job
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually

N = 50


def versions(site: Site) -> dict[str, str]:
    """The version of everything that the service may write."""
    found = [*site.cluster.list(V1, JOB, site.namespace), *site.cluster.list(V1, HOSTING, site.namespace)]
    found += site.cluster.list(GITOPS, "GitSync", site.namespace)
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}


def ready(site: Site) -> int:
    status = site.status("GitSync", "team")
    counted: int = (status.get("objects") or {}).get("ready", 0)
    return counted


@pytest.mark.holds("D-1.9", "D-15.1")
def test_fifty_jobs_cost_a_create_each_and_nothing_at_rest(
    site: Site, service: ServiceProcess, bare_repository: BareRepository
) -> None:
    site.simulator.clock("manual")
    commit = bare_repository.commit(files(*(job(f"train-{number:02}") for number in range(N)), hosting()))
    site.sync(bare_repository.url, interval="1h")
    site.wait_applied(commit)

    def told() -> bool:
        jobs = site.cluster.list(V1, JOB, site.namespace)
        assert sum(bool((each.get("status") or {}).get("secondaryStatus")) for each in jobs) == N
        return True

    eventually(told, WITHIN_S, "every job has its first status")
    counts = site.simulator.counts()
    assert (counts["CreateTrainingJob"], counts["DescribeTrainingJob"]) == (N, 0)

    # Waiting costs pages; a Describe each only when it is over.
    mark = site.simulator.mark()
    site.simulator.clock("scaled", 600)
    eventually(lambda: ready(site) == N + 1, WITHIN_S, "all is ready")
    counts = site.simulator.counts(mark)
    assert counts["DescribeTrainingJob"] <= N
    made = ["CreateEndpoint", "CreateEndpointConfig", "CreateModel", *["CreateTrainingJob"] * N]
    assert site.effects() == made
    assert not any(site.cluster.list(V1, part, site.namespace) for part in ("Model", "EndpointConfig"))
    jobs = site.cluster.list(V1, JOB, site.namespace)
    assert {each["metadata"]["generation"] for each in jobs} == {1}  # nothing is written back into a spec

    # At rest: a look at Git writes nothing, and SageMaker is asked for pages.
    eventually(lambda: site.status("HostingDeployment", "serve")["models"][0].get("creationTime"), WITHIN_S)
    before, mark = versions(site), site.simulator.mark()
    site.cluster.kubectl("-n", site.namespace, "annotate", "gitsync", "team", "sagemaker-gitops.dev/requestedAt=now")
    eventually(lambda: site.status("GitSync", "team").get("lastHandledReconcileAt") == "now", WITHIN_S)
    eventually(lambda: site.simulator.counts(mark)["ListEndpoints"] >= 3, WITHIN_S, "three sweeps")
    after = versions(site)
    assert {name for name in before if before[name] != after[name]} == {"GitSync/team"}  # the token
    assert set(site.simulator.counts(mark)) <= {"ListEndpoints", "ListModels", "ListEndpointConfigs"}

    # One file of fifty: one object moves, and reviewed content runs.
    mark = site.simulator.mark()
    changed = job("train-07", hyperParameters=[{"name": "a", "value": "2"}])
    site.wait_applied(bare_repository.commit(files(changed)))
    site.wait_ready((JOB, "train-07"))
    now = versions(site)
    assert {name for name in now if now[name] != after[name]} == {"GitSync/team", "TrainingJob/train-07"}
    assert site.effects(mark) == ["CreateTrainingJob"]

    # A renamed file is told, and that is all.
    mark, moved = site.simulator.mark(), (job("train-08"), hosting())
    old, new = files(*moved), {path.replace("prod/", "prod/moved/"): text for path, text in files(*moved).items()}
    commit = bare_repository.commit({**dict.fromkeys(old), **new})
    site.wait_applied(commit)
    for kind, name in ((JOB, "train-08"), (HOSTING, "serve")):
        eventually(lambda kind=kind, name=name: site.status(kind, name)["source"]["commit"] == commit, WITHIN_S)  # type: ignore[misc]
        assert site.status(kind, name)["source"]["path"] == f"prod/moved/{name}.yaml"
        assert site.object(kind, name)["metadata"]["generation"] == 1
    renamed = versions(site)
    touched = {name for name in now if now[name] != renamed[name]}
    assert touched == {"GitSync/team", "TrainingJob/train-08", "HostingDeployment/serve"}
    assert site.effects(mark) == []


@pytest.mark.holds("D-1.10")
def test_another_cluster_name_refuses_to_start(site: Site, service: ServiceProcess) -> None:
    recorded = site.cluster.get("v1", "ConfigMap", "sagemaker-gitops", site.namespace)["data"]
    assert recorded == {"clusterName": "dev"}
    second, _ = site.service("second", RECONCILER_CLUSTER_NAME="prod")
    second.start()
    eventually(lambda: not second.alive, WITHIN_S)
    assert second.exit_code == 1
    assert "named 'dev'" in second.log()
    nameless, _ = site.service("nameless", RECONCILER_CLUSTER_NAME="")
    nameless.start()
    eventually(lambda: not nameless.alive, WITHIN_S)
    assert nameless.exit_code == 2
    assert service.alive
