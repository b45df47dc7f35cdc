"""What a line says and what makes two of them one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.decision import Difference
from reconciler.core.notes import note
from reconciler.core.notes.note import About, NoteLine, Rollout, render
from reconciler.core.records.history import HistoryEntry
from reconciler.core.resource import Annotation, Resource
from reconciler.core.schema.shapes import Field, NameValueList, Scalar, Structure

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=9)
JOB = About("prod", "TrainingJob", "ml", "churn", "uid-1", "prod/churn.yaml", "main@sha1:" + "a" * 40)
SERVING = About("prod", "HostingDeployment", "ml", "fraud", "uid-2", "prod/fraud.yaml")
SYNC = About("prod", "GitSync", "ml", "team", "uid-3")
ROLLOUT = Rollout(4, "hash-4", "fraud-hash-4", "git", 2)
DIFFERENCE = Difference("sagemaker", "/spec/desiredWeight", "1", "0.5")
SPEC = Structure(
    (
        Field("environment", NameValueList(Scalar("string"), Scalar("string", secret=True))),
        Field("desiredWeight", Scalar("number")),
    )
)

Make = Callable[[datetime], NoteLine]

EVENTS: dict[str, tuple[Make, dict[str, Any]]] = {
    "a job started": (
        lambda at: note.job_started(JOB, at, job="churn-1", content="digest", arn="arn:aws:x", token="again"),
        {"event": "JobStarted", "job": "churn-1", "content": "digest", "arn": "arn:aws:x", "token": "again"},
    ),
    "a job finished": (
        lambda at: note.job_finished(
            JOB, at, job="churn-1", content="digest", status="Completed", duration_s=61.4, billable_s=55,
            metrics={"auc": 0.91, "loss": float("nan")}, artefact="s3://b/model.tar.gz",
        ),
        {
            "event": "JobFinished", "job": "churn-1", "content": "digest", "status": "Completed", "durationSeconds": 61,
            "billableSeconds": 55, "metrics": {"auc": 0.91, "loss": "nan"}, "artefact": "s3://b/model.tar.gz",
        },
    ),
    "a rollout started": (
        lambda at: note.rollout_started(SERVING, at, ROLLOUT),
        {
            "event": "RolloutStarted", "rollout": 4, "hash": "hash-4", "endpointConfig": "fraud-hash-4",
            "initiatedBy": "git", "rollbackOf": 2,
        },
    ),
    "a rollout was rolled back": (
        lambda at: note.rollout_ended(SERVING, at, ROLLOUT, "RolledBack", reason="alarm 5xx", serving="fraud-hash-3"),
        {
            "event": "RolloutRolledBack", "rollout": 4, "hash": "hash-4", "endpointConfig": "fraud-hash-4",
            "initiatedBy": "git", "rollbackOf": 2, "serving": "fraud-hash-3", "reason": "alarm 5xx",
        },
    ),
    "a hold started": (
        lambda at: note.hold_started(SERVING, at, rollback_to="3", since="s", until="u"),
        {"event": "HoldStarted", "rollbackTo": "3", "until": "u"},
    ),
    "a hold ended": (
        lambda at: note.hold_ended(SERVING, at, rollback_to="3", since="s", reason="Git changed"),
        {"event": "HoldEnded", "rollbackTo": "3", "reason": "Git changed"},
    ),
    "drift was found": (
        lambda at: note.drift_found(SERVING, at, [DIFFERENCE], since="s", mode="Warn", spec=SPEC),
        {
            "event": "DriftFound", "mode": "Warn", "count": 1,
            "differences": [{"plane": "sagemaker", "path": "/spec/desiredWeight", "desired": "1", "live": "0.5"}],
        },
    ),
    "drift was put right": (
        lambda at: note.drift_corrected(SERVING, at, ["/spec/desiredWeight"], since="s", plane="git"),
        {"event": "DriftCorrected", "plane": "git", "pathCount": 1, "paths": ["/spec/desiredWeight"]},
    ),
    "a file was rejected": (
        lambda at: note.file_rejected(
            SYNC, at, commit="c" * 40, path="prod/x.yaml", line=3, kind="Model", name="m", reason="Invalid", message="no"
        ),
        {"event": "FileRejected", "file": "prod/x.yaml", "line": 3, "object": "Model/m", "why": "Invalid", "reason": "no"},
    ),
    "an object was pruned": (lambda at: note.object_pruned(JOB, at), {"event": "ObjectPruned"}),
}  # fmt: skip


@pytest.mark.parametrize(("make", "told"), EVENTS.values(), ids=EVENTS.keys())
def test_what_a_line_says(make: Make, told: dict[str, Any]) -> None:
    text = render(make(NOW))
    data = json.loads(text)
    assert "\n" not in text
    assert list(data)[:5] == ["v", "id", "at", "event", "cluster"]
    assert (data["v"], data["at"], data["cluster"], data["namespace"]) == (1, "2026-03-04T05:06:07Z", "prod", "ml")
    head = ("v", "id", "at", "cluster", "kind", "namespace", "name", "path", "revision")
    assert {key: value for key, value in data.items() if key not in head} == told


@pytest.mark.holds("D-20.2")
@pytest.mark.parametrize("make", [make for make, _ in EVENTS.values()], ids=EVENTS.keys())
def test_the_same_event_told_later_is_the_same_line(make: Make) -> None:
    assert make(NOW).id == make(LATER).id


def test_different_events_have_different_ids() -> None:
    others = [
        note.job_started(JOB, NOW, job="churn-2", content="digest"),
        note.job_started(About("dev", "TrainingJob", "ml", "churn"), NOW, job="churn-1", content="digest"),
        note.rollout_ended(SERVING, NOW, ROLLOUT, "Failed"),
        note.rollout_started(About("prod", "HostingDeployment", "ml", "fraud", "made anew"), NOW, ROLLOUT),
        note.hold_started(SERVING, NOW, rollback_to="3", since="another time"),
        note.drift_found(SERVING, NOW, [DIFFERENCE], since="another time", spec=None),
    ]
    ids = [line.id for line in (*others, *(make(NOW) for make, _ in EVENTS.values()))]
    assert len(set(ids)) == len(ids)


@pytest.mark.holds("D-20.2")
def test_ids_are_frozen() -> None:
    """Notes outlive every release: a digest that moved would double what is told from status again."""
    assert EVENTS["a job started"][0](NOW).id == FROZEN_JOB
    assert EVENTS["a rollout started"][0](NOW).id == FROZEN_ROLLOUT


FROZEN_JOB = "5vkk6l3usm5k"
FROZEN_ROLLOUT = "gxheqdnpjxd2"


class TestSecrets:
    def test_a_drifted_value_that_may_be_secret_leaves_as_a_digest(self) -> None:
        differences = [Difference("git", "/spec/environment/0/value", "hunter2-old", "hunter2-new")]
        text = render(note.drift_found(SERVING, NOW, differences, since="s", spec=SPEC))
        assert "hunter2" not in text
        assert text.count("changed (sha256:") == 2

    def test_a_digest_is_not_digested_again(self) -> None:
        differences = [Difference("git", "/spec/environment/0/value", "changed (sha256:0a1b2c3d)", "")]
        told = json.loads(render(note.drift_found(SERVING, NOW, differences, since="s", spec=SPEC)))["differences"]
        assert told == [{"plane": "git", "path": "/spec/environment/0/value", "desired": "changed (sha256:0a1b2c3d)"}]

    def test_without_a_shape_no_value_is_told(self) -> None:
        text = render(
            note.drift_found(SERVING, NOW, [Difference("git", "/spec/x", "one", "two")], since="s", spec=None)
        )
        assert json.loads(text)["differences"] == [{"plane": "git", "path": "/spec/x"}]

    def test_what_the_user_s_code_printed_does_not_repeat_the_spec_s_secrets(self) -> None:
        spec = {"environment": [{"name": "TOKEN", "value": "hunter2-old"}, {"name": "N", "value": "10"}]}
        about = About("prod", "TrainingJob", "ml", "churn", secrets=note.secret_values(SPEC, spec))
        reason = "exit 10: login with hunter2-old failed at https://user:pw@example.com/x?sig=1 AKIAABCDEFGHIJKLMNOP"
        line = note.job_finished(about, NOW, job="j", content="c", status="Failed", reason=reason)
        told = json.loads(render(line))["reason"]
        assert told == "exit 10: login with *** failed at https://***@example.com/x?*** ***"
        assert "hunter2" not in repr(line)

    def test_control_characters_and_direction_overrides_do_not_reach_a_terminal(self) -> None:
        about = About("prod", "TrainingJob", "ml", "churn", path="a\x1b[2J\u202e\n{}.yaml")
        text = render(
            note.job_finished(about, NOW, job="j\r\n", content="c", status="Failed", reason="a\x00b\nc\u202ed")
        )
        assert text.isprintable()


def test_a_line_is_bounded() -> None:
    long = About("prod", "TrainingJob", "ml", "n" * 253, path="p" * 5000, revision="r" * 5000)
    metrics = {f"{number}" * 300: 1.0 for number in range(100)}
    for line in (
        note.job_finished(long, NOW, job="j", content="c", status="Failed", reason="r" * 9000, metrics=metrics, artefact="é" * 9000),
        note.drift_corrected(long, NOW, ["/" + "é" * 1000] * 5000, since="s"),
    ):  # fmt: skip
        text = render(line)
        data = json.loads(text)
        assert len(text.encode()) <= note.LINE_BYTES
        assert data["cut"]
        assert data["id"] == line.id


def test_an_object_names_itself_and_its_commit() -> None:
    metadata = {
        "name": "churn",
        "namespace": "ml",
        "uid": "u",
        "annotations": {
            Annotation.PATH: "prod/churn.yaml",
            Annotation.REVISION: "main@sha1:x",
            Annotation.COMMIT: "c" * 40,
        },
    }
    resource = Resource({"apiVersion": "v1", "kind": "TrainingJob", "metadata": metadata})
    about = About.of(resource, "prod")
    assert (about.name, about.uid, about.path, about.revision) == ("churn", "u", "prod/churn.yaml", "main@sha1:x")
    assert note.commit_of(resource) == "c" * 40
    assert note.commit_of(resource.with_metadata(annotations={Annotation.COMMIT: "--exec=x"})) == ""
    assert (
        note.commit_of(resource.with_metadata(annotations={Annotation.REVISION: f"main@sha1:{'d' * 40}"})) == "d" * 40
    )
    assert note.commit_of(resource.with_metadata(annotations={})) == ""


def test_a_rollout_is_read_from_history() -> None:
    entry = {"id": 4, "hash": "h", "endpointConfigName": "e", "initiatedBy": "git", "result": "Succeeded"}
    assert Rollout.of(HistoryEntry.parse(entry)) == Rollout(4, "h", "e", "git")
