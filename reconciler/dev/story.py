"""The story that the demo tells, scene by scene. A scene returns when it was seen, and raises when it was not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.dev.stage import NotSeenError, Stage

_GITSYNC = """\
apiVersion: sagemaker-gitops.dev/v1alpha1
kind: GitSync
metadata:
  name: models
spec:
  repo:
    url: {url}
    ref:
      branch: main
    path: ./prod
  interval: 10s
"""

_TRAINING = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: TrainingJob
metadata:
  name: churn
spec:
  region: us-east-1
  roleArn: arn:aws:iam::123456789012:role/churn-training
  algorithmSpecification:
    trainingImage: 123456789012.dkr.ecr.us-east-1.amazonaws.com/churn:1.0
    trainingInputMode: File
  hyperParameters:
    - name: max_depth
      value: "6"
  inputDataConfig:
    - channelName: train
      dataSource:
        s3DataSource:
          s3DataType: S3Prefix
          s3Uri: s3://churn-data/2026-11/
  outputDataConfig:
    s3OutputPath: s3://churn-models/
  resourceConfig:
    instanceCount: 1
    instanceType: ml.m5.xlarge
    volumeSizeInGB: 10
  stoppingCondition:
    maxRuntimeInSeconds: 3600
"""

_HOSTING = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: HostingDeployment
metadata:
  name: churn
spec:
  region: us-east-1
  models:
    - name: churn
      executionRoleArn: arn:aws:iam::123456789012:role/churn-serving
      containers:
        - containerHostname: churn
          image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/churn-serving:1.0
          modelDataUrl: {artefact}
  productionVariants:
    - variantName: main
      modelName: churn
      instanceType: ml.m5.large
      initialInstanceCount: 1
"""

_BROKEN = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: TrainingJob
metadata:
  name: broken
spec:
  region: us-east-1
  resourceConfig:
    instanceCount: zero
"""

_ARTEFACT = "s3://churn-models/{job}/output/model.tar.gz"


def _condition(found: dict[str, Any], kind: str) -> str:
    conditions = found.get("status", {}).get("conditions", [])
    return next((c["status"] for c in conditions if c["type"] == kind), "")


def _ready(found: dict[str, Any]) -> bool:
    current = found.get("metadata", {}).get("generation") == found.get("status", {}).get("observedGeneration")
    return current and _condition(found, "Ready") == "True"


def _at(commit: str) -> Callable[[dict[str, Any]], bool]:
    """Ready at the commit that was pushed last."""
    return lambda found: _ready(found) and found["status"].get("source", {}).get("shortRevision") == commit


def install(stage: Stage) -> None:
    stage.tell("The custom resources are those of the archived SageMaker operator, and one more: GitSync.")
    stage.show("get", "crds", "-o", "name")
    stage.tell(
        "A GitSync names a repository, a branch and a path. From here on nobody needs kubectl to change anything."
    )
    stage.push("Start an empty production", {"prod/README.md": "Models in production.\n"})
    stage.kubectl("apply", "-f", "-", stdin=_GITSYNC.format(url=stage.repository.as_uri()))
    stage.until(
        "the sync follows the branch",
        "gitsync",
        "models",
        lambda found: bool(found.get("status", {}).get("conditions")),
    )


def train(stage: Stage) -> None:
    stage.tell("A TrainingJob is pushed. That is all.")
    commit = stage.push("Train churn on November", {"prod/train.yaml": _TRAINING})
    stage.until("the job completed, at that commit", "trainingjob", "churn", _at(commit))
    made = [call["op"] for call in stage.calls() if call["op"].startswith("Create")]
    if made != ["CreateTrainingJob"]:
        raise NotSeenError(f"one CreateTrainingJob was expected, SageMaker saw {made}")
    stage.tell("SageMaker saw one create call; running jobs are followed by List pages, not one Describe each.")


def deploy(stage: Stage) -> None:
    job = stage.object("trainingjob", "churn")["status"]["sageMakerTrainingJobName"]
    stage.tell("A HostingDeployment serves what was trained: model, configuration and endpoint in one resource.")
    commit = stage.push("Serve churn", {"prod/serve.yaml": _HOSTING.format(artefact=_ARTEFACT.format(job=job))})
    stage.until("the endpoint is in service, at that commit", "hostingdeployment", "churn", _at(commit))


def update(stage: Stage) -> None:
    stage.tell("New content, same endpoint: equal parts are reused, the endpoint moves with one UpdateEndpoint.")
    before = len(stage.calls())
    text = _HOSTING.format(artefact="s3://churn-models/december/model.tar.gz")
    commit = stage.push("Serve churn of December", {"prod/serve.yaml": text})
    found = stage.until("the endpoint serves the new content", "hostingdeployment", "churn", _at(commit))
    made = [call["op"] for call in stage.calls()[before:] if call["op"].startswith(("Create", "Update"))]
    if made != ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"]:
        raise NotSeenError(f"a model, a configuration and one update were expected, SageMaker saw {made}")
    columns = "ID:.id,RESULT:.result,CONFIG:.endpointConfigName,BY:.author,SUBJECT:.subject"
    rows = [
        [str(entry.get(cell.split(":.")[1], "")) for cell in columns.split(",")] for entry in found["status"]["history"]
    ]
    stage.tell("The resource keeps its history, with who and why:")
    for row in rows:
        stage.tell("  " + "  ".join(row))


def reject(stage: Stage) -> None:
    stage.tell("A file with a mistake is refused with its line; everything else goes on, and nothing is deleted.")
    stage.push("Add a broken job", {"prod/broken.yaml": _BROKEN})
    found = stage.until(
        "the sync names the file and the line",
        "gitsync",
        "models",
        lambda found: bool(found.get("status", {}).get("rejected")),
    )
    for entry in found["status"]["rejected"]:
        stage.tell(f"  {entry['path']}:{entry.get('line', '?')}: {entry['message']}")
    stage.push("Take the broken job out", {"prod/broken.yaml": None})
    stage.until(
        "the sync is whole again",
        "gitsync",
        "models",
        lambda found: _ready(found) and not found["status"].get("rejected"),
    )


def put_back(stage: Stage) -> None:
    stage.tell(
        "Someone edits the endpoint in the cluster. Git never held that, so it is put back before it is acted on."
    )
    mark = len(stage.calls())
    patch = '{"spec":{"productionVariants":[{"variantName":"main","modelName":"churn","instanceType":"ml.p4d.24xlarge","initialInstanceCount":9}]}}'
    edited = stage.kubectl("patch", "hostingdeployment", "churn", "--type=merge", "-p", patch)
    stage.command("kubectl patch hostingdeployment churn ... instanceType: ml.p4d.24xlarge", edited)

    def restored(found: dict[str, Any]) -> bool:
        return bool(found["spec"]["productionVariants"][0]["instanceType"] == "ml.m5.large") and _ready(found)

    stage.until("the instance type is what Git says", "hostingdeployment", "churn", restored)
    changed = [call["op"] for call in stage.calls()[mark:] if not call["op"].startswith(("List", "Describe", "Get"))]
    if changed:
        raise NotSeenError(f"nothing was to change in SageMaker, it saw {changed}")
    stage.tell("SageMaker saw no change at all.")


def remove(stage: Stage) -> None:
    stage.tell("git rm takes the endpoint away, and what was made for it.")
    stage.push("Retire churn", {"prod/serve.yaml": None})
    stage.until("the resource is gone", "hostingdeployment", "churn", lambda found: not found, within_s=90)
    deleted = [call["op"] for call in stage.calls() if call["op"].startswith("Delete")]
    stage.tell(f"SageMaker saw: {', '.join(deleted)}")
    if (
        deleted.count("DeleteEndpoint") != 1
        or deleted.count("DeleteEndpointConfig") != 2
        or deleted.count("DeleteModel") != 2
    ):
        raise NotSeenError("the endpoint, two configurations and two models were to be deleted, once each")
    stage.show("get", "sagemaker")


STORY: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("Install", install),
    ("A push trains", train),
    ("A push deploys", deploy),
    ("A push updates", update),
    ("A mistake is refused, the rest goes on", reject),
    ("An edit in the cluster is put back", put_back),
    ("git rm deletes", remove),
)
