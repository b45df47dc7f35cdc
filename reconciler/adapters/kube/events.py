"""Kubernetes Events, written behind the callers' backs: the `Events` port.

`emit` takes a lock and a dictionary entry, nothing else; one thread does the writing. What client-go's correlator does
is done here too, in its measures: an equal text about the same object raises the count of the Event that is there
(also while it still waits to be written), and each object has 25 Events at once and then one per five minutes.

Events are for people and may be lost: when the API server is away the oldest are dropped beyond a bound. So nothing
may depend on one; status is the record.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from reconciler.adapters.kube.api import EVENTS
from reconciler.adapters.kube.backoff import Backoff
from reconciler.adapters.kube.client import MERGE_PATCH, KubeClient
from reconciler.core.conditions import clip, stamp
from reconciler.core.errors import ConflictError, NotFoundError, ReconcileError, TransientError
from reconciler.core.health import Loop
from reconciler.core.ports import Clock
from reconciler.core.resource import Resource

log = logging.getLogger(__name__)

COMPONENT = "sagemaker-gitops"
MOST_PENDING = 1000
MOST_REMEMBERED = 4096
BURST = 25
REFILL_S = 300.0
NOTE_LIMIT = 1024
DEADLINE_S = 300.0
"""Of one Event: a request or two with their time-outs, and the longest pause."""

Kind = Literal["Normal", "Warning"]


class _Sameness(NamedTuple):
    about: str
    """The uid, or kind, namespace and name where there is none yet."""
    kind: Kind
    reason: str
    message: str


@dataclass(frozen=True)
class _Occurrence:
    name: str
    """Chosen once, so that a second attempt after a lost reply finds the first and makes no twin."""
    about: Resource
    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True)
class _Written:
    name: str
    count: int


@dataclass(frozen=True)
class _EventBucket:
    tokens: float
    at_s: float


class KubeEvents:
    """Runs from `start` to `stop`; what is emitted before waits."""

    def __init__(self, client: KubeClient, clock: Clock, instance: str = "") -> None:
        self._client = client
        self._clock = clock
        self._instance = instance or COMPONENT
        self._changed = threading.Condition()
        self._pending: OrderedDict[_Sameness, _Occurrence] = OrderedDict()
        self._buckets: OrderedDict[str, _EventBucket] = OrderedDict()
        self._dropped = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        # Only the thread looks at these two.
        self._written: OrderedDict[_Sameness, _Written] = OrderedDict()
        self._backoff = Backoff()
        self._busy_since: float | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Write what is pending as long as the API server takes it, for `timeout_s` at most."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def loops(self) -> tuple[Loop, ...]:
        since, now = self._busy_since, self._clock.monotonic()
        return (Loop("events", self._thread.is_alive(), 0.0 if since is None else now - since, DEADLINE_S),)

    @property
    def dropped(self) -> int:
        """Events that were never written, for a metric."""
        return self._dropped

    def emit(self, about: Resource, kind: Kind, reason: str, message: str) -> None:
        # Failed syncs, rejections and refusals are Events, and so they are in the log.
        level = logging.WARNING if kind == "Warning" else logging.INFO
        try:
            said = {"object": str(about.key), "reason": reason}
            log.log(level, "%s: %s: %s", about.key, reason, message, extra=said)
            self._enqueue(about, kind, reason, _note(message))
        except Exception:
            log.exception("an Event could not be taken down")

    def _enqueue(self, about: Resource, kind: Kind, reason: str, message: str) -> None:
        whom = about.uid or str(about.key)
        same = _Sameness(whom, kind, reason, message)
        now = self._clock.now()
        with self._changed:
            if not self._allowed(whom):
                self._dropped += 1
                return
            earlier = self._pending.get(same)
            if earlier is None:
                name = f"{about.name[:200]}.{secrets.token_hex(8)}"
                self._pending[same] = _Occurrence(name, about, now, now, 1)
            else:
                self._pending[same] = replace(earlier, about=about, last=now, count=earlier.count + 1)
            self._bound()
            self._changed.notify()

    def _allowed(self, whom: str) -> bool:
        now_s = self._clock.monotonic()
        bucket = self._buckets.pop(whom, _EventBucket(BURST, now_s))
        tokens = min(float(BURST), bucket.tokens + (now_s - bucket.at_s) / REFILL_S)
        allowed = tokens >= 1.0
        self._buckets[whom] = _EventBucket(tokens - 1.0 if allowed else tokens, now_s)
        if len(self._buckets) > MOST_REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed

    def _bound(self) -> None:
        while len(self._pending) > MOST_PENDING:
            _, lost = self._pending.popitem(last=False)
            self._dropped += lost.count

    def _run(self) -> None:
        while (next_one := self._next()) is not None:
            same, occurrence = next_one
            try:
                self._write(same, occurrence)
                self._backoff.reset()
            except TransientError as error:
                self._queue_again(same, occurrence)
                if self._stopping.is_set():
                    log.info("Events are lost at the end: %s", error)
                    return
                self._stopping.wait(self._backoff.next_s())
            except ReconcileError as error:
                # A namespace that is being deleted, a right that is missing: this Event will never be written.
                self._count_lost(occurrence)
                log.warning("an Event about %s was refused: %s", occurrence.about.key, error)
            except Exception:
                self._count_lost(occurrence)
                log.exception("bug in writing an Event about %s", occurrence.about.key)

    def _next(self) -> tuple[_Sameness, _Occurrence] | None:
        with self._changed:
            self._busy_since = None
            while not self._pending:
                if self._stopping.is_set():
                    return None
                self._changed.wait()
            self._busy_since = self._clock.monotonic()
            return self._pending.popitem(last=False)

    def _queue_again(self, same: _Sameness, occurrence: _Occurrence) -> None:
        with self._changed:
            later = self._pending.get(same)
            if later is not None:
                occurrence = replace(occurrence, last=later.last, count=occurrence.count + later.count)
            self._pending[same] = occurrence
            self._pending.move_to_end(same, last=False)
            self._bound()

    def _count_lost(self, occurrence: _Occurrence) -> None:
        with self._changed:
            self._dropped += occurrence.count

    def _write(self, same: _Sameness, occurrence: _Occurrence) -> None:
        namespace = occurrence.about.namespace or "default"
        written = self._written.get(same)
        if written is not None:
            count = written.count + occurrence.count
            change = {"count": count, "lastTimestamp": stamp(occurrence.last)}
            try:
                self._client.request("PATCH", EVENTS.path(namespace, written.name), None, change, MERGE_PATCH)
            except NotFoundError:
                del self._written[same]  # the server forgets Events after an hour: begin a new one
            else:
                self._remember(same, _Written(written.name, count))
                return
        body = self._body(same, occurrence, namespace)
        try:
            self._client.request("POST", EVENTS.path(namespace), None, body)
        except ConflictError:
            log.debug("the Event %s had arrived before", occurrence.name)
        self._remember(same, _Written(occurrence.name, occurrence.count))

    def _remember(self, same: _Sameness, written: _Written) -> None:
        self._written[same] = written
        self._written.move_to_end(same)
        if len(self._written) > MOST_REMEMBERED:
            self._written.popitem(last=False)

    def _body(self, same: _Sameness, occurrence: _Occurrence, namespace: str) -> dict[str, Any]:
        about = occurrence.about
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": occurrence.name},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
                "resourceVersion": about.resource_version,
            },
            "type": same.kind,
            "reason": same.reason,
            "message": same.message,
            "count": occurrence.count,
            "firstTimestamp": stamp(occurrence.first),
            "lastTimestamp": stamp(occurrence.last),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }


def _note(message: str) -> str:
    """The API counts bytes, `clip` code points."""
    text = clip(message, NOTE_LIMIT)
    return text.encode()[:NOTE_LIMIT].decode(errors="ignore")
