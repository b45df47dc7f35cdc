"""The health checks for Argo CD, run by a real Lua interpreter over statuses as they are rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core.decision import Decision, Phase
from reconciler.core.drift.policy import Policy
from reconciler.core.resource import UNOBSERVED, Annotation, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.status import render
from reconciler.kinds import CATALOG
from tests.support.passes import NOW

lupa = pytest.importorskip("lupa", reason="needs lupa, of the extra `test`")

HEALTH = Path(__file__).parents[2] / "deploy" / "argocd" / "health.yaml"
FRESH: dict[str, Any] = {"name": "a", "namespace": "team", "generation": 2}


def scripts() -> dict[str, str]:
    """By group and kind, as Argo CD looks them up."""
    customizations = yaml.safe_load(HEALTH.read_text(encoding="utf-8"))["data"]["resource.customizations"]
    return {name: one["health.lua"] for name, one in yaml.safe_load(customizations).items()}


def health(body: dict[str, Any]) -> tuple[str, str]:
    group = body["apiVersion"].partition("/")[0]
    runtime = lupa.LuaRuntime()
    runtime.globals().obj = runtime.table_from(body, recursive=True)
    found = runtime.execute(scripts()[f"{group}/*"])
    return str(found.status), str(found.message)


def an_object(status: dict[str, Any] | None, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    kind, group = (
        ("GitSync", "sagemaker-gitops.dev/v1alpha1") if spec else ("TrainingJob", "sagemaker.aws.amazon.com/v1")
    )
    found = {"apiVersion": group, "kind": kind, "metadata": {**FRESH, **metadata}, "spec": spec or {"region": "x"}}
    return found if status is None else {**found, "status": status}


def decided(phase: Phase, generation: int = 2) -> dict[str, Any]:
    metadata = {**FRESH, "generation": generation}
    seen = Resource({"apiVersion": "v1", "kind": "TrainingJob", "metadata": metadata})
    return render(seen, Decision(phase, "Said", "so"), policy=Policy(), shape=Structure(()), now=NOW)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(an_object(None), ("Progressing", "not looked at yet"), id="new"),
        pytest.param(
            an_object(dict(UNOBSERVED)), ("Progressing", "not looked at yet"), id="new, with the CRD's default"
        ),
        pytest.param(an_object(decided(Phase.READY)), ("Healthy", "so"), id="ready"),
        pytest.param(an_object(decided(Phase.READY, 1)), ("Progressing", "not looked at yet"), id="edited since"),
        pytest.param(an_object(decided(Phase.WAITING)), ("Progressing", "so"), id="runs"),
        pytest.param(an_object(decided(Phase.ACTING)), ("Progressing", "so"), id="is asked for"),
        pytest.param(an_object(decided(Phase.STALLED)), ("Degraded", "so"), id="waits for a person"),
        pytest.param(
            an_object(decided(Phase.READY), deletionTimestamp="2026-03-01T00:00:00Z"),
            ("Progressing", "so"),
            id="is being deleted",
        ),
        pytest.param(
            an_object(decided(Phase.STALLED), annotations={Annotation.SUSPEND: "true"}),
            ("Suspended", "so"),
            id="suspended",
        ),
        pytest.param(an_object(None, {"suspend": True}), ("Suspended", "suspended"), id="a suspended GitSync"),
        pytest.param(an_object(decided(Phase.READY), {"suspend": False}), ("Healthy", "so"), id="a GitSync"),
    ],
)
def test_health(body: dict[str, Any], expected: tuple[str, str]) -> None:
    assert health(body) == expected


def test_every_kind_has_a_check() -> None:
    assert {f"{schema.group}/*" for schema in CATALOG.schemas} == scripts().keys()
