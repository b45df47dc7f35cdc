"""`kubectl sagemaker status|history|diff|drift|trace` over a real API server; the installed script as a process."""

import json
import signal
from pathlib import Path

import pytest

from tests.integration.plugins.sagemaker_kit import (
    HISTORY,
    SERVING,
    SINCE,
    A,
    B,
    C,
    Cable,
    Person,
    condition,
    ready,
    rollout,
    source,
    stalled,
    working,
)
from tests.support.cluster import Cluster
from tests.support.git_repository import BareRepository


@pytest.fixture
def person(control_plane: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(control_plane, namespace, tmp_path)


def owned(person: Person) -> dict[str, str]:
    return {"owner": f"{person.namespace}/models"}


@pytest.mark.holds("D-21.5")
def test_status_is_a_tree_from_the_sync_to_sagemaker(person: Person) -> None:
    inventory = [f"{kind}/{person.namespace}/{name}@x" for kind, name in [("TrainingJob", "churn"), ("Model", "gone")]]
    person.sync(**ready("ReconciliationSucceeded"), lastAppliedRevision=f"main@sha1:{A}", inventory=inventory)
    job = {"trainingJobStatus": "Completed", "sageMakerTrainingJobName": "churn-job", "secondaryStatus": "Completed"}
    person.make("TrainingJob", "churn", {**ready("Completed"), **job, **source(A)}, **owned(person))
    person.make("HostingDeployment", "api", SERVING)
    ended = person.run("status", kubectl=True)
    assert ended.stdout.splitlines() == [
        "[ok] GitSync models   ReconciliationSucceeded   main@aaaaaaa",
        "|   https://git.example.com/ml.git ./prod",
        "|-- [ok] TrainingJob churn   Completed   aaaaaaa",
        "|   `-- TrainingJob churn-job   Completed",
        "`-- [!!] Model gone   Missing   in the inventory, not in the cluster",
        "",
        "Not from a GitSync",
        "`-- [!!] HostingDeployment api   RevisionQuarantined   ccccccc",
        "    |   hhh3 is quarantined, #2 (bbbbbbb) churn-hhh2 serves",
        "    |-- Endpoint churn-abc   InService",
        "    `-- EndpointConfig churn-hhh2   serves   #2",
    ]
    assert ended.returncode == 1
    told = person.json("status")
    assert (told["healthy"], told["syncs"][0]["missing"][0]["name"]) == (False, "gone")
    assert told["objects"][0]["sageMaker"][0] == {"type": "Endpoint", "name": "churn-abc", "status": "InService"}


def test_status_is_zero_when_all_is_well_and_knows_stale_looks(person: Person) -> None:
    person.make("Model", "fine", ready("Created"))
    assert person.call("status").returncode == 0
    person.status("Model", "fine", observedGeneration=0)
    ended = person.call("status", "fine")
    assert (ended.returncode, "NotObserved" in ended.stdout) == (1, True)


def test_a_cluster_that_cannot_be_asked_is_no_no(person: Person) -> None:
    assert person.call("status", "--server", "https://127.0.0.1:1").returncode == 2
    assert person.call("drift", "nothing-like-it").returncode == 2
    assert person.call("history", "nothing-like-it").returncode == 1
    assert person.run("status", "--nonsense").returncode == 2


def test_a_namespace_that_is_not_there_is_no_health(person: Person) -> None:
    person.namespace = "nothing-like-it"
    for command in ("status", "drift", "diff"):
        ended = person.call(command)
        assert ended.returncode == 2
        assert "there is no namespace nothing-like-it" in ended.stderr


def test_a_hold_is_no_absence_of_drift(person: Person) -> None:
    held = {**SERVING, "rollout": {"hold": {"id": 1, "hash": "hhh1", "commit": A}}}
    person.make("HostingDeployment", "api", held)
    ended = person.call("drift")
    assert (ended.returncode, "held: 1" in ended.stdout) == (1, True)
    assert person.json("drift")["held"][0]["id"] == 1


def test_history_of_an_endpoint(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    ended = person.run("history", "churn")
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert rows[0] == ["ID", "RESULT", "REVISION", "AUTHOR", "WHEN", "DURATION", "MARKS", "REASON"]
    assert [row[:4] for row in rows[1:]] == [
        ["3", "RolledBack", "main@ccccccc", "Ada"],
        ["2", "Succeeded", "main@bbbbbbb", "Ada"],
        ["1", "Succeeded", "main@aaaaaaa", "Ada"],
    ]
    assert [("quarantined" in row, "serving" in row, "9m" in row) for row in rows[1:]] == [
        (True, False, True),
        (False, True, True),
        (False, False, True),
    ]
    assert [one["id"] for one in person.json("history", "churn")["history"]] == [3, 2, 1]
    assert "entries kept: 3, 2, 1" in person.call("history", "churn", "--id", "9").stderr


def test_an_entry_whole_and_the_diff_to_the_one_before(person: Person, bare_repository: BareRepository) -> None:
    first = bare_repository.commit({"prod/churn.yaml": "a: 1\nthreshold: 0.5\n"}, "One")
    second = bare_repository.commit({"prod/churn.yaml": "a: 1\nthreshold: 0.9\n"}, "Two")
    entries = [rollout(2, "hhh2", second), rollout(1, "hhh1", first)]
    person.make("HostingDeployment", "churn", {**ready(), **source(second), "history": entries})
    without = person.call("history", "churn", "--id", "2")
    assert f"git diff {first} {second} -- prod/churn.yaml, or say --repo DIR" in without.stdout
    ended = person.call("history", "churn", "--id", "2", "--repo", str(bare_repository.path))
    assert ended.returncode == 0, ended.stderr
    assert "hash                 hhh1 -> hhh2" in ended.stdout
    assert ended.stdout.splitlines()[-6:] == [
        f"--- prod/churn.yaml  #1 {first[:7]}",
        f"+++ prod/churn.yaml  #2 {second[:7]}",
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-threshold: 0.5",
        "+threshold: 0.9",
    ]


def test_runs_of_a_job(person: Person) -> None:
    run = {"name": "churn-2", "token": "again", "startedAt": SINCE, "status": "InProgress"}
    older = [{"name": "churn-1", "startedAt": SINCE, "status": "Failed"}]
    status = {"trainingJobStatus": "Completed", "sageMakerTrainingJobName": "churn-2", "run": run, "runs": older}
    person.make("TrainingJob", "churn", {**ready("Completed"), **status, **source(A)})
    rows = [line.split() for line in person.call("history", "trainingjob/churn").stdout.splitlines()]
    assert [row[:2] for row in rows] == [["RUN", "RESULT"], ["churn-2", "Completed"], ["churn-1", "Failed"]]
    assert "main@aaaaaaa" in rows[1]
    person.make("Model", "m")
    assert "keeps no history" in person.call("history", "m").stderr


def test_drift_is_a_table_a_diff_and_an_exit_code(person: Person) -> None:
    person.make("Model", "fine", ready("Created"))
    assert person.call("drift").returncode == 0
    differences = [
        {"plane": "git", "path": "/spec/region", "desired": "eu-west-1", "live": "us-east-1"},
        {"plane": "sagemaker", "path": "/status/endpointConfigName", "desired": "one", "live": "two\x1b[31m"},
    ]
    drift = {"mode": "Warn", "state": "Drifted", "since": SINCE, "differences": differences}
    state = {**ready(), "drift": drift}
    state["conditions"] = [*state["conditions"], condition("Drifted", "True", "ExternallyModified", "2 differ")]
    person.make("HostingDeployment", "churn", state)
    ended = person.run("drift")
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert ended.returncode == 1
    assert [row[:5] for row in rows] == [
        ["OBJECT", "PLANE", "PATH", "DESIRED", "LIVE"],
        ["HostingDeployment/churn", "git", "/spec/region", "eu-west-1", "us-east-1"],
        ["HostingDeployment/churn", "sagemaker", "/status/endpointConfigName", "one", "two"],
    ]
    diff = person.call("diff", "churn")
    assert diff.returncode == 1
    assert diff.stdout.splitlines()[:5] == [
        "--- HostingDeployment/churn  (git)",
        "+++ HostingDeployment/churn  (cluster)",
        "@@ /spec/region @@",
        "-eu-west-1",
        "+us-east-1",
    ]
    assert person.call("drift", "-u").stdout == diff.stdout
    assert person.json("drift")["drifted"][0]["differences"] == differences


def test_drift_that_is_unknown_is_no_absence_of_drift(person: Person) -> None:
    person.sync(**stalled("AuthenticationFailed", "the password was refused"))
    person.make("Model", "churn", {**ready("Created"), "drift": {"state": "InSync"}}, **owned(person))
    for target in ((), ("models",), ("model/churn",)):
        ended = person.call("drift", *target)
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr.splitlines() == [
            "unknown: 1",
            f"  GitSync/{person.namespace}/models: AuthenticationFailed: the password was refused",
        ]
    told = person.json("drift")
    assert (told["drifted"], [(one["name"], one["reason"][:20]) for one in told["unknown"]]) == (
        [],
        [("models", "AuthenticationFailed")],
    )
    person.status("GitSync", "models", **ready("ReconciliationSucceeded"))
    assert person.call("drift").returncode == 0
    person.status("Model", "churn", drift={"state": "Unknown"})
    assert person.call("drift").returncode == 3
    difference = {"plane": "git", "path": "/spec/region", "desired": "a", "live": "b"}
    person.make("Model", "other", {**ready("Created"), "drift": {"state": "Drifted", "differences": [difference]}})
    ended = person.call("drift")
    assert (ended.returncode, "unknown: 1" in ended.stderr) == (1, True)


def test_diff_with_a_clone_shows_the_file_against_the_live_spec(
    person: Person, bare_repository: BareRepository
) -> None:
    text = "kind: Model\nmetadata: {name: churn}\nspec: {region: eu-central-1}\n"
    commit = bare_repository.commit({"prod/model.yaml": text})
    person.make("Model", "churn", ready("Created"), commit=commit, path="prod/model.yaml")
    ended = person.call("diff", "churn", "--repo", str(bare_repository.path))
    assert (ended.returncode, "-region: eu-central-1" in ended.stdout) == (1, True)


def test_annotations_of_strangers_steer_neither_git_nor_the_terminal(
    person: Person, bare_repository: BareRepository
) -> None:
    bare_repository.commit({"a": "1"})
    person.make("Model", "churn", ready("Created"), commit="--textconv", path="a\x1b[2Jb")
    ended = person.call("diff", "churn", "--repo", str(bare_repository.path))
    assert (ended.returncode, "holds no such object in a [2Jb at --textc" in ended.stderr) == (0, True), ended.stderr


@pytest.mark.holds("D-21.5")
def test_a_commit_is_traced_to_what_it_caused(person: Person, bare_repository: BareRepository) -> None:
    commit = bare_repository.commit({"prod/churn.yaml": "a: 1\n"}, "Raise the threshold")
    about = {"kind": "HostingDeployment", "namespace": person.namespace, "name": "churn", "v": 1}
    lines = [
        {"id": "1", "at": SINCE, "event": "RolloutStarted", "rollout": 7, **about},
        {"id": "2", "at": SINCE, "event": "RolloutRolledBack", "rollout": 7, "reason": "old alarm", **about},
    ]
    note = "\n".join(json.dumps(line) for line in lines)
    bare_repository.git("notes", "--ref=refs/notes/sagemaker-gitops/dev", "add", "-m", note, commit)
    entry = {
        "revision": f"main@sha1:{commit}",
        "commit": commit,
        "startedAt": SINCE,
        "result": "Succeeded",
        "applied": 2,
    }
    person.sync(**ready(), lastAppliedRevision=f"main@sha1:{commit}", history=[entry])
    person.make("HostingDeployment", "churn", {**SERVING, "history": [rollout(8, "hhh8", commit), *HISTORY]})
    person.make("Model", "churn-model", {**ready("Created"), **source(commit)})
    ended = person.run("trace", commit[:8])
    told = {(step["object"], step["what"], step["result"]) for step in person.json("trace", commit[:8])["steps"]}
    assert ended.returncode == 0, ended.stderr
    assert told == {
        ("GitSync models", "sync", "Succeeded"),
        ("HostingDeployment churn", "rollout #8", "Succeeded"),
        ("Model churn-model", "is now", "Created"),
    }
    clone = ("--repo", str(bare_repository.path))
    noted = person.json("trace", "HEAD", *clone)
    assert ("rollout #7", "RolledBack", "note") in {(s["what"], s["result"], s["source"]) for s in noted["steps"]}
    assert noted["commit"] == commit
    rows = [line.split()[1:5] for line in person.call("trace", "churn", *clone).stdout.splitlines()[1:]]
    assert rows[0][1:3] == ["rollout", "#8"]
    assert {row[0] for row in rows} == {commit[:7], A[:7], B[:7], C[:7]}
    nothing = person.call("trace", "0123456789")
    assert (nothing.returncode, "say --repo DIR" in nothing.stderr) == (1, True)


def test_watch_prints_a_line_per_change_without_a_terminal(person: Person) -> None:
    person.make("HostingDeployment", "churn", working("RolloutInProgress"))
    with person.running("status", "--watch") as watching:
        watching.says("HostingDeployment/churn   BUSY   RolloutInProgress")
        person.status("HostingDeployment", "churn", **{**SERVING, **ready()})
        watching.says("HostingDeployment/churn   GOOD   InService")
        person.cluster.delete("sagemaker.aws.amazon.com/v1", "HostingDeployment", "churn", person.namespace)
        watching.says("HostingDeployment/churn   deleted")
        watching.process.send_signal(signal.SIGINT)
        assert watching.end() == 130


def test_watch_survives_a_lost_connection(person: Person) -> None:
    person.make("Model", "churn", working("Creating"))
    with (
        Cable(person.cluster.port) as cable,
        person.running("status", "--watch", "--server", f"https://127.0.0.1:{cable.port}") as watching,
    ):
        watching.says("Model/churn   BUSY   Creating")
        cable.cut()
        watching.says("! ")
        person.status("Model", "churn", **ready("Created"))
        cable.mend()
        watching.says("Model/churn   GOOD   Created")


def test_watch_redraws_a_rollout_in_place_on_a_terminal(person: Person) -> None:
    open_ = {"startedAt": SINCE, "stage": "baking", "phase": "Updating", "desiredHash": "hhh4", "currentHash": "hhh2"}
    state = {
        **SERVING,
        **working("RolloutInProgress"),
        "rollout": open_,
        "history": [rollout(4, "hhh4", A, ""), *HISTORY],
    }
    person.make("HostingDeployment", "churn", state)
    with person.on_a_terminal("status", "churn", "--watch") as terminal:
        terminal.shows("Updating to #4 aaaaaaa churn-hhh4")
        assert "\x1b[33m" in terminal.shown
        assert "◌" in terminal.shown
        person.status("HostingDeployment", "churn", **{**ready(), "history": [rollout(4, "hhh4", A), *HISTORY]})
        terminal.shows("F\x1b[")  # the cursor goes up over what was drawn
        terminal.shows("#4 aaaaaaa churn-hhh4: Succeeded after 9m")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert terminal.shown.rstrip().endswith("\x1b[?25h")


def test_no_color_is_honoured(person: Person) -> None:
    person.make("HostingDeployment", "churn", SERVING)
    with person.on_a_terminal("history", "churn", NO_COLOR="1") as terminal:
        assert terminal.end() == 0
        assert "quarantined" in terminal.shown
        assert "\x1b[" not in terminal.shown


def test_an_empty_namespace_is_healthy_and_says_how_to_begin(person: Person) -> None:
    ended = person.run("status")
    assert (ended.returncode, "No GitSync and no SageMaker resource" in ended.stdout) == (0, True)
