"""The two ways in which a pass ends without SageMaker being asked: the object is let go, or nothing is done about it for now."""

from __future__ import annotations

from datetime import datetime

from reconciler.core.decision import Notice
from reconciler.core.drift import record
from reconciler.core.records.drift import DriftRecord
from reconciler.core.resource import FINALIZER, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.status import suspended
from reconciler.runtime.reconcile.freshness import Freshness
from reconciler.runtime.reconcile.git_side import GitVerdict
from reconciler.runtime.reconcile.outcome import Next
from reconciler.runtime.reconcile.ports import Ports
from reconciler.runtime.reconcile.recorder import Recorder


class Endings:
    def __init__(self, ports: Ports, recorder: Recorder, freshness: Freshness) -> None:
        self.ports = ports
        self._recorder = recorder
        self._freshness = freshness

    def release(self, resource: Resource, notices: tuple[Notice, ...] = ()) -> Next:
        """Nothing of the object's is left to do in AWS: its children go, and the finalizer."""
        self.ports.observer.unwatch(resource.key)
        self._recorder.emit(resource, notices)
        self.ports.children.delete(resource)
        left = [finalizer for finalizer in resource.finalizers if finalizer != FINALIZER]
        self.ports.objects.set_finalizers(resource, left)
        return Next()

    def suspend(self, resource: Resource, git: GitVerdict, shape: Structure, now: datetime) -> Next:
        """Nothing is looked at and nothing is done; Ready stays what it was and says why nothing moves."""
        self.ports.observer.unwatch(resource.key)
        status = suspended(resource, policy=git.policy, shape=shape, git=git.git, now=now)
        if status != resource.status:
            resource = self._freshness.wrote(self.ports.objects.replace_status(resource, status))
        return Next(record.look_again(DriftRecord.parse(resource.status.get("drift")), now))
