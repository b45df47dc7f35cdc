"""What an event says moved; anything else is no hint and no error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.core.aws.remote import RemoteKey
from reconciler.core.aws.wakeups import Hint, hints
from reconciler.kinds import CATALOG

REMOTES = CATALOG.remotes
ACCOUNT, REGION = "123456789012", "us-west-2"


def event(detail_type: str, arn: str = "", detail: Any = None, **other: Any) -> str:
    told = {
        "version": "0",
        "source": "aws.sagemaker",
        "detail-type": f"SageMaker {detail_type} State Change",
        "account": ACCOUNT,
        "region": REGION,
        "resources": [arn] if arn else [],
        "detail": detail or {},
    }
    return json.dumps(told | other)


def arn(tail: str, service: str = "sagemaker") -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{tail}"


@pytest.mark.holds("D-8.4")
@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(event("Endpoint", arn("endpoint/churn")), [("Endpoint", "churn")], id="by the ARN"),
        pytest.param(
            event("Endpoint", arn("ENDPOINT/Churn"), {"EndpointName": "Churn", "EndpointStatus": "IN_SERVICE"}),
            [("Endpoint", "churn")],
            id="in whatever case, once",
        ),
        pytest.param(
            event("Endpoint Deployment", "", {"EndpointName": "Churn"}), [("Endpoint", "churn")], id="by the name alone"
        ),
        pytest.param(
            event("Endpoint Config", "", {"EndpointConfigName": "c", "EndpointName": "e"}),
            [("EndpointConfig", "c")],
            id="what it is about and not what it mentions",
        ),
        pytest.param(
            event("HyperParameter Tuning Job", "", {"HyperParameterTuningJobName": "t"}),
            [("HyperParameterTuningJob", "t")],
            id="a tuning job",
        ),
        pytest.param(event("Training Job", arn("training-job/a")), [("TrainingJob", "a")], id="a training job"),
        pytest.param(
            event("Transform Job", "", {"TransformJobName": "b"}), [("TransformJob", "b")], id="a transform job"
        ),
        pytest.param(
            event("Processing Job", "", {"ProcessingJobName": "p"}), [("ProcessingJob", "p")], id="a processing job"
        ),
        pytest.param(event("Model", arn("model/m")), [("Model", "m")], id="a model"),
        pytest.param(event("Something New", arn("endpoint/churn")), [("Endpoint", "churn")], id="of an unknown type"),
        pytest.param(event("Pipeline", arn("pipeline/p"), {"PipelineName": "p"}), [], id="of a kind that is not ours"),
        pytest.param(event("Endpoint", arn("endpoint/churn", "s3")), [], id="of another service"),
        pytest.param(event("Endpoint", "", {"EndpointName": "e"}, source="aws.s3"), [], id="from another source"),
        pytest.param(event("Endpoint", arn("endpoint/")), [], id="without a name"),
        pytest.param(event("Endpoint", arn("endpoint/" + "x" * 500)), [], id="with a name that is none"),
        pytest.param(event("Endpoint", arn("endpoint/e"), region=None), [], id="from nowhere"),
        pytest.param(event("Endpoint", resources="all of them"), [], id="resources that are no list"),
        pytest.param(event("Endpoint", detail=["EndpointName"]), [], id="a detail that is no object"),
        pytest.param("", [], id="nothing"),
        pytest.param("not json", [], id="no JSON"),
        pytest.param("[1, 2]", [], id="no object"),
        pytest.param("null", [], id="null"),
        pytest.param("[" * 100_000, [], id="very deep"),
    ],
)
def test_hints(body: str, told: list[tuple[str, str]]) -> None:
    assert [tuple(hint.remote) for hint in hints(body, REMOTES)] == told
    assert all(hint[:2] == (REGION, ACCOUNT) for hint in hints(body, REMOTES))


def test_hints_are_equal_for_equal_things() -> None:
    assert hints(event("Endpoint", arn("endpoint/a")), REMOTES) == (Hint(REGION, ACCOUNT, RemoteKey("Endpoint", "a")),)


@pytest.mark.parametrize("text", ["", "endpoint/a", "arn:aws:sagemaker:us-west-2:1:endpoint", arn("user-profile/d/u")])
def test_what_names_nothing_of_ours(text: str) -> None:
    assert REMOTES.named_by(text) is None
