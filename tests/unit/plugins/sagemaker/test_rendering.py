"""What people see, word for word."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.notes.text import parse
from reconciler.core.resource import Resource
from reconciler.plugins.sagemaker import differences, history, live, rollout, tracing, tree
from reconciler.plugins.sagemaker.paint import Cell, Paint, ago, plain, revision, so_far, span, when
from tests.unit.plugins.sagemaker.builders import HISTORY, NOW, SINCE, A, B, C, conditions, entry, hosting, resource

PLAIN = Paint()
HOW = tree.TreeStyle(PLAIN, NOW)
WAYS = history.Ways(PLAIN, NOW)


def shown(lines: list[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def sync() -> Resource:
    return resource(
        "GitSync",
        "models",
        ready="ReconciliationSucceeded",
        spec={"repo": {"url": "https://git.example.com/ml.git", "path": "./prod"}},
        lastAppliedRevision=f"main@sha1:{A}",
        lastAttemptedRevision=f"main@sha1:{B}",
        objects={"total": 3, "ready": 2, "failed": 1},
        rejected=[{"path": "prod/x.yaml", "line": 4, "kind": "Model", "name": "x", "message": "spec.region: missing"}],
    )


OWNED = {"owner": "ml/models"}


def test_the_tree() -> None:
    job = resource(
        "TrainingJob",
        "train",
        working="InProgress",
        message="train-1 is InProgress",
        annotations=OWNED,
        sageMakerTrainingJobName="train-1",
        trainingJobStatus="InProgress",
        secondaryStatus="Downloading",
        source={"shortRevision": "aaaaaaa"},
    )
    lone = resource("Model", "lone", annotations={"suspend": "true"}, ready="Suspended")
    found = tree.forest([lone, hosting(annotations=OWNED), sync(), job])
    assert not found.healthy
    assert (
        shown(tree.text(found, HOW))
        == """
[ok] GitSync models   ReconciliationSucceeded   main@aaaaaaa   (tried main@bbbbbbb)
|   https://git.example.com/ml.git ./prod
|   3 objects: 2 ready, 1 failed
|-- [..] TrainingJob train   InProgress   aaaaaaa
|   |   train-1 is InProgress
|   `-- TrainingJob train-1   InProgress   Downloading
|-- [!!] HostingDeployment churn   RevisionQuarantined
|   |   h3 is quarantined
|   |-- Endpoint churn   InService
|   `-- EndpointConfig churn-h2   serves   #2
`-- [!!] prod/x.yaml:4   Model/x
    |   spec.region: missing

Not from a GitSync
`-- [||] Model lone   Suspended
"""
    )


def test_children_of_a_tuning_job_hang_below_it() -> None:
    labels = {"labels": {"sagemaker-gitops.dev/tuning-job": "search"}}
    child = resource("TrainingJob", "search-001", ready="Completed", metadata=labels)
    parent = resource(
        "HyperparameterTuningJob",
        "search",
        ready="Completed",
        sageMakerHyperParameterTuningJobName="search-x",
        hyperParameterTuningJobStatus="Completed",
        trainingJobStatusCounters={"completed": 3, "totalError": 1},
        bestTrainingJob={"trainingJobName": "search-001", "objectiveValue": 0.91},
    )
    assert (
        shown(tree.text(tree.forest([child, parent]), HOW))
        == """
[ok] HyperparameterTuningJob search   Completed
|-- HyperParameterTuningJob search-x   Completed   3 completed, 1 failed
|-- TrainingJob search-001   best   objective 0.91
`-- [ok] TrainingJob search-001   Completed
"""
    )


def spawned(number: int, **more: Any) -> Resource:
    labels = {"labels": {"sagemaker-gitops.dev/tuning-job": "search"}}
    return resource("TrainingJob", f"search-{number:03}", metadata=labels, **more)


def test_many_children_are_folded_and_those_that_failed_are_not() -> None:
    children = [spawned(number, ready="Completed") for number in range(20)]
    children.append(spawned(20, stalled="JobFailed", message="OutOfMemory"))
    parent = resource("HyperparameterTuningJob", "search", ready="Completed")
    found = tree.forest([parent, *children])
    assert (
        shown(tree.text(found, HOW))
        == """
[ok] HyperparameterTuningJob search   Completed
|-- 21 training jobs: 20 Completed, 1 JobFailed   (-o wide shows all)
`-- [!!] TrainingJob search-020   JobFailed
    |   OutOfMemory
"""
    )
    assert len(tree.text(found, tree.TreeStyle(PLAIN, NOW, unfolded=True))) == 23


def test_what_failed_names_its_file_and_line() -> None:
    told = {"kind": "TrainingJob", "name": "train", "path": "prod/train.yaml", "line": 12, "reason": "JobFailed"}
    inventory = ["TrainingJob/ml/train@x"]
    holder = resource("GitSync", "models", ready="ReconciliationSucceeded", inventory=inventory, failing=[told])
    job = resource("TrainingJob", "train", stalled="JobFailed", message="no data", annotations=OWNED)
    assert "prod/train.yaml:12: no data" in tree.text(tree.forest([holder, job]), HOW)[-1]
    assert tree.text(tree.forest([holder, job], job), HOW)[1] == "|   prod/train.yaml:12: no data"


def test_failures_come_first_where_not_all_fits_and_alone_when_asked_for() -> None:
    good = resource("Model", "a", ready="Created", annotations=OWNED)
    bad = resource("TrainingJob", "z", stalled="JobFailed", annotations=OWNED)
    found = tree.forest([good, bad, sync()])
    lines = tree.text(found, tree.TreeStyle(PLAIN, NOW, failures_first=True))
    places = [next(i for i, line in enumerate(lines) if name in line) for name in ("Job z", "x.yaml", "Model a")]
    assert places == sorted(places)
    alone = tree.text(tree.failed(found), HOW)
    assert not any("Model a" in line for line in alone)
    assert any("TrainingJob z" in line for line in alone)
    assert tree.failed(tree.forest([good])).branches == ()


def test_a_live_endpoint_whose_model_or_configuration_is_gone_is_named() -> None:
    gone = {"plane": "sagemaker", "live": "(deleted)"}
    differences = [
        {**gone, "path": "/spec/models/0", "desired": "churn-abc"},
        {**gone, "path": "/status/endpointConfigName", "desired": "churn-h2"},
        {"plane": "sagemaker", "path": "/spec/models/0/x", "desired": "a", "live": "b"},
    ]
    live_ = hosting(
        ready="InService", stalled="", drift={"mode": "Warn", "state": "Drifted", "differences": differences}
    )
    lines = tree.text(tree.forest([live_]), HOW)
    assert sum("gone: the endpoint serves on" in line for line in lines) == 2
    assert any("Model churn-abc   gone" in line for line in lines)
    assert any("EndpointConfig churn-h2   gone" in line for line in lines)
    assert tree.record(live_)["gone"] == [
        {"type": "Model", "name": "churn-abc"},
        {"type": "EndpointConfig", "name": "churn-h2"},
    ]
    assert tree.failed(tree.forest([live_])).branches


def test_what_an_approval_would_delete_is_listed() -> None:
    waits = {"revision": f"main@sha1:{B}", "total": 7, "objects": ["Model/a", "Model/b"]}
    lines = tree.text(
        tree.forest([resource("GitSync", "models", stalled="PruneNeedsApproval", pruneApproval=waits)]), HOW
    )
    assert lines[-3:] == ["|   would be deleted: Model/a", "|   would be deleted: Model/b", "|   ... and 5 more"]


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        pytest.param("|   short", ["|   short"], id="what fits stays"),
        pytest.param("|   " + "x" * 20, ["|   " + "x" * 16, "|       xxxx"], id="the rest stands below"),
        pytest.param("\x1b[31m" + "y" * 20 + "\x1b[0m", ["\x1b[31m" + "y" * 20 + "\x1b[0m"], id="styles take no room"),
    ],
)
def test_a_long_line_is_not_cut_on_a_terminal(line: str, pieces: list[str]) -> None:
    assert live.wrapped(line, 20) == pieces


def test_a_hold_is_shown_as_what_is_not_as_git_says() -> None:
    (found,) = differences.held([hosting(rollout={"hold": {"id": 1, "commit": A, "until": SINCE}}), hosting()])
    (line,) = differences.held_lines([found], NOW)
    assert line.startswith(
        f"  HostingDeployment/ml/churn: #1 (aaaaaaa) is held against Git, until {SINCE} or until Git's"
    )
    assert "rollback churn --end" in line
    assert found.document()["id"] == 1


def test_history_of_runs_has_who_how_long_and_what_it_cost() -> None:
    run = {
        "name": "train-1",
        "startedAt": "2026-01-10T10:00:00Z",
        "finishedAt": "2026-01-10T10:20:00Z",
        "billableSeconds": 1100,
        "metrics": {"auc": 0.91},
        "commit": A,
    }
    failed = {**run, "name": "train-0", "status": "Failed", "reason": "AlgorithmError: no data", "metrics": {}}
    source = {"revision": f"main@sha1:{A}", "commit": A, "author": "Ada"}
    job = resource("TrainingJob", "train", trainingJobStatus="Completed", run=run, runs=[failed], source=source)
    head, first, second = history.table(history.entries(job), WAYS)
    assert head.split() == [
        "RUN",
        "RESULT",
        "REVISION",
        "AUTHOR",
        "STARTED",
        "DURATION",
        "BILLABLE",
        "METRICS",
        "TOKEN",
        "MARKS",
        "REASON",
    ]
    assert {"train-1", "Completed", "Ada", "20m", "1100s", "auc=0.91"} <= set(first.split())
    assert second.endswith("AlgorithmError: no data")
    steps = tracing.of_object(job, {})
    assert [step.detail for step in steps if step.result == "Failed"] == ["AlgorithmError: no data"]


def test_a_terminal_gets_signs_and_colours() -> None:
    paint = Paint(colour=True, signs=True)
    found = tree.text(tree.forest([resource("Model", "m", ready="Created")]), tree.TreeStyle(paint, NOW))
    assert found == ["\x1b[32m✔\x1b[0m Model m   \x1b[32mCreated\x1b[0m"]


def test_a_rollout_live() -> None:
    open_ = entry(4, "h4", A, "", subject="Four")
    seen = hosting(
        history=[open_, *HISTORY],
        rollout={
            "phase": "Updating",
            "startedAt": SINCE,
            "requested": {"hash": "h4", "endpointConfigName": "churn-h4"},
            "requestedAt": SINCE,
            "stage": "Baking",
            "desiredHash": "h5",
            "currentHash": "h2",
        },
        productionVariants=[
            {"variantName": "main", "currentInstanceCount": 2, "desiredInstanceCount": 4, "currentWeight": 1.0}
        ],
        annotations={"rollback-to": "1", "rollback-until": "2026-01-10T13:00:00Z"},
    )
    assert (
        shown(rollout.lines(seen, HOW))
        == """
serving      #2 bbbbbbb churn-h2
rollout      Updating to #4 aaaaaaa churn-h4 "Four", 1h so far
stage        Baking
next         h5 is queued; what lies between is skipped
variant      main   instances 2 -> 4   weight 1
held         #1, until 2026-01-10T13:00:00Z or until Git's content changes
quarantine   h3 from ccccccc: alarm tripped
"""
    )


@pytest.mark.parametrize(
    ("at", "told"),
    [
        pytest.param("2026-01-10T11:00:00Z", ("1h ago", "1h so far"), id="past"),
        pytest.param("2026-01-10T12:00:05Z", ("0s ago", "0s so far"), id="by a clock that is a little ahead"),
        pytest.param("2026-01-10T14:00:00Z", ("2026-01-10T14:00:00Z", ""), id="by a simulator's clock far ahead"),
        pytest.param("soon", ("", ""), id="no time"),
    ],
)
def test_moments_of_clocks_that_are_not_ours(at: str, told: tuple[str, str]) -> None:
    assert (ago(at, NOW), so_far(at, NOW)) == told


def test_history_of_rollouts() -> None:
    seen = hosting(annotations={"rollback-to": "1"})
    assert (
        shown(history.table(history.entries(seen), WAYS))
        == """
ID   RESULT       REVISION       AUTHOR   WHEN        DURATION   MARKS         REASON
3    RolledBack   main@ccccccc   Ada      7d12h ago   4m30s      quarantined   alarm tripped
2    Succeeded    main@bbbbbbb   Ada      8d12h ago   4m30s      serving
1    Succeeded    main@aaaaaaa   Ada      9d12h ago   4m30s      held
"""
    )


def test_the_commit_of_the_file_is_told_and_not_the_head_of_the_time() -> None:
    """Two commits pushed at once: B changed the file, C is what was synced."""
    own = hosting(history=[{**entry(3, "h2", C), "commit": B}, entry(1, "h1", A)], quarantine=[])
    assert "main@bbbbbbb" in shown(history.table(history.entries(own), WAYS))
    assert [step.what for step in tracing.of_commit(B, [own], {})] == ["rollout #3"]
    assert "rollout #3" not in {step.what for step in tracing.of_commit(C, [own], {})}
    train = resource("TrainingJob", "train", runs=[{"name": "train-1", "status": "Completed", "commit": B}])
    assert [step.commit for step in tracing.of_object(train, {})] == [B]
    assert "bbbbbbb" in shown(history.table(history.entries(train), WAYS))


def test_an_entry_whole() -> None:
    seen = hosting(source={"path": "prod/churn.yaml"})
    files = {(B, "prod/churn.yaml"): "a: 1\n", (C, "prod/churn.yaml"): "a: 2\x1b[31m\n"}
    found = history.entries(seen)
    told = history.detail(seen, found, 0, lambda commit, path: files.get((commit, path)))
    assert (
        shown(history.detail_lines(seen, told, WAYS))
        == f"""
HostingDeployment churn  #3 ccccccc
  id                   3
  result               RolledBack
  reason               alarm tripped
  marks                quarantined
  revision             main@sha1:{C}
  author               Ada
  startedAt            2026-01-03T00:00:00Z
  finishedAt           2026-01-03T00:04:30Z
  endpointConfigName   churn-h3
  hash                 h3

Compared with #2 bbbbbbb:
  hash                 h2 -> h3
  endpointConfigName   churn-h2 -> churn-h3
  revision             main@sha1:{B} -> main@sha1:{C}

--- prod/churn.yaml  #2 bbbbbbb
+++ prod/churn.yaml  #3 ccccccc
@@ -1 +1 @@
-a: 1
+a: 2\\x1b[31m
"""
    )


@pytest.mark.parametrize(
    ("place", "has_clone", "says"),
    [
        pytest.param(0, False, f"git diff {B} {C} -- p, or say --repo DIR here", id="without a clone it says how"),
        pytest.param(0, True, "the clone does not hold p at bbbbbbb; git fetch may help", id="a shallow clone"),
        pytest.param(2, True, "it is the oldest entry that is kept", id="the oldest"),
    ],
)
def test_why_contents_cannot_be_compared(place: int, has_clone: bool, says: str) -> None:
    seen = hosting(source={"path": "p"})
    told = history.detail(seen, history.entries(seen), place, (lambda *_: None) if has_clone else None)
    assert says in told.unknown


MOVED = {"plane": "sagemaker", "path": "/status/endpointConfigName", "desired": "one", "live": "two", "since": SINCE}
EDITED = {
    "plane": "git",
    "path": "/spec/image",
    "desired": "x",
    "live": "evil\x1b[31m",
    "by": "kubectl-edit",
    "since": SINCE,
}
PUT = {"at": SINCE[:-6] + "55:00Z", "count": 3, "paths": ["/spec/image"], "by": "kubectl-edit"}


def _drifted(*found: dict[str, str], **more: Any) -> Resource:
    return resource(drift={"mode": "Warn", "state": "Drifted", "since": SINCE, "differences": list(found), **more})


def test_drift() -> None:
    # What the sync counts is told by the objects themselves.
    sync = resource("GitSync", "models", conditions=conditions(("Drifted", "True", "DriftDetected")))
    fine = resource("Model", "fine", ready="Created", drift={"state": "Corrected", "corrected": PUT})
    found = differences.drifted([_drifted(EDITED, MOVED), sync, fine])
    assert (
        shown(differences.table(found, PLAIN, NOW))
        == """
OBJECT                    PLANE       PATH                         DESIRED   LIVE        SINCE    BY             MODE
HostingDeployment/churn   git         /spec/image                  x         evil [31m   1h ago   kubectl-edit   Warn
HostingDeployment/churn   sagemaker   /status/endpointConfigName   one       two         1h ago                  Warn
"""
    )
    assert (
        shown(differences.unified(found, PLAIN))
        == """
--- HostingDeployment/churn  (git)
+++ HostingDeployment/churn  (cluster)
@@ /spec/image @@
-x
+evil [31m
--- HostingDeployment/churn  (resource)
+++ HostingDeployment/churn  (sagemaker)
@@ /status/endpointConfigName @@
-one
+two
"""
    )
    lately = differences.corrected([fine], NOW)
    assert (
        shown(differences.corrected_table(lately, PLAIN, NOW))
        == """
OBJECT       CORRECTED     WHEN     TIMES   BY
Model/fine   /spec/image   5m ago   3       kubectl-edit
"""
    )
    assert differences.corrected([fine], NOW + timedelta(hours=1)) == []


def test_a_trace_knows_the_drift_of_status_and_leaves_it_to_the_notes_where_they_are() -> None:
    seen = _drifted(EDITED, MOVED, corrected=PUT)
    told = [step for step in tracing.of_object(seen, {}) if step.what.startswith("drift")]
    assert [(step.what, step.result) for step in told] == [("drift, 1 paths", "Corrected"), ("drift, 2 paths", "Found")]
    line = {**parsed("DriftFound", "1", kind="HostingDeployment", name="churn", count=2), "at": SINCE}
    noted = tracing.of_object(seen, {A: parse(json.dumps(line))})
    assert [step.result for step in noted if step.what.startswith("drift")] == ["Found"]


def test_a_correction_of_a_note_has_its_paths_counted() -> None:
    line = {**parsed("DriftCorrected", "1", kind="HostingDeployment", name="churn", pathCount=3), "at": SINCE}
    told = tracing.of_object(hosting(), {A: parse(json.dumps(line))})
    assert ("drift, 3 paths", "Corrected") in [(step.what, step.result) for step in told]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        pytest.param(resource(ready="InService", drift={"state": "InSync"}), "", id="looked at"),
        pytest.param(resource(ready="InService", drift={"state": "Unknown"}), "may not read", id="not looked at whole"),
        pytest.param(resource(), "no controller has looked", id="never looked at"),
        pytest.param(sync(), "", id="a sync that read Git"),
        pytest.param(
            resource("GitSync", stalled="PartiallyApplied"), "", id="a sync that read Git and rejected a file"
        ),
        pytest.param(resource("GitSync", ready="Suspended"), "", id="a sync that is suspended"),
        pytest.param(
            resource("GitSync", stalled="AuthenticationFailed", message="no"),
            "AuthenticationFailed: no",
            id="a sync that may not read Git",
        ),
        pytest.param(resource("GitSync", working="TimedOut"), "TimedOut", id="a sync that tries to"),
    ],
)
def test_whose_drift_is_unknown(seen: Resource, why: str) -> None:
    told = differences.unknown([seen])
    assert (len(told), all(why in one.reason for one in told)) == (int(bool(why)), True), told


def test_a_trace() -> None:
    steps = tracing.of_object(hosting(), {})
    assert (
        shown(tracing.table(steps, PLAIN, of_one=True))
        == """
WHEN                   COMMIT    WHAT         RESULT       AUTHOR   SUBJECT   DETAIL
2026-01-03T00:00:00Z   ccccccc   rollout #3   RolledBack   Ada                alarm tripped
2026-01-02T00:00:00Z   bbbbbbb   rollout #2   Succeeded    Ada
2026-01-01T00:00:00Z   aaaaaaa   rollout #1   Succeeded    Ada
"""
    )


def test_a_commit_is_found_among_the_revisions_of_a_sync() -> None:
    done = {"result": "Succeeded", "startedAt": SINCE, "applied": 2}
    history_ = [{"revision": f"main@sha1:{commit}", **done} for commit in (B, A)]
    team = resource("GitSync", "team", ready="ReconciliationSucceeded", history=history_)
    rejected = {
        **parsed("FileRejected", "1", kind="GitSync", name="team", file="x.yaml", line=3),
        "reason": "no",
        "at": "2026-01-10T11:00:01Z",
    }
    notes = {A: parse("\n".join(json.dumps(line) for line in (rejected, rejected)))}
    assert (
        shown(tracing.table(tracing.of_commit(A[:8], [team], notes), PLAIN, of_one=False))
        == """
OBJECT         WHAT       RESULT      WHEN                   DETAIL
GitSync team   sync       Succeeded   2026-01-10T11:00:00Z   2 applied
GitSync team   x.yaml:3   Rejected    2026-01-10T11:00:01Z   no
"""
    )


def test_the_start_and_the_end_of_a_job_are_one_and_its_note_tells_the_commit() -> None:
    known = {"kind": "TrainingJob", "name": "train"}
    lines = (
        parsed("JobStarted", "1", job="train-1", **known),
        {**parsed("JobFinished", "2", job="train-1", **known), "status": "Failed", "reason": "out of memory"},
        parsed("JobStarted", "3", job="train-0", **known),
    )
    notes = {A: parse("\n".join(json.dumps(line) for line in lines))}
    train = resource("TrainingJob", "train", stalled="X", runs=[{"name": "train-1", "status": "Failed"}])
    found = {(step.what, step.result, step.commit) for step in tracing.of_object(train, notes)}
    assert found == {("job train-1", "Failed", A), ("job train-0", "Started", A)}
    gone = {(step.object, step.what, step.detail) for step in tracing.of_commit(A, [], notes)}
    assert ("TrainingJob train", "job train-1", "out of memory") in gone


def parsed(event: str, id_: str, **more: Any) -> dict[str, Any]:
    return {"v": 1, "id": id_, "at": SINCE, "event": event, "namespace": "ml", **more}


@pytest.mark.parametrize(
    ("terminal", "environment", "colour", "signs"),
    [
        (True, {}, True, True),
        (True, {"NO_COLOR": "1"}, False, True),
        (True, {"TERM": "dumb"}, False, False),
        (False, {}, False, False),
    ],
)
def test_colours_are_for_terminals(terminal: bool, environment: dict[str, str], colour: bool, signs: bool) -> None:
    class Stream(io.TextIOWrapper):
        def isatty(self) -> bool:
            return terminal

    assert Paint.of(Stream(io.BytesIO(), "utf-8"), environment) == Paint(colour, signs)
    assert not Paint.of(Stream(io.BytesIO(), "latin-1"), environment).signs


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (61, "1m1s"), (660, "11m"), (3700, "1h1m"), (90000, "1d1h")]
)
def test_spans(seconds: int, text: str) -> None:
    start = when("2026-01-01T00:00:00Z")
    assert start is not None
    assert span(start.fromtimestamp(start.timestamp() + seconds, start.tzinfo) - start) == text


def test_what_others_wrote_steers_no_terminal() -> None:
    assert plain("a\x1b[2Jb\nc") == "a [2Jb c"
    assert Paint().table(["A"], [[Cell("x\x1b]0;t\x07")]]) == ["A", "x ]0;t"]
    assert (revision(f"main@sha1:{A}"), revision(A), revision(None)) == ("main@aaaaaaa", "aaaaaaa", "")
    assert (ago("nonsense", NOW), ago(None, NOW), ago("2026-01-01", NOW)) == ("", "", "")


def test_a_diff_against_git_tells_no_secret() -> None:
    spec = {
        "environment": {"TOKEN": "hunter2-hunter2"},
        "models": [{"containers": [{"environment": [{"name": "KEY", "value": "s3cr3t-s3cr3t"}], "image": "one"}]}],
    }
    told = differences.as_yaml(spec)
    assert "hunter2" not in told
    assert "s3cr3t" not in told
    assert "name: KEY" in told
    assert "image: one" in told
    assert told != differences.as_yaml({**spec, "environment": {"TOKEN": "another"}})
