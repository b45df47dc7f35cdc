"""Webhooks in: `POST /hook/<path>` makes the sync look at Git now. Everything else about a delivery is thrown away.

    path -> this replica leads -> rate -> body (1 MiB) -> signature -> repeated? -> about the watched ref? -> wake

| answer | when |
| --- | --- |
| 202 | the sync will look |
| 200 | a ping, a repetition, another event, ref or repository, a suspended sync: fine, and nothing to do |
| 400 | signed, but not what the provider sends |
| 401 | not signed with the Secret's `token`, or the Secret cannot be used (a Warning at the GitSync says why) |
| 404 | no GitSync with `spec.webhook` has this path |
| 408, 411, 413 | the body is too slow, of unknown length (chunked), over 1 MiB |
| 429 | more than a hundred at once, or more than one a second for long |
| 503 | this replica does not lead, or the API server is away |

Many pushes at once cost few looks: the first is at once, the others of the next two seconds are one more.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from reconciler.core.errors import ReconcileError
from reconciler.core.git import webhooks
from reconciler.core.git.rules import UrlPolicy, parse_url
from reconciler.core.git.source import SourceError
from reconciler.core.git.webhooks import BODY_LIMIT, SHORTEST_TOKEN, MalformedError, WebhookProvider
from reconciler.core.ports import Cache, Clock, Events, Leader, Objects
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import KIND
from reconciler.runtime.liveness import Pool
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.secrets import SecretError, read_secret
from reconciler.runtime.web import Answer, Request

log = logging.getLogger(__name__)

GAP_S = 2.0
"""Between two looks that webhooks asked for."""
BURST, PER_SECOND = 100, 1.0
SEEN = 1000
SEEN_S = 3600.0
SECRET_S = 30.0
_SECRET_AGAIN_S = 5.0
"""A signature that does not fit may be made with a newer Secret; a stranger's makes us read it this often at most."""
_WARN_S = 600.0
DEADLINE_S = 300.0
"""Of waking a sync, which only enqueues."""

_NOT_FOUND = Answer(HTTPStatus.NOT_FOUND)
_NOT_SIGNED = Answer(HTTPStatus.UNAUTHORIZED)
_AWAY = Answer(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "30"})


@dataclass
class _Door:
    """One path."""

    key: Key
    uid: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    allowance: float = float(BURST)
    counted: float = 0.0
    token: str = field(default="", repr=False)
    read_at: float | None = None
    warned_at: float | None = None
    seen: OrderedDict[str, float] = field(default_factory=OrderedDict)


class Hooks:
    """`receive` is what `Web` posts to, from many threads; `wake` is `SyncController.wake`."""

    def __init__(
        self, *, cache: Cache, objects: Objects, events: Events, leader: Leader, clock: Clock,
        wake: Callable[[Key], None], gap_s: float = GAP_S,
    ) -> None:  # fmt: skip
        self._cache = cache
        self._objects = objects
        self._events = events
        self._leader = leader
        self._clock = clock
        self._wake = wake
        self._gap_s = gap_s
        self._lock = threading.Lock()
        self._doors: dict[str, _Door] = {}
        self._woken: dict[Key, float] = {}
        """Touched by the one thread that wakes."""
        self._queue: WorkQueue[Key] = WorkQueue(clock.monotonic, lambda: 0.0)
        self._pool = Pool("webhooks", self._queue, [], DEADLINE_S)

    def start(self) -> None:
        self._cache.subscribe(self._changed)
        self._pool.start(self._once, "hooks")

    def stop(self, timeout_s: float = 5.0) -> None:
        self._pool.stop(timeout_s)

    def pools(self) -> tuple[Pool, ...]:
        return (self._pool,)

    def receive(self, request: Request) -> Answer:
        if not self._leader.is_leader() or not self._cache.synced():
            return _AWAY
        with self._lock:
            door = self._doors.get(request.path.partition("?")[0])
        sync = self._cache.get(door.key) if door else None
        if door is None or sync is None or sync.uid != door.uid or not sync.spec.get("webhook"):
            return _NOT_FOUND
        if not self._admitted(door):
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "10"})
        body = request.body(BODY_LIMIT)
        provider = _provider(sync, request)
        try:
            if not self._verified(door, sync, provider, request, body):
                return _NOT_SIGNED
            push = webhooks.read(provider, request.headers, body)
        except MalformedError as error:
            return Answer(HTTPStatus.BAD_REQUEST, str(error))
        except ReconcileError as error:
            log.info("a webhook of %s was not taken: %s", sync.key, error)
            return _AWAY
        if push is None:
            return Answer(HTTPStatus.OK, "ignored: not a push")
        if sync.spec.get("suspend"):
            return Answer(HTTPStatus.OK, "ignored: the sync is suspended")
        if not webhooks.concerns(push, sync.spec):
            return Answer(HTTPStatus.OK, "ignored: not the watched ref of this repository")
        if not self._first(door, webhooks.delivery_ids(provider, request.headers, body)):
            return Answer(HTTPStatus.OK, "ignored: seen before")
        self._queue.add(door.key)
        return Answer(HTTPStatus.ACCEPTED, "the sync will look")

    def _admitted(self, door: _Door) -> bool:
        """A token bucket per path, before a byte of the body is read."""
        now = self._clock.monotonic()
        with door.lock:
            door.allowance = min(float(BURST), door.allowance + (now - door.counted) * PER_SECOND)
            door.counted = now
            if door.allowance < 1.0:
                return False
            door.allowance -= 1.0
            return True

    def _verified(self, door: _Door, sync: Resource, provider: WebhookProvider, request: Request, body: bytes) -> bool:
        if webhooks.verify(provider, request.headers, body, self._token(door, sync, SECRET_S)):
            return True
        # The Secret may have been changed since it was read.
        return webhooks.verify(provider, request.headers, body, self._token(door, sync, _SECRET_AGAIN_S))

    def _token(self, door: _Door, sync: Resource, age_s: float) -> str:
        """The secret, not older than this; empty, which verifies nothing, when there is none to be had."""
        with door.lock:
            now = self._clock.monotonic()
            if door.read_at is None or now - door.read_at >= age_s:
                door.token = self._read(door, sync, now)
                door.read_at = now
            return door.token

    def _read(self, door: _Door, sync: Resource, now: float) -> str:
        try:
            return _token_of(self._objects, sync)
        except SecretError as error:
            if door.warned_at is None or now - door.warned_at >= _WARN_S:
                door.warned_at = now
                self._events.emit(sync, "Warning", "WebhookRefused", f"{error.reason}: {error.message}")
            return ""

    def _first(self, door: _Door, ids: tuple[str, ...]) -> bool:
        """Whether none of the ids was seen; from now on they are. The oldest are forgotten."""
        now = self._clock.monotonic()
        with door.lock:
            while door.seen and (len(door.seen) > SEEN or now - next(iter(door.seen.values())) >= SEEN_S):
                door.seen.popitem(last=False)
            if any(name in door.seen for name in ids):
                return False
            door.seen.update(dict.fromkeys(ids, now))
            return True

    def _changed(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        """Informer events."""
        if key.kind != KIND:
            return
        with self._lock:
            if old is not None and (new is None or new.uid != old.uid):
                self._doors.pop(webhooks.path_of(old), None)
            if new is None:
                return
            path = webhooks.path_of(new)
            if not new.spec.get("webhook") or new.deleting:
                self._doors.pop(path, None)
            elif path not in self._doors:
                self._doors[path] = _Door(key, new.uid, counted=self._clock.monotonic())
            elif old is not None and old.generation != new.generation:
                self._doors[path].read_at = None  # another Secret may be named now

    def _once(self, key: Key) -> None:
        try:
            self._pass_on(key)
        except Exception:
            log.exception("a bug in waking %s", key)

    def _pass_on(self, key: Key) -> None:
        """Wake at once, or at the end of the gap after the last time, then for all who asked meanwhile."""
        now = self._clock.monotonic()
        early_s = self._woken.get(key, now - self._gap_s) + self._gap_s - now
        if early_s > 0:
            self._queue.add(key, early_s)
            return
        self._woken = {other: at for other, at in self._woken.items() if now - at < self._gap_s}
        self._woken[key] = now
        self._wake(key)


def _provider(sync: Resource, request: Request) -> WebhookProvider:
    named = sync.spec["webhook"].get("provider")
    return WebhookProvider(named) if named else webhooks.provider_of(request.headers)


def _token_of(objects: Objects, sync: Resource) -> str:
    host, name = _host(sync), str((sync.spec["webhook"].get("secretRef") or {}).get("name") or "")
    values = read_secret(objects, sync.namespace, name, host, lambda hosts: host in hosts)
    token = values.get("token", "").strip()
    if len(token) < SHORTEST_TOKEN:
        text = f"Secret {name} needs a token of at least {SHORTEST_TOKEN} characters"
        raise SecretError("InvalidCredentials", text)
    return token


def _host(sync: Resource) -> str:
    """Of the repository: where deliveries come from. A file has none."""
    try:
        return parse_url(str(sync.spec["repo"]["url"]), UrlPolicy(allow_file=True, allow_http=True)).host.lower()
    except SourceError as error:
        raise SecretError(error.reason, error.message) from None
