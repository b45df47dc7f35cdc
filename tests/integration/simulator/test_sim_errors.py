"""Each refusal in the service's own words (SM-72 to SM-100).

Refusals whose words are assumed, because nobody has recorded them, are asserted by their code alone.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import PROCESSING, TRANSFORM, TUNING, Aws, Job, arn, error

VE = "ValidationException"
JOB = arn("training-job", "job")
MODEL, CONFIG, ENDPOINT = arn("model", "gone"), arn("endpoint-config", "gone"), arn("endpoint", "gone")
BUSY = (VE, f'Cannot update in-progress endpoint "{arn("endpoint", "endpoint")}".')

Step = Callable[[Aws], Any]


def _nothing(_: Aws) -> None:
    pass


def _creating(aws: Aws) -> None:
    aws.config("config-a")
    aws.config("config-b")
    aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-a")


def _serving(aws: Aws) -> None:
    _creating(aws)
    aws.advance(300)


def _updating(aws: Aws) -> None:
    _serving(aws)
    _update(aws)


def _rolling_back(aws: Aws) -> None:
    _serving(aws)
    aws.rule({"type": "endpoint_outcome", "outcome": "rollback", "after": 10}, op="UpdateEndpoint")
    _update(aws)
    aws.advance(11)
    assert aws.endpoint()["EndpointStatus"] == "RollingBack"


def _patching(aws: Aws) -> None:
    _serving(aws)
    aws.rule({"type": "system_updating", "seconds": 60, "now": True}, name="endpoint")


def _deleting(aws: Aws) -> None:
    _serving(aws)
    aws.sm.delete_endpoint(EndpointName="endpoint")


def _failed(aws: Aws) -> None:
    aws.rule({"type": "endpoint_outcome", "outcome": "fail"}, op="CreateEndpoint")
    _serving(aws)


def _trained(aws: Aws) -> None:
    aws.train()
    aws.advance(1000)


def _stopped(aws: Aws) -> None:
    aws.train()
    aws.sm.stop_training_job(TrainingJobName="job")
    aws.advance(30)


def _job_failed(aws: Aws) -> None:
    aws.rule({"type": "job_outcome", "outcome": "fail", "reason": "AlgorithmError: x"})
    _trained(aws)


def _update(aws: Aws, config: str = "config-b") -> None:
    aws.sm.update_endpoint(EndpointName="endpoint", EndpointConfigName=config)


def _delete(aws: Aws) -> None:
    aws.sm.delete_endpoint(EndpointName="endpoint")


def _weigh(aws: Aws) -> None:
    wanted = [{"VariantName": "main", "DesiredWeight": 2.0}]
    aws.sm.update_endpoint_weights_and_capacities(EndpointName="endpoint", DesiredWeightsAndCapacities=wanted)


def _over(status: str) -> tuple[str, str]:
    return VE, f"The request was rejected because the training job is in status {status}."


def _stop(aws: Aws) -> None:
    aws.sm.stop_training_job(TrainingJobName="job")


def _ended(job: Job, outcome: str = "complete") -> Step:
    def step(aws: Aws) -> None:
        aws.rule({"type": "job_outcome", "outcome": outcome}, op="Create*Job")
        job.create(aws)
        aws.advance(2000)

    return step


S3_INPUT = {"InputName": "a", "S3Input": {"S3Uri": "s3://bucket/in", "S3DataType": "S3Prefix", "LocalPath": "/in"}}


def _ranges(group: str, *items: dict[str, Any], **search: Any) -> dict[str, Any]:
    return {"config": given.search(ParameterRanges={group: list(items)}, **search)}


def _range(low: str, high: str) -> dict[str, str]:
    return {"Name": "a", "MinValue": low, "MaxValue": high}


BAD_TUNING: list[tuple[str, dict[str, Any]]] = [
    ("no definition", {"TrainingJobDefinition": None}),
    ("both definitions", {"TrainingJobDefinitions": [given.definition(DefinitionName="a")]}),
    (
        "a definition of a list without a name",
        {"TrainingJobDefinition": None, "TrainingJobDefinitions": [given.definition()]},
    ),
    (
        "two definitions of one name",
        {"TrainingJobDefinition": None, "TrainingJobDefinitions": [given.definition(DefinitionName="a")] * 2},
    ),
    ("no objective", {"config": given.search(HyperParameterTuningJobObjective=None)}),
    ("no ranges", {"config": given.search(ParameterRanges=None)}),
    ("an empty range", _ranges("IntegerParameterRanges", _range("9", "1"))),
    ("a range of words", _ranges("ContinuousParameterRanges", _range("low", "high"))),
    ("a name in two ranges", _ranges("IntegerParameterRanges", _range("1", "2"), _range("1", "2"))),
    ("a grid of numbers", _ranges("IntegerParameterRanges", _range("1", "2"), Strategy="Grid")),
    ("nothing that ends it", {"config": given.search(ResourceLimits={"MaxParallelTrainingJobs": 1})}),
    (
        "Hyperband with early stopping",
        {"config": given.search(Strategy="Hyperband", TrainingJobEarlyStoppingType="Auto")},
    ),
    ("no resources", {"TrainingJobDefinition": given.definition(ResourceConfig=None)}),
    ("a name of 33", {"name": "a" * 33}),
    ("a name with a dot", {"name": "a.b"}),
]


def _no_tuning_job(name: str) -> tuple[str, str]:
    """Only the beginning of the text is recorded."""
    end = "Ensure that the name and the region are correct."
    return "ResourceNotFound", f"Amazon SageMaker can't find a tuning job with the name {name}. {end}"


JOB_ROWS = [
    *(
        pytest.param(
            _nothing,
            lambda aws, job=job: job.describe(aws, "Gone"),
            (VE, "Could not find requested job with name: Gone"),
            id=f"describe a missing {job.noun}",
        )
        for job in (TRANSFORM, PROCESSING)
    ),
    *(
        pytest.param(
            _nothing,
            lambda aws, job=job: job.stop(aws, "Gone"),
            (VE, "Could not find job to update with name: Gone"),
            id=f"stop a missing {job.noun}",
        )
        for job in (TRANSFORM, PROCESSING)
    ),
    *(
        pytest.param(
            job.create,
            job.create,
            (
                "ResourceInUse",
                (
                    "Job name must be unique within an AWS account and region, and a job with this name already exists "
                    f"({arn(job.noun.replace(' ', '-'), 'job')})"
                ),
            ),
            id=f"create an existing {job.noun}",
        )
        for job in (TRANSFORM, PROCESSING)
    ),
    *(
        pytest.param(
            _ended(job, outcome),
            lambda aws, job=job: job.stop(aws),
            (VE, f"The request was rejected because the {job.noun} is in status {status}."),
            id=f"stop a {job.noun} that is {status}",
        )
        for job in (TRANSFORM, PROCESSING)
        for outcome, status in (("complete", "Completed"), ("fail", "Failed"), ("stopped", "Stopped"))
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.create_transform_job(**given.transform(ModelName="Gone")),
        (VE, f'Could not find model "{MODEL}".'),
        id="a transform job needs its model",
    ),
    *(
        pytest.param(_nothing, call, _no_tuning_job("gone"), id=f"{verb} a missing tuning job")
        for verb, call in (
            ("describe", lambda aws: TUNING.describe(aws, "gone")),
            ("stop", lambda aws: TUNING.stop(aws, "gone")),
            ("delete", lambda aws: TUNING.delete(aws, "gone")),
            (
                "list the training jobs of",
                lambda aws: aws.sm.list_training_jobs_for_hyper_parameter_tuning_job(
                    HyperParameterTuningJobName="gone"
                ),
            ),
            (
                "warm start from",
                lambda aws: TUNING.create(
                    aws,
                    WarmStartConfig={
                        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "gone"}],
                        "WarmStartType": "TransferLearning",
                    },
                ),
            ),
        )
    ),
]

ROWS = [
    *JOB_ROWS,
    pytest.param(_nothing, lambda aws: aws.job(), (VE, "Requested resource not found."), id="describe a missing job"),
    pytest.param(_nothing, _stop, (VE, "Requested resource not found."), id="stop a missing job"),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.describe_model(ModelName="Gone"),
        (VE, f'Could not find model "{MODEL}".'),
        id="describe a missing model, its name lower-cased in the ARN",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.delete_model(ModelName="gone"),
        (VE, f'Could not find model "{MODEL}".'),
        id="delete a missing model",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.describe_endpoint_config(EndpointConfigName="gone"),
        (VE, f'Could not find endpoint configuration "{CONFIG}".'),
        id="describe a missing config",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.delete_endpoint_config(EndpointConfigName="gone"),
        (VE, f'Could not find endpoint configuration "{CONFIG}".'),
        id="delete a missing config",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.describe_endpoint(EndpointName="gone"),
        (VE, f'Could not find endpoint "{ENDPOINT}".'),
        id="describe a missing endpoint",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.delete_endpoint(EndpointName="gone"),
        (VE, f'Could not find endpoint "{ENDPOINT}".'),
        id="delete a missing endpoint",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.update_endpoint(EndpointName="gone", EndpointConfigName="config"),
        (VE, f'Could not find endpoint "{ENDPOINT}".'),
        id="update a missing endpoint",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.create_endpoint_config(
            **given.endpoint_config(ProductionVariants=[given.variant(ModelName="gone")])
        ),
        (VE, f'Could not find model "{MODEL}".'),
        id="a config needs its model",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="gone"),
        (VE, f'Could not find endpoint configuration "{CONFIG}".'),
        id="an endpoint needs its config",
    ),
    pytest.param(
        _serving,
        lambda aws: _update(aws, "gone"),
        (VE, f'Could not find endpoint configuration "{CONFIG}".'),
        id="an update needs its config",
    ),
    pytest.param(
        lambda aws: aws.sm.create_model(**given.model("Mine")),
        lambda aws: aws.sm.create_model(**given.model("Mine")),
        (VE, f'Cannot create already existing model "{arn("model", "mine")}".'),
        id="create an existing model",
    ),
    pytest.param(
        lambda aws: aws.config("mine"),
        lambda aws: aws.config("mine"),
        (VE, f'Cannot create already existing endpoint configuration "{arn("endpoint-config", "mine")}".'),
        id="create an existing config",
    ),
    pytest.param(
        _serving,
        lambda aws: aws.sm.create_endpoint(EndpointName="endpoint", EndpointConfigName="config-a"),
        (VE, f'Cannot create already existing endpoint "{arn("endpoint", "endpoint")}".'),
        id="create an existing endpoint",
    ),
    pytest.param(
        lambda aws: aws.train(),
        lambda aws: aws.train(),
        (
            "ResourceInUse",
            (
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({JOB})"
            ),
        ),
        id="create an existing training job",
    ),
    *(
        pytest.param(state, call, BUSY, id=f"{what} while {state.__name__[1:]}")
        for state in (_creating, _updating, _rolling_back, _patching, _deleting)
        for what, call in (("update", _update), ("delete", _delete), ("change weights", _weigh))
    ),
    pytest.param(_stopped, _stop, _over("Stopped"), id="stop a stopped job"),
    pytest.param(_trained, _stop, _over("Completed"), id="stop a completed job"),
    pytest.param(_job_failed, _stop, _over("Failed"), id="stop a failed job"),
    pytest.param(
        lambda aws: aws.settings(quotas={"ml.p3.2xlarge for training job usage": 0}),
        lambda aws: aws.train(ResourceConfig={"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1}),
        (
            "ResourceLimitExceeded",
            (
                "The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances, with current "
                "utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request "
                "an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
                "increase for this limit."
            ),
        ),
        id="the quota of instances",
    ),
    pytest.param(
        lambda aws: aws.control("POST", "throttle", {"enabled": True, "limits": {"ListModels": 0.0001}}),
        lambda aws: aws.sm.list_models(),
        ("ThrottlingException", "Rate exceeded"),
        id="too fast",
    ),
    pytest.param(
        lambda aws: aws.rule({"type": "expired_token"}),
        lambda aws: aws.sm.list_models(),
        ("ExpiredTokenException", "The security token included in the request is expired"),
        id="expired credentials",
    ),
    pytest.param(
        _nothing,
        lambda aws: aws.config(
            "mine", ProductionVariants=[given.variant(ManagedInstanceScaling={"Status": "ENABLED"})]
        ),
        (VE, "ManagedInstanceScaling is only supported for inference component endpoints."),
        id="managed scaling on a model variant",
    ),
]


@pytest.mark.parametrize(("before", "call", "expected"), ROWS)
def test_the_refusal(aws: Aws, before: Step, call: Step, expected: tuple[str, str]) -> None:
    before(aws)
    assert error(lambda: call(aws)) == expected


@pytest.mark.parametrize(
    ("before", "call", "code"),
    [
        pytest.param(TUNING.create, TUNING.create, "ResourceInUse", id="create an existing tuning job"),
        pytest.param(_ended(TUNING), TUNING.stop, VE, id="stop a tuning job that is over"),
        pytest.param(TUNING.create, TUNING.delete, VE, id="delete a running tuning job"),
        pytest.param(
            PROCESSING.create,
            PROCESSING.delete,
            "ResourceInUse",
            id="delete a running processing job",
        ),
        pytest.param(_nothing, PROCESSING.delete, VE, id="delete a missing processing job"),
        *(
            pytest.param(_nothing, lambda aws, bad=bad: PROCESSING.create(aws, **bad), VE, id=f"processing: {what}")
            for what, bad in (
                ("no instances", {"ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 1}}}),
                ("an input without a source", {"ProcessingInputs": [{"InputName": "a"}]}),
                ("an input name twice", {"ProcessingInputs": [S3_INPUT, S3_INPUT]}),
                ("an output without a target", {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "a"}]}}),
            )
        ),
        *(
            pytest.param(_nothing, lambda aws, bad=bad: TUNING.create(aws, **bad), VE, id=f"tuning: {what}")
            for what, bad in BAD_TUNING
        ),
        pytest.param(_failed, _update, VE, id="a failed endpoint takes no update"),
        pytest.param(_failed, _weigh, VE, id="a failed endpoint takes no weights"),
        pytest.param(_serving, lambda aws: _update(aws, "config-a"), VE, id="an update to the same config"),
        pytest.param(
            lambda aws: aws.train(),
            lambda aws: aws.sm.delete_training_job(TrainingJobName="job"),
            "ResourceInUse",
            id="delete a running job",
        ),
        pytest.param(
            _nothing,
            lambda aws: aws.train(AlgorithmSpecification=None),
            VE,
            id="a classic job needs its algorithm, though the model no longer says so",
        ),
        pytest.param(_nothing, lambda aws: aws.train(ResourceConfig=None), VE, id="a classic job needs its resources"),
        pytest.param(
            _nothing,
            lambda aws: aws.train(EnableManagedSpotTraining=True),
            VE,
            id="spot training needs a longest wait",
        ),
        pytest.param(
            _nothing, lambda aws: aws.sm.create_model(ModelName="m", ExecutionRoleArn=given.ROLE), VE, id="no container"
        ),
        pytest.param(
            _nothing, lambda aws: aws.sm.create_model(**given.model(ExecutionRoleArn=None)), VE, id="no execution role"
        ),
        pytest.param(
            _nothing,
            lambda aws: aws.config("c", ProductionVariants=[given.variant(InstanceType=None)]),
            VE,
            id="a variant without instances",
        ),
        pytest.param(
            _nothing,
            lambda aws: aws.config("c", ProductionVariants=[given.variant(), given.variant()]),
            VE,
            id="two variants of one name",
        ),
        pytest.param(
            _serving,
            lambda aws: aws.sm.update_endpoint_weights_and_capacities(
                EndpointName="endpoint", DesiredWeightsAndCapacities=[{"VariantName": "other", "DesiredWeight": 1}]
            ),
            VE,
            id="weights of an unknown variant",
        ),
    ],
)
def test_the_refusal_whose_words_are_not_known(aws: Aws, before: Step, call: Step, code: str) -> None:
    before(aws)
    assert error(lambda: call(aws))[0] == code


def test_a_running_job_is_not_in_a_terminal_state(aws: Aws) -> None:
    aws.train()
    assert "not in a terminal state" in error(lambda: aws.sm.delete_training_job(TrainingJobName="job"))[1]


@pytest.mark.parametrize("job", [PROCESSING, TUNING], ids=["processing", "tuning"])
def test_no_running_job_is_in_a_terminal_state(aws: Aws, job: Job) -> None:
    job.create(aws)
    assert "not in a terminal state" in error(lambda: job.delete(aws))[1]


def test_a_parent_of_a_warm_start_must_be_over(aws: Aws) -> None:
    parents = [{"HyperParameterTuningJobName": "parent"}]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"}
    TUNING.create(aws, "parent")
    assert error(lambda: TUNING.create(aws, WarmStartConfig=warm))[0] == VE
    aws.advance(2000)
    assert error(lambda: TUNING.create(aws, WarmStartConfig=warm))[0] == "OK"


@pytest.mark.parametrize("status", [_failed, _serving], ids=["Failed", "InService"])
def test_a_settled_endpoint_can_be_deleted(aws: Aws, status: Step) -> None:
    status(aws)
    _delete(aws)
    assert aws.endpoint()["EndpointStatus"] == "Deleting"
    aws.advance(60)
    assert error(aws.endpoint)[1].startswith("Could not find endpoint")


def test_model_and_config_can_be_deleted_while_in_use_and_the_next_update_fails_on_the_old_config(aws: Aws) -> None:
    _serving(aws)
    aws.sm.delete_endpoint_config(EndpointConfigName="config-a")
    assert aws.endpoint()["EndpointStatus"] == "InService"
    old = arn("endpoint-config", "config-a")
    assert error(lambda: _update(aws)) == (VE, f'Could not find endpoint configuration "{old}".')

    aws.settings(switches={"lost_config_breaks_update": False})
    assert error(lambda: _update(aws)) == ("OK", "")
    aws.sm.delete_model(ModelName="model")
    aws.advance(1000)
    assert aws.endpoint()["EndpointConfigName"] == "config-b"


def test_an_unknown_operation_is_refused_in_json(aws: Aws) -> None:
    code, _ = error(aws.sm.list_notebook_instances)
    assert code == "UnknownOperationException"


def test_a_deleted_job_frees_its_name(aws: Aws) -> None:
    _trained(aws)
    aws.sm.delete_training_job(TrainingJobName="job")
    assert error(aws.job)[1] == "Requested resource not found."
    aws.train()
    assert aws.job()["TrainingJobStatus"] == "InProgress"
