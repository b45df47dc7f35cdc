"""Scenes of what somebody changes behind Git's back: in the cluster with kubectl, in SageMaker with the console."""

from __future__ import annotations

import json

from reconciler.dev.demo import manifests
from reconciler.dev.demo.looks import Found, drift, put_right, ready
from reconciler.dev.demo.stage import Stage

_SCORER = "prod/scorer.yaml"


def edited(stage: Stage) -> None:
    stage.tell("Someone edits the endpoint in the cluster. Git never held that: it is put back before it is acted on.")
    mark = stage.mark()
    variants = stage.get("hostingdeployment", "churn")["spec"]["productionVariants"]
    wish = {"spec": {"productionVariants": [{**variants[0], "instanceType": "ml.p4d.24xlarge"}]}}
    stage.show("patch", "hostingdeployment", "churn", "--type=merge", "-p", json.dumps(wish))

    def restored(found: Found) -> bool:
        return bool(found["spec"]["productionVariants"] == variants) and put_right(1)(found)

    stage.until("the instance type is what Git says", "hostingdeployment", "churn", restored)
    stage.show("sagemaker", "drift", "--corrected")
    asked = stage.asked(mark)
    stage.check("SageMaker was asked for nothing", holds=not asked, found=asked)


def moved(stage: Stage) -> None:
    stage.tell("Someone else opens the console and moves the endpoint to a configuration of their own.")
    mark = stage.mark()
    status = stage.get("hostingdeployment", "churn")["status"]
    endpoint, ours = status["endpointName"], status["endpointConfigName"]
    variant = {"VariantName": "main", "ModelName": status["models"][0]["name"], "InitialInstanceCount": 1}
    stage.aws(
        "sagemaker", "create_endpoint_config", EndpointConfigName="quick-fix",
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
    )  # fmt: skip
    stage.aws("sagemaker", "update_endpoint", EndpointName=endpoint, EndpointConfigName="quick-fix")
    found = stage.until("it is back where Git has it", "hostingdeployment", "churn", put_right(2), within_s=90)
    serves = found["status"]["endpointConfigName"]
    stage.check("the configuration of Git serves", holds=serves == ours, found=serves)
    stage.show("sagemaker", "history", "churn")
    asked = stage.asked(mark)
    stage.check("one update moved it, one moved it back", holds=asked.count("UpdateEndpoint") == 2, found=asked)
    stage.aws("sagemaker", "delete_endpoint_config", EndpointConfigName="quick-fix")


def reported(stage: Stage) -> None:
    stage.tell("Not everything is to be put right by itself: this model is in mode Warn. Someone deletes it.")
    stage.push("A model for scoring", {_SCORER: manifests.SCORER.format(mode="Warn")})
    found = stage.until("the model is there", "model", "churn-scorer", ready)
    stage.aws("sagemaker", "delete_model", ModelName=found["status"]["sageMakerModelName"])
    stage.until("it is reported", "model", "churn-scorer", lambda found: drift(found) == "Drifted")
    stage.tell("One command tells all of it; its exit code is for CI:")
    stage.show("sagemaker", "drift", codes=(1,))
    stage.push(
        "Keep the model for scoring as Git has it", {_SCORER: manifests.SCORER.format(mode="Correct")}, diff=True
    )
    stage.until("it was made anew", "model", "churn-scorer", put_right(1))
    stage.push("Scoring is over", {_SCORER: None})
    stage.until("it is gone", "model", "churn-scorer", lambda found: not found)
