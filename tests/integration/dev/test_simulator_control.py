import pytest

from tests.support.simulator_control import SimControl

ROLE = "arn:aws:iam::123456789012:role/r"


def create_model(simulator: SimControl, name: str) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1"
    simulator.client().create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})


@pytest.mark.simulator(clock="manual")
def test_what_was_asked_is_counted(simulator: SimControl) -> None:
    create_model(simulator, "one")
    mark = simulator.mark()
    create_model(simulator, "two")
    simulator.client().list_models()
    assert simulator.counts(since=mark) == {"CreateModel": 1, "ListModels": 1}
    assert simulator.mutations() == [("CreateModel", "one"), ("CreateModel", "two")]
    before = simulator.metrics()["simulator_clock_seconds"]
    simulator.advance(3600)
    assert simulator.metrics()["simulator_clock_seconds"] == pytest.approx(before + 3600, abs=0.01)


def test_each_test_has_an_empty_simulator_and_rules_bite(simulator: SimControl) -> None:
    assert simulator.state()["resources"] == []
    error = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
    simulator.rules({"match": {"op": "CreateModel"}, "action": error})
    with pytest.raises(simulator.client().exceptions.ClientError, match="Rate exceeded"):
        create_model(simulator, "one")
    simulator.clear_rules()
    create_model(simulator, "one")
