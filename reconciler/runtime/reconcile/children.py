"""Resources that stand for what SageMaker made on behalf of another one: made when a decision names them, gone with it.

The only place that creates or deletes custom resources in loop 2. A child that is there is left as it is; a name that
belongs to somebody else is left alone. In a cluster with a garbage collector the owner reference would do; deleting here as
well makes an end of it at once, and where there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from reconciler.core.errors import ConflictError, NotFoundError, StaleError, TerminalError
from reconciler.core.ports import Cache
from reconciler.core.resource import FINALIZER, LEGACY_CHILD_FINALIZER, TUNING_JOB_LABEL, Resource

log = logging.getLogger(__name__)

MANAGER = "reconciler-children"
_PARENT, _CHILD = "HyperparameterTuningJob", "TrainingJob"


class ChildObjects(Protocol):
    def create(self, resource: Resource, manager: str = ...) -> Resource:
        """ConflictError when the name is taken."""

    def replace(self, resource: Resource, manager: str) -> Resource: ...


class ChildDeleter(Protocol):
    def delete(self, resource: Resource) -> None:
        """With uid and resourceVersion as preconditions; absent is success."""


class Children:
    def __init__(self, cache: Cache, objects: ChildObjects, deleter: ChildDeleter) -> None:
        self._cache = cache
        self._objects = objects
        self._deleter = deleter

    def ensure(self, wanted: Iterable[Resource]) -> None:
        """Make what is missing, and take on what the archived operator left without an owner."""
        for child in wanted:
            live = self._cache.get(child.key)
            if live is None:
                self._create(child)
            elif TUNING_JOB_LABEL in live.labels and not live.metadata.get("ownerReferences"):
                self._own(live, child)

    def delete(self, parent: Resource) -> None:
        for child in self._left_to(parent):
            self._let_go(child)
        if parent.kind != _PARENT:
            return
        for child in self.of(parent):
            try:
                self._deleter.delete(child)
            except (StaleError, ConflictError):
                log.info("%s moved while it was to be deleted; its owner reference ends it", child.key)

    def of(self, parent: Resource) -> list[Resource]:
        return [child for child in self._cache.items(_CHILD) if _owned(child, parent)]

    def hand_over(self, child: Resource) -> bool:
        """Let a resource that the archived operator made for a HostingDeployment go, once the latter has recorded what it
        stands for; until then it is left as it is. False: it is nobody's child, and its own kind decides about it.
        """
        parent = self._cache.get(child.hosting_parent) if child.hosting_parent else None
        if parent is None or not child.hosting_child_of(parent):
            return False
        if "endpoint" in parent.status and not parent.deleting:
            self._let_go(child)
        return True

    def _left_to(self, parent: Resource) -> list[Resource]:
        kinds = ("Model", "EndpointConfig") if parent.kind == "HostingDeployment" else ()
        return [child for kind in kinds for child in self._cache.items(kind) if child.hosting_child_of(parent)]

    def _let_go(self, child: Resource) -> None:
        """What it stands for in SageMaker is not touched."""
        try:
            left = tuple(finalizer for finalizer in child.finalizers if finalizer != FINALIZER)
            freed = (
                child
                if left == child.finalizers
                else self._objects.replace(child.with_metadata(finalizers=left), MANAGER)
            )
            if not child.deleting:
                self._deleter.delete(freed)
        except (StaleError, NotFoundError, ConflictError):
            log.debug("%s moved; the next pass lets it go", child.key)

    def free(self, child: Resource) -> bool:
        """Take off the finalizers that the archived operator put on its own children: nobody else would, and nothing
        is left to do when such a resource goes. The label takes over as the mark of a child. False: nothing to do.
        """
        left = [finalizer for finalizer in child.finalizers if finalizer not in (FINALIZER, LEGACY_CHILD_FINALIZER)]
        if len(left) == len(child.finalizers):
            return False
        labels = {TUNING_JOB_LABEL: "", **child.labels}
        self._objects.replace(child.with_metadata(finalizers=left, labels=labels), MANAGER)
        return True

    def _create(self, child: Resource) -> None:
        try:
            self._objects.create(child, MANAGER)
        except ConflictError:
            # The cache lags behind our own create, or the name is another's.
            log.debug("%s is there already", child.key)
        except TerminalError as error:
            # What cannot be shown is no reason not to follow the tuning job.
            log.warning("%s is not shown: %s", child.key, error)

    def _own(self, live: Resource, child: Resource) -> None:
        labels = {**live.labels, **child.labels}
        try:
            owned = live.with_metadata(labels=labels, ownerReferences=child.metadata["ownerReferences"])
            self._objects.replace(owned, MANAGER)
        except (StaleError, NotFoundError):
            log.debug("%s moved; the next pass takes it on", live.key)


def _owned(child: Resource, parent: Resource) -> bool:
    """By its owner reference; one that the archived operator made has none, and is known by its job's name."""
    if child.namespace != parent.namespace or not child.spawned:
        return False
    if owners := child.metadata.get("ownerReferences"):
        return any(owner.get("uid") == parent.uid for owner in owners)
    tuning_job = parent.status.get("sageMakerHyperParameterTuningJobName")
    return bool(tuning_job) and str(child.spec.get("trainingJobName")).startswith(f"{tuning_job}-")
