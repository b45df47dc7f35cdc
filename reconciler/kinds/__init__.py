"""The kinds: one line per custom resource. Contract tests run over all of them."""

from __future__ import annotations

from typing import Any

from reconciler.core.catalog import Catalog
from reconciler.core.kind import Kind
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

CATALOG = Catalog(KINDS, others=(git_sync.SCHEMA,))
