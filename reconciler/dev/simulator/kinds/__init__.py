"""The simulated kinds, one file each; a new one is its file and its line here."""

from reconciler.dev.simulator.kinds import (
    endpoint,
    endpoint_config,
    model,
    processing_job,
    training_job,
    transform_job,
    tuning_job,
)

KINDS = (
    training_job.KIND,
    model.KIND,
    endpoint_config.KIND,
    endpoint.KIND,
    transform_job.KIND,
    processing_job.KIND,
    tuning_job.KIND,
)
