"""Which SageMaker a manifest and its Namespace may name."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from reconciler.adapters.partitions import load_partitions
from reconciler.core.aws.partitions import invocation_url, log_url
from reconciler.core.errors import DeniedError, ReconcileError, TerminalError
from reconciler.core.resource import Annotation, Resource
from reconciler.core.tenancy import ANY, Tenancy, parse_endpoints
from reconciler.kinds import CATALOG

KIND = CATALOG.by_name["TrainingJob"]
PARTITIONS = load_partitions(Loader())
ROLE = "arn:aws:iam::222233334444:role/team-a"
OTHER = "arn:aws:iam::222233334444:role/team-b"
OWN = "https://sagemaker.us-west-2.amazonaws.com"
MADE = {"run": {"name": "x", "region": "us-west-2", "startedAt": "2026-01-01T00:00:00Z"}}


def thing(region: str = "us-west-2", status: dict[str, Any] | None = None, **spec: Any) -> Resource:
    metadata: dict[str, Any] = {"name": "train", "namespace": "team-a"}
    return Resource(
        {
            "apiVersion": "sagemaker.aws.amazon.com/v1",
            "kind": "TrainingJob",
            "metadata": metadata,
            "spec": {"region": region, **spec},
            "status": status or {},
        }
    )


def tenancy(**allowed: Any) -> Tenancy:
    return Tenancy(**allowed, partition_of=PARTITIONS)


def named(role: str) -> dict[str, str]:
    return {Annotation.ROLE: role}


@pytest.mark.parametrize(
    ("region", "url"),
    [
        pytest.param("us-west-2", OWN, id="as the archived operator's sample names it"),
        pytest.param("us-west-2", f"{OWN}/", id="with a slash"),
        pytest.param("us-west-2", "https://api.sagemaker.us-west-2.amazonaws.com", id="the API's own host"),
        pytest.param("us-west-2", "https://api.sagemaker.us-west-2.api.aws", id="dual stack"),
        pytest.param("us-west-2", "https://api-fips.sagemaker.us-west-2.amazonaws.com", id="FIPS"),
        pytest.param("us-west-2", "https://vpce-0a1b-2c.api.sagemaker.us-west-2.vpce.amazonaws.com", id="PrivateLink"),
        pytest.param("cn-north-1", "https://api.sagemaker.cn-north-1.amazonaws.com.cn", id="China"),
    ],
)
def test_sagemakers_own_hosts_are_open(region: str, url: str) -> None:
    assert tenancy().place(KIND, thing(region, sageMakerEndpoint=url), {}).tenant.endpoint == url.rstrip("/")


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-west-2", "http://sagemaker.us-west-2.amazonaws.com"),
        ("us-west-2", "https://sagemaker.us-west-2.amazonaws.com.evil.example"),
        ("us-west-2", "https://evil.example/sagemaker.us-west-2.amazonaws.com"),
        ("us-west-2", "https://me@sagemaker.us-west-2.amazonaws.com"),
        ("us-west-2", "https://sagemaker.us-west-2.amazonaws.com:8443"),
        ("us-west-2", "https://sagemaker.us-west-2.amazonaws.com/proxy?to=me"),
        ("us-west-2", "https://169.254.169.254"),
        ("us-west-2", "https://[::1"),
        ("us-west-2", "https://"),
        ("us-west-2", "https://api.sagemaker.cn-north-1.amazonaws.com.cn"),
        ("cn-north-1", "https://api.sagemaker.cn-north-1.amazonaws.com"),
    ],
)
def test_any_other_host_is_refused(region: str, url: str) -> None:
    with pytest.raises(TerminalError, match="/spec/sageMakerEndpoint") as refused:
        tenancy().place(KIND, thing(region, sageMakerEndpoint=url), {})
    assert refused.value.reason == "EndpointNotAllowed"


def test_a_map_of_endpoints_is_the_whole_list() -> None:
    mapped = tenancy(endpoints=parse_endpoints(f"{OWN}=https://proxy.local"))
    assert mapped.place(KIND, thing(sageMakerEndpoint=f"{OWN}/"), {}).tenant.endpoint == "https://proxy.local"
    assert mapped.place(KIND, thing(), {}).tenant.endpoint == ""
    with pytest.raises(TerminalError):
        mapped.place(KIND, thing(sageMakerEndpoint="https://api.sagemaker.us-west-2.amazonaws.com"), {})


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [({}, "http://chosen"), ({"http://chosen": "http://mapped"}, "http://mapped"), ({ANY: "http://any"}, "http://any")],
)
def test_the_installers_default_needs_no_allowance(endpoints: dict[str, str], expected: str) -> None:
    chosen = tenancy(default_endpoint="http://chosen", endpoints=endpoints)
    assert chosen.place(KIND, thing(), {}).tenant.endpoint == expected


@pytest.mark.holds("D-14.10")
def test_regions_are_open_unless_listed() -> None:
    assert tenancy().place(KIND, thing("eu-west-1"), {}).tenant.region == "eu-west-1"
    listed = tenancy(regions=("us-*", "eu-west-1"))
    assert listed.place(KIND, thing("eu-west-1"), {}).tenant.region == "eu-west-1"
    with pytest.raises(TerminalError, match="/spec/region: ap-south-1") as refused:
        listed.place(KIND, thing("ap-south-1"), {})
    assert refused.value.reason == "RegionNotAllowed"


def test_what_was_made_stays_where_it_is_and_is_deleted_from_there() -> None:
    made = thing("eu-west-1", status=MADE)
    assert tenancy().place(KIND, made, {}).tenant.region == "us-west-2"
    listed = tenancy(regions=("eu-*",))
    with pytest.raises(TerminalError):
        listed.place(KIND, made, {})
    assert listed.place(KIND, made.with_metadata(deletionTimestamp="now"), {}).tenant.region == "us-west-2"


def test_a_region_in_which_nothing_came_about_is_forgotten() -> None:
    refused = thing("eu-west-1", status={"run": {"name": "x", "region": "us-west-2"}})
    assert tenancy(regions=("eu-*",)).place(KIND, refused, {}).tenant.region == "eu-west-1"


def test_without_a_list_no_role_is_assumed() -> None:
    assert tenancy().place(KIND, thing(), {}).tenant.role == ""
    with pytest.raises(DeniedError) as refused:
        tenancy().place(KIND, thing(), named(ROLE))
    assert refused.value.reason == "RoleNotAllowed"


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (ROLE, ROLE),
        (ROLE, "arn:aws:iam::222233334444:role/*"),
        (ROLE, "arn:aws:iam::*:role/{namespace}"),
    ],
)
def test_a_listed_role_is_assumed(role: str, allowed: str) -> None:
    place = tenancy(roles=(allowed,), external_id="prod/{namespace}").place(KIND, thing(), named(role))
    assert place.tenant[2:] == (ROLE, "prod/team-a")
    assert place.tenant.account == "222233334444"


@pytest.mark.parametrize(
    ("role", "allowed", "region"),
    [
        pytest.param(OTHER, ROLE, "us-west-2", id="another role"),
        pytest.param(OTHER, "arn:aws:iam::*:role/{namespace}", "us-west-2", id="another namespace's"),
        pytest.param("team-a", "*", "us-west-2", id="no ARN"),
        pytest.param("arn:aws:iam::222233334444:user/team-a", "*", "us-west-2", id="a user"),
        pytest.param(ROLE, "*", "cn-north-1", id="another partition's"),
    ],
)
def test_any_other_role_is_refused(role: str, allowed: str, region: str) -> None:
    with pytest.raises(ReconcileError) as refused:
        tenancy(roles=(allowed,)).place(KIND, thing(region), named(role))
    assert refused.value.reason == "RoleNotAllowed"


@pytest.mark.parametrize(
    ("before", "now", "used", "conflict"),
    [
        pytest.param(ROLE, ROLE, ROLE, False, id="unchanged"),
        pytest.param(ROLE, OTHER, ROLE, True, id="changed: what was made is followed under its own role"),
        pytest.param(ROLE, "", ROLE, True, id="taken away"),
        pytest.param("", ROLE, "", True, id="added later"),
    ],
)
def test_the_role_of_what_exists_does_not_change(before: str, now: str, used: str, conflict: bool) -> None:
    status = {**MADE, "roleArn": before}
    place = tenancy(roles=("*",)).place(KIND, thing(status=status), named(now))
    assert (place.tenant.role, place.conflict is not None) == (used, conflict)
    if place.conflict:
        assert place.conflict.reason == "IdentityChanged"


def test_where_nothing_was_made_the_role_may_change() -> None:
    refused = {"run": {"name": "x", "region": "us-west-2"}, "roleArn": ROLE}
    assert tenancy(roles=("*",)).place(KIND, thing(status=refused), named(OTHER)) == ((*_tenant(OTHER),), None)


def _tenant(role: str) -> tuple[str, str, str, str]:
    return ("us-west-2", "", role, "")


@pytest.mark.parametrize(
    ("kind", "status", "made", "free"),
    [
        pytest.param("TrainingJob", {}, False, True, id="new"),
        pytest.param(
            "TrainingJob", {"conditions": [], "additional": "no"}, False, True, id="refused before anything was asked"
        ),
        pytest.param(
            "TrainingJob", {"run": {"name": "x"}, "intent": {"at": "t"}}, False, False, id="asked, and answered no"
        ),
        pytest.param(
            "TrainingJob",
            {"run": {"name": "x", "requestedAt": "2026-11-30T10:00:00Z"}},
            True,
            False,
            id="asked, and not answered",
        ),
        pytest.param("Model", {"models": [{"name": "x", "arn": "arn"}]}, True, False, id="a model"),
        pytest.param(
            "HostingDeployment",
            {"rollout": {"startedAt": "t"}, "intent": {}},
            False,
            True,
            id="a rollout that came to nothing",
        ),
        pytest.param(
            "HostingDeployment",
            {"rollout": {"requestedAt": "2026-11-30T10:00:00Z"}},
            True,
            False,
            id="a rollout that may have begun",
        ),
        pytest.param("HostingDeployment", {"endpointName": "host-uid"}, False, False, id="the archived operator's"),
    ],
)
def test_what_status_tells_of_things_made(kind: str, status: dict[str, Any], made: bool, free: bool) -> None:
    found = CATALOG.by_name[kind]
    assert (found.exists(status), found.untouched(status)) == (made, free)


@pytest.mark.parametrize(
    ("region", "partition", "console", "runtime"),
    [
        ("eu-west-1", "aws", "eu-west-1.console.aws.amazon.com", "runtime.sagemaker.eu-west-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "cn-north-1.console.amazonaws.cn", "runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
        (
            "us-gov-west-1",
            "aws-us-gov",
            "us-gov-west-1.console.amazonaws-us-gov.com",
            "runtime.sagemaker.us-gov-west-1.amazonaws.com",
        ),
        ("eu-south-9", "aws", "eu-south-9.console.aws.amazon.com", "runtime.sagemaker.eu-south-9.amazonaws.com"),
        ("cn-west-9", "aws-cn", "cn-west-9.console.amazonaws.cn", "runtime.sagemaker.cn-west-9.amazonaws.com.cn"),
        ("nonsense", "aws", "nonsense.console.aws.amazon.com", "runtime.sagemaker.nonsense.amazonaws.com"),
    ],
)
def test_urls_by_botocores_partitions(region: str, partition: str, console: str, runtime: str) -> None:
    found = PARTITIONS(region)
    assert found.name == partition
    assert log_url(found, region, "/g", "j").startswith(f"https://{console}/cloudwatch/home?region={region}#logStream")
    assert invocation_url(found, region, "e") == f"https://{runtime}/endpoints/e/invocations"


def test_a_partition_without_a_known_console_has_no_link() -> None:
    assert log_url(PARTITIONS("us-isof-south-1"), "us-isof-south-1", "/g", "j") == ""
