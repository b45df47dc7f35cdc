"""Scenes of what somebody changes behind Git's back: in the cluster with kubectl, in SageMaker with the console."""

from __future__ import annotations

import json

from reconciler.dev.demo import manifests
from reconciler.dev.demo.basics import SERVE
from reconciler.dev.demo.looks import corrected, drift
from reconciler.dev.demo.stage import Stage

_CHURN = ("hostingdeployment", "churn")
_WRITTEN_OUT = "  name: churn\n  annotations:\n    sagemaker-gitops.dev/drift-mode: Correct\nspec:"


def edited(stage: Stage) -> None:
    stage.tell("Someone edits the endpoint in the cluster. Git never held that: it is reverted before it is acted on.")
    mark, before = stage.mark(), stage.get(*_CHURN)
    variants = before["spec"]["productionVariants"]
    wish = {"spec": {"productionVariants": [{**variants[0], "instanceType": "ml.p4d.24xlarge"}]}}
    stage.show("patch", *_CHURN, "--type=merge", "-p", json.dumps(wish))
    found = stage.until("it was reverted, and the object says so", *_CHURN, corrected(before))
    restored = found["spec"]["productionVariants"]
    stage.check("the instance type is what Git says", holds=restored == variants, found=restored)
    stage.show("sagemaker", "drift", "--corrected")
    asked = stage.asked(mark)
    stage.check("SageMaker was asked for nothing", holds=not asked, found=asked)


def moved(stage: Stage) -> None:
    stage.tell("Someone else opens the console and moves the endpoint to a configuration of their own.")
    mark, before = stage.mark(), stage.get(*_CHURN)
    status = before["status"]
    variant = {"VariantName": "main", "ModelName": status["modelNames"][0]["value"], "InitialInstanceCount": 1}
    stage.aws(
        "sagemaker", "create_endpoint_config", EndpointConfigName="quick-fix",
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
    )  # fmt: skip
    stage.aws("sagemaker", "update_endpoint", EndpointName=status["endpointName"], EndpointConfigName="quick-fix")
    found = stage.until("it is back where Git has it", *_CHURN, corrected(before), within_s=90)
    serves = found["status"]["endpointConfigName"]
    stage.check("the configuration of Git serves", holds=serves == status["endpointConfigName"], found=serves)
    asked = stage.asked(mark)
    stage.check("one update moved it, one moved it back", holds=asked.count("UpdateEndpoint") == 2, found=asked)
    stage.aws("sagemaker", "delete_endpoint_config", EndpointConfigName="quick-fix")


def deleted(stage: Stage) -> None:
    stage.tell("A model that serves is deleted. Nobody notices, until an instance is replaced. Here it is recreated.")
    before = stage.get(*_CHURN)
    stage.aws("sagemaker", "delete_model", ModelName=before["status"]["modelNames"][0]["value"])
    # What is younger than a minute gets a second look before it counts as gone.
    stage.until("the model is there again", *_CHURN, corrected(before), within_s=120)


def weighed(stage: Stage) -> None:
    stage.tell("Weights and counts may have been moved for a reason, so by default they are only reported.")
    before = stage.get(*_CHURN)
    stage.aws(
        "sagemaker", "update_endpoint_weights_and_capacities", EndpointName=before["status"]["endpointName"],
        DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredWeight": 0.5}],
    )  # fmt: skip
    stage.until("it is reported", *_CHURN, lambda found: drift(found) == "Drifted")
    stage.tell("One command tells all drift; its exit code is for CI:")
    stage.show("sagemaker", "drift", codes=(1,))
    stage.tell("Who wants it corrected all the same writes Correct out, for the GitSync or for one object:")
    text = manifests.HOSTING.format(artefact=manifests.DECEMBER).replace("  name: churn\nspec:", _WRITTEN_OUT)
    stage.push("Keep the weights as Git has them", {SERVE: text}, diff=True)
    stage.until("the weight is what Git says", *_CHURN, corrected(before))
