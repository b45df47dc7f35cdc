"""Which rule answers when no attempt is open, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.drift.policy import DriftMode, Policy
from reconciler.core.records.content import Content
from reconciler.kinds.hosting import rules
from reconciler.kinds.hosting.desired import desired_by_git
from reconciler.kinds.hosting.observed.endpoint import HostingObserved
from reconciler.kinds.hosting.situation.conclusions import concluded, situation
from reconciler.kinds.hosting.situation.situation import Situation
from reconciler.kinds.hosting_deployment import KIND
from tests.support.lab import hosting
from tests.support.passes import NOW, a_pass, verbs

DESIRED = desired_by_git(a_pass(KIND, hosting()))
NEW, OLD, OTHER = DESIRED.content, Content("old", "config-old"), Content("other", "config-other")


def live(status: str, content: Content = OLD) -> HostingObserved:
    found = {
        "EndpointName": DESIRED.endpoint,
        "EndpointArn": "arn:endpoint",
        "EndpointStatus": status,
        "EndpointConfigName": content.config,
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
    }
    return HostingObserved(found, True)


GONE = HostingObserved(None, True)


def given(
    seen: HostingObserved,
    *,
    applied: Content | None = OLD,
    existed: bool = True,
    quarantined: bool = False,
    correct: bool = False,
) -> Situation:
    """A deployment all of whose parts exist, and that wants `NEW`."""
    model = DESIRED.models[0]
    endpoint = {"name": DESIRED.endpoint, "arn": "arn:endpoint"} if existed else {}
    status: dict[str, Any] = {
        "endpoint": {"region": "us-east-1", **endpoint},
        "models": [{"name": model.name, "hash": model.hash, "arn": "arn:model"}],
        "configs": [
            {"name": one.config, "hash": one.hash, "arn": f"arn:{one.config}", "models": [model.name]}
            for one in (NEW, OLD)
        ],
        "rollout": {"phase": "Complete", "applied": applied.record()} if applied else {},
        "history": [{"id": 1, **one.record(), "result": "Succeeded"} for one in (NEW, OLD)],
        "quarantine": [{**NEW.record(), "reason": "alarm", "mirrored": True}] if quarantined else [],
    }
    policy = Policy(DriftMode.CORRECT if correct else DriftMode.WARN)
    return concluded(situation(a_pass(KIND, hosting(), status, drift=policy), seen))


@pytest.mark.parametrize(
    ("now", "rule", "calls"),
    [
        pytest.param(
            given(GONE, existed=False, applied=None),
            rules.never_made,
            ["CreateEndpoint"],
            id="nothing there yet is created",
        ),
        pytest.param(
            given(GONE, existed=False, quarantined=True),
            rules.in_quarantine,
            [],
            id="condemned content is not created",
        ),
        pytest.param(given(GONE), rules.deleted_outside, [], id="deleted from outside is reported"),
        pytest.param(
            given(GONE, correct=True),
            rules.deleted_outside,
            ["CreateEndpoint"],
            id="deleted from outside is made again in Correct",
        ),
        pytest.param(
            given(GONE, correct=True, quarantined=True),
            rules.in_quarantine,
            [],
            id="but never with condemned content",
        ),
        pytest.param(given(live("InService", NEW)), rules.serves, [], id="what is wanted serves"),
        pytest.param(
            given(live("InService", NEW), quarantined=True),
            rules.serves,
            [],
            id="what serves is ready though condemned",
        ),
        pytest.param(
            given(live("InService", OLD)), rules.new_content, ["UpdateEndpoint"], id="other content is an update"
        ),
        pytest.param(
            given(live("InService", OLD), quarantined=True),
            rules.in_quarantine,
            [],
            id="condemned content is never sent",
        ),
        pytest.param(
            given(live("InService", OTHER)),
            rules.new_content,
            ["UpdateEndpoint"],
            id="a new commit wins over a change from outside",
        ),
        pytest.param(
            given(live("InService", OLD), applied=NEW), rules.moved_outside, [], id="moved from outside is reported"
        ),
        pytest.param(
            given(live("InService", OLD), applied=NEW, correct=True),
            rules.moved_outside,
            ["UpdateEndpoint"],
            id="moved from outside is put back in Correct",
        ),
        *(
            pytest.param(
                given(live(status, NEW), correct=True), rules.endpoint_changing, [], id=f"{status} is waited out"
            )
            for status in ("Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting", "BrandNew")
        ),
        pytest.param(given(live("OutOfService", NEW)), rules.beyond_repair, [], id="out of service needs a human"),
        pytest.param(given(live("Failed", OLD)), rules.beyond_repair, [], id="failed after it served is not deleted"),
        pytest.param(
            given(live("Failed", OLD), applied=None),
            rules.first_create_failed,
            ["DeleteEndpoint"],
            id="a failed first create is replaced",
        ),
        pytest.param(
            given(live("Failed", OLD), applied=None, quarantined=True),
            rules.in_quarantine,
            [],
            id="but not with the content that failed",
        ),
        pytest.param(
            given(live("UpdateRollbackFailed", OLD)),
            rules.new_content,
            ["UpdateEndpoint"],
            id="other content is the way out of a failed rollback",
        ),
        pytest.param(
            given(live("UpdateRollbackFailed", NEW)),
            rules.beyond_repair,
            [],
            id="an update to the configuration it has already is never sent",
        ),
        pytest.param(
            given(live("UpdateRollbackFailed", OLD), quarantined=True),
            rules.in_quarantine,
            [],
            id="nor one to condemned content",
        ),
    ],
)
def test_what_to_do_when_no_attempt_is_open(now: Situation, rule: rules.HostingRule, calls: list[str]) -> None:
    answers = next(one for one in rules.RULES if one(now) is not None)
    assert answers is rule
    assert verbs(rules.first(rules.RULES, now)) == calls
