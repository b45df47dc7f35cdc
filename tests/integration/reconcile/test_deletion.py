"""A deletion ends whatever state AWS is in, and leaves nothing that runs (D-9.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.conditions import stamp
from reconciler.core.resource import Key
from tests.support.lab import Lab, annotated, hosting, job
from tests.support.lab_git import LabGit
from tests.support.lab_scaling import SERVICE, Console, scaling

THROTTLED = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}


def outcome(lab: Lab, op: str, **action: Any) -> None:
    lab.simulator.rules({"match": {"op": op}, "action": {"type": "endpoint_outcome", "reason": "x", **action}})


def gone_behind_our_back(lab: Lab) -> None:
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "delete", "now": True}})


def update(lab: Lab) -> None:
    lab.run(600, step_s=60)
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(20)


def rolled_back(lab: Lab) -> None:
    lab.run(600, step_s=60)
    outcome(lab, "UpdateEndpoint", outcome="rollback", after=30)
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(600, step_s=60)


def rollback_failed(lab: Lab) -> None:
    lab.run(600, step_s=60)
    outcome(lab, "UpdateEndpoint", outcome="rollback_failed", after=30)
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(600, step_s=60)


def patched(lab: Lab) -> None:
    lab.run(600, step_s=60)
    lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "system_updating", "seconds": 100, "now": True}})


def gone(lab: Lab) -> None:
    lab.run(600, step_s=60)
    gone_behind_our_back(lab)


def gone_while_creating(lab: Lab) -> None:
    lab.run(20)
    gone_behind_our_back(lab)


def gone_while_running(lab: Lab) -> None:
    lab.run(60)
    gone_behind_our_back(lab)


def stopped_in_the_console(lab: Lab) -> None:
    lab.run(60)
    name = lab.status(next(iter(lab.cluster.objects)))["sageMakerTrainingJobName"]
    lab.simulator.client().stop_training_job(TrainingJobName=name)


def failed(lab: Lab) -> None:
    outcome(lab, "CreateEndpoint", outcome="fail", after=10)


ENDPOINTS: dict[str, tuple[Callable[[Lab], object], Callable[[Lab], object]]] = {
    # before the object exists, once it exists
    "before anything was made": (lambda _: None, lambda _: None),
    "creating": (lambda _: None, lambda lab: lab.run(20)),
    "in service": (lambda _: None, lambda lab: lab.run(600, step_s=60)),
    "updating": (lambda _: None, update),
    "rolled back": (lambda _: None, rolled_back),
    "its rollback failed": (lambda _: None, rollback_failed),
    "patched by AWS": (lambda _: None, patched),
    "its first create failed": (failed, lambda lab: lab.run(600, step_s=60)),
    "gone": (lambda _: None, gone),
    "gone while creating": (lambda _: None, gone_while_creating),
}
JOBS: dict[str, Callable[[Lab], object]] = {
    "before anything was made": lambda _: None,
    "just started": lambda lab: lab.settle(),
    "running": lambda lab: lab.run(120, step_s=60),
    "completed": lambda lab: lab.run(600, step_s=60),
    "stopping": stopped_in_the_console,
    "gone": gone_while_running,
}


def ends(lab: Lab, key: Key) -> None:
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=10)
    running = [row for row in lab.simulator.state()["resources"] if row["status"] in ("InProgress", "Stopping")]
    assert running == []
    assert set(lab.exists()) <= {"TrainingJob"}


@pytest.mark.holds("D-9.7")
@pytest.mark.parametrize("throttled", [False, True], ids=["", "and throttled"])
@pytest.mark.parametrize("state", ENDPOINTS)
def test_a_deployment_ends_in_every_state(lab: Lab, state: str, throttled: bool) -> None:
    before, then = ENDPOINTS[state]
    before(lab)
    key = lab.cluster.apply(hosting())
    then(lab)
    lab.simulator.clear_rules()
    if throttled:
        lab.simulator.rules({"match": {"op": "[DUC]*", "count": 2}, "action": THROTTLED})
    ends(lab, key)


@pytest.mark.holds("D-4.9", "D-9.7")
@pytest.mark.parametrize("throttled", [False, True], ids=["", "and throttled"])
@pytest.mark.parametrize("state", JOBS)
def test_a_job_ends_in_every_state(lab: Lab, state: str, throttled: bool) -> None:
    key = lab.cluster.apply(job())
    JOBS[state](lab)
    if throttled:
        lab.simulator.rules({"match": {"op": "[DSL]*", "count": 2}, "action": THROTTLED})
    ends(lab, key)
    assert lab.effects()["StopTrainingJob"] <= (2 if state == "stopping" else 1)  # one of them the console's


@pytest.mark.holds("D-9.7")
@pytest.mark.parametrize(("manifest", "operation"), [(job(), "CreateTrainingJob"), (hosting(), "CreateEndpoint")])
@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_what_a_lost_reply_made_is_not_left_behind(
    lab: Lab, manifest: dict[str, Any], operation: str, fault: str
) -> None:
    """Deleted while nobody knows whether the create arrived, and the first look comes too early."""
    key = lab.cluster.apply(manifest)
    early = {"op": f"Describe{operation.removeprefix('Create')}", "window": [0, 20]}
    lab.simulator.rules(
        {"match": {"op": operation, "count": 1}, "action": {"type": fault}},
        {"match": early, "action": {"type": "stale_read", "seconds": 60}},
    )
    lab.reconcile(key)
    ends(lab, key)


@pytest.mark.parametrize("policy", ["retain", "Retian"])
@pytest.mark.parametrize(("manifest", "kind"), [(job(), "TrainingJob"), (hosting(), "HostingDeployment")])
def test_everything_is_kept_when_the_object_says_so(lab: Lab, manifest: dict[str, Any], kind: str, policy: str) -> None:
    key = lab.cluster.apply(annotated(manifest, deletion_policy=policy))
    lab.run(600, step_s=60)
    before, mark = lab.exists(), lab.simulator.mark()
    lab.cluster.delete(key)
    # Not even SageMaker has to answer.
    lab.simulator.rules({"match": {}, "action": THROTTLED})
    lab.settle()
    assert key not in lab.cluster.objects
    assert (lab.exists(), lab.simulator.counts(mark)) == (before, {})


@pytest.mark.parametrize("manifest", [job(), hosting()], ids=["TrainingJob", "HostingDeployment"])
def test_everything_is_kept_while_the_definition_goes_and_taken_over_when_it_is_back(
    lab: Lab, manifest: dict[str, Any]
) -> None:
    key = lab.cluster.apply(manifest)
    lab.run(600, step_s=60)
    before = lab.exists()
    lab.around.terminating_kinds = {key.kind}
    lab.cluster.delete(key)
    lab.settle()
    assert key not in lab.cluster.objects
    assert [reason for _, reason, _ in lab.around.emitted].count("DefinitionDeleted") == 1
    lab.around.terminating_kinds = set()
    lab.begin()
    mark = lab.simulator.mark()
    lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert lab.effects(mark) == {}
    assert lab.exists() == before


def test_an_endpoint_that_aws_cannot_make_keeps_the_object_until_it_failed(lab: Lab) -> None:
    """A bad image keeps Creating for half an hour, and SageMaker deletes nothing meanwhile."""
    outcome(lab, "CreateEndpoint", outcome="fail", after=1800)
    key = lab.cluster.apply(hosting())
    lab.run(20)
    lab.cluster.delete(key)
    lab.run(1500, step_s=60)
    assert lab.effects()["DeleteEndpoint"] == 0
    assert "to leave Creating" in lab.condition(key, "Ready")["message"]
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=30)
    assert lab.exists() == {}


# --- what Git still holds ---------------------------------------------------------------------------------------------


def applied_again(lab: Lab, git: LabGit) -> None:
    """The sync makes what Git holds and nobody finds."""
    if git.key not in lab.cluster.objects:
        lab.cluster.apply(git.manifest)


def delete(lab: Lab, git: LabGit, annotated_at: str = "") -> None:
    """`kubectl delete`, maybe after somebody wrote that it is meant."""
    if annotated_at:
        lab.cluster.annotate(git.key, deletion_policy="delete")
        body = lab.cluster.objects[git.key]
        owned: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:sagemaker-gitops.dev/deletion-policy": {}}}}
        body["metadata"]["managedFields"] = [{"manager": "kubectl-annotate", "time": annotated_at, "fieldsV1": owned}]
    lab.cluster.delete(git.key)
    lab.settle()


@pytest.fixture
def served(lab: Lab) -> LabGit:
    """Two rollouts, of which people hold the first."""
    git = LabGit(lab, hosting())
    lab.run(until=lambda: lab.is_ready(git.key), step_s=20)
    git.manifest["spec"] = hosting(image="lab:2")["spec"]
    git.begin()
    lab.cluster.apply(git.manifest)
    lab.run(until=lambda: lab.is_ready(git.key) and len(lab.status(git.key)["history"]) == 2, step_s=20)
    lab.cluster.annotate(git.key, rollback_to="1")
    lab.run(until=lambda: lab.reason(git.key) == "RollbackHeld", step_s=20)
    return git


@pytest.mark.holds("D-9.9")
def test_what_git_still_holds_comes_back_to_what_serves(lab: Lab, served: LabGit) -> None:
    history, config = lab.status(served.key)["history"], lab.status(served.key)["endpointConfigName"]
    mark = lab.simulator.mark()
    delete(lab, served)
    assert served.key not in lab.cluster.objects
    applied_again(lab, served)
    lab.run(900, step_s=30)
    assert lab.effects(mark) == {}
    assert lab.reason(served.key) == "RollbackHeld"
    assert (lab.status(served.key)["history"], lab.status(served.key)["endpointConfigName"]) == (history, config)
    said = next(message for _, reason, message in lab.around.emitted if reason == "DeletionRefused")
    assert "git rm" in said
    assert "sagemaker-gitops.dev/deletion-policy=delete" in said


@pytest.mark.holds("D-9.9")
@pytest.mark.parametrize(
    ("annotated_at", "left_git", "goes"),
    [
        pytest.param("2026-02-28T23:30:00Z", False, True, id="somebody wrote within the hour that it is meant"),
        pytest.param("2026-02-28T22:30:00Z", False, False, id="what somebody wrote earlier does not count"),
        pytest.param("", True, True, id="it left Git"),
    ],
)
def test_a_deletion_that_is_meant_is_carried_out(
    lab: Lab, served: LabGit, annotated_at: str, left_git: bool, goes: bool
) -> None:
    if left_git:
        lab.claims.want(Key("GitSync", "team", served.name), [], [])
    delete(lab, served, annotated_at)
    lab.run(900, step_s=30)
    assert (lab.exists()["Endpoint"] == 0) is goes


@pytest.mark.holds("D-9.9")
def test_what_a_refused_deletion_kept_is_forgotten_once_a_deletion_is_carried_out(lab: Lab, served: LabGit) -> None:
    delete(lab, served)
    applied_again(lab, served)
    lab.run(until=lambda: lab.reason(served.key) == "RollbackHeld", step_s=20)
    delete(lab, served, stamp(lab.clock.now()))
    lab.run(until=lambda: served.key not in lab.cluster.objects, step_s=30)
    assert lab.exists()["Endpoint"] == 0
    before = len(lab.around.emitted)
    applied_again(lab, served)
    lab.run(until=lambda: lab.is_ready(served.key), step_s=30)
    assert "ExternallyDeleted" not in {reason for _, reason, _ in lab.around.emitted[before:]}
    assert len(lab.status(served.key)["history"]) == 1


@pytest.mark.holds("D-9.9")
@pytest.mark.parametrize("left_git", [False, True], ids=["Git still holds it", "it left Git"])
def test_scaling_that_git_still_holds_goes_on(lab: Lab, left_git: bool) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    git = LabGit(lab, scaling(lab.status(key)["endpointName"]))
    lab.run(until=lambda: lab.is_ready(git.key), step_s=20)
    mark, before = lab.simulator.mark(), Console(lab.simulator).policies()
    if left_git:
        lab.claims.want(Key("GitSync", "team", git.name), [], [])
    delete(lab, git)
    lab.run(60, step_s=10)
    sent = {row["op"] for row in lab.simulator.requests(mark, service=SERVICE)}
    if left_git:
        assert (Console(lab.simulator).targets(), "DeregisterScalableTarget" in sent) == ({}, True)
        return
    assert git.key not in lab.cluster.objects
    applied_again(lab, git)
    lab.run(600, step_s=30)
    assert lab.is_ready(git.key)
    sent = {row["op"] for row in lab.simulator.requests(mark, service=SERVICE)}
    assert [op for op in sent if not op.startswith(("Describe", "List"))] == []
    assert Console(lab.simulator).policies() == before


@pytest.mark.parametrize("why", ["suspended", "unread"])
def test_it_is_not_let_go_while_nobody_would_apply_it_again(lab: Lab, served: LabGit, why: str) -> None:
    mark = lab.simulator.mark()
    lab.begin()
    served.begin(read=False, **({"suspend": True} if why == "suspended" else {}))
    delete(lab, served)
    lab.run(900, step_s=60)
    assert (lab.reason(served.key), lab.effects(mark)) == ("DeletionRefused", {})
    lab.begin()
    served.begin(**({"suspend": False} if why == "suspended" else {}))
    lab.run(120, step_s=20)
    assert served.key not in lab.cluster.objects
    applied_again(lab, served)
    lab.run(300, step_s=30)
    assert (lab.reason(served.key), lab.effects(mark)) == ("RollbackHeld", {})
