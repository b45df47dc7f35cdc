"""`examples/` is complete, and each manifest does what its comment says: accepted by the API server, run to its end state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core.resource import Key
from tests.support.bad_manifests import EXAMPLES
from tests.support.bench import credentials, lab
from tests.support.cluster import Cluster
from tests.support.lab import IMAGE, ROLE, Lab
from tests.support.lab_kinds import tuning
from tests.support.legacy import Legacy

__all__ = ["credentials", "lab"]

VARIANTS = {
    "spot": "trainingjob-spot",
    "EFS": "trainingjob-efs",
    "FSx": "trainingjob-fsx",
    "debugger": "trainingjob-debugger",
    "augmented manifest": "trainingjob-augmented-manifest",
    "China": "trainingjob-china",
    "tuning on spot": "hyperparametertuningjob-spot",
    "multi-model": "hostingdeployment-multi-model",
    "pipeline of containers": "hostingdeployment-pipeline",
    "serverless": "hostingdeployment-serverless",
    "async": "hostingdeployment-async",
    "data capture": "hostingdeployment-data-capture",
    "shadow": "hostingdeployment-shadow",
    "canary with alarms": "hostingdeployment-canary",
    "autoscaling by a custom metric": "hostingautoscalingpolicy-custom-metric",
}
FILES = sorted(EXAMPLES.glob("*.yaml"))
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def documents(file: Path) -> list[dict[str, Any]]:
    return [
        {**one, "metadata": {"namespace": "team", **one["metadata"]}} for one in yaml.safe_load_all(file.read_text())
    ]


@pytest.mark.parametrize("name", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_variant_has_an_example(name: str) -> None:
    assert EXAMPLES / f"{name}.yaml" in FILES


@each_file
def test_an_example_begins_with_what_it_is_for(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 40


def test_examples_can_be_applied_together() -> None:
    names = [(one["kind"], one["metadata"]["name"]) for file in FILES for one in documents(file)]
    assert len(names) == len(set(names))


def test_the_api_server_takes_every_example(control_plane: Cluster, namespace: str) -> None:
    files = [argument for file in FILES for argument in ("-f", str(file))]
    told = control_plane.kubectl("apply", "--server-side", "--dry-run=server", "-n", namespace, *files)
    assert len(told.strip().splitlines()) == sum(len(documents(file)) for file in FILES)


@each_file
def test_an_example_runs_to_its_end_state(lab: Lab, file: Path) -> None:
    manifests = [one for one in documents(file) if one["kind"] != "GitSync"]
    for need in _needs(manifests):
        _make(lab, *need)
    lab.simulator.advance(3600)
    keys = [lab.cluster.apply(manifest) for manifest in manifests]
    lab.run(12 * 3600, until=lambda: all(lab.is_ready(key) for key in keys), step_s=300)
    for key, manifest in zip(keys, manifests, strict=True):
        _links_stay_in_the_partition(lab, key, manifest["spec"]["region"])


def _links_stay_in_the_partition(lab: Lab, key: Key, region: str) -> None:
    status = lab.status(key)
    links = [status[name] for name in ("cloudWatchLogUrl", "endpointUrl") if name in status]
    for link in links:
        assert (".cn/" in link) == region.startswith("cn-"), link
    arns = [value for value in _texts(status) if value.startswith("arn:")]
    assert {arn.split(":")[1] for arn in arns} <= {"aws-cn" if region.startswith("cn-") else "aws"}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


# what an example expects in the account


def _needs(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """(kind, region, name) of what they name and do not make."""
    for manifest in manifests:
        spec, region = manifest["spec"], manifest["spec"]["region"]
        if manifest["kind"] == "EndpointConfig":
            yield from (("Model", region, variant["modelName"]) for variant in spec["productionVariants"])
        if "modelName" in spec:
            yield "Model", region, spec["modelName"]
        for scaled in spec.get("resourceId") or ():
            yield "Endpoint", region, f"{scaled['endpointName']}/{scaled['variantName']}"
        guards = (spec.get("deploymentConfig") or {}).get("autoRollbackConfiguration") or {}
        for alarm in guards.get("alarms") or ():
            yield "Alarm", region, alarm["alarmName"]
        for parent in (spec.get("warmStartConfig") or {}).get("parentHyperParameterTuningJobs") or ():
            yield "HyperParameterTuningJob", region, parent["hyperParameterTuningJobName"]


def _make(lab: Lab, kind: str, region: str, name: str) -> None:
    client = lab.simulator.client(region=region)
    if kind == "Alarm":
        lab.simulator.client("cloudwatch", region).put_metric_alarm(
            AlarmName=name,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=1.0,
            Period=60,
            MetricName="Invocation5XXErrors",
            Namespace="AWS/SageMaker",
            Statistic="Sum",
        )
        return
    if kind == "HyperParameterTuningJob":
        Legacy(lab)._create(tuning(), "CreateHyperParameterTuningJob", HyperParameterTuningJobName=name)
        return
    endpoint, _, variant = name.partition("/")
    client.create_model(ModelName=endpoint, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    if kind == "Endpoint":
        served = {
            "VariantName": variant,
            "ModelName": endpoint,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        client.create_endpoint_config(EndpointConfigName=endpoint, ProductionVariants=[served])
        client.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
