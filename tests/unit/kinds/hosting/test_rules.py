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
    flapping: bool = False,
    wanted_before: Content | None = None,
    retry: str = "",
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
        "rollout": {
            **({"phase": "Complete", "applied": applied.record()} if applied else {}),
            **({"desiredHash": wanted_before.hash} if wanted_before else {}),
        },
        "history": [{"id": 1, **one.record(), "result": "Succeeded"} for one in (NEW, OLD)],
        "quarantine": [{**NEW.record(), "reason": "alarm", "mirrored": True}] if quarantined else [],
    }
    often = frozenset({"/status/endpointConfigName"} if flapping else ())
    policy = Policy(DriftMode.CORRECT if correct else DriftMode.WARN, flapping=often)
    tokens = {"retry": retry} if retry else {}
    return concluded(situation(a_pass(KIND, hosting(), status, drift=policy, tokens=tokens), seen))


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
        pytest.param(given(GONE, applied=NEW), rules.deleted_outside, [], id="deleted from outside is reported"),
        pytest.param(
            given(GONE, applied=NEW, correct=True, flapping=True),
            rules.deleted_outside,
            [],
            id="deleted from outside too often is left alone",
        ),
        *(
            pytest.param(
                given(GONE, correct=correct, flapping=True),
                rules.deleted_outside,
                ["CreateEndpoint"],
                id=f"a new commit goes out though the endpoint is missing and {why}",
            )
            for correct, why in ((True, "its correction flaps"), (False, "mode Warn would leave it so"))
        ),
        pytest.param(
            given(GONE, applied=NEW, wanted_before=OTHER),
            rules.deleted_outside,
            ["CreateEndpoint"],
            id="a commit that returns to what served is new content too when other content was wanted before it",
        ),
        pytest.param(
            given(GONE, applied=NEW, wanted_before=NEW),
            rules.deleted_outside,
            [],
            id="content that was wanted before is not new",
        ),
        *(
            pytest.param(
                given(seen, applied=NEW, correct=True, flapping=True, retry="now"),
                rule,
                calls,
                id=f"a person's retry goes out though the correction flaps: {what}",
            )
            for seen, rule, calls, what in (
                (GONE, rules.deleted_outside, ["CreateEndpoint"], "the endpoint is deleted"),
                (live("InService", OLD), rules.moved_outside, ["UpdateEndpoint"], "the endpoint was moved"),
            )
        ),
        pytest.param(
            given(GONE, applied=NEW, correct=True),
            rules.deleted_outside,
            ["CreateEndpoint"],
            id="deleted from outside is made again in Correct",
        ),
        pytest.param(
            given(GONE, correct=True, quarantined=True),
            rules.last_good_comes_back,
            ["CreateEndpoint"],
            id="but never with condemned content: what served last comes back",
        ),
        pytest.param(
            given(GONE, quarantined=True, retry="now"),
            rules.last_good_comes_back,
            ["CreateEndpoint"],
            id="what served last comes back in mode Warn when a person asks",
        ),
        *(
            pytest.param(
                given(GONE, correct=correct, flapping=correct, quarantined=True),
                rules.in_quarantine,
                [],
                id=f"what served last does not come back {when}",
            )
            for correct, when in ((False, "in mode Warn"), (True, "while that flaps"))
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


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(given(GONE, quarantined=True), "mode Warn leaves it so", id="the mode"),
        pytest.param(
            given(GONE, correct=True, flapping=True, quarantined=True), "3 times within the hour", id="flapping"
        ),
    ],
)
def test_who_reads_of_a_quarantine_learns_why_nothing_serves_and_how_the_last_good_content_returns(
    now: Situation, said: str
) -> None:
    message = rules.first(rules.RULES, now).message
    assert said in message
    assert "#1, which served last, back" in message


def test_what_comes_back_is_recorded_as_what_it_was_and_not_as_the_commit_in_quarantine() -> None:
    decision = rules.first(rules.RULES, given(GONE, correct=True, quarantined=True))
    newest = decision.status["history"][0]
    assert (newest["hash"], newest["initiatedBy"]) == (OLD.hash, "drift")
    assert decision.calls[0].params["EndpointConfigName"] == OLD.config
