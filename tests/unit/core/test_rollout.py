"""The verdict on an endpoint, row by row: what became of an attempt, and what to do when none is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.core.rollout import EVIDENCE_WAIT, Attempt, Content, Live, Outcome, Situation, Step, judge, next_step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW, OTHER = Content("old", "config-old"), Content("new", "config-new"), Content("other", "config-other")
T0, T1 = "2026-03-01T11:00:00+00:00", "2026-03-01T12:00:01+00:00"
EARLY, LATE = NOW + timedelta(seconds=5), NOW + EVIDENCE_WAIT


def update(evidence: str = "", failure_before: str = "", *, others: bool = False) -> Attempt:
    return Attempt(NEW, OLD, T0, failure_before, NOW, 1, evidence, others)


def create(modified: str = "") -> Attempt:
    return Attempt(NEW, None, modified, "", NOW, 1)


def live(status: str, config: Content = OLD, modified: str = T0, failure: str = "") -> Live:
    return Live(status, config.config, modified, failure)


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
            update(), live("InService", OLD, T1), EARLY, Outcome.ROLLED_BACK, id="moved without a reason: rolled back"
        ),
        pytest.param(
            update(others=True), live("InService", OLD, T1), EARLY, Outcome.UNCONFIRMED, id="moved by a patch: no proof"
        ),
        pytest.param(
            update(others=True), live("InService", OLD, T1), LATE, Outcome.NOT_RECEIVED, id="patched, no trace for long"
        ),
        pytest.param(
            update(), live("InService", OLD, T0, "alarm"), EARLY, Outcome.ROLLED_BACK, id="a new reason: rolled back"
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
            Outcome.ROLLED_BACK,
            id="the same reason again, and moved: rolled back",
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
        pytest.param(update(), live("Failed", OLD, T1), EARLY, Outcome.FAILED, id="failed is failed"),
        pytest.param(
            update(), live("UpdateRollbackFailed", OLD, T1), EARLY, Outcome.FAILED, id="both ways failed is failed"
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
        pytest.param(create(), live("Failed", NEW), EARLY, Outcome.FAILED, id="a first create failed"),
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
def test_what_became_of_an_attempt(attempt: Attempt, seen: Live | None, when: datetime, outcome: Outcome) -> None:
    assert judge(seen, attempt, when)[0] is outcome


@pytest.mark.parametrize(
    ("status", "evidence", "others"),
    [
        pytest.param("Updating", "Updating", False, id="updating is evidence"),
        pytest.param("RollingBack", "RollingBack", False, id="rolling back is evidence"),
        pytest.param("Creating", "Creating", False, id="creating is evidence"),
        pytest.param("SystemUpdating", "", True, id="patching takes evidence away"),
        pytest.param("InService", "", False, id="in service is none"),
    ],
)
def test_evidence_is_remembered_until_the_verdict(status: str, evidence: str, others: bool) -> None:
    _, attempt = judge(live(status), update(), EARLY)
    assert (attempt.evidence, attempt.others_moved) == (evidence, others)
    assert Attempt.parse(attempt.record()) == attempt


def situation(seen: Live | None, **more: object) -> Situation:
    calm = {"applied": OLD, "existed": True, "quarantined": False, "served": True, "correct": False}
    return Situation(seen, NEW, **(calm | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "step"),
    [
        pytest.param(situation(None, existed=False, applied=None), Step.CREATE, id="nothing there yet is created"),
        pytest.param(
            situation(None, existed=False, quarantined=True), Step.QUARANTINED, id="condemned content is not created"
        ),
        pytest.param(situation(None), Step.REPORT_MISSING, id="deleted from outside is reported"),
        pytest.param(situation(None, correct=True), Step.RECREATE, id="deleted from outside is made again in Correct"),
        pytest.param(
            situation(None, correct=True, quarantined=True), Step.QUARANTINED, id="but never with condemned content"
        ),
        pytest.param(situation(live("InService", NEW)), Step.READY, id="what is wanted serves"),
        pytest.param(
            situation(live("InService", NEW), quarantined=True), Step.READY, id="what serves is ready though condemned"
        ),
        pytest.param(situation(live("InService", OLD)), Step.UPDATE, id="other content is an update"),
        pytest.param(
            situation(live("InService", OLD), quarantined=True), Step.QUARANTINED, id="condemned content is never sent"
        ),
        pytest.param(
            situation(live("InService", OTHER)), Step.UPDATE, id="a new commit wins over a change from outside"
        ),
        pytest.param(
            situation(live("InService", OLD), applied=NEW), Step.REPORT_DRIFT, id="moved from outside is reported"
        ),
        pytest.param(
            situation(live("InService", OLD), applied=NEW, correct=True),
            Step.CORRECT_DRIFT,
            id="moved from outside is put back in Correct",
        ),
        *(
            pytest.param(situation(live(status, NEW), correct=True), Step.WAIT, id=f"{status} is waited out")
            for status in ("Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting", "BrandNew")
        ),
        pytest.param(situation(live("OutOfService", NEW)), Step.STUCK, id="out of service needs a human"),
        pytest.param(situation(live("Failed", OLD)), Step.STUCK, id="failed after it served is not deleted"),
        pytest.param(
            situation(live("Failed", OLD), served=False), Step.REPLACE_FAILED, id="a failed first create is replaced"
        ),
        pytest.param(
            situation(live("Failed", OLD), served=False, quarantined=True),
            Step.STUCK,
            id="but not with the content that failed",
        ),
        pytest.param(
            situation(live("UpdateRollbackFailed", OLD)),
            Step.UPDATE,
            id="other content is the way out of a failed rollback",
        ),
        pytest.param(
            situation(live("UpdateRollbackFailed", NEW)),
            Step.STUCK,
            id="an update to the configuration it has already is never sent",
        ),
        pytest.param(
            situation(live("UpdateRollbackFailed", OLD), quarantined=True),
            Step.QUARANTINED,
            id="nor one to condemned content",
        ),
    ],
)
def test_what_to_do_when_no_attempt_is_open(now: Situation, step: Step) -> None:
    assert next_step(now) is step


@pytest.mark.holds("D-8.3")
def test_a_moment_is_the_same_in_every_time_zone() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
    answer = {"EndpointStatus": "InService", "EndpointConfigName": "c"}
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    told = {Live.parse({**answer, "LastModifiedTime": one}).modified for one in (moment, elsewhere)}
    assert told == {"2026-03-01T12:00:00.123000+00:00"}
