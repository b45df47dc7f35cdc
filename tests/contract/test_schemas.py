"""What every kind must have, over the whole catalogue: a new kind meets these or is not finished."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.adapters.service_model import load_shape
from reconciler.cli_crds import file_name, rendered, stale_files
from reconciler.core.findings import findings
from reconciler.core.resource import UNOBSERVED
from reconciler.core.schema.crd import crd
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.patterns import matches
from reconciler.core.schema.problems import api_problems, manifest_problems
from reconciler.core.schema.shapes import Structure
from reconciler.kinds import CATALOG
from tests.contract.throwaway_kind import WITH_IT
from tests.support.bad_manifests import BAD, EXAMPLES, LENIENT, Bad, Lenient
from tests.support.lab import PARTITIONS

ROOT = EXAMPLES.parent
SAMPLES = ROOT.parent / "shared" / "samples"
BY_KIND = {schema.kind: schema for schema in CATALOG.schemas}
APPLY_LIMIT_BYTES = 256 * 1024
"""`kubectl apply` keeps the whole object in an annotation, and annotations have this limit."""

LEGACY_COLUMNS = {
    "TrainingJob": ["Status", "Secondary-Status", "Creation-Time", "Sagemaker-Job-Name"],
    "HyperparameterTuningJob": [
        *("Status", "Creation-Time", "Completed", "InProgress", "Errors", "Stopped"),
        *("Best-Training-Job", "Sagemaker-Job-Name"),
    ],
    "BatchTransformJob": ["Status", "Creation-Time", "Sagemaker-Job-Name"],
    "ProcessingJob": ["Status", "Creation-Time", "Sagemaker-Job-Name"],
    "HostingDeployment": ["Status", "Sagemaker-endpoint-name"],
    "HostingAutoscalingPolicy": ["Status", "Creation-Time"],
    "Model": ["Status", "Sage-Maker-Model-Name"],
    "EndpointConfig": ["Status", "Sage-Maker-EndpointConfig-Name"],
}

each_kind = pytest.mark.parametrize("schema", WITH_IT.schemas, ids=lambda schema: schema.kind)


def manifests(directory: Path) -> list[Any]:
    return [
        pytest.param(manifest, id=file.name)
        for file in sorted(directory.glob("*.yaml"))
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]


@pytest.mark.holds("D-11.1")
def test_the_crds_in_the_repository_are_fresh() -> None:
    assert stale_files(ROOT / "crds", rendered()) == []


def test_each_kind_has_a_name_of_its_own() -> None:
    assert len({schema.crd_name for schema in CATALOG.schemas}) == len(CATALOG.schemas)


def test_the_shipped_rights_name_every_kind() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy/install/rbac.yaml").read_text())
    rules = [rule for one in documents for rule in one.get("rules") or () if "resources" in rule]
    allowed = {(group, name) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]}
    wanted = {(one.api_version.split("/")[0], one.plural + sub) for one in CATALOG.schemas for sub in ("", "/status")}
    assert wanted - allowed == set()


@pytest.mark.holds("D-11.1")
@each_kind
def test_a_crd_is_structural_without_defaults_in_spec_and_small_enough_to_apply(schema: Schema) -> None:
    body = crd(schema, load_shape(schema, catalog=WITH_IT))
    assert len(json.dumps(body)) < APPLY_LIMIT_BYTES
    for at, node in _nodes(body["spec"]["versions"][0]["schema"]["openAPIV3Schema"], ""):
        # kstatus: an object that nobody looked at is not Current.
        assert node.get("default") == (UNOBSERVED if at == "/status" else None), at
        assert node.get("type"), at
        if at.startswith("/spec") and node["type"] == "array":
            assert node["x-kubernetes-list-type"] == "atomic", at
        if "x-kubernetes-preserve-unknown-fields" in node:
            assert at.startswith("/status/"), at
        assert len(node.get("description", "")) <= 120, at


def _nodes(node: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield at, node
    for key, inner in node.get("properties", {}).items():
        yield from _nodes(inner, f"{at}/{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from _nodes(node[key], f"{at}/*")


@pytest.mark.holds("D-11.8")
@each_kind
def test_columns_are_the_archived_operators_and_then_ours(schema: Schema) -> None:
    names = [column.name for column in schema.columns]
    if schema.kind in LEGACY_COLUMNS:
        legacy = LEGACY_COLUMNS[schema.kind]
        wide = ["Rollout", "Message"] if schema.kind == "HostingDeployment" else ["Message"]
        assert names == [*legacy, "Ready", "Drift", "Revision", "Age", *wide]
    elif schema.kind in WITH_IT.by_name:
        assert names[-5:] == ["Ready", "Drift", "Revision", "Age", "Message"]
    else:
        assert names == ["Ready", "Revision", "Objects", "Failed", "Drifted", "Age", "Status"]


@each_kind
def test_conditions_merge_by_type(schema: Schema) -> None:
    body = crd(schema, load_shape(schema, catalog=WITH_IT))
    status = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert "observedGeneration" in status


@pytest.mark.holds("D-11.5")
@each_kind
def test_every_pattern_compiles_and_matches_in_full(schema: Schema) -> None:
    for at, node in _nodes(
        crd(schema, load_shape(schema, catalog=WITH_IT))["spec"]["versions"][0]["schema"]["openAPIV3Schema"], ""
    ):
        if pattern := node.get("pattern"):
            assert pattern.startswith("^(?:"), at
            matches(pattern.removeprefix("^(?:").removesuffix(")$"), "x")


@pytest.mark.parametrize("schema", CATALOG.schemas, ids=lambda schema: schema.kind)
def test_a_kind_has_an_example(schema: Schema) -> None:
    assert (EXAMPLES / f"{schema.singular}.yaml").is_file()


@pytest.mark.parametrize("manifest", manifests(EXAMPLES))
def test_an_example_is_valid_and_raises_no_eyebrow(manifest: dict[str, Any]) -> None:
    schema, shape = _of(manifest)
    assert manifest_problems(schema, shape, manifest) == ()
    assert api_problems(shape, manifest["spec"]) == ()
    kind = CATALOG.by_name.get(schema.kind)
    assert kind is None or findings(kind, manifest["spec"], PARTITIONS) == ()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the archived operator's samples are not beside this checkout")
@pytest.mark.parametrize("manifest", manifests(SAMPLES))
def test_a_manifest_of_the_archived_operator_is_valid(manifest: dict[str, Any]) -> None:
    schema, shape = _of(manifest)
    assert manifest_problems(schema, shape, manifest) == ()
    assert api_problems(shape, manifest["spec"]) == ()


def _of(manifest: dict[str, Any]) -> tuple[Schema, Structure]:
    schema = BY_KIND[manifest["kind"]]
    return schema, load_shape(schema)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.sentence)
def test_a_bad_manifest_is_refused_offline_at_its_field(bad: Bad) -> None:
    manifest = bad.manifest()
    schema, shape = _of(manifest)
    problems = manifest_problems(schema, shape, manifest)
    assert [(problem.path, problem.reason) for problem in problems] == [(bad.path, bad.reason)]


@pytest.mark.parametrize("lenient", LENIENT, ids=lambda lenient: lenient.sentence)
def test_what_the_archived_operator_accepted_is_not_refused(lenient: Lenient) -> None:
    manifest = lenient.manifest()
    schema, shape = _of(manifest)
    assert manifest_problems(schema, shape, manifest) == ()


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    files = rendered()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert stale_files(tmp_path, files) == []
    changed = file_name(CATALOG.schemas[0])
    (tmp_path / changed).write_text("kind: Old\n", encoding="utf-8")
    (tmp_path / "gone.yaml").write_text("kind: Old\n", encoding="utf-8")
    assert stale_files(tmp_path, files) == ["gone.yaml", changed]
