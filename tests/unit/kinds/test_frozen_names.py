"""Names that were given once are given for ever: a change here would run and make everything anew (D-1.3)."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.references import Snapshot
from reconciler.kinds import KINDS, hyperparameter_tuning_job, immutable
from reconciler.kinds.jobs import job
from tests.support.lab_kinds import config, model, processing, transform, tuning
from tests.support.passes import a_pass, ready

BY_NAME = {kind.name: kind for kind in KINDS}
MODEL = ready(model(), sageMakerModelName="net-made")
SEEN: dict[str, Any] = {
    "Model": immutable.Seen(),
    "EndpointConfig": immutable.Seen(),
    "BatchTransformJob": job.Seen({}),
    "ProcessingJob": job.Seen({}),
    "HyperparameterTuningJob": hyperparameter_tuning_job.Seen({}),
}
REF = {"kind": "Model", "name": "net"}


@pytest.mark.holds("D-1.2")
@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        pytest.param(model(), "net-xf5sgdnukkux", id="model"),
        pytest.param(config(modelName="theirs"), "split-nnvxlkkjxrqy", id="configuration"),
        pytest.param(transform(modelName="theirs"), "score-oyewz7qzprmj", id="transform"),
        pytest.param(transform(modelRef=REF), "score-x647h3yg7xlt", id="transform, a reference counts as written"),
        pytest.param(processing(), "prepare-pbhesoldl3qh", id="processing"),
        pytest.param(
            tuning("a-long-name-for-a-tuning-job"), "a-long-name-for-a-t-dbv3viiglfkd", id="tuning, cut to 32"
        ),
    ],
)
def test_the_name_is_frozen(manifest: dict[str, Any], name: str) -> None:
    kind = BY_NAME[manifest["kind"]]
    decision = kind.decide(a_pass(kind, manifest, seen=SEEN[manifest["kind"]], others=Snapshot(MODEL)))
    (call,) = decision.calls
    assert call.params[f"{call.operation.removeprefix('Create')}Name"] == name


@pytest.mark.holds("D-1.6")
@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        pytest.param(
            config(modelRef=REF),
            config(modelName="net-made"),
            id="a configuration is named by what a reference stands for",
        )
    ],
)
def test_serving_content_counts_resolved(written: dict[str, Any], resolved: dict[str, Any]) -> None:
    kind = BY_NAME["EndpointConfig"]
    found = [
        kind.decide(a_pass(kind, manifest, seen=immutable.Seen(), others=Snapshot(MODEL))).calls[0].params
        for manifest in (written, resolved)
    ]
    assert found[0] == found[1]
