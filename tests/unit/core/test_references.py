"""What a reference stands for, and why it does not yet: `core.references` over given objects."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.service_model import load_shape
from reconciler.core.references import Snapshot, Target, cycles, fingerprint, resolve, targets
from reconciler.core.resource import Key, Resource
from reconciler.kinds import batch_transform_job, hosting_deployment, model, training_job
from tests.support.lab import hosting, job
from tests.support.lab_kinds import model as model_manifest
from tests.support.lab_kinds import transform, tuning
from tests.support.passes import ready, resource

GIVES = training_job.KIND.gives
TRANSFORM = load_shape(batch_transform_job.SCHEMA)
MODEL = load_shape(model.SCHEMA)
HOSTING = load_shape(hosting_deployment.SCHEMA)


def asking(kind: str, name: str, **more: str) -> dict[str, Any]:
    found: dict[str, Any] = transform(modelRef={"kind": kind, "name": name, **more})["spec"]
    return found


def artefact(kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = model_manifest(modelDataUrlRef={"kind": kind, "name": name})["spec"]
    return found


PAIRS = [{"name": "a", "value": "serve-a"}, {"name": "b", "value": "serve-b"}]
MADE = {"name": "train-1", "artefact": "s3://made"}
BEST = {"trainingJobName": "search-001", "modelPath": "s3://best"}


@pytest.mark.parametrize(
    ("shape", "spec", "other", "value", "run"),
    [
        pytest.param(
            TRANSFORM,
            asking("Model", "net"),
            ready(model_manifest(), sageMakerModelName="net-1"),
            "net-1",
            "",
            id="model",
        ),
        pytest.param(
            TRANSFORM,
            asking("HostingDeployment", "serve"),
            ready(hosting(), modelNames=PAIRS[:1]),
            "serve-a",
            "",
            id="the only model of a deployment",
        ),
        pytest.param(
            TRANSFORM,
            asking("HostingDeployment", "serve", model="b"),
            ready(hosting(), modelNames=PAIRS),
            "serve-b",
            "",
            id="one of a deployment's models",
        ),
        pytest.param(
            MODEL,
            artefact("TrainingJob", "train"),
            ready(job(), run=MADE, modelPath="s3:/made", sageMakerTrainingJobName="train-1"),
            "s3://made",
            "train-1",
            id="a training job's artefact, as Describe said",
        ),
        pytest.param(
            MODEL,
            artefact("HyperparameterTuningJob", "search"),
            ready(tuning(), bestTrainingJob=BEST),
            "s3://best",
            "search-001",
            id="the best of a tuning job",
        ),
    ],
)
def test_it_stands_for(shape: Any, spec: dict[str, Any], other: Resource, value: str, run: str) -> None:
    found = resolve(shape, spec, "team", Snapshot(other))
    assert found.waits == ()
    assert [(used.value, used.run) for used in found.used] == [(value, run)]
    assert "Ref" not in str(found.spec)
    assert value in str(found.spec)


STALE = resource(model_manifest(), dict(ready(model_manifest(), sageMakerModelName="net-1").status), generation=2)
FAILED = resource(job("net"), {"conditions": [{"type": "Ready", "status": "False", "reason": "JobFailed"}]})


@pytest.mark.parametrize(
    ("shape", "spec", "other", "why"),
    [
        pytest.param(TRANSFORM, asking("Model", "net"), None, "is not there", id="absent"),
        pytest.param(
            TRANSFORM,
            asking("Model", "net"),
            ready({**model_manifest(), "metadata": {"name": "net", "namespace": "other"}}, sageMakerModelName="n"),
            "is not there",
            id="of another namespace",
        ),
        pytest.param(
            TRANSFORM, asking("Model", "net"), resource(model_manifest()), "is not ready", id="never reconciled"
        ),
        pytest.param(TRANSFORM, asking("Model", "net"), STALE, "is not ready", id="status is of an older spec"),
        pytest.param(
            TRANSFORM,
            asking("Model", "net"),
            resource(model_manifest(), {}, deletionTimestamp="2026-03-01T00:00:00Z"),
            "is being deleted",
            id="being deleted",
        ),
        pytest.param(MODEL, artefact("TrainingJob", "net"), FAILED, "is not ready (JobFailed)", id="says why"),
        pytest.param(MODEL, artefact("TrainingJob", "train"), ready(job()), "wrote no artefact", id="no artefact"),
        pytest.param(
            TRANSFORM,
            asking("HostingDeployment", "serve"),
            ready(hosting(), modelNames=PAIRS),
            "has 2 models: say which by `model`",
            id="several models",
        ),
        pytest.param(
            TRANSFORM,
            asking("HostingDeployment", "serve", model="c"),
            ready(hosting(), modelNames=PAIRS),
            "has no model 'c'",
            id="a model nobody has",
        ),
        pytest.param(
            TRANSFORM, asking("TrainingJob", "train"), ready(job()), "cannot stand here", id="a kind that gives none"
        ),
    ],
)
def test_it_waits_and_says_why(shape: Any, spec: dict[str, Any], other: Resource | None, why: str) -> None:
    found = resolve(shape, spec, "team", Snapshot(*filter(None, [other])))
    assert found.used == ()
    assert why in found.why
    assert "Ref" not in str(found.spec)


def test_a_spec_without_references_is_as_it_was() -> None:
    spec = hosting(models=2)["spec"]
    assert resolve(HOSTING, spec, "team", Snapshot()).spec == spec


@pytest.mark.parametrize("wrong", ["text", [], 7, {}, {"kind": None, "name": None}], ids=repr)
def test_a_malformed_reference_is_no_exception(wrong: Any) -> None:
    spec = transform(modelRef=wrong)["spec"]
    resolve(TRANSFORM, spec, "team", Snapshot())
    targets(TRANSFORM, spec, "team")


def test_targets_carry_the_pointer_of_their_field() -> None:
    spec = artefact("TrainingJob", "train")
    found = targets(MODEL, spec, "team")
    assert found == (Target("/spec/primaryContainer/modelDataUrlRef", Key("TrainingJob", "team", "train")),)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        pytest.param({}, set(), id="nothing"),
        pytest.param({"a": "b", "b": "c"}, set(), id="a line"),
        pytest.param({"a": "bc", "b": "d", "c": "d"}, set(), id="two ways to one end"),
        pytest.param({"a": "a"}, {"a"}, id="itself"),
        pytest.param({"a": "b", "b": "ca", "c": "d"}, {"a", "b"}, id="a ring with a tail"),
        pytest.param({"x": "a", "a": "b", "b": "a"}, {"a", "b"}, id="what leads into a ring is not in it"),
    ],
)
def test_cycles(edges: dict[str, str], expected: set[str]) -> None:
    def key(name: str) -> Key:
        return Key("Model", "team", name)

    graph = {key(start): [Target("", key(end)) for end in ends] for start, ends in edges.items()}
    ways = cycles(graph)
    assert {start.name for start in ways} == expected
    assert all(way[0] == way[-1] == start for start, way in ways.items())


def test_what_is_told_moves_with_what_is_given_and_not_with_news() -> None:
    before = ready(job(), run=MADE)
    news = ready(job(), run=MADE, additional="news", lastCheckTime="2026-03-01T00:00:00Z")
    other = ready(job(), run={**MADE, "artefact": "s3://other"})
    assert fingerprint(before, GIVES) == fingerprint(news, GIVES)
    assert fingerprint(before, GIVES) != fingerprint(other, GIVES)
    assert fingerprint(before, GIVES) != fingerprint(None, GIVES)
