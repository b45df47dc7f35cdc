"""The two ways in which a pass ends without SageMaker being asked: the object is let go, or nothing is done about it for now."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from reconciler.core.decision import Notice
from reconciler.core.drift import record
from reconciler.core.git.applied import BOOKKEEPING
from reconciler.core.lru import Lru
from reconciler.core.records.drift import DriftRecord
from reconciler.core.resource import FINALIZER, FINALIZER_MANAGER, Annotation, Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.status import deletion_refused, handed_on, suspended
from reconciler.runtime.reconcile.freshness import Freshness
from reconciler.runtime.reconcile.git_side import GitVerdict
from reconciler.runtime.reconcile.outcome import Next
from reconciler.runtime.reconcile.ports import Ports
from reconciler.runtime.reconcile.recorder import Recorder

_REFUSED = "DeletionRefused"
_DELETED_KEPT = 200
_FROZEN_LOOK = timedelta(minutes=1)
_OF_THE_DELETED = (*BOOKKEEPING, Annotation.DELETION_POLICY, "kubectl.kubernetes.io/last-applied-configuration")
"""Annotations that do not go on: the sync writes its own, and a deletion was meant for the object that was deleted."""


class Endings:
    def __init__(self, ports: Ports, recorder: Recorder, freshness: Freshness) -> None:
        self.ports = ports
        self._recorder = recorder
        self._freshness = freshness
        self._deleted: Lru[Key, Resource] = Lru(_DELETED_KEPT)
        self._lock = threading.Lock()
        """Protected objects that were let go, for those that come back in their place."""

    def release(self, resource: Resource, notices: tuple[Notice, ...] = ()) -> Next:
        """Nothing of the object's is left to do in AWS: its children go, and the finalizer. What an earlier one of its name knew is
        over with it.
        """
        with self._lock:
            self._deleted.drop(resource.key)
        self.ports.observer.unwatch(resource.key)
        self._recorder.emit(resource, notices)
        self.ports.children.delete(resource)
        left = [finalizer for finalizer in resource.finalizers if finalizer != FINALIZER]
        self.ports.objects.set_finalizers(resource, left)
        return Next()

    def refuse_deletion(self, resource: Resource, frozen: str, now: datetime) -> Next:
        """The object goes, everything in SageMaker stays, and what it knew waits for the one that is applied in its place.
        `frozen`: why nobody would apply it; then it stays as well.
        """
        way_out = (
            f"to delete it, git rm its file, or annotate {Annotation.DELETION_POLICY}=delete within the hour before"
        )
        waits = f"; it waits: {frozen}" if frozen else ""
        message = (
            f"Git still holds {resource.name}, so everything in SageMaker is kept and it comes back; {way_out}{waits}"
        )
        status = deletion_refused(resource.status, _REFUSED, message, generation=resource.generation, now=now)
        if status != resource.status:
            resource = self._freshness.wrote(self.ports.objects.replace_status(resource, status))
            self.ports.events.emit(resource, "Warning", _REFUSED, message)
        if frozen:
            return Next(_FROZEN_LOOK)
        # Only now: to let go of an object forgets what an earlier one of its name knew.
        let_go = self.release(resource)
        with self._lock:
            self._deleted.put(resource.key, resource)
        return let_go

    def hand_on(self, resource: Resource) -> Next | None:
        """What the deleted object knew, and what people had annotated it with, for the one that came back in its place."""
        with self._lock:
            before = self._deleted.get(resource.key)
        owner = resource.annotations.get(Annotation.OWNER)
        if before is None or before.uid == resource.uid or before.annotations.get(Annotation.OWNER) != owner:
            return None
        said = {key: value for key, value in before.annotations.items() if key not in _OF_THE_DELETED}
        if said.items() - resource.annotations.items():
            annotated = resource.with_metadata(annotations={**said, **resource.annotations})
            resource = self._freshness.wrote(self.ports.objects.replace(annotated, FINALIZER_MANAGER))
        self._freshness.wrote(self.ports.objects.replace_status(resource, handed_on(before.status)))
        with self._lock:
            self._deleted.drop(resource.key)
        return Next(timedelta(0))

    def suspend(self, resource: Resource, git: GitVerdict, shape: Structure, now: datetime) -> Next:
        """Nothing is looked at and nothing is done; Ready stays what it was and says why nothing moves."""
        self.ports.observer.unwatch(resource.key)
        status = suspended(resource, policy=git.policy, shape=shape, git=git.git, now=now)
        if status != resource.status:
            resource = self._freshness.wrote(self.ports.objects.replace_status(resource, status))
        return Next(record.look_again(DriftRecord.parse(resource.status.get("drift")), now))
