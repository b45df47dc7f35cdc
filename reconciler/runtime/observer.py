"""SageMaker seen in bulk: List pages instead of one Describe per object (design 5).

One `Account` per tenant and remote kind keeps the summaries of what somebody watches. A sweep asks for pages of 100,
newest first, and stops as soon as all that may still move was seen; it wakes the objects whose thing moved. A Describe
is made only when a worker asks for it and the summary moved since the last one.

Jobs: nothing watched runs, no page is asked for. Endpoints: the whole list at the slow pace, and at the fast pace only
until every changing one was seen. A List never proves absence: `unlisted` needs a complete sweep, and the kind then
confirms by one Describe.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from reconciler.core.decision import Call, Pace, Watch
from reconciler.core.errors import CredentialsError, DeniedError, NotFoundError, ReconcileError, ThrottledError
from reconciler.core.remote import REMOTES, Remote
from reconciler.core.resource import Key

log = logging.getLogger(__name__)

_PAGE = 100
_BACKOFF_MAX_S = 120.0
_TUNING_JOB = "HyperParameterTuningJob"
_LASTING = (CredentialsError, DeniedError)
_PASSING_FAULTS = 3
"""So many failed sweeps in a row are news for the objects that wait; a throttled page or two are not."""


class Aws(Protocol):
    """The adapter as the runtime uses it; `tenant` says whose account, region and endpoint."""

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def write(self, tenant: Any, call: Call) -> Mapping[str, Any]: ...


class Paces(NamedTuple):
    fast_s: float = 5.0
    slow_s: float = 60.0


_PACES = Paces()


@dataclass
class _Watched:
    keys: dict[Key, Pace]
    since: float
    """Monotonic second at which the name was first watched: sweeps begun earlier say nothing about it."""
    unlisted: bool = False

    @property
    def fast(self) -> bool:
        return Pace.FAST in self.keys.values()


@dataclass
class _List:
    """What one tenant's List of one remote kind told."""

    remote: Remote
    summaries: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    details: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    described_at: dict[str, float] = field(default_factory=dict)
    """Monotonic second of each of `details`."""
    watched: dict[str, _Watched] = field(default_factory=dict)
    spawned: dict[str, tuple[tuple[Any, ...], list[Mapping[str, Any]]]] = field(default_factory=dict)
    """Training jobs by tuning job, with the mark of the tuning job when they were listed."""
    fast_at: float = 0.0
    slow_at: float = 0.0
    running: bool = False
    failures: int = 0
    not_before: float = 0.0
    """After a failure nothing is asked before this second, however long ago a sweep was due."""
    problem: ReconcileError | None = None
    """What keeps this List from working, once it is more than a passing fault."""

    def forget(self, params: Mapping[str, Any]) -> None:
        """Summaries too: by an old one a job that was just stopped would still be running, and be stopped again."""
        for things in (self.details, self.summaries):
            for name in [name for name in things if self.remote.touches(params, name)]:
                del things[name]

    def drop(self, name: str) -> None:
        """What was described of a thing that nobody watches or that is gone."""
        self.details.pop(name, None)
        self.described_at.pop(name, None)


class Observer:
    """Thread-safe. `wake(key)` is called from its own threads and must only enqueue."""

    def __init__(
        self, aws: Aws, monotonic: Callable[[], float], wake: Callable[[Key], None], paces: Paces = _PACES
    ) -> None:
        self._aws = aws
        self._monotonic = monotonic
        self._wake = wake
        self._paces = paces
        self._lists: dict[tuple[Hashable, str], _List] = {}
        self._watches: dict[Key, tuple[Any, tuple[Watch, ...]]] = {}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def view(self, tenant: Any) -> TenantView:
        return TenantView(self, tenant)

    def watch(self, key: Key, tenant: Any, watches: tuple[Watch, ...]) -> None:
        """Replace what `key` waits for. An empty tuple forgets the object."""
        with self._changed:
            before = self._watches.get(key)
            if before == (tenant, watches):
                return
            if before:
                # What goes on being watched, at whatever pace, keeps what is remembered of it.
                same = {(watch.remote, watch.name) for watch in watches} if before[0] == tenant else set()
                gone = tuple(watch for watch in before[1] if (watch.remote, watch.name) not in same)
                self._unwatch(key, before[0], gone)
            if not watches:
                self._watches.pop(key, None)
                return
            self._watches[key] = (tenant, watches)
            now = self._monotonic()
            for watch in watches:
                listing = self._list(tenant, watch.remote)
                watched = listing.watched.setdefault(watch.name, _Watched({}, now))
                quicker = watch.pace is Pace.FAST and not any(one.fast for one in listing.watched.values())
                watched.keys[key] = watch.pace
                if quicker:
                    listing.fast_at = min(listing.fast_at or now + self._paces.fast_s, now + self._paces.fast_s)
            self._changed.notify_all()

    def forget(self, tenant: Any, call: Call) -> None:
        """A call changed something: what was described before is old now."""
        with self._lock:
            for remote in REMOTES.values():
                if listing := self._lists.get((tenant, remote.name)):
                    listing.forget(call.params)

    def _unwatch(self, key: Key, tenant: Any, watches: tuple[Watch, ...]) -> None:
        for watch in watches:
            listing = self._list(tenant, watch.remote)
            watched = listing.watched.get(watch.name)
            if watched is None:
                continue
            watched.keys.pop(key, None)
            if not watched.keys:
                del listing.watched[watch.name]
                listing.summaries.pop(watch.name, None)
                listing.drop(watch.name)
                listing.spawned.pop(watch.name, None)

    def _list(self, tenant: Any, remote: str) -> _List:
        return self._lists.setdefault((tenant, remote), _List(REMOTES[remote]))

    # --- sweeping -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with ThreadPoolExecutor(4, thread_name_prefix="sweep") as pool:
            while True:
                with self._changed:
                    if self._stopped:
                        return
                    due, wait = self._due()
                    for identity, listing in due:
                        listing.running = True
                        pool.submit(self._sweep_safely, identity[0], listing)
                    if not due:
                        self._changed.wait(wait)

    def _due(self) -> tuple[list[tuple[tuple[Any, str], _List]], float | None]:
        now = self._monotonic()
        due, nearest = [], None
        for identity, listing in self._lists.items():
            if listing.running or not listing.watched:
                continue
            at = self._next(listing)
            if at is None:
                continue
            if at <= now:
                due.append((identity, listing))
            else:
                nearest = at if nearest is None else min(nearest, at)
        return due, None if nearest is None else nearest - now

    def _next(self, listing: _List) -> float | None:
        fast = any(one.fast for one in listing.watched.values())
        if listing.remote.over:  # a job: settled ones never move again
            return max(listing.not_before, listing.fast_at) if fast else None
        due = min(listing.fast_at, listing.slow_at) if fast else listing.slow_at
        return max(listing.not_before, due)

    def _sweep_safely(self, tenant: Any, listing: _List) -> None:
        woken: set[Key] = set()
        began, pause = self._monotonic(), 0.0
        try:
            woken = self._sweep(tenant, listing, began)
            if listing.problem is not None:
                woken |= self._all_keys(listing)
            listing.problem, listing.failures = None, 0
        except ReconcileError as error:
            listing.failures += 1
            lasting = isinstance(error, _LASTING) or listing.failures >= _PASSING_FAULTS
            if lasting and type(error) is not type(listing.problem):
                woken = self._all_keys(listing)
            listing.problem = error if lasting else None
            pause = min(_BACKOFF_MAX_S, self._paces.fast_s * 2 ** min(listing.failures, 8))
            if isinstance(error, ThrottledError) and error.retry_after_s is not None:
                pause = error.retry_after_s
            pause *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        except Exception:
            log.exception("bug in a sweep of %s", listing.remote.list)
            pause = self._paces.slow_s
        finally:
            with self._changed:
                now = self._monotonic()
                listing.running = False
                listing.fast_at = now + self._paces.fast_s
                listing.not_before = now + pause
                for name in listing.details.keys() - listing.watched.keys():
                    listing.drop(name)
                self._changed.notify_all()
        for key in woken:
            self._wake(key)

    def _all_keys(self, listing: _List) -> set[Key]:
        with self._lock:
            return {key for watched in listing.watched.values() for key in watched.keys}

    def _sweep(self, tenant: Any, listing: _List, began: float) -> set[Key]:
        """Page through the List until all that may have moved was seen. Returns the objects to wake."""
        remote = listing.remote
        with self._lock:
            missing = {name for name, watched in listing.watched.items() if watched.fast}
            whole = not remote.over and began >= listing.slow_at
        oldest = self._oldest(listing, missing)
        listed: set[str] = set()
        moved: set[Key] = set()
        token = None
        while True:
            answer = self._aws.read(tenant, remote.list, {**remote.page, **({"NextToken": token} if token else {})})
            page = answer[remote.list_key]
            for summary in page:
                listed.add(remote.named(summary))
                moved |= self._told(listing, summary)
            token = answer.get("NextToken")
            seen_all = missing <= listed or (bool(page) and oldest is not None and page[-1]["CreationTime"] < oldest)
            if not token or (seen_all and not whole):
                break
        if not token:
            moved |= self._absent(listing, listed, began)
        if whole:
            with self._lock:
                listing.slow_at = self._monotonic() + self._paces.slow_s * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        return moved

    def _oldest(self, listing: _List, names: set[str]) -> datetime | None:
        """Creation time below which nothing of ours still moves; None while one of them was never listed."""
        with self._lock:
            times = [listing.summaries[name]["CreationTime"] for name in names if name in listing.summaries]
        return min(times) if times and len(times) == len(names) else None

    def _told(self, listing: _List, summary: Mapping[str, Any]) -> set[Key]:
        """Take a summary in; the objects to wake when it says something new."""
        name = listing.remote.named(summary)
        with self._lock:
            watched = listing.watched.get(name)
            if watched is None:
                return set()
            known = listing.summaries.get(name) or listing.details.get(name)
            appeared, watched.unlisted = watched.unlisted, False
            listing.summaries[name] = summary
            if known is not None and not appeared and listing.remote.mark(known) == listing.remote.mark(summary):
                return set()
            return set(watched.keys)

    def _absent(self, listing: _List, listed: set[str], began: float) -> set[Key]:
        """The List was read to its end: what was watched before it began and is not in it, is unlisted."""
        woken: set[Key] = set()
        with self._lock:
            for name, watched in listing.watched.items():
                if name in listed or watched.since > began:
                    continue
                if not watched.unlisted:
                    woken |= set(watched.keys)
                watched.unlisted = True
                listing.summaries.pop(name, None)
        return woken

    # --- what a worker asks ---------------------------------------------------------------------------------------

    def summary(self, tenant: Any, remote: str, name: str) -> Mapping[str, Any] | None:
        with self._lock:
            listing = self._list(tenant, remote)
            if listing.problem is not None:
                raise listing.problem
            return listing.summaries.get(name)

    def unlisted(self, tenant: Any, remote: str, name: str) -> bool:
        with self._lock:
            watched = self._list(tenant, remote).watched.get(name)
            return watched is not None and watched.unlisted

    def describe(
        self, tenant: Any, remote: str, name: str, *, fresh: bool, at_most_old: timedelta | None = None
    ) -> Mapping[str, Any] | None:
        with self._lock:
            listing = self._list(tenant, remote)
            known, summary = listing.details.get(name), listing.summaries.get(name)
            problem, watched = listing.problem, listing.watched.get(name)
            age_s = self._monotonic() - listing.described_at.get(name, 0.0)
        fresh = fresh or (watched is not None and watched.unlisted)
        fresh = fresh or (at_most_old is not None and age_s >= at_most_old.total_seconds())
        moved = known is None or (summary is not None and listing.remote.mark(known) != listing.remote.mark(summary))
        if not fresh and not moved:
            if problem is not None:
                raise problem  # what is remembered may be long untrue
            return known
        try:
            answer = self._aws.read(tenant, listing.remote.describe, listing.remote.asks(name))
            found = listing.remote.answered(name, answer)
        except NotFoundError:
            found = None
        if found is None:
            with self._lock:
                listing.drop(name)
            return None
        with self._lock:
            # Kept though nobody may watch it yet: the first decision about it comes after this look.
            listing.details[name] = found
            listing.described_at[name] = self._monotonic()
        return found

    def listing(self, tenant: Any, remote: str, filters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Every page of a List, read now."""
        kind = REMOTES[remote]
        ordered = ("SortBy", "SortOrder")
        page = {name: value for name, value in kind.page.items() if name not in ordered}
        return self._pages(tenant, kind.list, {**page, **filters}, kind.list_key)

    def spawned(self, tenant: Any, tuning_job: str) -> list[Mapping[str, Any]]:
        """The training jobs of a tuning job: another List is asked for when the tuning job's summary moved."""
        with self._lock:
            listing = self._list(tenant, _TUNING_JOB)
            thing = listing.summaries.get(tuning_job) or listing.details.get(tuning_job)
            mark = listing.remote.mark(thing) if thing else None
            known = listing.spawned.get(tuning_job)
        if known is not None and mark is not None and known[0] == mark:
            return known[1]
        params = {f"{_TUNING_JOB}Name": tuning_job, "MaxResults": _PAGE}
        operation = f"ListTrainingJobsFor{_TUNING_JOB}"
        found = self._pages(tenant, operation, params, "TrainingJobSummaries")
        with self._lock:
            if mark is not None and tuning_job in listing.watched:
                listing.spawned[tuning_job] = (mark, found)
        return found

    def _pages(self, tenant: Any, operation: str, params: dict[str, Any], key: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while True:
            answer = self._aws.read(tenant, operation, params)
            found += answer.get(key) or ()
            if not answer.get("NextToken"):
                return found
            params = {**params, "NextToken": answer["NextToken"]}

    def tags(self, tenant: Any, arn: str) -> Mapping[str, str] | None:
        found: dict[str, str] = {}
        params: dict[str, Any] = {"ResourceArn": arn}
        try:
            if ":application-autoscaling:" in arn:
                return dict(self._aws.read(tenant, "ListTagsForResource", {"ResourceARN": arn}).get("Tags") or {})
            while True:
                answer = self._aws.read(tenant, "ListTags", params)
                found |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags") or ()}
                if not answer.get("NextToken"):
                    return found
                params = {"ResourceArn": arn, "NextToken": answer["NextToken"]}
        except DeniedError:
            return None


@dataclass(frozen=True)
class TenantView:
    """`core.kind.View` of one tenant."""

    observer: Observer
    tenant: Any

    def summary(self, remote: str, name: str) -> Mapping[str, Any] | None:
        return self.observer.summary(self.tenant, remote, name)

    def unlisted(self, remote: str, name: str) -> bool:
        return self.observer.unlisted(self.tenant, remote, name)

    def describe(
        self, remote: str, name: str, *, fresh: bool = False, at_most_old: timedelta | None = None
    ) -> Mapping[str, Any] | None:
        return self.observer.describe(self.tenant, remote, name, fresh=fresh, at_most_old=at_most_old)

    def tags(self, arn: str) -> Mapping[str, str] | None:
        return self.observer.tags(self.tenant, arn)

    def listing(self, remote: str, filters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return self.observer.listing(self.tenant, remote, filters)

    def spawned(self, tuning_job: str) -> list[Mapping[str, Any]]:
        return self.observer.spawned(self.tenant, tuning_job)
