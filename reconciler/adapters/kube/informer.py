"""List and watch: keeps a store in step with the API server, one thread per kind and namespace.

Why not `kubernetes.informer.SharedInformer` (looked at in 37.0):

* When the server is away it reconnects its watch at once and for ever, without any pause; a failing list waits five
  fixed seconds that know neither growth nor jitter, and every round logs a traceback.
* Neither list nor watch has a read time-out: a peer that vanishes silently leaves it waiting for good, unless a resync
  period is set, which then costs full lists.
* It reads `.items` and `.metadata` as attributes. Custom resources come as dicts from CustomObjectsApi, for which that
  yields an empty list: the cache stays empty and nothing says so.
* It lists in one unpaged response, asks for no bookmarks, hands its handlers no old object, reports a list as
  "modified" for every object whether it changed or not, and has no way to tell that it has synced.
* `stop` joins a thread that may be blocked in a read that nothing wakes.

Here: pages of 500, bookmarks, resume at the last resourceVersion where the watch before ran its time, a full list otherwise
whose difference is reported as adds, changes and deletes, and one pause that doubles from 0.2 to 30 seconds for whatever goes wrong. The pause shrinks
back only after a watch that delivered or lasted, so a server that accepts and hangs up is not hammered either.

Why not resume after a watch that broke off, as client-go does: behind the gap etcd may have been restored from a backup. Its
versions count from an earlier number then; a watch from one of the future is accepted and says nothing, without an error and
without bookmarks, until the count is there (seen on 1.37), and is silent for good about what went back if the count was there
before. Only a list tells. A restore needs every API server stopped, so no watch outlives one.

What the objects mean is not known here. `cache.KubeCache` owns the informers.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.adapters.kube.api import Api
from reconciler.adapters.kube.backoff import Backoff
from reconciler.adapters.kube.client import KubeClient, Query, Stream
from reconciler.adapters.kube.refusals import ExpiredError, refusal
from reconciler.adapters.kube.store import KubeStore
from reconciler.core.errors import NotFoundError, ReconcileError, ThrottledError, TransientError
from reconciler.core.health import Loop
from reconciler.core.resource import Resource

log = logging.getLogger(__name__)

PAGE = 500
WATCH_S = 300
"""What a watch asks the server for; spread by a fifth, so that the watches of many kinds do not end together."""

_GRACE_S = 15.0
"""How much longer than asked for a watch may be silent before it counts as dead."""

_SLOW_S = 300.0
"""Room for a page of a list, for handlers that take a thousand changes and for the longest pause, many times over."""

_LASTING_S = 5.0
_WHOLE = 0.8
"""The part of its time after which a watch ended because of that."""

_PATIENCE_S = 2.0
"""How long a throttled list is waited for before the informer's own pause, which `stop` can end."""


@dataclass(frozen=True)
class Selection:
    """Which objects of a kind are watched."""

    namespace: str | None = None
    """None: all namespaces."""
    label_selector: str = ""


EVERYTHING = Selection()


class Informer:
    """Runs from `start` to `stop`, once."""

    def __init__(
        self,
        client: KubeClient,
        kind: str,
        api: Api,
        store: KubeStore,
        *,
        selection: Selection = EVERYTHING,
        watch_s: float = WATCH_S,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._kind = kind
        self._api = api
        self._store = store
        self._namespace = selection.namespace
        self._selection: Query = {"labelSelector": selection.label_selector} if selection.label_selector else {}
        self._watch_s = watch_s
        self._backoff = backoff or Backoff()
        self._thread = threading.Thread(
            target=self._run, name=f"informer-{kind}-{selection.namespace or 'all'}", daemon=True
        )
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._stream: Stream | None = None
        self._version: str | None = None
        """Where the next watch resumes; None asks for a list, as after any watch that ended before its time."""
        self._synced = False
        self._problem: str | None = None
        self._beaten_at = 0.0

    def start(self) -> None:
        self._beaten_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, and wake it wherever it waits; see `join`."""
        with self._guard:
            self._stopping.set()
            if self._stream is not None:
                self._stream.abort()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread ended in time. It is late only while a connected server owes it the head of an answer."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def synced(self) -> bool:
        return self._synced

    def problem(self) -> str | None:
        """Why the cache may lag behind, in words for people; None while a watch is open."""
        return self._problem

    def loop(self) -> Loop:
        """A watch says something, if only that it ends, in the time that it was asked for."""
        deadline_s = 2 * self._watch_s + _GRACE_S + _SLOW_S
        return Loop(self._thread.name, self._thread.is_alive(), time.monotonic() - self._beaten_at, deadline_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beaten_at = time.monotonic()
            problem = self._round()
            if self._stopping.is_set() or problem is None:
                continue
            if problem != self._problem:
                log.warning("%s", problem)
            self._problem = problem
            self._stopping.wait(self._backoff.next_s())

    def _round(self) -> str | None:
        """List if need be, then watch until the watch ends; answers what went wrong."""
        try:
            if self._version is None:
                self._list()
            self._watch()
        except ExpiredError:
            self._version = None
            return f"{self._title}: the watch fell behind, listing again"
        except NotFoundError:
            # What is cached stays: objects vanish by a list that says so, not by a server that knows no such kind.
            self._version = None
            return f"{self._title}: not installed, waiting for the CustomResourceDefinition"
        except ThrottledError as error:
            return f"{self._title}: {error}"  # it is there, and a list is more work for it than a watch
        except ReconcileError as error:
            self._version = None
            return f"{self._title}: {error}"
        except Exception as error:
            log.exception("bug in the informer of %s", self._title)
            self._version = None
            return f"{self._title}: internal error: {error}"
        return None

    def _list(self) -> None:
        found: list[Resource] = []
        token = ""
        while True:
            query = {"limit": PAGE, **self._selection, **({"continue": token} if token else {})}
            page = self._client.request("GET", self._path, query, patience_s=_PATIENCE_S)
            found += [self._resource(item) for item in page["items"]]
            self._beaten_at = time.monotonic()
            token = page["metadata"].get("continue", "")
            if not token:
                break
            if self._stopping.is_set():
                return
        self._store.replace(self._kind, self._namespace, found)
        self._version = page["metadata"]["resourceVersion"]
        self._synced = True

    def _watch(self) -> None:
        asked_s = int(self._watch_s * random.uniform(0.8, 1.2)) or 1  # noqa: S311 - spreads load, guards nothing
        query = {
            "watch": True,
            "allowWatchBookmarks": True,
            "resourceVersion": self._version or "",
            "timeoutSeconds": asked_s,
            **self._selection,
        }
        stream = self._client.watch(self._path, query, asked_s + _GRACE_S)
        with self._guard:
            self._stream = stream
            if self._stopping.is_set():
                stream.abort()
        opened = time.monotonic()
        self._problem = None
        delivered = False
        try:
            for line in stream.lines():
                self._take(line)
                if not delivered:
                    self._backoff.reset()
                    delivered = True
        finally:
            with self._guard:
                self._stream = None
            lasted_s = time.monotonic() - opened
            if lasted_s >= min(_LASTING_S, _WHOLE * asked_s):
                self._backoff.reset()
                delivered = True
        if not delivered:
            raise TransientError("the server ended a watch as soon as it was opened")
        if lasted_s < _WHOLE * asked_s:
            self._version = None  # a server that shuts down ends its watches in good order

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line, object_pairs_hook=_shared_names)
        except ValueError:
            raise TransientError("the watch broke off within an event") from None
        body = event["object"]
        match event["type"]:
            case "ERROR":
                raise refusal(int(body.get("code") or 500), json.dumps(body).encode())
            case "DELETED":
                self._store.remove(self._resource(body).key)
            case "ADDED" | "MODIFIED":
                self._store.put(self._resource(body))
            case _:
                pass  # BOOKMARK: only its resourceVersion counts
        # After the handlers: should a handler die of a bug, the event is delivered again.
        self._version = body["metadata"]["resourceVersion"]
        self._beaten_at = time.monotonic()

    def _resource(self, item: dict[str, Any]) -> Resource:
        # Lists of built-in kinds leave both out of their items; custom resources carry them.
        item.setdefault("apiVersion", self._api.api_version)
        item.setdefault("kind", self._kind)
        return Resource(item)

    @property
    def _path(self) -> str:
        return self._api.path(self._namespace or "")

    @property
    def _title(self) -> str:
        return f"{self._kind} in {self._namespace}" if self._namespace else self._kind


def _shared_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Field names kept once for all objects: 16 KiB instead of 22 per TrainingJob, for 11 microseconds.

    A list shares them by itself, since the parser does within one document.
    """
    return {sys.intern(name): value for name, value in pairs}


BackoffFactory = Callable[[], Backoff]
