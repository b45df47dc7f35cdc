"""The kinds: one line per custom resource. Contract tests run over all of them."""

from __future__ import annotations

from typing import Any

from reconciler.core.kind import Kind
from reconciler.core.schema.declaration import Schema
from reconciler.kinds import (
    batch_transform_job,
    endpoint_config,
    git_sync,
    hosting_autoscaling_policy,
    hosting_deployment,
    hyperparameter_tuning_job,
    model,
    processing_job,
    training_job,
)

SCHEMAS: tuple[Schema, ...] = (
    training_job.SCHEMA,
    hyperparameter_tuning_job.SCHEMA,
    batch_transform_job.SCHEMA,
    processing_job.SCHEMA,
    hosting_deployment.SCHEMA,
    hosting_autoscaling_policy.SCHEMA,
    model.SCHEMA,
    endpoint_config.SCHEMA,
    git_sync.SCHEMA,
)

KINDS: tuple[Kind[Any], ...] = (
    training_job.KIND,
    hyperparameter_tuning_job.KIND,
    batch_transform_job.KIND,
    processing_job.KIND,
    hosting_deployment.KIND,
    hosting_autoscaling_policy.KIND,
    model.KIND,
    endpoint_config.KIND,
)
"""The kinds that are reconciled with SageMaker."""
