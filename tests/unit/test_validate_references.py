"""What `reconciler validate` says about references: it sees all objects of a directory at once."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from reconciler.cli_validate import validate
from tests.support.lab_kinds import model, transform, tuning


def check(directory: Path, *manifests: dict[str, Any]) -> list[str]:
    (directory / "all.yaml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    return CliRunner().invoke(validate, [str(directory)]).stdout.splitlines()


def score(name: str = "net", **metadata: str) -> dict[str, Any]:
    manifest = transform(modelRef={"kind": "Model", "name": name})
    return {**manifest, "metadata": {**manifest["metadata"], **metadata}}


def warm(name: str, *parents: str) -> dict[str, Any]:
    named = [{"hyperParameterTuningJobRef": {"kind": "HyperparameterTuningJob", "name": parent}} for parent in parents]
    config = {"parentHyperParameterTuningJobs": named, "warmStartType": "IdenticalDataAndAlgorithm"}
    return tuning(name, warmStartConfig=config)


def test_a_target_in_another_document_is_found(tmp_path: Path) -> None:
    assert check(tmp_path, score(), model()) == []


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="nothing else"),
        pytest.param([model("other")], id="another name"),
        pytest.param([{**model(), "metadata": {"name": "net", "namespace": "elsewhere"}}], id="another namespace"),
    ],
)
def test_a_target_that_is_nowhere_is_found_out(tmp_path: Path, others: list[dict[str, Any]]) -> None:
    (line,) = check(tmp_path, score(), *others)
    assert "BatchTransformJob score: /spec/modelRef: no Model net" in line
    assert line.endswith("(MissingTarget)")


def test_objects_that_wait_for_each_other_are_found_out(tmp_path: Path) -> None:
    lines = check(tmp_path, warm("a", "b"), warm("b", "c"), warm("c", "a"), warm("d", "a"))
    assert len(lines) == 3
    assert all("ReferenceCycle" in line for line in lines)
    way = "HyperparameterTuningJob b -> HyperparameterTuningJob c -> HyperparameterTuningJob a"
    assert f"waits for itself: HyperparameterTuningJob a -> {way}" in lines[0]


def test_an_object_that_waits_for_itself_is_found_out(tmp_path: Path) -> None:
    (line,) = check(tmp_path, warm("a", "a"))
    assert line.endswith("(ReferenceCycle)")


def test_a_warm_start_needs_a_parent(tmp_path: Path) -> None:
    manifest = tuning(
        warmStartConfig={"parentHyperParameterTuningJobs": [{}], "warmStartType": "IdenticalDataAndAlgorithm"}
    )
    (line,) = check(tmp_path, manifest)
    assert "/parentHyperParameterTuningJobs/0/hyperParameterTuningJobName: is required by SageMaker" in line
