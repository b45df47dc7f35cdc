"""What Git holds in a walk: a few objects, each with content that is drawn anew, and the commits that say so."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml

from tests.support.git_repository import BareRepository
from tests.support.manifests import canary

V1 = "sagemaker.aws.amazon.com/v1"
ALARM = "walk-5xx"
_ROLE = "arn:aws:iam::123456789012:role/walk"
_REGION = "us-east-1"
_GUARDED = canary(ALARM, 120)
OBJECTS = {
    "guarded": "HostingDeployment",
    "plain": "HostingDeployment",
    "train": "TrainingJob",
    "features": "ProcessingJob",
    "scale": "HostingAutoscalingPolicy",
}
"""What there is, by name."""


def image(number: int) -> str:
    return f"123456789012.dkr.ecr.{_REGION}.amazonaws.com/walk:{number}"


def manifest(name: str, content: int, tags: int = 0) -> dict[str, Any]:
    """The object of that name with that content; as many user tags."""
    kind = OBJECTS[name]
    spec = {"HostingDeployment": _hosting, "TrainingJob": _training, "ProcessingJob": _processing,
            "HostingAutoscalingPolicy": _scaling}[kind](name, content)  # fmt: skip
    if tags:
        spec["tags"] = [{"key": f"team-{number}", "value": str(tags)} for number in range(tags)]
    return {"apiVersion": V1, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _hosting(name: str, content: int) -> dict[str, Any]:
    container = {"containerHostname": "c", "image": image(content)}
    variant = {
        "variantName": "main",
        "modelName": "model",
        "instanceType": "ml.m5.large",
        "initialInstanceCount": 2,
        "initialVariantWeight": 1,
    }
    spec = {
        "region": _REGION,
        "models": [{"name": "model", "executionRoleArn": _ROLE, "containers": [container]}],
        "productionVariants": [variant],
        "revisionHistoryLimit": 3,
    }
    if name == "guarded":
        return spec | {"deploymentConfig": _GUARDED}
    return spec | {"endpointName": "plain-${CLUSTER}"}


def _training(_name: str, content: int) -> dict[str, Any]:
    return {
        "region": _REGION,
        "roleArn": _ROLE,
        "algorithmSpecification": {"trainingImage": image(0), "trainingInputMode": "File"},
        "hyperParameters": [{"name": "rounds", "value": str(content)}],
        "outputDataConfig": {"s3OutputPath": "s3://walk/output"},
        "resourceConfig": {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10},
        "stoppingCondition": {"maxRuntimeInSeconds": 3600},
    }


def _processing(_name: str, content: int) -> dict[str, Any]:
    cluster = {"instanceType": "ml.m5.large", "instanceCount": 1, "volumeSizeInGB": 10}
    return {
        "region": _REGION,
        "roleArn": _ROLE,
        "appSpecification": {"imageUri": image(0), "containerArguments": ["--month", str(content)]},
        "processingResources": {"clusterConfig": cluster},
    }


def _scaling(_name: str, content: int) -> dict[str, Any]:
    return {
        "region": _REGION,
        "resourceId": [{"endpointName": "plain-${CLUSTER}", "variantName": "main"}],
        "policyName": "walk",
        "policyType": "TargetTrackingScaling",
        "minCapacity": 1,
        "maxCapacity": 2 + content,
        "targetTrackingScalingPolicyConfiguration": {
            "targetValue": 100,
            "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    }


class Contents:
    """The branch, by its files. Every verb is a commit."""

    def __init__(self, repository: BareRepository) -> None:
        self.repository = repository
        self.paths = {name: f"prod/{name}.yaml" for name in OBJECTS}
        self.number = dict.fromkeys(OBJECTS, 0)
        self.tags = dict.fromkeys(OBJECTS, 0)
        self.gone: set[str] = set()
        self._fresh = 100
        self._whole: set[str] = set()
        """Commits that are about everything: without the first nothing would be left."""

    def begin(self) -> str:
        return self._all("Begin")

    def put(self, name: str, content: int) -> str:
        """Content of an object; it is there again if its file was gone."""
        self.number[name] = content
        self.gone.discard(name)
        return self._commit(f"{name}: content {content}", name)

    def tag(self, name: str, tags: int) -> str:
        self.tags[name] = tags
        self.gone.discard(name)
        return self._commit(f"{name}: {tags} tags", name)

    def spoil(self, name: str, random: Random) -> str:
        """A file that no sync may apply: no YAML, an unknown field, a value out of its range."""
        bad = manifest(name, self.number[name])
        text = "spec: [unclosed"
        match random.randrange(3):
            case 0:
                bad["spec"]["noSuchField"] = True
                text = yaml.safe_dump(bad)
            case 1:
                bad["spec"]["region"] = 7
                text = yaml.safe_dump(bad)
        return self.repository.commit({self.paths[name]: text}, f"{name}: spoiled")

    def rename(self, name: str) -> str:
        """The file has another name; the object is the same."""
        before, self.paths[name] = self.paths[name], f"prod/{name}-{self.repository.resolve()[:6]}.yaml"
        self.gone.discard(name)
        return self.repository.commit({before: None, self.paths[name]: self._text(name)}, f"{name}: renamed")

    def delete(self, name: str) -> str:
        self.gone.add(name)
        return self.repository.commit({self.paths[name]: None}, f"{name}: gone")

    def revert(self) -> str:
        """`git revert` of the newest commit, and what this class remembers follows; of what made everything, nothing happens."""
        if self.repository.resolve() in self._whole:
            return ""
        commit = self.repository.revert(self.repository.resolve())
        files = self.repository.git("ls-tree", "-r", "--name-only", commit, "prod").splitlines()
        for name in OBJECTS:
            there = [path for path in files if path.startswith(f"prod/{name}")]
            self.gone.discard(name)
            if not there:
                self.gone.add(name)
            else:
                self.paths[name] = there[0]
        return commit

    def renew(self) -> str:
        """Every object is there with content that it never had."""
        self._fresh += 1
        for name in OBJECTS:
            self.number[name] = self._fresh
        self.gone.clear()
        return self._all("Everything anew")

    def _all(self, message: str) -> str:
        commit = self._commit(message, *OBJECTS)
        self._whole.add(commit)
        return commit

    def _commit(self, message: str, *names: str) -> str:
        return self.repository.commit({self.paths[name]: self._text(name) for name in names}, message)

    def _text(self, name: str) -> str:
        return yaml.safe_dump(manifest(name, self.number[name], self.tags[name]), sort_keys=False)
