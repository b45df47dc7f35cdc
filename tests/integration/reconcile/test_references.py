"""`...Ref`: another object stands where SageMaker wants a name or a path of its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from reconciler.core.resource import Key
from tests.support.lab import IMAGE, Lab, annotated, hosting, job
from tests.support.lab_kinds import config, model, transform, tuning

OTHER = [{"name": "depth", "value": "7"}]
TRAINED = {"kind": "TrainingJob", "name": "train"}


def from_training(**spec: Any) -> dict[str, Any]:
    manifest = hosting(**spec)
    manifest["spec"]["models"][0]["containers"][0]["modelDataUrlRef"] = TRAINED
    return manifest


def ready(lab: Lab, *keys: Key) -> None:
    lab.run(until=lambda: all(lab.is_ready(key) for key in keys), step_s=30)


def test_an_endpoint_waits_for_its_training_and_serves_its_artefact(lab: Lab) -> None:
    serve = lab.cluster.apply(from_training())
    lab.settle()
    assert (lab.reason(serve), lab.types(serve)) == ("DependencyNotReady", {"Reconciling"})
    assert "TrainingJob train is not there" in lab.condition(serve, "Ready")["message"]
    train = lab.cluster.apply(job())
    lab.settle()
    assert "is not ready (JobRunning)" in lab.condition(serve, "Ready")["message"]
    ready(lab, train, serve)
    told = lab.status(serve)["references"]
    artefact, run = lab.status(train)["modelPath"], lab.status(train)["run"]["name"]
    path = "/spec/models/0/containers/0/modelDataUrlRef"
    assert told == [{"path": path, "kind": "TrainingJob", "name": "train", "value": artefact, "run": run}]
    made = lab.simulator.client().describe_model(ModelName=lab.status(serve)["modelNames"][0]["value"])
    assert made["Containers" if "Containers" in made else "PrimaryContainer"]["ModelDataUrl"] == artefact


def test_a_new_training_is_a_rollout_and_what_serves_goes_on_meanwhile(lab: Lab) -> None:
    reviewed = {"on_change": "Run"}
    train = lab.cluster.apply(annotated(job(), **reviewed))
    serve = lab.cluster.apply(from_training())
    ready(lab, train, serve)
    served = lab.status(serve)["endpointConfigName"]
    lab.cluster.apply(annotated(job(hyperParameters=OTHER), **reviewed))
    lab.settle()
    assert lab.reason(serve) == "DependencyNotReady"
    assert "Healthy" in lab.types(serve)
    assert lab.status(serve)["endpointConfigName"] == served
    ready(lab, train, serve)
    assert lab.status(serve)["endpointConfigName"] != served
    assert lab.effects()["UpdateEndpoint"] == 1
    lab.cluster.apply(annotated(job(), **reviewed))
    ready(lab, train, serve)
    assert lab.status(serve)["endpointConfigName"] == served
    assert lab.effects()["CreateTrainingJob"] == 2


def test_a_failed_training_moves_no_endpoint(lab: Lab) -> None:
    reviewed = {"on_change": "Run"}
    train = lab.cluster.apply(annotated(job(), **reviewed))
    serve = lab.cluster.apply(from_training())
    ready(lab, train, serve)
    outcome = {"type": "job_outcome", "outcome": "fail", "reason": "AlgorithmError: no"}
    lab.simulator.rules({"match": {"op": "CreateTrainingJob"}, "action": outcome})
    mark = lab.simulator.mark()
    lab.cluster.apply(annotated(job(hyperParameters=OTHER), **reviewed))
    lab.run(until=lambda: lab.reason(train) == "JobFailed", step_s=30)
    lab.run(300, step_s=60)
    assert lab.reason(serve) == "DependencyNotReady"
    assert lab.effects(mark) == {"CreateTrainingJob": 1}


def test_training_model_configuration_and_transform_are_one_chain(lab: Lab) -> None:
    score = lab.cluster.apply(transform(modelRef={"kind": "Model", "name": "net"}))
    split = lab.cluster.apply(config(modelRef={"kind": "Model", "name": "net"}))
    net = lab.cluster.apply(model(modelDataUrlRef=TRAINED))
    lab.settle()
    assert lab.simulator.counts() == {}
    train = lab.cluster.apply(job())
    ready(lab, train, net, split, score)
    name = lab.status(net)["sageMakerModelName"]
    sagemaker = lab.simulator.client()
    assert sagemaker.describe_transform_job(TransformJobName=lab.status(score)["run"]["name"])["ModelName"] == name
    described = sagemaker.describe_endpoint_config(EndpointConfigName=lab.status(split)["sageMakerEndpointConfigName"])
    assert described["ProductionVariants"][0]["ModelName"] == name


@pytest.mark.holds("D-1.6")
def test_a_models_new_name_scores_nothing_again_but_is_another_configuration(lab: Lab) -> None:
    net = lab.cluster.apply(model())
    split = lab.cluster.apply(config(modelRef={"kind": "Model", "name": "net"}))
    score = lab.cluster.apply(transform(modelRef={"kind": "Model", "name": "net"}))
    ready(lab, net, split, score)
    before = lab.status(split)["sageMakerEndpointConfigName"]
    lab.cluster.apply(model(image=IMAGE.replace(":1", ":2")))
    lab.run(600, step_s=30)
    assert lab.status(split)["sageMakerEndpointConfigName"] != before
    assert lab.effects()["CreateTransformJob"] == 1
    # The old model goes once the old configuration is gone.
    assert {kind: lab.exists()[kind] for kind in ("Model", "EndpointConfig")} == {"Model": 1, "EndpointConfig": 1}


def test_a_transform_scores_with_the_model_of_a_deployment(lab: Lab) -> None:
    score = lab.cluster.apply(transform(modelRef={"kind": "HostingDeployment", "name": "serve"}))
    serve = lab.cluster.apply(hosting(models=2))
    ready(lab, serve)
    assert "say which by `model`" in lab.condition(score, "Ready")["message"]
    named = {"kind": "HostingDeployment", "name": "serve", "model": "model-1"}
    lab.cluster.apply(transform(modelRef=named))
    ready(lab, score)
    assert lab.status(score)["references"][0]["value"] == lab.status(serve)["modelNames"][1]["value"]


def test_the_best_of_a_tuning_job_is_served(lab: Lab) -> None:
    search = lab.cluster.apply(tuning())
    net = lab.cluster.apply(model(modelDataUrlRef={"kind": "HyperparameterTuningJob", "name": "search"}))
    ready(lab, search, net)
    best = lab.status(search)["bestTrainingJob"]
    used = lab.status(net)["references"][0]
    assert (used["value"], used["run"]) == (best["modelPath"], best["trainingJobName"])


def test_a_running_targets_news_wake_nobody(lab: Lab) -> None:
    serve = lab.cluster.apply(from_training())
    train = lab.cluster.apply(job())
    lab.settle()
    written = lab.cluster.status_writes[serve]
    lab.run(until=lambda: lab.status(train).get("secondaryStatus") == "Uploading", step_s=5)
    assert lab.cluster.status_writes[serve] == written


def test_a_target_that_goes_is_waited_for_and_what_serves_stays(lab: Lab) -> None:
    train = lab.cluster.apply(job())
    serve = lab.cluster.apply(from_training())
    ready(lab, train, serve)
    mark, before = lab.simulator.mark(), copy.deepcopy(lab.status(serve)["modelNames"])
    lab.cluster.delete(train)
    lab.run(300, step_s=60)
    assert train not in lab.cluster.objects
    assert (lab.reason(serve), lab.status(serve)["modelNames"]) == ("DependencyNotReady", before)
    assert lab.effects(mark) == {}
    lab.cluster.delete(serve)
    lab.run(until=lambda: serve not in lab.cluster.objects)
    assert set(lab.exists()) == {"TrainingJob"}
