"""What a new kind gets for its declaration alone: nothing in `reconciler` names the kind of these tests."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler.app.checks import CheckRequest, ManifestCheck
from reconciler.app.kinds import LoadedKinds
from reconciler.core.naming import OWNER_TAG
from reconciler.core.resource import Key, Resource
from reconciler.core.tags import tagged
from reconciler.plugins.sagemaker import tree
from reconciler.plugins.sagemaker.paint import Paint
from tests.contract.throwaway_kind import CONFIG, KIND, WITH_IT
from tests.contract.throwaway_service import CONFIGS
from tests.support.bench import credentials
from tests.support.lab import LOADER, Lab, annotated, manifest
from tests.support.simulator_control import SimControl

__all__ = ["credentials"]


LEAST = {"region": "us-east-1", "studioLifecycleConfigAppType": "JupyterServer"}


def config(name: str = "churn", **spec: Any) -> dict[str, Any]:
    least = {**LEAST, "studioLifecycleConfigContent": "ZWNobw=="}
    return manifest(KIND.name, name, "team", least | spec)


@pytest.fixture
def lab(bench_simulator: Any, simulator: SimControl, credentials: None) -> Lab:
    bench_simulator.add(CONFIGS)
    simulator.call("POST", "iam", {"policy": None})  # the shipped one is for the kinds that are shipped
    return Lab(simulator, catalog=WITH_IT)


def made(lab: Lab, body: dict[str, Any]) -> Key:
    key = lab.cluster.apply(body)
    lab.run(until=lambda: lab.is_ready(key), step_s=30)
    return key


def test_nothing_in_the_project_names_it() -> None:
    sources = Path(reconciler.__file__).parent.rglob("*.py")
    assert not [file for file in sources if KIND.name in file.read_text(encoding="utf-8")]


def test_it_is_drawn(lab: Lab) -> None:
    key = made(lab, config())
    resource = Resource(lab.cluster.objects[key])
    found = tree.forest([resource], catalog=WITH_IT)
    name = lab.status(key)["studioLifecycleConfigName"]
    drawn = "\n".join(tree.text(found, tree.TreeStyle(Paint(), lab.clock.now())))
    assert f"StudioLifecycleConfig {name}   Created" in drawn
    (told,) = tree.document(found)["objects"]
    assert told["sageMaker"] == [{"type": "StudioLifecycleConfig", "name": name, "status": "Created"}]


def test_its_tags_are_kept(lab: Lab) -> None:
    key = made(lab, annotated(config(tags=[{"key": "team", "value": "churn"}]), drift_mode="Correct"))
    (record,) = tagged(KIND, lab.status(key))
    found = lab.observer.tags(lab.tenancy.place(KIND, Resource(lab.cluster.objects[key]), {}).tenant, record.arn) or {}
    assert found["team"] == "churn"
    assert found[OWNER_TAG] == f"lab/team/{KIND.name}/churn"
    lab.simulator.client().add_tags(ResourceArn=record.arn, Tags=[{"Key": "team", "Value": "someone"}])
    lab.run(timedelta(hours=2).total_seconds(), step_s=300)
    assert lab.status(key)["drift"]["corrected"]["paths"] == ["/spec/tags/team"]
    lab.cluster.apply(annotated(config(tags=[{"key": "team", "value": "growth"}]), drift_mode="Correct"))
    lab.run(120, step_s=30)
    shown = lab.simulator.client().list_tags(ResourceArn=record.arn)["Tags"]
    assert {"Key": "team", "Value": "growth"} in shown


def test_another_object_refers_to_what_it_gives(lab: Lab) -> None:
    spec = {"studioLifecycleConfigContentRef": {"kind": KIND.name, "name": "first"}}
    body = config("second", **spec)
    del body["spec"]["studioLifecycleConfigContent"]
    second = lab.cluster.apply(body)
    lab.run(60, step_s=30)
    assert lab.reason(second) == "DependencyNotReady"
    first = made(lab, config("first"))
    lab.run(until=lambda: lab.is_ready(second), step_s=5)
    name = lab.status(first)["studioLifecycleConfigName"]
    assert [one["value"] for one in lab.status(second)["references"]] == [name]
    about = lab.simulator.client().describe_studio_lifecycle_config(
        StudioLifecycleConfigName=lab.status(second)["studioLifecycleConfigName"]
    )
    assert about["StudioLifecycleConfigContent"] == name


MISTAKES = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: StudioLifecycleConfig
metadata: {name: plain, namespace: team}
spec:
  region: us-east-1
  studioLifecycleConfigAppType: JupyterServer
  studioLifecycleConfigContent: echo it
---
apiVersion: sagemaker.aws.amazon.com/v1
kind: StudioLifecycleConfig
metadata: {name: lost, namespace: team}
spec:
  region: us-east-1
  studioLifecycleConfigAppType: JupyterServer
  studioLifecycleConfigContentRef: {kind: StudioLifecycleConfig, name: nowhere}
  tags:
    - {key: "aws:x", value: y}
"""


def test_its_mistakes_are_found_where_they_stand() -> None:
    report = ManifestCheck(CheckRequest(["-"], MISTAKES.encode()), LoadedKinds.load(LOADER, WITH_IT), LOADER).report()
    assert [(one.file, one.line, one.path, one.reason) for one in report.findings] == [
        ("-", 7, "/spec/studioLifecycleConfigContent", "NotBase64"),
        ("-", 15, "/spec/studioLifecycleConfigContentRef", "MissingTarget"),
        ("-", 17, "/spec/tags/0/key", "ReservedTag"),
    ]


def test_it_is_watched_by_its_own_remote_kind() -> None:
    assert WITH_IT.remotes[CONFIG.name] is CONFIG
    arn = "arn:aws:sagemaker:us-east-1:123456789012:studio-lifecycle-config/churn"
    assert WITH_IT.remotes.named_by(arn) == (CONFIG.name, "churn")
