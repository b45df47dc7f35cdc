"""GitSync: a path of a Git repository that is to be what the cluster holds. Declared by hand: no AWS operation describes it."""

from __future__ import annotations

from reconciler.core.rules import AtMostOne, at
from reconciler.core.schema import Column, Schema
from reconciler.core.shapes import Field, List, Scalar, StringMap, Structure
from reconciler.core.status_schema import CONDITIONS, integer, internal, many, record, status, string, time

SCHEMA = Schema(
    kind="GitSync",
    plural="gitsyncs",
    doc="A path of a Git repository, applied to this namespace and kept that way.",
    group="sagemaker-gitops.dev",
    version="v1alpha1",
    short_names=("gs",),
    columns=(
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Revision", ".status.lastAppliedRevision"),
        Column("Objects", ".status.objects.total", type="integer"),
        Column("Failed", ".status.objects.failed", type="integer"),
        Column("Drifted", ".status.objects.drifted", type="integer"),
        Column("Age", ".metadata.creationTimestamp", type="date"),
        Column("Status", '.status.conditions[?(@.type=="Ready")].message'),
    ),
    spec=Structure(()),
    rules=(at("repo.ref", AtMostOne(("branch", "tag", "semver", "commit"))),),
    status=Structure((CONDITIONS,)),
)
_ = (Field, List, Scalar, StringMap, integer, internal, many, record, status, string, time)
