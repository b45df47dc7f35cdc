"""What `wait` concludes, and what `retry`, `rerun` and `rollback` would say to the controller."""

from typing import Any

import pytest

from reconciler.core.errors import PreconditionError
from reconciler.core.resource import Resource
from reconciler.kinds.hosting.declaration import serving_entry
from reconciler.plugins.sagemaker import health, releases
from reconciler.plugins.sagemaker.goals import Goal, GoalState, judge
from reconciler.plugins.sagemaker.health import Health, look, unheard
from tests.unit.plugins.sagemaker.builders import BAD, HISTORY, A, B, C, conditions, entry, hosting, resource

DONE, PENDING, FAILED = GoalState.DONE, GoalState.PENDING, GoalState.FAILED
READY, HEALTHY, AT_B = Goal(), Goal.parse("healthy"), Goal.parse(f"revision={B[:9]}")
SUSPENDED = {"suspend": "true"}
FROM_B = {"commit": B, "revision": f"main@sha1:{B}"}
OF_TEAM = {"owner": "ml/team"}


def sync(applied: str, **more: Any) -> Resource:
    known = {"ready": "ReconciliationSucceeded", "lastAppliedRevision": f"main@sha1:{applied}", **more}
    return resource("GitSync", "team", **({**known, "ready": ""} if "stalled" in more else known))


@pytest.mark.parametrize(
    ("goal", "seen", "syncs", "state"),
    [
        pytest.param(READY, resource(ready="InService"), [], DONE, id="ready is ready"),
        pytest.param(READY, resource(working="Updating"), [], PENDING, id="work is waited for"),
        pytest.param(READY, resource(stalled="JobFailed"), [], FAILED, id="what is stalled will not come"),
        pytest.param(READY, resource(), [], PENDING, id="nobody looked yet"),
        pytest.param(READY, None, [], FAILED, id="what is not there is an error"),
        pytest.param(READY, resource(ready="InService", generation=2), [], PENDING, id="ready of an older generation"),
        pytest.param(READY, resource(stalled="X", generation=2), [], PENDING, id="stalled of an older generation"),
        pytest.param(
            READY, resource(stalled="X", annotations={"retry": "h"}), [], PENDING, id="a stall from before the retry"
        ),
        pytest.param(
            READY,
            resource(stalled="X", annotations={"retry": "h"}, handled={"retry": "h"}),
            [],
            FAILED,
            id="a stall in spite of the retry",
        ),
        pytest.param(
            READY, resource(ready="Completed", annotations={"run": "2"}), [], PENDING, id="ready from before the rerun"
        ),
        pytest.param(READY, resource(working="X", annotations=SUSPENDED), [], FAILED, id="suspended work stands still"),
        pytest.param(READY, resource(ready="X", annotations=SUSPENDED), [], DONE, id="suspended when it was ready"),
        pytest.param(READY, resource(ready="X", metadata={"deletionTimestamp": "now"}), [], FAILED, id="being deleted"),
        pytest.param(
            HEALTHY,
            resource(observedGeneration=1, conditions=conditions(("Ready", "False", "X"), ("Healthy", "True", "X"))),
            [],
            DONE,
            id="healthy though not ready",
        ),
        pytest.param(HEALTHY, resource("Model", ready="X"), [], FAILED, id="a model is never healthy"),
        pytest.param(AT_B, None, [], PENDING, id="git may bring it yet"),
        pytest.param(AT_B, resource(ready="X", source={"commit": A}), [], PENDING, id="of another commit"),
        pytest.param(AT_B, resource(ready="X", source={"commit": B}), [], DONE, id="of that commit"),
        pytest.param(AT_B, resource(working="X", annotations=FROM_B), [], PENDING, id="of that commit, at work"),
        pytest.param(AT_B, resource(stalled="X", annotations=FROM_B), [], FAILED, id="of that commit, stalled"),
        pytest.param(
            AT_B, resource(stalled="X", source={"commit": A}, annotations=OF_TEAM), [sync(A)], PENDING, id="old stall"
        ),
        pytest.param(
            AT_B, resource(ready="X", source={"commit": A}, annotations=OF_TEAM), [sync(B)], DONE, id="untouched by it"
        ),
        pytest.param(
            AT_B,
            resource(ready="X", source={"commit": A}, annotations=OF_TEAM),
            [sync(C, history=[{"revision": f"main@sha1:{B}", "result": "Succeeded"}])],
            DONE,
            id="a later commit is there",
        ),
        pytest.param(
            AT_B,
            resource(ready="X", source={"commit": A}, annotations=OF_TEAM),
            [sync(A, stalled="PartiallyApplied", lastAttemptedRevision=f"main@sha1:{B}")],
            FAILED,
            id="the sync stalled at it",
        ),
        pytest.param(AT_B, sync(A), [], PENDING, id="a sync behind"),
        pytest.param(AT_B, sync(B), [], DONE, id="a sync that applied it"),
    ],
)
def test_a_wait(goal: Goal, seen: Resource | None, syncs: list[Resource], state: GoalState) -> None:
    verdict = judge(goal, seen, syncs)
    assert (verdict.state, bool(verdict.text)) == (state, True), verdict


@pytest.mark.parametrize("text", ["Gladness", "revision=", "revision=main", "revision=12345"])
def test_what_cannot_be_waited_for(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Goal.parse(text)


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        (resource(ready="X"), Health.GOOD),
        (resource(working="X"), Health.BUSY),
        (resource(stalled="X"), Health.BAD),
        (resource(), Health.UNKNOWN),
        (resource(ready="X", generation=2), Health.BUSY),
        (resource(ready="Suspended", annotations=SUSPENDED), Health.PAUSED),
        (resource("GitSync", ready="X", spec={"suspend": True}), Health.PAUSED),
        pytest.param(
            resource(working="PreconditionFailed"), Health.BAD, id="a role that cannot be assumed needs a person"
        ),
        pytest.param(resource(working="QuotaExceeded"), Health.BAD, id="a quota needs a person"),
        pytest.param(resource(working="DependencyNotReady"), Health.BUSY, id="a reference needs nobody"),
    ],
)
def test_health(seen: Resource, health: Health) -> None:
    assert look(seen).health is health


@pytest.mark.parametrize(
    ("generation", "reason"),
    [
        pytest.param(1, "AuthenticationFailed", id="about this spec"),
        pytest.param(2, "NotObserved", id="about one before"),
    ],
)
def test_a_sync_that_cannot_read_its_repository_shows_why(generation: int, reason: str) -> None:
    failing = {
        "type": "Ready",
        "status": "False",
        "reason": "AuthenticationFailed",
        "message": "401",
        "observedGeneration": 1,
    }
    status: dict[str, Any] = {
        "conditions": [failing, {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry"}]
    }
    seen = look(resource("GitSync", generation=generation, **status))
    assert (seen.reason, seen.ready) == (reason, False)


WAITS = {"revision": f"main@sha1:{A}", "total": 7, "objects": ["Model/a", "Model/b"]}


@pytest.mark.parametrize("wanted", ["", A[:7], A])
def test_an_approval_names_the_commit_and_what_goes(wanted: str) -> None:
    found = releases.approval(resource("GitSync", stalled="PruneNeedsApproval", pruneApproval=WAITS), wanted)
    assert (found.revision, list(found.objects), found.total) == (A, ["Model/a", "Model/b"], 7)


@pytest.mark.parametrize(
    ("seen", "wanted", "says"),
    [
        pytest.param(resource("GitSync", ready="ReconciliationSucceeded"), "", "waits for no approval", id="nothing"),
        pytest.param(resource("GitSync", pruneApproval=WAITS), B[:7], "not of bbbbbbb", id="another commit"),
        pytest.param(hosting(), "", "prunes nothing", id="no sync"),
    ],
)
def test_an_approval_of_nothing(seen: Resource, wanted: str, says: str) -> None:
    with pytest.raises(PreconditionError, match=says):
        releases.approval(seen, wanted)


def test_requests_of_flux_count_as_ours() -> None:
    asked = {"annotations": {"reconcile.fluxcd.io/requestedAt": "1"}}
    assert unheard(resource("GitSync", metadata=asked)) == ["sagemaker-gitops.dev/requestedAt"]
    assert unheard(resource("GitSync", metadata=asked, lastHandledReconcileAt="1")) == []
    assert unheard(resource("Model", metadata=asked, handled={"requestedAt": "1"})) == []


@pytest.mark.parametrize(
    ("annotations", "status", "held"),
    [
        ({}, {}, ""),
        ({"rollback-to": "#1"}, {}, "1"),
        ({"rollback-to": "1"}, {"handled": {"rollbackTo": "1"}, "rollout": {"hold": {"id": 1}}}, "1"),
        ({"rollback-to": "1"}, {"handled": {"rollbackTo": "1"}, "rollout": {"lastHold": {"id": 1}}}, ""),
    ],
)
def test_what_is_held(annotations: dict[str, str], status: dict[str, Any], held: str) -> None:
    assert health.held(hosting(annotations=annotations, **status)) == held


KEPT = [{"name": f"churn-h{n}", "hash": f"h{n}"} for n in (2, 3)]
UNDER_WAY = [entry(4, "h4", A, ""), *HISTORY]
TWICE = [entry(3, "h1", C), entry(2, "h2", B), entry(1, "h1", A)]


@pytest.mark.parametrize(
    ("seen", "wanted", "chosen"),
    [
        pytest.param(hosting(), "", "1", id="the newest success that does not serve"),
        pytest.param(hosting(), "1", "1", id="the one that was named"),
        pytest.param(hosting(), "#1", "1", id="as it is printed"),
        pytest.param(hosting(history=UNDER_WAY), "", "2", id="while an update is under way, what served before it"),
        pytest.param(hosting(history=UNDER_WAY), "2", "2", id="and by name"),
        pytest.param(
            hosting(history=TWICE, endpointConfigName="churn-h1", rollout={"currentHash": "h1"}),
            "",
            "2",
            id="the same content under another id is no way back",
        ),
    ],
)
def test_the_target_of_a_rollback(seen: Resource, wanted: str, chosen: str) -> None:
    assert releases.rollback(seen, wanted).id == chosen


@pytest.mark.parametrize(
    ("seen", "wanted", "says"),
    [
        pytest.param(hosting(), "3", "never served", id="rolled back"),
        pytest.param(hosting(history=UNDER_WAY), "4", "it is under way", id="under way"),
        pytest.param(hosting(), "9", "no longer keeps it", id="unknown"),
        pytest.param(hosting(), "2", "serves already", id="serving"),
        pytest.param(hosting(configs=KEPT), "1", "is not kept any more", id="collected"),
        pytest.param(hosting(configs=KEPT), "", "no other rollout to go back to", id="nothing else is kept"),
        pytest.param(hosting(quarantine=[{"hash": "h1"}]), "1", "retry churn --hash h1", id="quarantined since"),
        pytest.param(
            hosting(annotations={"rollback-to": "1"}, handled={"rollbackTo": "1"}),
            "1",
            "rollback churn --end",
            id="over",
        ),
        pytest.param(hosting(annotations=SUSPENDED), "", "resume hostingdeployment/churn", id="suspended"),
        pytest.param(resource("TrainingJob"), "", "a TrainingJob is not rolled back; .* git revert", id="a job"),
        pytest.param(resource("EndpointConfig"), "", "an EndpointConfig is not", id="a kind that begins with a vowel"),
        pytest.param(resource(), "", "history is empty", id="no history"),
    ],
)
def test_a_rollback_that_makes_no_sense(seen: Resource, wanted: str, says: str) -> None:
    with pytest.raises(PreconditionError, match=says):
        releases.rollback(seen, wanted)


@pytest.mark.parametrize(
    ("seen", "wanted", "token"),
    [
        pytest.param(hosting(), "", "h3", id="the content that is in the way"),
        pytest.param(hosting(quarantine=[{"hash": "h9"}, BAD]), "", "h3", id="the one of the message"),
        pytest.param(hosting(quarantine=[{"hash": "h9"}, BAD]), "h9", "h9", id="the one that was named"),
        pytest.param(resource(stalled="Rejected", refused={"call": "d"}), "", "d", id="a refused request"),
        pytest.param(
            resource(stalled="Rejected", refused={"call": "d"}, handled={"retry": "d"}), "", "new", id="refused twice"
        ),
        pytest.param(resource(stalled="UpdateNotReceived"), "", "new", id="an update that left no trace"),
        pytest.param(resource(stalled="RolloutRolledBack"), "", "new", id="an update that is tried ever more slowly"),
    ],
)
def test_the_token_of_a_retry(seen: Resource, wanted: str, token: str) -> None:
    assert releases.retry(seen, wanted, "new").token == token


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (resource("GitSync", "team"), "kubectl sagemaker sync team"),
        (resource("TrainingJob", "t", stalled="JobFailed"), "rerun trainingjob/t"),
        (resource(working="AccessDenied"), "kubectl sagemaker sync hostingdeployment/churn"),
        (hosting(quarantine=[{"hash": "x"}, {"hash": "y"}]), "say --hash with one of: x, y"),
    ],
)
def test_a_retry_of_nothing(seen: Resource, says: str) -> None:
    with pytest.raises(PreconditionError, match=says):
        releases.retry(seen, "", "new")


@pytest.mark.parametrize(
    ("spec", "costs"),
    [
        (
            {
                "resourceConfig": {"instanceCount": 2, "instanceType": "ml.p4d.24xlarge"},
                "stoppingCondition": {"maxRuntimeInSeconds": 3600},
            },
            "2 x ml.p4d.24xlarge, at most 3600 s",
        ),
        ({"transformResources": {"instanceCount": 1, "instanceType": "ml.m5.large"}}, "1 x ml.m5.large"),
        (
            {
                "hyperParameterTuningJobConfig": {"resourceLimits": {"maxNumberOfTrainingJobs": 20}},
                "trainingJobDefinition": {"resourceConfig": {"instanceCount": 1, "instanceType": "ml.c5.xlarge"}},
            },
            "1 x ml.c5.xlarge, up to 20 training jobs",
        ),
        ({}, "what its spec asks for"),
    ],
)
def test_what_a_rerun_costs(spec: dict[str, Any], costs: str) -> None:
    assert releases.rerun(resource("TrainingJob", ready="Completed", spec=spec), "t").costs == costs


def test_what_serves_is_known_by_the_live_configuration() -> None:
    found = serving_entry(hosting().status)
    assert found is not None
    assert found.id == 2
    assert serving_entry(resource(endpointConfigName="a-stranger's").status) is None
