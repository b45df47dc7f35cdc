"""The auditor of the random walk finds what is wrong in small records, and nothing in the same records when they are right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.walk.auditor import audit
from tests.walk.record import Call, Head, Line, Record, Remote, Seen

T0 = 1_800_000_000.0
REF = "refs/notes/sagemaker-gitops/blue"
OWNER = "sagemaker-gitops.dev/owner"
COMMIT = "a" * 40


class Story:
    """A record that is told step by step, a minute apart unless said otherwise."""

    def __init__(self) -> None:
        self.record = Record(clusters={"blue": ("blue", "blue"), "green": ("green", "green")})
        self.at = T0
        self._ids = 0

    def wait(self, seconds: float = 60.0) -> None:
        self.at += seconds

    def call(
        self, op: str, key: str, /, *, caller: str = "blue", effect: bool = True, owner: str = "", **given: Any
    ) -> None:
        self._ids += 1
        tags = {"Tags": [{"Key": OWNER, "Value": f"{caller}/{caller}/{owner}"}]} if owner else {}
        service = "application-autoscaling" if op.startswith(("Register", "Put")) else "sagemaker"
        code = "OK" if effect else "ValidationException"
        call = Call(self.at, self._ids, service, op, key, code, effect, caller, given | tags)
        self.record.calls.append(call)

    def line(
        self, event: str, kind: str = "HostingDeployment", name: str = "serve", *, commit: str = COMMIT, **said: Any
    ) -> None:
        about = {
            "id": f"id{len(self.record.lines)}",
            "event": event,
            "cluster": "blue",
            "namespace": "blue",
            "kind": kind,
            "name": name,
        }
        when = datetime.fromtimestamp(self.at, UTC).isoformat()
        self.record.lines.append(Line(self.at, REF, commit, about | {"at": when} | said))

    def head(self, *manifests: dict[str, Any], commit: str = COMMIT) -> None:
        held = tuple((f"prod/{one['metadata']['name']}.yaml", one) for one in manifests)
        self.record.heads.append(Head(self.at, commit, held))

    def seen(
        self, manifest: dict[str, Any] | None, kind: str = "HostingDeployment", name: str = "serve", **metadata: Any
    ) -> None:
        """A version of an object in the cluster; None: it is gone."""
        body: dict[str, Any] = {}
        if manifest is not None:
            body = {**manifest, "metadata": {"uid": "u", "generation": 1, **manifest["metadata"], **metadata}}
        self.record.seen.append(Seen(self.at, kind, "blue", name, body))

    def remote(self, kind: str, name: str, status: str = "", **described: Any) -> None:
        self.record.remotes.append(Remote(self.at, kind, name, status, {OWNER: "blue"}, described))

    # what a deployment's life is made of

    def parts(self, number: int) -> None:
        """Model and configuration `c<number>`."""
        self.call(
            "CreateModel", f"m{number}", owner="HostingDeployment/serve", PrimaryContainer={"Image": f"lab:{number}"}
        )
        variant = {"ModelName": f"m{number}", "InstanceType": "ml.m5.large"}
        self.call("CreateEndpointConfig", f"c{number}", owner="HostingDeployment/serve", ProductionVariants=[variant])

    def rollout(
        self, number: int, id_: int, *, result: str = "Succeeded", by: str = "git", first: bool = False
    ) -> None:
        """A move to `c<number>` with its lines."""
        self.move(number, first=first)
        about: dict[str, Any] = {
            "rollout": id_,
            "hash": f"h{number}",
            "endpointConfig": f"c{number}",
            "initiatedBy": by,
        }
        self.line("RolloutStarted", **about)
        self.wait(10)
        self.line(f"Rollout{result}", **about)
        self.wait(10)

    def move(self, number: int, *, first: bool = False) -> None:
        op = "CreateEndpoint" if first else "UpdateEndpoint"
        self.call(op, "e", owner="HostingDeployment/serve" if first else "", EndpointConfigName=f"c{number}")


def hosting(number: int, **status: Any) -> dict[str, Any]:
    models = [{"name": "m", "containers": [{"image": f"lab:{number}"}]}]
    variants = [{"variantName": "v", "instanceType": "ml.m5.large"}]
    spec = {"models": models, "productionVariants": variants}
    return {"kind": "HostingDeployment", "metadata": {"name": "serve"}, "spec": spec, "status": status}


def training(rounds: int = 1, **annotations: str) -> dict[str, Any]:
    said = {f"sagemaker-gitops.dev/{key}": value for key, value in annotations.items()}
    return {"kind": "TrainingJob", "metadata": {"name": "train", "annotations": said}, "spec": {"rounds": rounds}}


def scaling(most: int) -> dict[str, Any]:
    return {
        "kind": "HostingAutoscalingPolicy",
        "metadata": {"name": "scale"},
        "spec": {"minCapacity": 1, "maxCapacity": most},
    }


def served() -> Story:
    """A deployment whose content 1 serves, as Git says."""
    story = Story()
    story.head(hosting(1))
    story.seen(hosting(1))
    story.parts(1)
    story.rollout(1, 1, first=True)
    return story


def ran(job: str = "train-1", rounds: int = 1, story: Story | None = None) -> Story:
    """A job that ran, with its lines."""
    story = story or Story()
    story.call(
        "CreateTrainingJob",
        job,
        owner="TrainingJob/train",
        TrainingJobName=job,
        HyperParameters={"rounds": str(rounds)},
    )
    story.line("JobStarted", "TrainingJob", "train", job=job)
    story.wait()
    story.line("JobFinished", "TrainingJob", "train", job=job)
    return story


def updated() -> Story:
    """Content 2 was pushed and serves."""
    story = served()
    story.wait()
    story.head(hosting(2))
    story.seen(hosting(2))
    story.wait(1)
    story.parts(2)
    story.rollout(2, 2)
    return story


def restored_without_git() -> Story:
    """The cluster is as it was while content 1 served; Git holds content 2, which serves."""
    story = updated()
    story.wait()
    story.seen(hosting(1))
    return story


# --- good ones --------------------------------------------------------------------------------------------------------


def run_again_by_token() -> Story:
    story = ran()
    story.seen(training(run="again"), "TrainingJob", "train")
    return ran("train-2", story=story)


def refused() -> Story:
    story = served()
    story.call("UpdateEndpoint", "e", effect=False, EndpointConfigName="c1")
    return story


def held() -> Story:
    story = updated()
    body = hosting(2)
    body["metadata"]["annotations"] = {"sagemaker-gitops.dev/rollback-to": "1"}
    story.wait()
    story.seen(body)
    story.rollout(1, 3, by="rollback")
    return story


def corrected() -> Story:
    story = served()
    story.call("DeleteEndpoint", "e", caller="console")
    story.move(1, first=True)
    story.line("RolloutStarted", rollout=2, hash="h1", endpointConfig="c1", initiatedBy="drift")
    return story


def retried() -> Story:
    story = condemned()
    body = hosting(2)
    body["metadata"]["annotations"] = {"sagemaker-gitops.dev/retry": "h2"}
    story.seen(body)
    story.wait()
    story.rollout(2, 3)
    return story


def condemned() -> Story:
    story = served()
    story.wait()
    story.head(hosting(2))
    story.seen(hosting(2))
    story.parts(2)
    story.rollout(2, 2, result="RolledBack")
    story.call("AddTags", "c2", Tags=[{"Key": "sagemaker-gitops.dev/quarantined", "Value": "x"}])
    story.wait()
    return story


def pruned() -> Story:
    story = updated()
    story.wait()
    story.head()
    story.line("ObjectPruned")
    story.seen(hosting(2), deletionTimestamp="now")
    story.wait(5)
    story.call("DeleteEndpoint", "e")
    story.call("DeleteEndpointConfig", "c2")
    story.seen(None)
    return story


def collected() -> Story:
    story = updated()
    story.call("DeleteEndpointConfig", "c1")
    story.call("DeleteModel", "m1")
    return story


def bounded() -> Story:
    story = Story()
    story.head(scaling(4))
    story.call(
        "RegisterScalableTarget", "endpoint/e", owner="HostingAutoscalingPolicy/scale", MinCapacity=1, MaxCapacity=4
    )
    return story


def tagged() -> Story:
    story = served()
    body = hosting(1)
    body["spec"]["tags"] = [{"key": "team", "value": "a"}]
    story.head(body)
    story.call("AddTags", "e", Tags=[{"Key": "team", "Value": "a"}])
    return story


def at_rest() -> Story:
    story = updated()
    story.wait()
    ready = {"conditions": [{"type": "Ready", "status": "True", "reason": "InService"}], "observedGeneration": 1}
    configs = [{"name": "c1", "models": ["m1"]}, {"name": "c2", "models": ["m2"]}]
    live = {"endpointName": "e", "endpointStatus": "InService", "endpointConfigName": "c2"}
    story.seen(hosting(2, **ready, **live, configs=configs, history=[{"id": 2}]))
    story.remote("Endpoint", "e", EndpointStatus="InService", EndpointConfigName="c2")
    for number in (1, 2):
        story.remote("EndpointConfig", f"c{number}")
        story.remote("Model", f"m{number}")
    return story


GOOD: dict[str, Callable[[], Story]] = {
    "a first rollout": served,
    "an update that was pushed": updated,
    "a job that ran": ran,
    "a job that ran again by a run token": run_again_by_token,
    "an update that was refused": refused,
    "a rollback that a person holds": held,
    "a deleted endpoint that is made again": corrected,
    "content that was condemned": condemned,
    "condemned content that somebody retries": retried,
    "an object that left Git": pruned,
    "a configuration that is collected": collected,
    "bounds that Git holds": bounded,
    "tags that Git holds": tagged,
    "status that equals the truth": at_rest,
}


@pytest.mark.parametrize("story", [pytest.param(story, id=name) for name, story in GOOD.items()])
def test_nothing_is_found_where_all_adds_up(story: Callable[[], Story]) -> None:
    assert audit(story().record) == []


# --- bad ones ---------------------------------------------------------------------------------------------------------


def told_by_nothing(story: Story) -> None:
    story.record.lines[:] = [
        line for line in story.record.lines if line.said["event"] not in ("JobStarted", "RolloutStarted")
    ]


def told_twice(story: Story) -> None:
    first = story.record.lines[0]
    story.record.lines.append(Line(first.at, first.ref, "b" * 40, first.said))


def told_by_two_lines(story: Story) -> None:
    first = story.record.lines[0]
    story.record.lines.append(Line(first.at, first.ref, first.commit, {**first.said, "id": "other"}))


def told_and_never_called(story: Story) -> None:
    story.record.calls[:] = [
        call for call in story.record.calls if call.op not in ("CreateTrainingJob", "UpdateEndpoint")
    ]


def same_content_again(story: Story) -> None:
    ran("train-2", story=story)


def moved_back_by_nobody(story: Story) -> None:
    story.wait()
    story.rollout(1, 3)


def moved_by_nobodys_content(story: Story) -> None:
    story.parts(9)
    story.rollout(9, 3)


def sent_again(story: Story) -> None:
    story.wait()
    story.rollout(2, 3)


def serving_deleted(story: Story) -> None:
    story.call("DeleteEndpointConfig", "c2")


def model_of_serving_deleted(story: Story) -> None:
    story.call("DeleteModel", "m2")


def endpoint_deleted(story: Story) -> None:
    story.call("DeleteEndpoint", "e")


def job_stopped(story: Story) -> None:
    story.seen(training(), "TrainingJob", "train")
    story.call("StopTrainingJob", "train-1")


def never_left(story: Story) -> None:
    story.line("ObjectPruned")


def marked_without_reason(story: Story) -> None:
    story.call("AddTags", "c1", Tags=[{"Key": "sagemaker-gitops.dev/quarantined", "Value": "x"}])


def tags_of_nobody(story: Story) -> None:
    story.call("AddTags", "e", Tags=[{"Key": "team", "Value": "b"}])


def corrected_tags_untold(story: Story) -> None:
    story.call("DeleteTags", "e", caller="console", TagKeys=["team"])
    story.wait()
    story.call("AddTags", "e", Tags=[{"Key": "team", "Value": "a"}])


def bounds_of_nobody(story: Story) -> None:
    story.wait()
    story.call("RegisterScalableTarget", "endpoint/e", MinCapacity=1, MaxCapacity=9)


def deregistered(story: Story) -> None:
    status = {"hostingAutoscalingPolicyStatus": "Created", "resourceIDList": ["endpoint/e"]}
    story.seen({**scaling(4), "status": status}, "HostingAutoscalingPolicy", "scale")
    story.remote("Endpoint", "other")
    story.call("DeregisterScalableTarget", "endpoint/e", caller="console")


def counts_of_nobody(story: Story) -> None:
    story.wait(600)
    story.call("UpdateEndpointWeightsAndCapacities", "e")


def looping(story: Story) -> None:
    for _ in range(9):
        story.wait(2)
        story.call("DeleteModel", "gone", effect=False)


def anothers(story: Story) -> None:
    story.call("AddTags", "c1", caller="green", Tags=[])


def status_lies(story: Story) -> None:
    story.record.remotes[0] = Remote(
        story.at, "Endpoint", "e", "", {OWNER: "blue"}, {"EndpointStatus": "Failed", "EndpointConfigName": "c2"}
    )


def serves_other_than_git(story: Story) -> None:
    story.head(hosting(3), commit="c" * 40)


def unknown_config(story: Story) -> None:
    story.parts(7)
    story.remote("EndpointConfig", "c7")


def untagged(story: Story) -> None:
    """Somebody took the owner tag away, and five minutes later it is not there yet."""
    story.call("DeleteTags", "e", caller="console", TagKeys=[OWNER])
    story.wait(300)
    live = story.record.remotes[0].described
    story.record.remotes[0] = Remote(story.at, "Endpoint", "e", "", {}, live)


def object_gone(story: Story) -> None:
    story.seen(None)


def ended_without_beginning(story: Story) -> None:
    story.line("RolloutSucceeded", rollout=8, hash="h1", endpointConfig="c1", initiatedBy="git")


def no_json(story: Story) -> None:
    story.record.lines.append(Line(story.at, REF, COMMIT, {}, "not ours"))


def of_another_cluster(story: Story) -> None:
    story.line("DriftFound", cluster="green")


def unread(story: Story) -> None:
    story.record.problems.append("the request log lost what was before 7")


@pytest.mark.parametrize(
    ("story", "spoil", "rules"),
    [
        pytest.param(ran, told_by_nothing, {"job-lines"}, id="a job that no line tells of"),
        pytest.param(ran, told_and_never_called, {"job-lines", "job-ends"}, id="a line for a job that was never made"),
        pytest.param(ran, told_by_two_lines, {"job-lines"}, id="a job with two lines"),
        pytest.param(ran, told_twice, {"note-twice"}, id="one event on two commits"),
        pytest.param(ran, same_content_again, {"job-twice"}, id="a content that ran twice"),
        pytest.param(ran, job_stopped, {"stop-reason"}, id="a job that was stopped while its object stays"),
        pytest.param(updated, told_by_nothing, {"move-lines", "rollout-ends"}, id="a move that no line tells of"),
        pytest.param(updated, told_and_never_called, {"line-moves"}, id="a line for a move that was never made"),
        pytest.param(updated, moved_back_by_nobody, {"move-reason"}, id="traffic that goes back to an earlier commit by itself"),
        pytest.param(restored_without_git, moved_back_by_nobody, {"move-reason"}, id="traffic that a restored cluster moves back"),
        pytest.param(updated, moved_by_nobodys_content, {"move-reason"}, id="traffic that moves to what no commit holds"),
        pytest.param(condemned, sent_again, {"quarantine"}, id="condemned content that is sent again by itself"),
        pytest.param(updated, serving_deleted, {"delete-serving"}, id="a configuration that serves and is deleted"),
        pytest.param(updated, model_of_serving_deleted, {"delete-serving"}, id="a model that serves and is deleted"),
        pytest.param(updated, endpoint_deleted, {"delete-reason"}, id="an endpoint that is deleted while its object stays"),
        pytest.param(updated, never_left, {"prune-reason", "prune-lines"}, id="a line of a prune that never was"),
        pytest.param(served, marked_without_reason, {"tag-reason"}, id="a mark of quarantine without a rollback"),
        pytest.param(served, tags_of_nobody, {"tag-reason"}, id="a tag that nobody wanted"),
        pytest.param(tagged, corrected_tags_untold, {"tag-reason"}, id="a corrected tag that no line tells of"),
        pytest.param(bounded, bounds_of_nobody, {"bounds-reason"}, id="bounds that nobody wanted"),
        pytest.param(bounded, deregistered, {"truth"}, id="a target that is not registered while status says so"),
        pytest.param(served, counts_of_nobody, {"counts-reason"}, id="counts that are set for no reason"),
        pytest.param(served, looping, {"churn"}, id="a call that is sent again and again"),
        pytest.param(served, anothers, {"foreign"}, id="a call about another cluster's things"),
        pytest.param(at_rest, status_lies, {"truth"}, id="a status that is not the truth"),
        pytest.param(at_rest, serves_other_than_git, {"truth"}, id="Ready while Git holds other content"),
        pytest.param(at_rest, unknown_config, {"orphan"}, id="a configuration that no status knows"),
        pytest.param(at_rest, untagged, {"orphan"}, id="an endpoint that stays without its owner tag"),
        pytest.param(at_rest, object_gone, {"orphan"}, id="an endpoint whose object is gone"),
        pytest.param(served, ended_without_beginning, {"rollout-ends"}, id="a rollout that ends and never began"),
        pytest.param(served, no_json, {"note-line"}, id="a line that is no line"),
        pytest.param(served, of_another_cluster, {"note-cluster"}, id="a line that tells of another cluster"),
        pytest.param(served, unread, {"record"}, id="a record that is not whole"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_found(
    story: Callable[[], Story], spoil: Callable[[Story], None], rules: set[str]
) -> None:
    told = story()
    spoil(told)
    assert {finding.rule for finding in audit(told.record)} == rules


def test_a_record_is_the_same_when_it_was_written_and_read(tmp_path: Path) -> None:
    record = at_rest().record
    record.problems.append("one")
    record.write(tmp_path / "record.jsonl")
    again = Record.read(tmp_path / "record.jsonl")
    assert again.calls == record.calls
    assert (again.clusters, again.problems) == (record.clusters, record.problems)
    assert [line.said for line in again.lines] == [line.said for line in record.lines]
    assert audit(again) == audit(record)


@pytest.mark.parametrize("module", ["tests.walk.auditor", "tests.walk.recorder"])
def test_recorder_and_auditor_share_nothing_with_the_product_nor_with_the_walk(module: str) -> None:
    """Asked in a process of its own, of everything that importing them loads."""
    ask = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    ours = [name for name in loaded if name.startswith(("reconciler", "tests."))]
    assert not [name for name in ours if name.startswith("reconciler")]
    known = {"tests.walk", "tests.walk.auditor", "tests.walk.recorder", "tests.walk.record", "tests.walk.watching"}
    assert not [name for name in ours if name not in known and not name.startswith("tests.walk.audit")]
