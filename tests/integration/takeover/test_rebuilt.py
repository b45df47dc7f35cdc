"""A cluster lost and rebuilt from Git: names and owner tags tell what is there already."""

from __future__ import annotations

import pytest

from tests.support.lab import IMAGE, Lab, MemoryCluster, hosting, job
from tests.support.lab_kinds import config, model, processing, transform, tuning


@pytest.mark.endurance
def test_a_hundred_jobs_and_twenty_endpoints_are_found_again(lab: Lab) -> None:
    lab.simulator.client().create_model(
        ModelName="shared", ExecutionRoleArn="arn:aws:iam::123456789012:role/lab", PrimaryContainer={"Image": IMAGE}
    )
    manifests = [job(f"train-{number}") for number in range(60)]
    manifests += [processing(f"prepare-{number}") for number in range(20)]
    manifests += [transform(f"score-{number}", modelName="shared") for number in range(15)]
    manifests += [tuning(f"search-{number}", most=2) for number in range(5)]
    manifests += [hosting(f"serve-{number}") for number in range(20)]
    manifests += [model(), config(modelName="shared")]
    keys = [lab.cluster.apply(manifest) for manifest in manifests]
    lab.run(6 * 3600, until=lambda: all(lab.is_ready(key) for key in keys), step_s=600)
    there, names = lab.exists(), {key: _name(lab.status(key)) for key in keys}
    assert all(names.values())
    mark = lab.simulator.mark()
    lab.cluster = MemoryCluster()
    lab.begin()
    for manifest in manifests:
        lab.cluster.apply(manifest)
    lab.run(3600, until=lambda: all(lab.is_ready(key) for key in keys), step_s=60)
    assert lab.effects(mark) == {}
    assert lab.exists() == there
    assert {key: _name(lab.status(key)) for key in keys} == names


def _name(status: dict[str, object]) -> object:
    members = [
        *(
            f"sageMaker{kind}Name"
            for kind in ("TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob")
        ),
        *("endpointName", "sageMakerModelName", "sageMakerEndpointConfigName"),
    ]
    return next((status[member] for member in members if status.get(member)), None)
