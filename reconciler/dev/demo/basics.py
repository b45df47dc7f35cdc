"""Scenes of an ordinary week: install, train, deploy, update, retire."""

from __future__ import annotations

from collections import Counter

from reconciler.dev.demo import manifests
from reconciler.dev.demo.looks import gone, ready_at
from reconciler.dev.demo.stage import NotSeenError, Stage

TRAIN, SERVE = "prod/train.yaml", "prod/serve.yaml"


def install(stage: Stage) -> None:
    stage.tell("The custom resources are those of the archived SageMaker operator, and one more: GitSync.")
    stage.show("get", "crds", "-o", "name")
    stage.tell(
        "A GitSync names a repository, a branch and a path. From here on nobody needs kubectl to change anything."
    )
    stage.push("Start an empty production", {"prod/README.md": "Models in production.\n"})
    stage.apply("sync.yaml", manifests.GITSYNC.format(url=stage.repository.as_uri()))
    stage.until(
        "the sync follows the branch", "gitsync", "models", lambda found: "conditions" in found.get("status", {})
    )


def train(stage: Stage) -> None:
    stage.tell("A TrainingJob is pushed. That is all.")
    mark = stage.mark()
    commit = stage.push("Train churn on November", {TRAIN: manifests.TRAINING})
    stage.until("the job completed, at that commit", "trainingjob", "churn-training", ready_at(commit))
    asked = stage.asked(mark)
    stage.check("SageMaker was asked for one job", holds=asked == ["CreateTrainingJob"], found=asked)
    stage.tell("Running jobs are followed by List pages, a hundred at once, not by one Describe each.")


def deploy(stage: Stage) -> None:
    job = stage.get("trainingjob", "churn-training")["status"]["sageMakerTrainingJobName"]
    stage.tell("A HostingDeployment serves what was trained: model, configuration and endpoint in one resource.")
    artefact = manifests.NOVEMBER.format(job=job)
    commit = stage.push("Serve churn", {SERVE: manifests.HOSTING.format(artefact=artefact)})
    stage.until("the endpoint is in service, at that commit", "hostingdeployment", "churn", ready_at(commit))


def update(stage: Stage) -> None:
    stage.tell(
        "New content, same endpoint: what is equal is used again, and the endpoint moves with one UpdateEndpoint."
    )
    mark = stage.mark()
    text = manifests.HOSTING.format(artefact=manifests.DECEMBER)
    commit = stage.push("Serve churn of December", {SERVE: text}, diff=True)
    stage.until("the endpoint serves the new content", "hostingdeployment", "churn", ready_at(commit))
    asked = stage.asked(mark)
    expected = ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"]
    stage.check("a model, a configuration and one update", holds=asked == expected, found=asked)
    stage.tell("The resource keeps its history: what was rolled out, from which commit, by whom, how it ended.")
    stage.show("sagemaker", "history", "churn")


def remove(stage: Stage) -> None:
    stage.tell("git rm takes the endpoint away, and everything that was made for it. The trained job stays.")
    stage.push("Retire churn", {SERVE: None})
    stage.until("the resource is gone", "hostingdeployment", "churn", gone, within_s=90)
    asked = Counter(stage.asked())
    for what in ("Endpoint", "EndpointConfig", "Model"):
        made, deleted = asked[f"Create{what}"], asked[f"Delete{what}"]
        if made != deleted:
            raise NotSeenError(f"{made} {what}s were made and {deleted} deleted: the same number was expected")
    stage.check("nothing of it is left in SageMaker", holds=asked["DeleteEndpoint"] == 1, found=dict(asked))
    stage.show("get", "sagemaker")
