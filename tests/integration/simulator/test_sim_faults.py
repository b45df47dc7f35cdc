"""Every fault rule of `faults.py`: what a client meets, and what the record says of it."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.integration.simulator import given
from tests.integration.simulator.given import Aws, error

OVERLOADED = {"type": "error", "code": "InternalFailure", "message": "try again", "status": 500}


def _models(aws: Aws) -> list[str]:
    return [model["ModelName"] for model in aws.sm.list_models(SortBy="Name", SortOrder="Ascending")["Models"]]


def _create(aws: Aws, name: str = "model", **changes: Any) -> str:
    return error(lambda: aws.sm.create_model(**given.model(name, **changes)))[0]


def _cut(aws: Aws, name: str = "model") -> bool:
    """Whether the connection ended without an answer."""
    try:
        aws.sm.create_model(**given.model(name))
    except ConnectionClosedError:
        return True
    return False


def _codes(aws: Aws, op: str) -> list[tuple[str, bool]]:
    return [(line["code"], line["effect"]) for line in aws.requests() if line["op"] == op]


def test_an_error_replaces_the_answer_and_has_no_effect(aws: Aws) -> None:
    aws.rule(OVERLOADED, op="CreateModel", count=1)
    assert error(lambda: aws.sm.create_model(**given.model())) == ("InternalFailure", "try again")
    assert _models(aws) == []
    assert _create(aws) == "OK"
    assert _codes(aws, "CreateModel") == [("InternalFailure", False), ("OK", True)]


def test_a_lost_request_did_not_happen(aws: Aws) -> None:
    aws.rule({"type": "drop_before"}, op="CreateModel", count=1)
    assert _cut(aws)
    assert _models(aws) == []
    assert _codes(aws, "CreateModel") == [("Dropped", False)]


def test_a_lost_reply_did_happen(aws: Aws) -> None:
    aws.rule({"type": "drop_after"}, op="CreateModel", count=1)
    assert _cut(aws)
    assert _models(aws) == ["model"]
    assert _codes(aws, "CreateModel") == [("LostReply", True)]


def test_a_garbage_answer_comes_after_the_effect(aws: Aws) -> None:
    aws.rule({"type": "garbage"}, op="CreateModel", count=1)
    assert error(lambda: aws.sm.create_model(**given.model()))[0] == "403"
    assert _models(aws) == ["model"]
    assert _codes(aws, "CreateModel") == [("Garbage", True)]
    aws.rule({"type": "garbage", "status": 200, "body": '{"Models": null}'}, op="ListModels", count=1)
    assert aws.sm.list_models().get("Models") is None
    assert _codes(aws, "ListModels")[-1] == ("Garbage", False)


def test_a_delay_is_wall_time(aws: Aws) -> None:
    aws.rule({"type": "delay", "seconds": 0.2}, op="CreateModel")
    before = time.monotonic()
    assert _create(aws) == "OK"
    assert time.monotonic() - before >= 0.2


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        pytest.param({"op": "Create*"}, [True, True, True], id="operation"),
        pytest.param({"op": "Delete*"}, [False, False, False], id="another operation"),
        pytest.param({"name": "*-b"}, [False, True, False], id="name"),
        pytest.param({"tag": {"team": "red*"}}, [True, False, False], id="tag of the request"),
        pytest.param({"nth": 2}, [False, True, False], id="the second call"),
        pytest.param({"count": 2}, [True, True, False], id="the first two"),
        pytest.param({"account": given.ACCOUNT}, [True, True, True], id="account"),
        pytest.param({"account": "1111*"}, [False, False, False], id="another account"),
        pytest.param({"access_key": "AKID*"}, [True, True, True], id="access key"),
        pytest.param({"region": "cn-*"}, [False, False, False], id="another region"),
        pytest.param({"probability": 0.0}, [False, False, False], id="never"),
        pytest.param({"service": "logs"}, [False, False, False], id="another service"),
        pytest.param({"window": [10, None]}, [False, False, False], id="not yet"),
        pytest.param({"window": [0, 10]}, [True, True, True], id="now"),
    ],
)
def test_what_a_rule_matches(aws: Aws, match: dict[str, Any], hit: list[bool]) -> None:
    aws.rule(OVERLOADED, **match)
    codes = [
        _create(aws, "m-a", Tags=[{"Key": "team", "Value": "red"}]),
        _create(aws, "m-b"),
        _create(aws, "m-c"),
    ]
    assert [code == "InternalFailure" for code in codes] == hit


def test_a_rule_matches_the_tags_of_the_resource_a_call_is_about(aws: Aws) -> None:
    _create(aws, "mine", Tags=[{"Key": "team", "Value": "red"}])
    _create(aws, "other")
    aws.rule(OVERLOADED, tag={"team": "red"})
    assert error(lambda: aws.sm.describe_model(ModelName="mine"))[0] == "InternalFailure"
    assert error(lambda: aws.sm.describe_model(ModelName="other"))[0] == "OK"


def test_a_window_opens_and_closes_on_the_virtual_clock(aws: Aws) -> None:
    aws.rule(OVERLOADED, window=[10, 20])
    seen = []
    for seconds in (0, 10, 10, 1):
        aws.advance(seconds)
        seen.append(error(aws.sm.list_models)[0])
    assert seen == ["OK", "InternalFailure", "InternalFailure", "OK"]


def test_chance_repeats_with_its_seed(aws: Aws) -> None:
    def draw(seed: int) -> list[str]:
        aws.control("DELETE", "rules")
        aws.rule(OVERLOADED, probability=0.5, seed=seed)
        return [error(aws.sm.list_models)[0] for _ in range(12)]

    first = draw(7)
    assert set(first) == {"OK", "InternalFailure"}
    assert draw(7) == first != draw(8)


def test_rules_apply_in_order_up_to_the_one_that_ends_the_call(aws: Aws) -> None:
    aws.rule({**OVERLOADED, "code": "First"}, name="a*")
    aws.rule({**OVERLOADED, "code": "Second"}, op="CreateModel")
    assert (_create(aws, "a"), _create(aws, "b")) == ("First", "Second")
    counts = [(rule["seen"], rule["fired"]) for rule in aws.control("GET", "rules")]
    assert counts == [(1, 1), (1, 1)]


def test_rules_can_be_dropped_one_by_one(aws: Aws) -> None:
    first, second = (aws.rule({**OVERLOADED, "code": code}) for code in ("A", "B"))
    aws.control("DELETE", f"rules?id={first}")
    assert [rule["id"] for rule in aws.control("GET", "rules")] == [second]
    aws.control("DELETE", "rules")
    assert _create(aws) == "OK"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"action": {"type": "eror"}}, "unknown action type: 'eror'"),
        ({"action": OVERLOADED, "match": {"opp": "*"}}, "unknown match: opp"),
        ({"action": {**OVERLOADED, "now": True}}, "cannot happen now: error"),
    ],
    ids=["action", "match", "moment"],
)
def test_a_misspelt_rule_is_refused(aws: Aws, rule: dict[str, Any], reason: str) -> None:
    assert aws.refused("POST", "rules", rule) == f"400: ValueError: {reason}"


def test_expired_credentials_hit_every_service(aws: Aws) -> None:
    aws.rule({"type": "expired_token"}, service="*")
    sqs = error(lambda: aws.client("sqs").list_queues())
    sts = error(lambda: aws.client("sts").get_caller_identity())
    alarms = error(lambda: aws.client("cloudwatch").describe_alarms())
    assert {code for code, _ in (sqs, sts, alarms)} == {"ExpiredTokenException"}
    assert [line["code"] for line in aws.requests()] == ["ExpiredTokenException"] * 3


def test_a_lost_reply_of_another_service(aws: Aws) -> None:
    aws.rule({"type": "drop_after"}, service="sqs", op="CreateQueue")
    with pytest.raises(ConnectionClosedError):
        aws.client("sqs").create_queue(QueueName="q")
    assert len(aws.client("sqs").list_queues()["QueueUrls"]) == 1
    assert _codes(aws, "CreateQueue") == [("LostReply", True)]


# Holding a call


def _held(aws: Aws) -> tuple[Future[bool], ThreadPoolExecutor]:
    """Start a create in another thread and return once it is held."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(_cut, aws)
    deadline = time.monotonic() + 10
    while not any(rule["held"] for rule in aws.control("GET", "rules")):
        assert time.monotonic() < deadline, "the call was never held"
        threading.Event().wait(0.01)
    return future, pool


@pytest.mark.parametrize(
    ("when", "drop", "while_held", "after"),
    [
        pytest.param("before", False, [], ["model"], id="before the effect, then goes on"),
        pytest.param("before", True, [], [], id="before the effect, then the client is gone"),
        pytest.param("after", False, ["model"], ["model"], id="after the effect, then goes on"),
        pytest.param("after", True, ["model"], ["model"], id="after the effect, then the client is gone"),
    ],
)
def test_a_held_call_waits_for_its_release(
    aws: Aws, when: str, drop: bool, while_held: list[str], after: list[str]
) -> None:
    aws.rule({"type": "hold", "when": when}, op="CreateModel", count=1)
    future, pool = _held(aws)
    with pool:
        assert _models(aws) == while_held
        assert aws.control("POST", "rules/release", {"drop": drop}) == {"released": 1}
        assert future.result(10) is drop
    assert _models(aws) == after


# Stale reads


def test_a_new_resource_is_hidden_for_a_while(aws: Aws) -> None:
    aws.rule({"type": "stale_read", "seconds": 30}, op="[DL]*")
    aws.train()
    assert error(aws.job)[1] == "Requested resource not found."
    assert aws.sm.list_training_jobs()["TrainingJobSummaries"] == []
    aws.advance(30)
    assert aws.job()["TrainingJobStatus"] == "InProgress"
    assert len(aws.sm.list_training_jobs()["TrainingJobSummaries"]) == 1


def test_describe_and_list_tell_the_past(aws: Aws) -> None:
    aws.train()
    aws.rule({"type": "stale_read", "seconds": 30}, op="[DL]*")
    aws.advance(337)
    assert aws.job()["SecondaryStatus"] == "Training"
    assert aws.sm.list_training_jobs()["TrainingJobSummaries"][0]["SecondaryStatus"] == "Training"
    aws.advance(30)
    assert aws.job()["SecondaryStatus"] == "Completed"


def test_the_past_begins_when_the_rule_comes(aws: Aws) -> None:
    aws.train()
    aws.advance(240)
    aws.rule({"type": "stale_read", "seconds": 30}, op="[DL]*")
    aws.sm.stop_training_job(TrainingJobName="job")
    assert aws.job()["TrainingJobStatus"] == "InProgress"
    aws.advance(30)
    assert aws.job()["TrainingJobStatus"] == "Stopping", "it has stopped by now, as of thirty seconds ago it had not"


def test_a_deleted_resource_is_seen_for_a_while(aws: Aws) -> None:
    _create(aws)
    aws.rule({"type": "stale_read", "seconds": 30}, op="DescribeModel")
    aws.advance(60)
    aws.sm.delete_model(ModelName="model")
    assert aws.sm.describe_model(ModelName="model")["ModelName"] == "model"
    aws.advance(30)
    assert error(lambda: aws.sm.describe_model(ModelName="model"))[0] == "ValidationException"


def test_an_endpoint_may_not_see_its_new_config_yet(aws: Aws) -> None:
    """The service warns of it: CreateEndpoint reads the config eventually-consistently (SM-97)."""
    aws.rule({"type": "stale_read", "seconds": 30}, op="CreateEndpoint")
    aws.config("config")
    call = {"EndpointName": "endpoint", "EndpointConfigName": "config"}
    code, message = error(lambda: aws.sm.create_endpoint(**call))
    assert (code, message.startswith("Could not find endpoint configuration")) == ("ValidationException", True)
    aws.advance(30)
    assert error(lambda: aws.sm.create_endpoint(**call))[0] == "OK"


# Behind the back


def test_a_resource_vanishes_at_once(aws: Aws) -> None:
    aws.deploy()
    aws.rule({"type": "delete", "kind": "Endpoint", "now": True}, name="endpoint")
    assert error(aws.endpoint)[1].startswith("Could not find endpoint ")
    assert [line for line in aws.requests() if line["op"].startswith("Delete")] == []


def test_a_resource_vanishes_under_a_call(aws: Aws) -> None:
    _create(aws, "a")
    _create(aws, "b")
    aws.rule({"type": "delete"}, op="DescribeModel", nth=2)
    seen = [error(lambda: aws.sm.describe_model(ModelName="a"))[0] for _ in range(3)]
    assert seen == ["OK", "ValidationException", "ValidationException"]
    assert _models(aws) == ["b"]


def test_a_tag_is_edited_and_removed(aws: Aws) -> None:
    arn = aws.train(Tags=[{"Key": "owner", "Value": "us"}, {"Key": "stage", "Value": "dev"}])
    before = aws.job()["LastModifiedTime"]
    aws.advance(1)
    aws.rule({"type": "edit_tag", "key": "owner", "value": "them", "now": True}, name="job")
    aws.rule({"type": "edit_tag", "key": "stage", "value": None, "now": True}, name="job")
    assert aws.sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "them"}]
    assert aws.job()["LastModifiedTime"] == before, "tag drift is invisible there"


def test_a_weight_is_edited(aws: Aws) -> None:
    aws.deploy()
    before = aws.endpoint()["LastModifiedTime"]
    aws.advance(1)
    aws.rule({"type": "edit_weight", "variant": "main", "weight": 0.25, "instances": 7, "now": True}, name="endpoint")
    live = aws.endpoint()["ProductionVariants"][0]
    assert (live["CurrentWeight"], live["DesiredInstanceCount"], aws.endpoint()["EndpointStatus"]) == (
        0.25,
        7,
        "InService",
    )
    assert aws.endpoint()["LastModifiedTime"] > before
