"""Autoscaling by the service as a process, on a real API server: manifests as users have them, statuses as the CRDs take them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.dev import binaries
from reconciler.dev.envfile import REGION
from tests.support.cluster import Cluster
from tests.support.lab_scaling import SERVICE, Console, endpoint, resource, scaling
from tests.support.service import ServiceProcess, environment, free_port, running
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

V1 = "sagemaker.aws.amazon.com/v1"
HAP, HOSTING = "HostingAutoscalingPolicy", "HostingDeployment"
_WITHIN_S = 120
_SAMPLE = f"""\
apiVersion: sagemaker.aws.amazon.com/v1
kind: HostingAutoscalingPolicy
metadata:
  name: hap-predefined
spec:
    resourceId:
      - endpointName: first
        variantName: variant-model-0
      - endpointName: Second-Endpoint-Z0LK
        variantName: variant-model-0
    region: {REGION}
    policyName: SageMakerEndpointInvocationScalingPolicy
    policyType: TargetTrackingScaling
    minCapacity: 1
    maxCapacity: 1
    targetTrackingScalingPolicyConfiguration:
        targetValue: 60.0 \n\
        predefinedMetricSpecification: \n\
            predefinedMetricType: SageMakerVariantInvocationsPerInstance \n\
        scaleInCooldown: 700 \n\
        scaleOutCooldown: 300
        disableScaleIn: true
"""
"""The archived operator's own sample, but for its endpoints' names."""


@pytest.fixture
def service(control_plane: Cluster, simulator: SimControl, namespace: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    simulator.clock("scaled", 600)
    port = free_port()
    env = environment(control_plane.kubeconfig, binaries.kubectl(), simulator.url) | {
        "RECONCILER_CLUSTER_NAME": "scaling"
    }
    arguments = ["--poll-fast=0.3", "--poll-slow=1", f"--port={port}", f"--namespace={namespace}"]
    arguments += [f"--controller-namespace={namespace}", f"--cache-dir={tmp_path / 'cache'}"]
    process = ServiceProcess(tmp_path / "service.log", env, *arguments, forked=True)
    with running(process, f"http://127.0.0.1:{port}/readyz"):
        yield process


@pytest.mark.usefixtures("service")
class TestScaling:
    @pytest.mark.holds("D-1.9")
    def test_the_sample_is_created_updated_in_place_and_deleted(
        self, control_plane: Cluster, simulator: SimControl, namespace: str
    ) -> None:
        console = Console(simulator)
        control_plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=_SAMPLE)
        waiting = eventually(lambda: self._reason(control_plane, namespace, "hap-predefined"), _WITHIN_S)
        assert waiting == "DependencyNotReady"
        for name in ("first", "Second-Endpoint-Z0LK"):
            body = endpoint("x")
            body["metadata"]["name"], body["spec"]["endpointName"] = name.lower(), name
            self._apply(control_plane, namespace, body)
        found = self._ready(control_plane, namespace, "hap-predefined")
        assert found["status"]["hostingAutoscalingPolicyStatus"] == "Created"
        assert set(found["status"]["resourceIDList"]) == {resource("first"), resource("Second-Endpoint-Z0LK")}
        assert found["metadata"]["generation"] == 1  # nothing is written back into the spec
        assert set(console.targets()) == set(found["status"]["resourceIDList"])
        assert "Created" in control_plane.kubectl("get", "hap", "-n", namespace)

        mark = simulator.mark()
        edited = _SAMPLE.replace("targetValue: 60.0", "targetValue: 72.5")
        control_plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=edited)
        eventually(
            lambda: (
                {
                    policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
                    for policy in console.policies().values()
                }
                == {72.5}
            ),
            _WITHIN_S,
        )
        self._ready(control_plane, namespace, "hap-predefined")
        assert not [op for op in console.changes(mark) if op.startswith(("Delete", "Deregister"))]

        control_plane.delete(V1, HAP, "hap-predefined", namespace)
        eventually(lambda: control_plane.find(V1, HAP, "hap-predefined", namespace) is None, _WITHIN_S)
        assert console.targets() == {}

    def test_an_instance_type_changes_under_scaling(
        self, control_plane: Cluster, simulator: SimControl, namespace: str
    ) -> None:
        console = Console(simulator)
        self._apply(control_plane, namespace, endpoint("a"))
        self._apply(control_plane, namespace, scaling("a"))
        self._ready(control_plane, namespace, "scale")
        mark = simulator.mark()
        self._apply(control_plane, namespace, endpoint("a", instanceType="ml.m5.xlarge"))

        def updated() -> bool:
            asked = [op for op in console.changes(mark) if "Scal" in op or op == "UpdateEndpoint"]
            assert asked == ["DeregisterScalableTarget", "UpdateEndpoint", "RegisterScalableTarget", "PutScalingPolicy"]
            return True

        eventually(updated, _WITHIN_S)
        found = self._ready(control_plane, namespace, "scale")
        assert found["status"]["drift"]["state"] == "InSync"
        assert not [row for row in simulator.requests(mark, service=SERVICE) if row["code"] != "OK"]

    def _apply(self, cluster: Cluster, namespace: str, manifest: dict[str, Any]) -> None:
        cluster.apply({**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}})

    def _reason(self, cluster: Cluster, namespace: str, name: str) -> str:
        status = cluster.get(V1, HAP, name, namespace).get("status") or {}
        return next((str(one["reason"]) for one in status.get("conditions") or () if one["type"] == "Ready"), "")

    def _ready(self, cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
        def current() -> dict[str, Any]:
            found = cluster.get(V1, HAP, name, namespace)
            status = found.get("status") or {}
            assert self._reason(cluster, namespace, name) == "Created", status.get("conditions")
            assert status["observedGeneration"] == found["metadata"]["generation"]
            return found

        return eventually(current, _WITHIN_S, f"{name} is ready")
