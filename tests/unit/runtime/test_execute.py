"""What is said of a call."""

import pytest

from reconciler.core.decision import Call
from reconciler.runtime.reconcile.execute import label


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (Call("CreateTransformJob", {"ModelName": "net", "TransformJobName": "score"}), "CreateTransformJob score"),
        (
            Call("UpdateEndpoint", {"EndpointConfigName": "net-2", "EndpointName": "net"}),
            "UpdateEndpoint net",
        ),
        (Call("PutScalingPolicy", {"PolicyName": "half"}), "PutScalingPolicy half"),
        (Call("AddTags", {"ResourceArn": "arn:net"}), "AddTags net"),
    ],
    ids=lambda value: value.operation if isinstance(value, Call) else "",
)
def test_a_call_is_told_by_the_name_of_what_it_is_about(call: Call, says: str) -> None:
    assert label(call) == says
