"""What every kind that is reconciled with SageMaker keeps to, whoever wrote it: a kind in `KINDS` and not here fails. A
throw-away kind is among them, so that they ask for nothing that a declaration does not give.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from reconciler.adapters.service_model import load_shape
from reconciler.core.decision import Call
from reconciler.core.kind import Kind
from reconciler.core.resource import FINALIZER, Key
from reconciler.core.schema.crd import crd
from reconciler.core.schema.problems import manifest_problems
from reconciler.core.schema.shapes import List, NameValueList, Opaque, Scalar, Shape, StringMap, Structure
from reconciler.dev import binaries
from reconciler.dev.crds import await_served
from reconciler.dev.envfile import REGION
from reconciler.dev.simulator import Simulator
from reconciler.kinds import CATALOG
from tests.contract.throwaway_kind import KIND, WITH_IT
from tests.contract.throwaway_service import CONFIGS
from tests.support.cluster import Cluster
from tests.support.lab import LOADER, Lab, annotated, hosting, job, manifest
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.lab_scaling import endpoint, scaling
from tests.support.simulator_control import SimControl

Manifest = dict[str, Any]

SCRIPT = {
    "region": REGION,
    "studioLifecycleConfigAppType": "JupyterServer",
    "studioLifecycleConfigContent": "ZWNobw==",
}
LEAST: dict[str, list[Manifest]] = {
    # What it builds on first, then the kind itself.
    "TrainingJob": [job()],
    "HyperparameterTuningJob": [tuning()],
    "BatchTransformJob": [model(), transform(modelRef={"kind": "Model", "name": "net"})],
    "ProcessingJob": [processing()],
    "HostingDeployment": [hosting(models=2)],
    "HostingAutoscalingPolicy": [endpoint("churn-api"), scaling("churn-api")],
    "Model": [model()],
    "EndpointConfig": [model(), config(modelRef={"kind": "Model", "name": "net"})],
    KIND.name: [manifest(KIND.name, "start", "team", SCRIPT)],
}
"""The smallest manifests of each kind that SageMaker takes."""

each_kind = pytest.mark.parametrize("kind", WITH_IT.kinds, ids=lambda kind: kind.name)
_SCALING = frozenset({"RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"})


@pytest.fixture
def lab(bench_simulator: Simulator, simulator: SimControl, monkeypatch: pytest.MonkeyPatch) -> Lab:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    # Application Auto Scaling has no endpoint of its own in a manifest.
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)
    simulator.clock("manual")
    bench_simulator.add(CONFIGS)
    simulator.call("POST", "iam", {"policy": None})  # the shipped one is for the kinds that are shipped
    return Lab(simulator, catalog=WITH_IT)


def ready(lab: Lab, kind: Kind[Any]) -> Key:
    """The kind's object, after all that it builds on."""
    for needed in LEAST[kind.name]:
        key = lab.cluster.apply(needed)
        lab.run(until=lambda key=key: lab.is_ready(key), step_s=30)  # type: ignore[misc]
    return key


@each_kind
def test_the_least_manifest_is_valid(kind: Kind[Any]) -> None:
    assert manifest_problems(kind.schema, load_shape(kind.schema, LOADER, WITH_IT), LEAST[kind.name][-1]) == ()


@each_kind
def test_every_planned_call_is_what_botocore_takes(lab: Lab, kind: Kind[Any]) -> None:
    sent: list[Call] = []
    write = lab.aws.write

    def noted(tenant: Any, call: Call) -> Mapping[str, Any]:
        sent.append(call)
        return write(tenant, call)

    lab.aws.write = noted  # type: ignore[method-assign]
    key = ready(lab, kind)
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=30)
    assert sent
    for call in sent:
        service = "application-autoscaling" if call.operation in _SCALING else "sagemaker"
        shape = (
            ServiceModel(LOADER.load_service_model(service, "service-2")).operation_model(call.operation).input_shape
        )
        assert ParamValidator().validate(dict(call.params), shape).generate_report() == "", call.operation


@pytest.mark.holds("D-16.4")
@each_kind
def test_it_reaches_ready_and_then_plans_and_writes_nothing(lab: Lab, kind: Kind[Any]) -> None:
    key = ready(lab, kind)
    lab.run(120, step_s=30)
    mark, written = lab.simulator.mark(), lab.cluster.status_writes.copy()
    lab.run(600, step_s=60)
    lab.begin()
    lab.run(600, step_s=60)
    assert lab.simulator.mutations(mark) == []
    assert lab.cluster.status_writes == written
    assert FINALIZER in lab.cluster.objects[key]["metadata"]["finalizers"]


@each_kind
def test_a_suspended_object_plans_nothing(lab: Lab, kind: Kind[Any]) -> None:
    key = lab.cluster.apply(annotated(LEAST[kind.name][-1], suspend="true"))
    lab.run(120, step_s=60)
    assert lab.simulator.counts() == {}
    assert lab.reason(key) == "Suspended"


@each_kind
@pytest.mark.parametrize(
    ("moment", "trouble"),
    [
        ("at once", "no trouble"),
        ("when its calls are answered", "no trouble"),
        ("when its calls are answered", "gone"),
        ("when ready", "no trouble"),
        ("when ready", "throttled"),
        ("when ready", "gone"),
    ],
)
def test_a_deleted_object_ends(lab: Lab, kind: Kind[Any], moment: str, trouble: str) -> None:
    *neighbours, manifest = LEAST[kind.name]
    for neighbour in neighbours:
        other = lab.cluster.apply(neighbour)
        lab.run(until=lambda other=other: lab.is_ready(other), step_s=30)  # type: ignore[misc]
    kept = set() if trouble == "gone" else lab.exists().keys()
    key = lab.cluster.apply(manifest)
    match moment:
        case "when its calls are answered":
            lab.settle()
        case "when ready":
            lab.run(until=lambda: lab.is_ready(key), step_s=30)
    match trouble:
        case "throttled":
            throttled = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
            lab.simulator.rules({"match": {"service": "*", "op": "[DLS]*", "count": 2}, "action": throttled})
        case "gone":
            lab.simulator.rules({"match": {"name": "*"}, "action": {"type": "delete", "now": True}})
    lab.cluster.delete(key)
    lab.run(until=lambda: key not in lab.cluster.objects, step_s=20)
    running = {
        row["kind"] for row in lab.simulator.state()["resources"] if not row["status"] or row["status"] == "InService"
    }
    assert running <= kept


@pytest.mark.holds("D-16.6")
@each_kind
def test_every_status_is_stored_as_it_was_written(
    lab: Lab, kind: Kind[Any], control_plane: Cluster, namespace: str
) -> None:
    """A field that the CRD does not declare is dropped in storing: the next pass would write it again, for ever."""
    key = ready(lab, kind)
    least = LEAST[kind.name][-1]
    least = {**least, "metadata": {**least["metadata"], "namespace": namespace}}
    with installed(control_plane, kind):
        stored = control_plane.apply(least)
        for about, status in lab.cluster.written:
            if about == key:
                stored = control_plane.request(
                    "PUT", f"{control_plane.path_of(least)}/status", {**stored, "status": status}
                )
                assert stored["status"] == json.loads(json.dumps(status))
    assert list(undeclared(kind.schema.status, lab.status(key))) == []


@contextmanager
def installed(control_plane: Cluster, kind: Kind[Any]) -> Iterator[None]:
    """The definition of a kind that is not among ours, for as long as it is needed."""
    if kind.name in CATALOG.by_name:
        yield
        return
    definition = json.dumps(crd(kind.schema, load_shape(kind.schema, LOADER, WITH_IT)))
    control_plane.kubectl("apply", "--server-side", "-f", "-", stdin=definition)
    await_served(binaries.kubectl(), control_plane.kubeconfig, [kind.schema.crd_name])
    yield
    control_plane.kubectl("delete", "--wait=false", f"crd/{kind.schema.crd_name}")


def undeclared(shape: Shape, value: Any, at: str = "/status") -> list[str]:
    """Pointers of what the shape does not know. Internal records may hold more than older versions knew."""
    match shape:
        case Structure() if isinstance(value, Mapping):
            known = shape.by_key
            unknown = [f"{at}/{key}" for key in value if key not in known]
            return unknown + [
                found
                for key, item in value.items()
                if key in known
                for found in undeclared(known[key].shape, item, f"{at}/{key}")
            ]
        case List():
            return [found for n, item in enumerate(value) for found in undeclared(shape.item, item, f"{at}/{n}")]
        case Structure() | Scalar():
            return [at] if isinstance(value, Mapping | list) else []
        case NameValueList() | StringMap() | Opaque():
            return []
