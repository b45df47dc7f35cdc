"""The verdict on an endpoint, row by row: what became of an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.core.conditions import stamp
from reconciler.core.records.content import Content
from reconciler.core.records.rollout import Attempt
from reconciler.core.rollout import ACCEPTED, EVIDENCE_WAIT, LiveEndpoint, Outcome, judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW, OTHER = Content("old", "config-old"), Content("new", "config-new"), Content("other", "config-other")
T0, T1 = "2026-03-01T11:00:00+00:00", "2026-03-01T12:00:01+00:00"
EARLY, LATE = NOW + timedelta(seconds=5), NOW + EVIDENCE_WAIT


def update(evidence: str = "", failure_before: str = "", *, others: bool = False) -> Attempt:
    return Attempt(NEW, OLD, T0, failure_before, stamp(NOW), 1, evidence, others)


def create(modified: str = "", evidence: str = "", *, faulted: bool = False) -> Attempt:
    return Attempt(NEW, None, modified, "", stamp(NOW), 1, evidence, faulted_at=stamp(NOW) if faulted else "")


def live(
    status: str, config: Content = OLD, modified: str = T0, failure: str = "", pending: Content | None = None
) -> LiveEndpoint:
    return LiveEndpoint(status, config.config, modified, failure, pending.config if pending else "")


NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry"
)
NO_ROLE = (
    'The execution role ARN "arn:aws:iam::1:role/x" is invalid. Please ensure that the role exists and that its trust '
    'relationship policy allows the action "sts:AssumeRole"'
)
BAD_CONTENT = "The primary container for production variant main did not pass the ping health check."


@pytest.mark.holds("D-5.6", "D-5.7", "D-8.3")
@pytest.mark.parametrize(
    ("attempt", "seen", "when", "outcome"),
    [
        pytest.param(update(), live("Updating"), EARLY, Outcome.UNDER_WAY, id="updating is under way"),
        pytest.param(update(), live("RollingBack"), EARLY, Outcome.UNDER_WAY, id="rolling back is still under way"),
        pytest.param(update(), live("SystemUpdating"), LATE, Outcome.UNDER_WAY, id="patching is waited out"),
        pytest.param(update(), live("OutOfService"), LATE, Outcome.UNDER_WAY, id="out of service is waited out"),
        pytest.param(update(), live("BrandNew"), LATE, Outcome.UNDER_WAY, id="an unknown status waits"),
        pytest.param(
            update(), live("InService", NEW, T1), EARLY, Outcome.SUCCEEDED, id="what was asked for is in service"
        ),
        pytest.param(
            update(), live("InService", NEW, T0), EARLY, Outcome.SUCCEEDED, id="success needs no other evidence"
        ),
        pytest.param(update(), live("OutOfService", NEW, T1), LATE, Outcome.UNDER_WAY, id="success means in service"),
        pytest.param(update(), live("InService"), EARLY, Outcome.UNCONFIRMED, id="no trace yet says nothing"),
        pytest.param(update(), live("InService"), LATE, Outcome.NOT_RECEIVED, id="no trace for long: not received"),
        pytest.param(
            update("Updating"), live("InService"), EARLY, Outcome.ROLLED_BACK, id="Updating was seen: rolled back"
        ),
        pytest.param(
            update("RollingBack"), live("InService"), EARLY, Outcome.ROLLED_BACK, id="RollingBack was seen: rolled back"
        ),
        pytest.param(
            update(),
            live("InService", OLD, T1),
            EARLY,
            Outcome.UNCONFIRMED,
            id="moved by a change of counts, and not asked for: no verdict",
        ),
        pytest.param(
            update(),
            live("InService", OLD, T1, "Scaling failed"),
            LATE,
            Outcome.NOT_RECEIVED,
            id="moved, with a reason, and never seen to be taken on: not received",
        ),
        pytest.param(
            update(ACCEPTED),
            live("InService", OLD, T1),
            EARLY,
            Outcome.UNCONFIRMED,
            id="answered, but the read may be late",
        ),
        pytest.param(
            update(ACCEPTED),
            live("InService", OLD, T1),
            LATE,
            Outcome.ROLLED_BACK,
            id="answered, and moved: rolled back",
        ),
        pytest.param(
            update(ACCEPTED), live("InService", OLD, T0), LATE, Outcome.NOT_RECEIVED, id="answered, and never moved"
        ),
        pytest.param(
            update(ACCEPTED, others=True),
            live("InService", OLD, T1),
            LATE,
            Outcome.NOT_RECEIVED,
            id="answered, and moved by a patch: no proof",
        ),
        pytest.param(
            update(others=True), live("InService", OLD, T1), EARLY, Outcome.UNCONFIRMED, id="moved by a patch: no proof"
        ),
        pytest.param(
            update(others=True), live("InService", OLD, T1), LATE, Outcome.NOT_RECEIVED, id="patched, no trace for long"
        ),
        pytest.param(
            update(),
            live("InService", OLD, T0, "alarm"),
            EARLY,
            Outcome.UNCONFIRMED,
            id="a new reason alone is no evidence",
        ),
        pytest.param(
            update(failure_before="alarm"),
            live("InService", OLD, T0, "alarm"),
            EARLY,
            Outcome.UNCONFIRMED,
            id="the reason of an earlier update is no evidence",
        ),
        pytest.param(
            update(failure_before="alarm", others=True),
            live("InService", OLD, T1, "alarm"),
            EARLY,
            Outcome.UNCONFIRMED,
            id="the same reason again, and moved, is none either",
        ),
        pytest.param(
            update("Updating"),
            live("InService", OLD, T1, "Request to service failed. Try again"),
            EARLY,
            Outcome.FAULTED,
            id="a fault of the service is no verdict on the content",
        ),
        pytest.param(
            update("Updating"),
            live("InService", OLD, T1, "CapacityError: none left"),
            EARLY,
            Outcome.FAULTED,
            id="no capacity is no verdict on the content",
        ),
        pytest.param(
            update(), live("InService", OTHER, T1), EARLY, Outcome.OVERTAKEN, id="a third configuration: overtaken"
        ),
        pytest.param(update("Updating"), live("Failed", OLD, T1), EARLY, Outcome.FAILED, id="failed is failed"),
        pytest.param(
            update("Updating"),
            live("UpdateRollbackFailed", OLD, T1),
            EARLY,
            Outcome.FAILED,
            id="both ways failed is failed",
        ),
        pytest.param(
            update("Updating"),
            live("UpdateRollbackFailed", OLD, T1, NO_CAPACITY),
            EARLY,
            Outcome.FAILED,
            id="a rollback that failed is broken, whatever the reason",
        ),
        pytest.param(
            update(),
            live("UpdateRollbackFailed", OLD, T1),
            LATE,
            Outcome.NOT_RECEIVED,
            id="broken by somebody else's update",
        ),
        pytest.param(
            update(),
            live("UpdateRollbackFailed", OLD, T0),
            EARLY,
            Outcome.UNCONFIRMED,
            id="broken before and not moved: no verdict on what was just asked for",
        ),
        pytest.param(
            update(), live("UpdateRollbackFailed", OLD, T0), LATE, Outcome.NOT_RECEIVED, id="broken and never received"
        ),
        pytest.param(update(), None, LATE, Outcome.VANISHED, id="gone during an update: vanished"),
        pytest.param(create(), None, EARLY, Outcome.UNCONFIRMED, id="a create not seen yet"),
        pytest.param(create(), None, LATE, Outcome.NOT_RECEIVED, id="a create never seen"),
        pytest.param(
            replace(create(), evidence="Creating"), None, LATE, Outcome.VANISHED, id="gone after it was creating"
        ),
        pytest.param(create(), live("Creating", NEW), EARLY, Outcome.UNDER_WAY, id="creating"),
        pytest.param(create(), live("InService", NEW), EARLY, Outcome.SUCCEEDED, id="created"),
        pytest.param(create(evidence=ACCEPTED), None, EARLY, Outcome.UNCONFIRMED, id="answered, but not shown yet"),
        pytest.param(create(), live("Failed", NEW, T0, BAD_CONTENT), EARLY, Outcome.FAILED, id="a first create failed"),
        pytest.param(
            create(), live("Failed", NEW, T0, NO_CAPACITY), EARLY, Outcome.FAULTED, id="no capacity for a first create"
        ),
        pytest.param(
            create(), live("Failed", NEW, T0, NO_ROLE), EARLY, Outcome.FAULTED, id="its role is not there yet"
        ),
        pytest.param(
            create(faulted=True),
            live("Deleting", NEW, T1),
            LATE,
            Outcome.FAULTED,
            id="the failed one is on its way out",
        ),
        pytest.param(create(faulted=True), None, LATE, Outcome.FAULTED, id="the failed one is gone"),
        pytest.param(
            create(T0),
            live("Failed", NEW, T0),
            EARLY,
            Outcome.UNCONFIRMED,
            id="an early read shows the failed one that was just replaced",
        ),
        pytest.param(
            create(), live("InService", OTHER), EARLY, Outcome.OVERTAKEN, id="somebody else created it meanwhile"
        ),
    ],
)
def test_what_became_of_an_attempt(
    attempt: Attempt, seen: LiveEndpoint | None, when: datetime, outcome: Outcome
) -> None:
    assert judge(seen, attempt, when)[0] is outcome


@pytest.mark.parametrize(
    ("seen", "evidence", "others"),
    [
        pytest.param(
            live("Updating", pending=NEW), "Updating", False, id="an update to what was asked for is evidence"
        ),
        pytest.param(live("RollingBack", pending=NEW), "RollingBack", False, id="one that is rolled back is"),
        pytest.param(live("Creating", NEW), "Creating", False, id="an endpoint of that configuration is"),
        pytest.param(live("Updating"), "", False, id="updating alone is none"),
        pytest.param(live("Updating", pending=OTHER), "", False, id="an update to something else is none"),
        pytest.param(live("RollingBack"), "", False, id="rolling back alone is none"),
        pytest.param(live("SystemUpdating"), "", True, id="patching takes evidence away"),
        pytest.param(live("InService"), "", False, id="in service is none"),
    ],
)
def test_evidence_is_remembered_until_the_verdict(seen: LiveEndpoint, evidence: str, others: bool) -> None:
    _, attempt = judge(seen, update(), EARLY)
    assert (attempt.evidence, attempt.others_moved) == (evidence, others)
    assert Attempt.parse(attempt.record()) == attempt


def test_a_moment_is_the_same_in_every_time_zone() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
    answer = {"EndpointStatus": "InService", "EndpointConfigName": "c"}
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    told = {LiveEndpoint.parse({**answer, "LastModifiedTime": one}).modified for one in (moment, elsewhere)}
    assert told == {"2026-03-01T12:00:00.123000+00:00"}
