"""One controller, several accounts: the role of a Namespace, assumed, refreshed and never exchanged under what exists."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.aws import Aws, Sessions
from reconciler.core.resource import Annotation
from reconciler.core.tenancy import Tenant
from reconciler.dev.envfile import REGION
from tests.support.lab import LOADER, Lab, hosting, job
from tests.support.simulator_control import SimControl

ROLE = "arn:aws:iam::222233334444:role/team"
OTHER = "arn:aws:iam::333344445555:role/team"


def accounts(lab: Lab) -> dict[str, set[str]]:
    """Kinds of things by the account that has them."""
    found: dict[str, set[str]] = {}
    for row in lab.simulator.state()["resources"]:
        found.setdefault(row["arn"].split(":")[4], set()).add(row["kind"])
    return found


def allow(lab: Lab, *patterns: str, role: str | None = ROLE, **more: Any) -> None:
    lab.tenancy = replace(lab.tenancy, roles=patterns, **more)
    lab.around.namespaces["team"] = {Annotation.ROLE: role} if role else {}


def test_what_a_namespace_makes_is_in_the_account_of_its_role(lab: Lab) -> None:
    allow(lab, "arn:aws:iam::222233334444:role/*", external_id="lab/{namespace}")
    keys = [lab.cluster.apply(job()), lab.cluster.apply(hosting()), lab.cluster.apply(job(namespace="other"))]
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)
    theirs = {"TrainingJob", "Model", "EndpointConfig", "Endpoint"}
    assert accounts(lab) == {"222233334444": theirs, "123456789012": {"TrainingJob"}}
    assert [lab.status(key).get("roleArn") for key in keys] == [ROLE, ROLE, None]
    # One role for both kinds, one AssumeRole for many calls.
    assert lab.simulator.counts(service="sts") == {"AssumeRole": 1}
    lab.cluster.delete(keys[1])
    lab.run(until=lambda: keys[1] not in lab.cluster.objects, step_s=60)
    assert accounts(lab)["222233334444"] == {"TrainingJob"}


@pytest.mark.holds("D-14.10")
def test_a_role_that_is_not_allowed_is_not_assumed(lab: Lab) -> None:
    allow(lab, OTHER)
    key = lab.cluster.apply(job())
    lab.run(300, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("RoleNotAllowed", {"Stalled"})
    assert ROLE in lab.condition(key, "Ready")["message"]
    assert lab.simulator.requests() == []
    lab.around.namespaces["team"] = {Annotation.ROLE: OTHER}
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert list(accounts(lab)) == ["333344445555"]


def test_a_refused_object_that_made_nothing_goes_when_it_is_deleted(lab: Lab) -> None:
    allow(lab)
    keys = [lab.cluster.apply(job()), lab.cluster.apply(job("elsewhere", namespace="b", region="mars-1"))]
    lab.tenancy = replace(lab.tenancy, regions=("us-*",))
    lab.settle()
    assert [lab.reason(key) for key in keys] == ["RoleNotAllowed", "RegionNotAllowed"]
    for key in keys:
        lab.cluster.delete(key)
    lab.settle()
    assert lab.cluster.objects == {}
    assert lab.simulator.requests() == []


@pytest.mark.holds("D-1.8")
@pytest.mark.parametrize(("before", "now"), [(ROLE, OTHER), (ROLE, None), (None, ROLE)])
def test_another_role_for_what_exists_changes_nothing(lab: Lab, before: str | None, now: str | None) -> None:
    allow(lab, "*", role=before)
    running = lab.cluster.apply(job())
    serving = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(serving), step_s=60)
    mark = lab.simulator.mark()
    allow(lab, "*", role=now)
    for manifest in (hosting(image="lab:2"), job(hyperParameters=[{"name": "a", "value": "1"}])):
        lab.cluster.apply(manifest)
    lab.run(600, step_s=60)
    for key in (running, serving):
        assert (lab.reason(key), lab.condition(key, "Ready")["status"]) == ("IdentityChanged", "False")
    assert "Healthy" in lab.types(serving)
    assert lab.status(running)["trainingJobStatus"] == "Completed"
    assert lab.simulator.mutations(mark) == []
    # Put back, all goes on.
    allow(lab, "*", role=before)
    lab.cluster.annotate(running, on_change="Run")
    lab.run(until=lambda: lab.is_ready(serving) and lab.is_ready(running), step_s=60)
    assert lab.effects(mark)["UpdateEndpoint"] == 1
    assert len(accounts(lab)) == 1


def test_what_was_made_under_a_role_is_deleted_under_it(lab: Lab) -> None:
    allow(lab, "*")
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    allow(lab, "*", role=OTHER)
    lab.cluster.delete(key)
    lab.run(until=lambda: not lab.cluster.objects, step_s=60)
    assert lab.simulator.state()["resources"] == []


DENIED = {"type": "error", "code": "AccessDenied", "message": "User: x is not authorized to perform: sts:AssumeRole"}


def test_a_role_that_cannot_be_assumed_is_told_and_probed_once_for_all(lab: Lab) -> None:
    allow(lab, "*")
    lab.simulator.rules({"id": "no", "match": {"service": "sts", "op": "AssumeRole"}, "action": DENIED})
    keys = [lab.cluster.apply(job(f"train-{number}")) for number in range(5)]
    other = lab.cluster.apply(job(namespace="other"))
    lab.run(60)
    for key in keys:
        assert lab.reason(key) == "RoleNotAssumable"
        assert ROLE in lab.condition(key, "Ready")["message"]
        assert "sts:AssumeRole" in lab.condition(key, "Ready")["message"]
    assert lab.simulator.counts(service="sts")["AssumeRole"] <= 1 + 60 / 15, "one probe per pause, whoever waits"
    lab.run(until=lambda: lab.is_ready(other), step_s=60)
    lab.simulator.clear_rules("no")
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)


def test_credentials_are_refreshed_before_they_end(simulator: SimControl, credentials: None, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)
    aws = Aws(Sessions(LOADER))
    tenant = Tenant(REGION, simulator.url, ROLE)
    for _ in range(3):
        aws.read(tenant, "ListModels", {})
    assert simulator.counts(service="sts") == {"AssumeRole": 1}
    session = aws._sessions.of(tenant)
    held = session.get_credentials()
    held._expiry_time = held._time_fetcher()  # its hour is over
    aws.read(tenant, "ListModels", {})
    assert simulator.counts(service="sts") == {"AssumeRole": 2}


def test_roles_of_one_account_share_its_rate(simulator: SimControl, credentials: None) -> None:
    aws = Aws(Sessions(LOADER))
    ours, twin, other = (Tenant(REGION, "", role) for role in (ROLE, f"{ROLE}-2", OTHER))
    assert aws._bucket(ours, "ListModels") is aws._bucket(twin, "ListModels")
    assert aws._bucket(ours, "ListModels") is not aws._bucket(other, "ListModels")


@pytest.mark.holds("D-14.10")
def test_an_unlisted_endpoint_is_refused_before_anything_is_signed(lab: Lab) -> None:
    url = "https://sagemaker.us-west-2.amazonaws.com"
    lab.tenancy = replace(lab.tenancy, endpoints={url: lab.simulator.url})
    allowed = lab.cluster.apply(job("allowed", region="us-west-2", sageMakerEndpoint=url))
    foreign = lab.cluster.apply(job("foreign", sageMakerEndpoint="https://collect.example"))
    lab.run(until=lambda: lab.is_ready(allowed), step_s=60)
    assert (lab.reason(foreign), lab.types(foreign)) == ("EndpointNotAllowed", {"Stalled"})
    assert lab.status(foreign)["trainingJobStatus"] == "ReconcilingTrainingJob"
    assert lab.effects() == {"CreateTrainingJob": 1}


MEASURE = """
import gc
from botocore.loaders import Loader
from reconciler.adapters.aws import Aws, Sessions, Tenant

def resident() -> float:
    gc.collect()
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * 4096 / 2**20

aws = Aws(Sessions(Loader()))
def use(number: int) -> None:
    tenant = Tenant("us-east-1", "", f"arn:aws:iam::222233334444:role/team-{number}")
    for service in ("sagemaker", "application-autoscaling"):
        aws._sessions.client(tenant, service)
use(0)
before = resident()
for number in range(1, 20):
    use(number)
print((resident() - before) / 19)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_further_role_costs_about_one_mebibyte(credentials: None) -> None:
    told = subprocess.run([sys.executable, "-c", textwrap.dedent(MEASURE)], capture_output=True, text=True, check=True)
    assert float(told.stdout) < 2.5
