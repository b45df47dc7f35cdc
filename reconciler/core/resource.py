"""A custom resource as the API server returned it, and the names of everything written on it.

`Resource` wraps the JSON object and is never changed in place: a write returns a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.values import Json, JsonObject, Spec, Status

LEGACY_GROUP = "sagemaker.aws.amazon.com"
GITOPS_GROUP = "sagemaker-gitops.dev"
LEGACY_API_VERSION = f"{LEGACY_GROUP}/v1"
GITOPS_API_VERSION = f"{GITOPS_GROUP}/v1alpha1"

FINALIZER = "sagemaker-operator-finalizer"
"""The archived operator's own finalizer, kept so that its objects are taken over in place."""

SYNC_MANAGER = "reconciler-sync"
STATUS_MANAGER = "reconciler-status"
FINALIZER_MANAGER = "reconciler-finalizer"
OUR_MANAGERS = frozenset({SYNC_MANAGER, STATUS_MANAGER, FINALIZER_MANAGER})
"""Field managers, so that managedFields tells who wrote what: what comes from Git, and the service's own records."""

LEGACY_CHILD_FINALIZER = "sagemaker-operator-hpo-trainingjob"
"""What the archived operator put, besides, on the TrainingJobs of a tuning job."""

LEGACY_PARENT_LABELS = ("owner_HostingDeployment_namespace", "owner_HostingDeployment_name")
"""On the Models and EndpointConfigs that it made for a HostingDeployment."""

_PREFIX = f"{GITOPS_GROUP}/"

UNOBSERVED: Status = {"observedGeneration": -1}
"""What the API server says for the status of an object that nobody looked at yet (the CRD's default, for kstatus): there is none."""

TUNING_JOB_LABEL = f"{_PREFIX}tuning-job"
"""On a TrainingJob that stands for one of a tuning job's: the HyperparameterTuningJob's name."""


class Annotation:
    """Annotation keys (D-17). The sync writes the first group. The others are for people; what is said of them here is
    their reference for users (docs/reference).
    """

    REPO = _PREFIX + "repo"
    REVISION = _PREFIX + "revision"
    COMMIT = _PREFIX + "commit"
    PATH = _PREFIX + "path"
    OWNER = _PREFIX + "owner"
    AUTHOR = _PREFIX + "author"
    SUBJECT = _PREFIX + "subject"
    APPLIED_HASH = _PREFIX + "applied-hash"
    APPROXIMATE = _PREFIX + "approximate"

    REQUESTED_AT = _PREFIX + "requestedAt"
    """Any new value: look at this object, or at this GitSync's repository, now."""
    FLUX_REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
    """The same, as `flux reconcile` writes it."""
    RETRY = _PREFIX + "retry"
    """Once per value: send a refused request again (any new token), or release content from quarantine (its hash)."""
    RUN = _PREFIX + "run"
    """On a job, once per value: run the same spec once more, under a new name."""
    DRIFT_MODE = _PREFIX + "drift-mode"
    """`Correct`, `Warn` or `Ignore`, for this object instead of its GitSync's `spec.drift.mode`."""
    ON_CHANGE = _PREFIX + "on-change"
    """On a job: `Run` or `Reject`, what a changed spec means, instead of its GitSync's `spec.jobs.onChange`."""
    DELETION_POLICY = _PREFIX + "deletion-policy"
    """`retain`, or any word but `delete`: deleting this object leaves everything in SageMaker as it is. Default `delete`. Written on a live HostingDeployment
    that Git holds, `delete` has a deletion within the hour carried out, which is refused otherwise.
    """
    ADOPT = _PREFIX + "adopt"
    """`"true"`: take over what exists in SageMaker under this object's name and has no owner tag."""
    ROLE = _PREFIX + "role-arn"
    """On a Namespace: the role to assume for its objects."""
    SUSPEND = _PREFIX + "suspend"
    """`"true"`: do nothing about this object until the annotation is gone."""
    ROLLBACK_TO = _PREFIX + "rollback-to"
    """On a HostingDeployment: the `id` of an entry of `status.history` whose content is to serve instead of Git's."""
    ROLLBACK_UNTIL = _PREFIX + "rollback-until"
    """When that ends by itself, as RFC 3339 with a zone. It also ends when Git's content changes."""
    ROLLBACK_STRATEGY = _PREFIX + "rollback-strategy"
    """`AllAtOnce`: that rollback moves all traffic in one step, without the `deploymentConfig` of the spec. Default: with its steps
    and waits.
    """
    PRUNE = _PREFIX + "prune"
    """`disabled`: keep this object when its file leaves Git."""
    APPROVE_PRUNE = _PREFIX + "approve-prune"
    """On a GitSync: the commit whose pruning is meant, although it is more than `spec.prune.maxDeletePercent`."""
    ALLOW_REWIND = _PREFIX + "allow-rewind"
    """On a GitSync: the commit to follow, although it does not follow the one that was applied."""
    ALLOWED_HOSTS = _PREFIX + "allowed-hosts"
    """On a Secret: the hosts, separated by commas, to which a GitSync may send its credentials."""


class Key(NamedTuple):
    """Identity of an object inside one cluster; the work queue and every index are keyed by it."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Resource:
    """Reads as the API server stores it: absent members are empty, never an error."""

    body: JsonObject

    @property
    def key(self) -> Key:
        """Kind, namespace and name."""
        return Key(self.kind, self.namespace, self.name)

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def api_version(self) -> str:
        return str(self.body["apiVersion"])

    @property
    def metadata(self) -> JsonObject:
        metadata: JsonObject = self.body["metadata"]
        return metadata

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace", ""))

    @property
    def uid(self) -> str:
        """Of this very object: one recreated under its name has another."""
        return str(self.metadata.get("uid", ""))

    @property
    def resource_version(self) -> str:
        """Opaque; a conditional write names it."""
        return str(self.metadata.get("resourceVersion", ""))

    @property
    def generation(self) -> int:
        """Grows with every change of spec."""
        return int(self.metadata.get("generation", 0))

    @property
    def deleting(self) -> bool:
        """Whether it waits for its finalizers."""
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def suspended(self) -> bool:
        """Whether somebody asked for nothing to be done about this object for now."""
        return self.annotations.get(Annotation.SUSPEND) == "true"

    @property
    def finalizers(self) -> tuple[str, ...]:
        return tuple(self.metadata.get("finalizers") or ())

    @property
    def spawned(self) -> bool:
        """Whether it stands for a training job of a tuning job: shown, never acted on (kinds/jobs/spawned.py)."""
        return TUNING_JOB_LABEL in self.labels or LEGACY_CHILD_FINALIZER in self.finalizers

    @property
    def hosting_parent(self) -> Key | None:
        """The HostingDeployment for which the archived operator made this resource."""
        parent = Key("HostingDeployment", *(self.labels.get(label, "") for label in LEGACY_PARENT_LABELS))
        children = self.kind in ("Model", "EndpointConfig") and self.namespace == parent.namespace
        return parent if children and parent.name else None

    def hosting_child_of(self, parent: Resource) -> bool:
        """Anybody can write labels; the name of a true child ends in its parent's UID."""
        suffix = parent.uid.replace("-", "")
        return self.hosting_parent == parent.key and bool(suffix) and self.name.endswith(suffix)

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def spec(self) -> Spec:
        return self.body.get("spec") or {}

    @property
    def status(self) -> Status:
        found = self.body.get("status")
        return found if isinstance(found, Mapping) and found != UNOBSERVED else {}

    def with_status(self, status: Status) -> Resource:
        """Another resource; this one is not changed."""
        return Resource({**self.body, "status": dict(status)})

    def with_metadata(self, **changes: Json) -> Resource:
        """Another resource with these members of metadata."""
        return Resource({**self.body, "metadata": {**self.metadata, **changes}})

    def with_spec(self, spec: Spec) -> Resource:
        """Another resource; this one is not changed."""
        return Resource({**self.body, "spec": dict(spec)})


def went_back(old: Resource | None, new: Resource | None) -> bool:
    """Whether an object is older than it was seen before: etcd was restored from a backup, and what was written since is undone.

    Versions are opaque by contract and ordered numbers in fact; what are none are not compared.
    """
    if old is None or new is None:
        return False
    before, now = old.resource_version, new.resource_version
    return before.isdecimal() and now.isdecimal() and int(now) < int(before)
