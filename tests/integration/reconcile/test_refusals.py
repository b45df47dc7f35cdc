"""Errors: what SageMaker refuses, when it is asked again, and what nobody may read in the texts (D-10)."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest

from reconciler.core.resource import Key, Resource
from tests.integration.reconcile.test_rollouts import CANARY, alarm, in_service
from tests.support import lab_kinds
from tests.support.lab import PREFIX, Lab, annotated, hosting, job
from tests.support.lab_scaling import scaling

REFUSED = {"type": "error", "code": "ValidationException", "message": "1 validation error detected: nonsense"}
UNKNOWN = {"type": "error", "code": "ValidationException", "message": "something that nobody has written down"}
ROLE_MISSING = {
    "type": "error",
    "code": "ValidationException",
    "message": "Could not assume role arn:aws:iam::123456789012:role/x. Please ensure that the role exists",
}
CREATES = [
    pytest.param(job(), "CreateTrainingJob", id="TrainingJob"),
    pytest.param(hosting(), "CreateModel", id="HostingDeployment, its model"),
    pytest.param(hosting(), "CreateEndpointConfig", id="HostingDeployment, its configuration"),
    pytest.param(hosting(), "CreateEndpoint", id="HostingDeployment, its endpoint"),
]


def refused(lab: Lab, manifest: dict[str, Any], operation: str, action: dict[str, Any], **match: Any) -> Key:
    lab.simulator.rules({"id": "no", "match": {"op": operation, **match}, "action": action})
    key = lab.cluster.apply(manifest)
    lab.settle()
    return key


@pytest.mark.holds("D-10.4")
@pytest.mark.parametrize(("manifest", "operation"), CREATES)
def test_a_refused_request_is_not_sent_again_by_itself(lab: Lab, manifest: dict[str, Any], operation: str) -> None:
    key = refused(lab, manifest, operation, REFUSED)
    assert (lab.reason(key), lab.types(key)) == ("Rejected", {"Stalled"})
    written = lab.cluster.status_writes[key]
    lab.run(86400, step_s=3600)
    for _ in range(3):
        lab.begin()
        lab.settle()
    lab.cluster.annotate(key, requestedAt="now")
    lab.run(600, step_s=300)
    assert lab.simulator.counts()[operation] == 1
    assert lab.cluster.status_writes[key] == written + 1  # the token
    assert "nonsense" in lab.status(key)["additional"]


@pytest.mark.holds("D-10.4")
@pytest.mark.parametrize(("manifest", "operation"), CREATES)
def test_a_refusal_that_nobody_knows_is_tried_again_ever_more_slowly(
    lab: Lab, manifest: dict[str, Any], operation: str
) -> None:
    key = refused(lab, manifest, operation, UNKNOWN)
    assert (lab.reason(key), lab.types(key)) == ("RefusalUnknown", {"Reconciling"})
    assert "kubectl sagemaker retry" in lab.condition(key, "Ready")["message"]
    asked = lab.condition(key, "Ready")["message"]
    for _ in range(3):
        lab.begin()
        lab.settle()
    assert lab.simulator.counts()[operation] == 1, "not sooner than it says, whatever wakes it"
    assert lab.condition(key, "Ready")["message"] == asked
    lab.run(86400, step_s=600)
    assert 20 <= lab.simulator.counts()[operation] <= 34
    lab.simulator.clear_rules()
    lab.run(9000, until=lambda: lab.is_ready(key), step_s=60)
    assert "refused" not in lab.status(key)


def test_a_refusal_that_nobody_knows_is_sent_at_once_by_retry(lab: Lab) -> None:
    key = refused(lab, job(), "CreateTrainingJob", UNKNOWN, count=6)
    lab.run(400, step_s=20)
    assert lab.reason(key) == "RefusalUnknown"
    sent = lab.simulator.counts()["CreateTrainingJob"]
    lab.cluster.annotate(key, retry="now")
    lab.settle()
    assert lab.simulator.counts()["CreateTrainingJob"] == sent + 1


def test_a_look_that_is_refused_in_words_that_nobody_knows_is_told_with_its_next_try(lab: Lab) -> None:
    key = in_service(lab, hosting())
    lab.simulator.rules({"id": "no", "match": {"op": "DescribeEndpoint"}, "action": UNKNOWN})
    lab.begin()
    lab.cluster.apply(hosting(image="lab:2"))
    lab.settle()
    assert lab.reason(key) == "RefusalUnknown"
    assert "again at" in lab.condition(key, "Ready")["message"]
    lab.run(7200, step_s=60)
    lab.simulator.clear_rules()
    lab.run(9000, until=lambda: lab.is_ready(key), step_s=60)
    assert "refused" not in lab.status(key)


@pytest.mark.holds("D-10.4")
@pytest.mark.parametrize(("manifest", "operation"), CREATES)
@pytest.mark.parametrize("way_out", ["retry", "tags", "spec"])
def test_retry_or_another_spec_asks_again(lab: Lab, manifest: dict[str, Any], operation: str, way_out: str) -> None:
    key = refused(lab, manifest, operation, REFUSED, count=1)
    match way_out:
        case "retry":
            lab.cluster.annotate(key, retry="once more")
        case "tags":
            lab.cluster.apply({**manifest, "spec": {**manifest["spec"], "tags": [{"key": "team", "value": "x"}]}})
        case "spec" if "models" in manifest["spec"]:
            lab.cluster.apply(hosting(image="lab:2"))
        case _:
            lab.cluster.apply(job(hyperParameters=[{"name": "a", "value": "1"}]))
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert "additional" not in lab.status(key)


@pytest.mark.parametrize("serves", [False, True], ids=["first create", "update"])
def test_the_phase_of_what_was_refused_is_failed(lab: Lab, serves: bool) -> None:
    if serves:
        in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint" if serves else "CreateEndpoint"}, "action": REFUSED})
    key = lab.cluster.apply(hosting(image="lab:2"))
    lab.settle()
    assert (lab.reason(key), lab.status(key)["rollout"]["phase"]) == ("Rejected", "Failed")
    assert lab.status(key)["history"][0]["result"] == "Failed"
    lab.simulator.clear_rules()
    lab.cluster.annotate(key, retry="corrected outside")
    lab.settle()
    assert lab.status(key)["rollout"]["phase"] == ("Updating" if serves else "Creating")
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert lab.status(key)["rollout"]["phase"] == "Complete"


@pytest.mark.parametrize("serves", [False, True], ids=["first create", "update"])
def test_an_alarm_that_does_not_exist_yet_is_waited_for(lab: Lab, serves: bool) -> None:
    """SageMaker refuses it until it exists (SM-129): asked about once a minute, and no person is needed but for the alarm."""
    if serves:
        in_service(lab, hosting())
    key = lab.cluster.apply(hosting(image="lab:2", deploymentConfig=CANARY))
    lab.settle()
    assert (lab.reason(key), lab.types(key) - {"Healthy"}) == ("PreconditionFailed", {"Reconciling"})
    assert lab.status(key)["rollout"]["phase"] == "Pending"
    mark = lab.simulator.mark()
    lab.run(600, step_s=20)
    operation = "UpdateEndpoint" if serves else "CreateEndpoint"
    assert 8 <= len([row for row in lab.simulator.requests(mark) if row["op"] == operation]) <= 15
    alarm(lab)
    lab.run(3600, until=lambda: lab.is_ready(key), step_s=20)
    assert next(entry["result"] for entry in lab.status(key)["history"]) == "Succeeded"
    assert "quarantine" not in lab.status(key)


def test_what_was_not_taken_on_yet_is_pending(lab: Lab) -> None:
    throttled = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    key = in_service(lab, hosting())
    lab.simulator.rules({"match": {"op": "UpdateEndpoint", "count": 1}, "action": throttled})
    lab.cluster.apply(hosting(image="lab:2"))
    lab.settle()
    assert lab.status(key)["rollout"]["phase"] == "Pending"
    lab.run(until=lambda: lab.is_ready(key), step_s=20)
    assert lab.status(key)["rollout"]["phase"] == "Complete"


KMS = "arn:aws:kms:us-east-1:123456789012:key/1"
MISMATCHED = [
    (job(), "/spec/roleArn"),
    (hosting(), "/spec/models/0/executionRoleArn"),
    (lab_kinds.model(), "/spec/executionRoleArn"),
    (lab_kinds.config(modelName="theirs"), "/spec/kmsKeyId"),
    (lab_kinds.processing(), "/spec/roleArn"),
    (lab_kinds.tuning(), "/spec/trainingJobDefinition/roleArn"),
    (lab_kinds.transform(modelName="theirs"), "/spec/transformResources/volumeKmsKeyId"),
    (scaling("a"), "/spec/roleARN"),
]


@pytest.mark.holds("D-11.3")
@pytest.mark.parametrize(("manifest", "path"), MISMATCHED, ids=[manifest["kind"] for manifest, _ in MISMATCHED])
def test_an_arn_of_another_partition_is_refused_before_any_call(lab: Lab, manifest: dict[str, Any], path: str) -> None:
    elsewhere = copy.deepcopy(manifest)
    elsewhere["spec"]["region"] = "cn-north-1"
    *parents, last = path.split("/")[2:]
    into = elsewhere["spec"]
    for step in parents:
        into = into[int(step)] if step.isdecimal() else into[step]
    into.setdefault(last, KMS)
    mark = lab.simulator.mark()
    key = lab.cluster.apply(elsewhere)
    lab.run(600, step_s=60)
    assert (lab.reason(key), lab.types(key)) == ("PartitionMismatch", {"Stalled"})
    message = lab.condition(key, "Ready")["message"]
    assert message == f"{path}: an ARN of the partition aws cannot be used in a region of aws-cn"
    assert lab.status(key)["additional"] == message
    assert lab.simulator.requests(mark) == []
    lab.cluster.delete(key)
    lab.settle()
    assert (key in lab.cluster.objects, lab.simulator.mutations(mark)) == (False, [])


def test_what_serves_is_followed_when_an_edit_brings_an_arn_of_another_partition(lab: Lab) -> None:
    key = in_service(lab, hosting())
    mark = lab.simulator.mark()
    lab.cluster.apply(hosting(kmsKeyId=KMS.replace("arn:aws:", "arn:aws-cn:")))
    lab.run(120, step_s=20)
    assert (lab.reason(key), lab.types(key)) == ("PartitionMismatch", {"Stalled", "Healthy"})
    assert lab.simulator.mutations(mark) == []
    in_service(lab, hosting())
    assert lab.reason(key) == "InService"
    elsewhere = hosting()
    elsewhere["spec"]["region"] = "cn-north-1"
    lab.cluster.apply(elsewhere)
    lab.settle()
    assert lab.reason(key) == "IdentityChanged"


def test_a_refusal_is_remembered_through_other_errors(lab: Lab) -> None:
    key = refused(lab, job(), "CreateTrainingJob", REFUSED)
    lab.simulator.rules(
        {
            "match": {"op": "DescribeTrainingJob", "count": 3},
            "action": {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"},
        }
    )
    lab.begin()
    lab.run(1200, step_s=60)
    assert lab.simulator.counts()["CreateTrainingJob"] == 1
    assert lab.reason(key) == "Rejected"


def test_a_refusal_is_remembered_when_the_object_moves_meanwhile(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer arrives while somebody edits an annotation: the write of what came of the call meets a conflict."""
    key = refused_while_edited(lab, monkeypatch)
    lab.run(600, step_s=60)
    assert lab.simulator.counts()["CreateTrainingJob"] == 1
    assert lab.reason(key) == "Rejected"


def refused_while_edited(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Key:
    lab.simulator.rules({"match": {"op": "CreateTrainingJob"}, "action": REFUSED})
    key = lab.cluster.apply(job())
    write = lab.aws.write

    def edited_meanwhile(*arguments: Any) -> Any:
        lab.cluster.annotate(key, note="edited")
        return write(*arguments)

    monkeypatch.setattr(lab.aws, "write", edited_meanwhile)
    lab.settle()
    return key


def test_a_job_that_was_created_is_known_when_the_object_moves_meanwhile(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = lab.cluster.apply(job())
    write = lab.aws.write

    def edited_meanwhile(*arguments: Any) -> Any:
        lab.cluster.annotate(key, note="edited")
        return write(*arguments)

    monkeypatch.setattr(lab.aws, "write", edited_meanwhile)
    lab.settle()
    assert dict(lab.simulator.counts()) == {"CreateTrainingJob": 1}
    assert lab.status(key)["run"]["startedAt"]


@pytest.mark.holds("D-10.3")
@pytest.mark.parametrize(("manifest", "operation"), CREATES)
def test_what_the_user_must_mend_elsewhere_is_tried_slowly_until_it_works(
    lab: Lab, manifest: dict[str, Any], operation: str
) -> None:
    key = refused(lab, manifest, operation, ROLE_MISSING)
    assert lab.reason(key) == "PreconditionFailed"
    lab.run(600, step_s=20)
    assert 5 <= lab.simulator.counts()[operation] <= 12
    lab.simulator.clear_rules("no")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert len(lab.status(key).get("history", [{}])) == 1


@pytest.mark.holds("D-10.3")
def test_a_quota_is_tried_slowly(lab: Lab) -> None:
    quota = {"type": "error", "code": "ResourceLimitExceeded", "message": "The account-level service limit is 0"}
    key = refused(lab, job(), "CreateTrainingJob", quota)
    assert lab.reason(key) == "QuotaExceeded"
    lab.run(600, step_s=20)
    assert lab.simulator.counts()["CreateTrainingJob"] <= 12


@pytest.mark.holds("D-10.5")
def test_a_dependency_made_moments_ago_is_waited_for(lab: Lab) -> None:
    early = {"match": {"op": "CreateEndpoint", "window": [0, 10]}, "action": {"type": "stale_read", "seconds": 60}}
    lab.simulator.rules(early)
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=5)
    assert lab.effects() == {"CreateModel": 1, "CreateEndpointConfig": 1, "CreateEndpoint": 1}


@pytest.mark.holds("D-10.2")
def test_throttled_sweeps_are_no_news_and_a_lasting_fault_is(lab: Lab) -> None:
    keys = [lab.cluster.apply(job(f"train-{number}")) for number in range(3)]
    lab.settle()
    lab.run(20)
    written = sum(lab.cluster.status_writes.values())
    throttled = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    lab.simulator.rules({"id": "no", "match": {"op": "List*", "count": 2}, "action": throttled})
    lab.run(100)
    assert sum(lab.cluster.status_writes.values()) == written
    lab.simulator.rules({"id": "no", "match": {"op": "List*"}, "action": throttled})
    lab.run(until=lambda: all(lab.reason(key) == "Throttled" for key in keys))
    assert sum(lab.cluster.status_writes.values()) == written + len(keys)
    lab.simulator.clear_rules()
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)


def test_expired_credentials_pause_the_account_and_end_by_themselves(lab: Lab) -> None:
    running = [lab.cluster.apply(job(f"train-{number}")) for number in range(5)]
    serving = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(serving), step_s=60)
    lab.simulator.rules({"id": "expired", "match": {}, "action": {"type": "expired_token"}})
    new = [lab.cluster.apply(job(f"new-{number}")) for number in range(5)]
    mark = lab.simulator.mark()
    lab.run(120)
    for key in (serving, *new):
        assert lab.reason(key) == "CredentialsInvalid", key
    assert lab.condition(serving, "Healthy")["status"] == "True"
    assert sum(lab.simulator.counts(mark).values()) <= 1 + 120 / 15, "one probe per pause, whoever waits"
    lab.simulator.clear_rules("expired")
    lab.run(until=lambda: all(lab.is_ready(key) for key in (*running, *new, serving)), step_s=60)


def test_an_error_says_nothing_new_of_health_and_drift(lab: Lab) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    lab.cluster.apply(hosting(image="lab:2"))
    denied = {"type": "error", "code": "AccessDeniedException", "message": "not authorized"}
    lab.simulator.rules({"match": {"op": "CreateModel"}, "action": denied})
    lab.settle()
    assert lab.types(key) == {"Stalled", "Healthy"}
    assert lab.status(key)["endpointStatus"] == "InService"


@pytest.mark.holds("D-16.3")
def test_an_old_look_makes_no_call(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    old = Resource(lab.cluster.objects[key])
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.status(key)["observedGeneration"] == 2 and lab.is_ready(key), step_s=60)
    mark, live = lab.simulator.mark(), lab.cluster.get
    monkeypatch.setattr(lab.cluster, "get", lambda _: old)
    lab.worker.reconcile(key)
    lab.begin()  # a replica that knows nothing of what was written, and whose cache lags
    looks = [old]
    monkeypatch.setattr(lab.cluster, "get", lambda key: looks.pop() if looks else live(key))
    lab.worker.reconcile(key)
    assert lab.simulator.mutations(mark) == []
    assert len(lab.status(key)["history"]) == 2


def test_a_cache_that_stays_behind_is_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    key = lab.cluster.apply(hosting())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    old, live = Resource(lab.cluster.objects[key]), lab.cluster.get
    lab.cluster.apply(hosting(image="lab:2"))
    lab.run(until=lambda: lab.status(key)["observedGeneration"] == 2 and lab.is_ready(key), step_s=60)
    mark, writes = lab.simulator.mark(), lab.cluster.status_writes[key]
    cached: list[Resource] = []
    reads: list[Key] = []

    def get(key: Key) -> Resource | None:
        if cached:
            return cached.pop()
        reads.append(key)
        return live(key)

    monkeypatch.setattr(lab.cluster, "get", get)
    for _ in range(30):
        cached.append(old)
        lab.reconcile(key)
        lab.clock.elapsed_s += 1
    assert (lab.simulator.mutations(mark), lab.cluster.status_writes[key]) == ([], writes)
    assert len(reads) == 2  # every ten seconds the API server is asked whether the cache is late or right


def test_an_api_server_restored_from_a_backup_is_believed(lab: Lab) -> None:
    key = lab.cluster.apply(job())
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    backup = lab.cluster.objects[key]
    lab.cluster.annotate(key, suspend="true")
    lab.settle()
    assert lab.reason(key) == "Suspended"
    mark = lab.simulator.mark()
    # Its versions count from an earlier number again, and so do those of whatever is written next.
    lab.cluster.objects[key] = {**backup, "metadata": {**backup["metadata"], "generation": 2}}

    lab.run(30, until=lambda: lab.status(key)["observedGeneration"] == 2, step_s=1)

    assert lab.is_ready(key)
    assert lab.simulator.mutations(mark) == []


def test_a_replica_that_does_not_lead_sends_nothing(lab: Lab) -> None:
    lab.around.leading = False
    key = lab.cluster.apply(job())
    lab.reconcile(key)
    assert lab.simulator.counts() == {}


@pytest.mark.parametrize("manifest", [job(), hosting()], ids=["TrainingJob", "HostingDeployment"])
def test_a_suspended_object_says_so_and_nothing_happens_to_it(lab: Lab, manifest: dict[str, Any]) -> None:
    key = lab.cluster.apply(annotated(manifest, suspend="true"))
    lab.run(600, step_s=60)
    assert lab.simulator.counts() == {}
    assert (lab.reason(key), lab.condition(key, "Ready")["status"]) == ("Suspended", "Unknown")
    assert lab.cluster.status_writes[key] == 1
    lab.cluster.annotate(key, suspend=None)
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    before = lab.status(key)
    lab.cluster.annotate(key, suspend="true")
    lab.cluster.apply(annotated({**manifest, "spec": {**manifest["spec"], "region": "eu-west-1"}}, suspend="true"))
    mark = lab.simulator.mark()
    lab.run(600, step_s=60)
    assert lab.simulator.counts(mark) == {}
    assert (lab.reason(key), lab.condition(key, "Ready")["status"]) == ("Suspended", "True")
    assert lab.status(key)["observedGeneration"] == before["observedGeneration"]


SECRET = "hunter2-canary-8f3a"


def test_an_intent_names_what_its_calls_are_about(lab: Lab) -> None:
    manifest = hosting()
    key = lab.cluster.apply(manifest)
    lab.run(until=lambda: lab.is_ready(key))
    lab.cluster.apply({**manifest, "spec": {**manifest["spec"], "tags": [{"key": "team", "value": "x"}]}})
    lab.settle()
    intended = [call for _, status in lab.cluster.written for call in (status.get("intent") or {}).get("calls", ())]
    endpoint = lab.status(key)["endpointName"]
    assert f"CreateEndpoint {endpoint}" in intended
    assert f"AddTags endpoint/{endpoint}" in intended


def leaks(lab: Lab, caplog: pytest.LogCaptureFixture) -> list[str]:
    told = [*caplog.messages, caplog.text, *(repr(event) for event in lab.around.emitted)]
    told += [repr(status) for _, status in lab.cluster.written]
    return [text for text in told if SECRET in text]


@pytest.mark.holds("D-14.11")
@pytest.mark.parametrize(
    "message",
    [
        f"1 validation error detected: Value '{SECRET}' at 'hyperParameters.password.member' failed to satisfy constraint",
        f"1 validation error detected: Value '{{a={SECRET}}}' at 'primaryContainer.environment' failed to satisfy",
        f"the image does not like {SECRET} at all",
    ],
)
@pytest.mark.parametrize("name", ["HyperParameters", "Environment", "container environment"])
def test_secret_values_never_leave_by_an_error(
    lab: Lab, caplog: pytest.LogCaptureFixture, message: str, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    pairs = [{"name": "password", "value": SECRET}]
    manifest = {"HyperParameters": job(hyperParameters=pairs), "Environment": job(environment=pairs)}.get(
        name, hosting()
    )
    if "models" in manifest["spec"]:
        manifest["spec"]["models"][0]["containers"][0]["environment"] = pairs
    action = {"type": "error", "code": "ValidationException", "message": message}
    lab.simulator.rules({"match": {"op": "Create*", "count": 1}, "action": action})
    key = lab.cluster.apply(manifest)
    lab.settle()
    assert lab.reason(key) in ("Rejected", "RefusalUnknown")
    assert "***" in lab.condition(key, "Ready")["message"]
    lab.cluster.annotate(key, retry="again")
    lab.run(until=lambda: lab.is_ready(key), step_s=60)
    assert leaks(lab, caplog) == []


def test_secret_values_never_leave_by_a_parameter_that_botocore_refuses(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    """Stored before the schema was closed: a value that is no text."""
    caplog.set_level(logging.DEBUG)
    key = lab.cluster.apply(job(environment=[{"name": "password", "value": {"nested": SECRET}}]))
    lab.settle()
    assert lab.types(key) == {"Stalled"}
    assert leaks(lab, caplog) == []
    assert lab.simulator.mutations() == []


def test_a_message_names_the_field_of_what_only_we_refuse(lab: Lab) -> None:
    twice = hosting(models=2)
    twice["spec"]["models"][1]["name"] = "model-0"
    key = lab.cluster.apply(twice)
    lab.settle()
    assert lab.reason(key) == "DuplicateName"
    assert "/spec/models/1/name" in lab.condition(key, "Ready")["message"]
    assert lab.status(key)["endpointStatus"] == "ReconcilingEndpoint"
    assert PREFIX not in lab.condition(key, "Ready")["message"]
