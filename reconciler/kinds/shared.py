"""What several kinds have in common: columns, spec fields, and how their references are resolved."""

from __future__ import annotations

from datetime import timedelta

from reconciler.core.kind import Pass
from reconciler.core.references import Resolved, resolve
from reconciler.core.schema.declaration import ApiDifference, Column
from reconciler.core.schema.shapes import Field, Scalar
from reconciler.core.schema.status import string, time

CREATION_TIME = Column("Creation-Time", ".metadata.creationTimestamp", format="date")

ADDED_COLUMNS = (
    Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    Column("Drift", ".status.drift.state"),
    Column("Revision", ".status.source.shortRevision"),
    Column("Age", ".metadata.creationTimestamp", type="date"),
    Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True),
)
"""After the archived operator's own columns, which scripts find by name and by position."""

REGION = Field(
    "region", Scalar("string", min_length=1), required=True, doc="AWS region of everything this object makes."
)
SAGEMAKER_ENDPOINT = Field(
    "sageMakerEndpoint",
    # Anchored at the start only, as the archived operator had it.
    Scalar("string", pattern="(https|http)://.*"),
    digest=False,
    doc="URL of the SageMaker API to use instead of the region's own.",
)

SYNCHRONIZING = "SynchronizingK8sJobWithSageMaker"
"""The archived operator's status of what was asked for and not answered yet."""
FOREIGN_LOOK = timedelta(minutes=10)
"""How often somebody else's object under one of our names is looked at again."""

ADDITIONAL = (
    string(),
    "Why it failed or does not go on: SageMaker's words or an error's; unset while there is nothing to say.",
)
JOB_STATUS = (string(), "SageMaker's status of the job, or how far this service is before there is one.")
LAST_CHECK_TIME = (time(), "When anything else in status changed last.")
LAST_UPDATE_TIME = (time(), "When one of the archived operator's members changed last.")
NO_CHECK_TIME = (time(), "Declared because the archived operator declared it; not written.")

TAGS = ApiDifference("Tags", digest=False)
ROOT = (REGION, SAGEMAKER_ENDPOINT)


def unchangeable(change: str) -> str:
    """What to do about an edit that no remote object can follow; `change` says what it was, as "/spec/region was us-east-1"."""
    return f"{change} and cannot change: change it back, or delete this object and make a new one"


def resolved(this: Pass) -> Resolved:
    """The spec with what its references stand for now."""
    return resolve(this.shape, this.spec, this.resource.namespace, this.others)
