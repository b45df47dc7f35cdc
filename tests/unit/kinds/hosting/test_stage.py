"""What an endpoint's description says of a rollout under way, in one line."""

from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.kinds.hosting.observed.stage import stage_of

BEGAN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
LINEAR = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "LINEAR", "WaitIntervalInSeconds": 60}}}
ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
}
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}}


def variant(status: str, message: str, *, name: str = "main", instances: int | None = 4) -> dict[str, Any]:
    count = {} if instances is None else {"DesiredInstanceCount": instances}
    told = {"Status": status, "StatusMessage": message, "StartTime": BEGAN}
    return {"VariantName": name, "VariantStatus": [told], **count}


def updating(*variants: dict[str, Any], plan: dict[str, Any] | None = None, status: str = "Updating") -> dict[str, Any]:
    described = {"EndpointStatus": status, "PendingDeploymentSummary": {"ProductionVariants": list(variants)}}
    return described | ({"LastDeploymentConfig": plan} if plan else {})


def baking(seconds: int, why: str, on: str) -> str:
    return f"Baking for {seconds} seconds ({why}) with traffic enabled on {on} instance(s)."


@pytest.mark.holds("D-5.17")
@pytest.mark.parametrize(
    ("found", "stage"),
    [
        pytest.param(None, "", id="nothing was looked at"),
        pytest.param(
            {"EndpointStatus": "InService", "ProductionVariants": [{"VariantName": "main"}]}, "", id="at rest"
        ),
        pytest.param(
            updating(variant("Creating", "Launching 4 instance(s).")),
            "launching 4 instances",
            id="the new fleet is launched",
        ),
        pytest.param(
            updating(variant("ActivatingTraffic", "Activating traffic on canary capacity of 1 instance(s).")),
            "moving traffic to canary on 1 of 4 instances",
            id="a canary gets its traffic",
        ),
        pytest.param(
            updating(variant("Baking", baking(600, "WaitIntervalInSeconds", "canary capacity of 1"))),
            "canary on 1 of 4 instances, baking until 12:40 UTC",
            id="a canary bakes",
        ),
        pytest.param(
            updating(variant("Baking", baking(300, "TerminationWaitInSeconds", "4")), plan=ALL_AT_ONCE),
            "all 4 instances, baking until 12:35 UTC before the old ones go",
            id="all traffic is moved and the old fleet still waits",
        ),
        pytest.param(
            updating(variant("Baking", baking(60, "WaitIntervalInSeconds", "2")), plan=LINEAR),
            "linear on 2 of 4 instances, baking until 12:31 UTC",
            id="a linear step bakes",
        ),
        pytest.param(
            updating(variant("Baking", baking(7200, "WaitIntervalInSeconds", "3")), plan=ROLLING),
            "rolling on 3 of 4 instances, baking until 14:30 UTC",
            id="a rolling batch bakes",
        ),
        pytest.param(
            updating(variant("Deleting", "Terminating 1 instance(s).")),
            "terminating 1 old instance",
            id="the old fleet goes",
        ),
        pytest.param(
            updating(variant("Deleting", "Terminating 4 instance(s)."), status="RollingBack"),
            "rolling back: terminating 4 instances",
            id="a rollback takes the new fleet away",
        ),
        pytest.param(
            updating(variant("Creating", "Launching 1 instance(s).", instances=None)),
            "launching 1 instance",
            id="a serverless variant counts no instances",
        ),
        pytest.param(
            updating(
                variant("Creating", "Launching 2 instance(s).", instances=2),
                variant("Baking", baking(60, "WaitIntervalInSeconds", "1"), name="shadow", instances=1),
            ),
            "main: launching 2 instances; shadow: 1 of 1 instance, baking until 12:31 UTC",
            id="variants at different stages are told one by one",
        ),
        pytest.param(
            updating(
                variant("Creating", "Launching 4 instance(s).", instances=2),
                variant("Creating", "Launching 4 instance(s).", name="b", instances=2),
            ),
            "launching 4 instances",
            id="variants at the same stage are told once",
        ),
        pytest.param(
            updating(variant("Polishing", "Polishing the brass.")),
            "Polishing the brass.",
            id="a sentence that is not known is passed on",
        ),
        pytest.param(
            {
                "EndpointStatus": "Updating",
                "ProductionVariants": [variant("Updating", "Scaling out desired instance count to 3.")],
            },
            "Scaling out desired instance count to 3.",
            id="what serves is scaled",
        ),
    ],
)
def test_the_stage(found: dict[str, Any] | None, stage: str) -> None:
    assert stage_of(found) == stage


def test_the_newest_of_several_statuses_counts() -> None:
    told = [
        {"Status": "Creating", "StatusMessage": "Launching 4 instance(s).", "StartTime": BEGAN},
        {
            "Status": "Deleting",
            "StatusMessage": "Terminating 4 instance(s).",
            "StartTime": BEGAN.replace(hour=13),
        },
    ]
    found = updating({"VariantName": "main", "VariantStatus": told, "DesiredInstanceCount": 4})
    assert stage_of(found) == "terminating 4 old instances"
