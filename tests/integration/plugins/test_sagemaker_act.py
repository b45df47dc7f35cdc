"""`kubectl sagemaker sync|retry|rerun|rollback|suspend|resume|wait` over a real API server: what is written, and by whom."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.plugins.sagemaker_kit import (
    HISTORY,
    SERVING,
    SINCE,
    A,
    B,
    C,
    Person,
    ready,
    rollout,
    source,
    stalled,
    working,
)
from tests.support.cluster import Cluster
from tests.support.waiting import eventually


@pytest.fixture
def person(control_plane: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(control_plane, namespace, tmp_path)


def managers(found: dict[str, Any], of: str) -> set[str]:
    """Who owns a field of the annotations, by managedFields."""
    key = f"f:sagemaker-gitops.dev/{of}"
    entries = found["metadata"]["managedFields"]
    return {one["manager"] for one in entries if key in one["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})}


def test_rollback_holds_the_newest_success_that_does_not_serve(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    before = person.get("HostingDeployment", "churn")["spec"]
    ended = person.run("rollback", "churn", "--until", "2h", kubectl=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "HostingDeployment churn: back to #1 (aaaaaaa Ada); now #2 serves\n"
    said = person.said("HostingDeployment", "churn")
    assert said["rollback-to"] == "1"
    assert said["rollback-until"].endswith("Z")
    assert said["rollback-strategy"] == "AllAtOnce"
    assert "All traffic moves at once; " in ended.stderr
    assert "No alarms watch it" in ended.stderr
    found = person.get("HostingDeployment", "churn")
    assert (found["spec"], managers(found, "rollback-to")) == (before, {"sagemaker-cli"})
    assert "held" in person.call("history", "churn").stdout
    assert person.call("rollback", "churn", "--end").returncode == 0
    assert person.said("HostingDeployment", "churn") == {}
    assert "is not held" in person.call("rollback", "churn", "--end").stderr


def test_a_guarded_rollback_keeps_the_steps_of_the_spec(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    ended = person.call("rollback", "churn", "--guarded")
    assert "rollback-strategy" not in person.said("HostingDeployment", "churn")
    assert "Traffic moves in the steps of spec.deploymentConfig; " in ended.stderr


def test_the_annotation_of_a_hold_that_ran_out_is_taken_away_as_such(person: Person) -> None:
    person.make("HostingDeployment", "churn", {**SERVING, "handled": {"rollbackTo": "1"}}, rollback_to="1")
    ended = person.call("rollback", "churn", "--end")
    assert ended.stdout == "HostingDeployment churn: its hold is over already; the annotation is removed\n"
    assert person.said("HostingDeployment", "churn") == {}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ["--to", "3"],
            1,
            "rollout 3 never served (RolledBack); only what Succeeded can be held: there is #2 Succeeded",
        ),
        (["--to", "7"], 1, "has no rollout 7, or no longer keeps it"),
        (["--to", "2"], 1, "rollout 2 is what serves already"),
        (["--to", "1", "--until", "yesterday"], 2, "neither a duration"),
        (["--to", "1", "--until", "2020-01-01T00:00:00Z"], 2, "is not in the future"),
        (["--end", "--to", "1"], 2, "--end goes alone"),
    ],
)
def test_what_cannot_be_held_is_refused(person: Person, arguments: list[str], code: int, says: str) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    ended = person.call("rollback", "churn", *arguments)
    assert (ended.returncode, says in " ".join(ended.stderr.split())) == (code, True), ended.stderr
    assert person.said("HostingDeployment", "churn") == {}


def test_what_is_not_kept_is_refused_and_an_update_under_way_is_left_for_what_served(person: Person) -> None:
    kept = [{"name": "churn-hhh2", "hash": "hhh2"}, {"name": "churn-hhh4", "hash": "hhh4"}]
    under_way = [rollout(4, "hhh4", A, ""), *HISTORY[1:]]
    person.make("HostingDeployment", "churn", {**SERVING, "history": under_way, "configs": kept})
    assert "is not kept any more" in person.call("rollback", "churn", "--to", "1").stderr
    ended = person.call("rollback", "churn")
    assert person.said("HostingDeployment", "churn")["rollback-to"] == "2"
    assert "SageMaker cannot cancel it" in ended.stderr


def test_retry_names_the_quarantined_hash(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    ended = person.run("retry", "churn")
    assert ended.stdout == (
        "HostingDeployment churn: releases hhh3 from ccccccc from quarantine (alarm churn-5xx tripped)\n"
    )
    assert person.said("HostingDeployment", "churn") == {"retry": "hhh3"}
    assert "hhh9 is not in quarantine" in person.call("retry", "churn", "--hash", "hhh9").stderr


def test_a_hash_that_was_retried_before_is_said_anew(person: Person) -> None:
    """A token acts once, so the old one must be seen gone before it is written again."""
    person.make("HostingDeployment", "churn", {**SERVING, "handled": {"retry": "hhh3"}}, retry="hhh3")
    with person.running("retry", "churn") as retrying:
        eventually(lambda: "retry" not in person.said("HostingDeployment", "churn"))
        person.status("HostingDeployment", "churn", handled={"retry": None})
        assert retrying.end() == 0
    assert person.said("HostingDeployment", "churn") == {"retry": "hhh3"}


def test_retry_of_a_refused_request_and_of_nothing(person: Person) -> None:
    refused = {"call": "digest", "reason": "Rejected", "message": "no such image"}
    person.make("TrainingJob", "churn", {**stalled("Rejected", "no such image"), "refused": refused})
    assert "sends the refused request once more (no such image)" in person.call("retry", "trainingjob/churn").stdout
    assert person.said("TrainingJob", "churn") == {"retry": "digest"}
    person.make("TrainingJob", "failed", stalled("JobFailed", "churn-1 failed"))
    ended = person.call("retry", "failed")
    assert (ended.returncode, "kubectl sagemaker rerun trainingjob/failed" in ended.stderr) == (1, True)
    person.make("Model", "fine", ready("Created"))
    assert "nothing in quarantine" in person.call("retry", "fine").stderr


def test_approve_writes_what_the_annotation_says(person: Person) -> None:
    person.sync(**stalled("PruneNeedsApproval", "7 of 8 objects would be deleted"))
    waits = {"revision": f"main@sha1:{A}", "total": 7, "objects": ["Model/a"]}
    assert person.call("approve").returncode == 1
    person.status("GitSync", "models", pruneApproval=waits)
    looked = person.call("approve", "models", "--dry-run")
    assert (looked.returncode, "Model/a" in looked.stderr, "7 objects" in looked.stdout) == (0, True, True)
    assert "approve-prune" not in person.said("GitSync", "models")
    assert person.call("approve", "models", "--revision", B).returncode == 1
    assert person.call("approve").returncode == 0
    assert person.said("GitSync", "models")["approve-prune"] == A


def test_rerun_says_what_it_costs_and_wants_a_yes(person: Person) -> None:
    run = {"name": "churn-1", "token": "", "startedAt": SINCE}
    status = {"trainingJobStatus": "Failed", "sageMakerTrainingJobName": "churn-1", "run": run}
    person.make("TrainingJob", "churn", {**stalled("JobFailed", "it failed"), **status})
    ended = person.run("rerun", "churn")
    assert (ended.returncode, "say --yes" in ended.stderr, "costs money" in ended.stderr) == (2, True, True), (
        ended.stderr
    )
    with person.on_a_terminal("rerun", "churn") as terminal:
        terminal.shows("Run it?")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert person.said("TrainingJob", "churn") == {}
    assert person.call("rerun", "churn", "--yes", "--run-token", "q3").returncode == 0
    found = person.get("TrainingJob", "churn")
    assert (person.said("TrainingJob", "churn"), managers(found, "run")) == ({"run": "q3"}, {"sagemaker-cli"})
    assert "a token acts once" in person.call("rerun", "churn", "--yes", "--run-token", "q3").stderr


def test_suspend_and_resume(person: Person) -> None:
    person.sync()
    person.make("Model", "churn", ready("Created"))
    ended = person.call("suspend", "models", "churn")
    assert ended.stdout == "GitSync models: suspended\nModel churn: suspended\n"
    assert person.get("GitSync", "models")["spec"]["suspend"] is True
    assert person.said("Model", "churn") == {"suspend": "true"}
    assert "resume models" in person.call("sync").stderr
    assert "resume model/churn" in person.call("sync", "churn").stderr
    assert "is suspended already" in person.call("suspend", "churn").stdout
    assert person.call("suspend", "model", "churn").returncode == 0
    assert person.call("resume", "models", "churn").returncode == 0, "models is the name of a GitSync"
    assert (person.get("GitSync", "models")["spec"]["suspend"], person.said("Model", "churn")) == (False, {})


def test_sync_waits_for_the_pass_that_it_asked_for(person: Person) -> None:
    person.sync(**ready("ReconciliationSucceeded"))
    with person.running("sync", "--wait") as syncing:
        syncing.says("requestedAt was not taken up yet")
        token = person.said("GitSync", "models")["requestedAt"]
        person.status("GitSync", "models", **stalled("PathNotFound", "prod is not there"), lastHandledReconcileAt=token)
        assert syncing.end() == 1
        syncing.says("error: GitSync models is stalled, PathNotFound: prod is not there")
    person.sync("other")
    assert "several GitSyncs" in person.call("sync").stderr
    assert person.call("sync", "--all").returncode == 0
    assert "requestedAt" in person.said("GitSync", "other")


def test_wait_ends_with_ready_of_the_newest_generation(person: Person) -> None:
    person.make("HostingDeployment", "churn", {**working("RolloutInProgress", "updating"), "observedGeneration": 0})
    with person.running("wait", "churn", "hostingdeployment/churn") as waiting:
        waiting.says("generation 1 was not looked at yet")
        person.status("HostingDeployment", "churn", **ready())
        assert waiting.end() == 0
        waiting.says("HostingDeployment churn is Ready (InService)")


def test_wait_and_sync_take_a_kind_and_names_of_it(person: Person) -> None:
    person.sync(**ready("ReconciliationSucceeded"))
    person.sync("more", **ready("ReconciliationSucceeded"))
    ended = person.call("wait", "gitsync", "models", "more")
    assert (ended.returncode, len(ended.stdout.splitlines())) == (0, 2), ended.stderr
    assert person.call("sync", "gitsync", "more").stdout == "GitSync more: asked to look now\n"
    gone = person.call("wait", "gitsync", "nobody")
    assert (gone.returncode, gone.stderr) == (1, "error: GitSync nobody is not there\n")


def test_wait_fails_early_and_in_time(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    ended = person.call("wait", "churn", "--timeout", "5m")
    assert (ended.returncode, "stalled, RevisionQuarantined" in ended.stderr) == (1, True)
    person.annotate("HostingDeployment", "churn", retry="hhh3")
    late = person.call("wait", "churn", "--timeout", "300ms")
    assert (late.returncode, "retry was not taken up yet" in late.stderr) == (124, True)
    assert person.call("wait", "nobody", "--timeout", "5m").returncode == 1
    assert person.call("wait", "churn", "--for", "Gladness").returncode == 2


def test_wait_for_a_revision_waits_for_what_git_is_yet_to_bring(person: Person) -> None:
    person.sync(**ready("ReconciliationSucceeded"), lastAppliedRevision=f"main@sha1:{A}")
    with person.running("wait", "churn", "models", "--for", f"revision={B}") as waiting:
        waiting.says("churn is not there")
        person.make("Model", "churn", {**ready("Created"), **source(B)}, owner=f"{person.namespace}/models")
        waiting.says("Model churn is Ready")
        person.status("GitSync", "models", lastAppliedRevision=f"main@sha1:{B}")
        assert waiting.end() == 0
    rejected = [
        {"path": "prod/x.yaml", "line": 3, "kind": "Model", "name": "churn", "message": "spec.region is missing"}
    ]
    failed = stalled("PartiallyApplied", "1 rejected")
    person.status("GitSync", "models", **failed, lastAttemptedRevision=f"main@sha1:{C}", rejected=rejected)
    ended = person.call("wait", "model/churn", "--for", f"revision={C[:7]}")
    assert (ended.returncode, "was rejected: prod/x.yaml: spec.region is missing" in ended.stderr) == (1, True)


def test_completion_by_kubectl(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    script = Path(person.environment()["PATH"].split(":")[0]) / "kubectl_complete-sagemaker"
    assert script.exists()
    words = ["rollback", "-n", person.namespace, "ch"]
    ended = subprocess.run([script, *words], capture_output=True, text=True, check=True, env=person.environment())
    assert ended.stdout.splitlines() == ["churn", ":4"]
    words = ["rollback", "churn", "-n", person.namespace, "--to", ""]
    ended = subprocess.run([script, *words], capture_output=True, text=True, check=True, env=person.environment())
    assert ended.stdout.splitlines() == ["1", ":4"]
    words = ["rollback", "-n", person.namespace[:-1]]
    ended = subprocess.run([script, *words], capture_output=True, text=True, check=True, env=person.environment())
    assert person.namespace in ended.stdout.splitlines()
