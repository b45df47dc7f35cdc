"""SageMaker seen in bulk: List pages instead of one Describe per object (D-15.2, D-15.3).

Per tenant, one `Listing` for each remote kind that somebody watches and one `TagBook`; the `Sweeper` reads their pages and
wakes the objects whose remote object moved. A Describe is made only when a worker asks for it and the summary moved since the
last one. An event from outside is a hint: the List is looked at soon, and only what it says counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from reconciler.core.aws.remote import RemoteKinds, listed, whole
from reconciler.core.aws.wakeups import Hint
from reconciler.core.decision import Call, Watch
from reconciler.core.errors import DeniedError, NotFoundError, OldLookError, RateLimitedError
from reconciler.core.health import Loop
from reconciler.core.ports import Clock
from reconciler.core.resource import Key
from reconciler.core.tenancy import Tenant
from reconciler.core.values import Answer, Json, Params
from reconciler.runtime.observe.listing import Listing
from reconciler.runtime.observe.sweep import Paces
from reconciler.runtime.observe.sweeper import Sweeper
from reconciler.runtime.observe.tag_book import TAG, TagBook

__all__ = ["Aws", "Observer", "Paces", "SweepFreshness", "TenantView"]

_PAGE = 100
_UNFINISHED_S = 120.0
_REPLICAS_AGREE_S = 120.0
"""An answer that is older than one of so long ago is believed: it is no late read any more."""
_TUNING_JOB = "HyperParameterTuningJob"
_TAGS = "Tags"
"""What `freshness` calls the sweeps of tags."""


class Aws(Protocol):
    """The adapter as the runtime uses it; `tenant` says whose account, region and endpoint."""

    def read(self, tenant: Tenant, operation: str, params: Params) -> Answer: ...
    def write(self, tenant: Tenant, call: Call) -> Answer: ...
    def admit(self, tenant: Tenant, call: Call) -> None:
        """Raises RateLimitedError when the limiter would not let the call go now; else its token is kept for it."""

    def rate(self, tenant: Tenant, operation: str) -> float:
        """Calls a second that the operation is believed to allow."""


class SweepFreshness(NamedTuple):
    """Of one remote kind, over all tenants."""

    watched: int
    unverified: int
    """Watched, and not seen yet since this process began."""
    oldest: datetime | None
    """When that was verified which nobody looked at for longest."""
    sweeps: int
    """Complete ones since this process began."""
    pages: int


class _Unfinished(NamedTuple):
    until: float
    """Old pages say nothing of now."""
    found: list[Answer]
    params: dict[str, Json]


class Observer:
    """Thread-safe. `wake(key)` is called from its own threads and must only enqueue."""

    def __init__(
        self, aws: Aws, clock: Clock, remotes: RemoteKinds, wake: Callable[[Key], None], paces: Paces | None = None
    ) -> None:
        self._aws = aws
        self._remotes = remotes
        self._clock = clock
        self._paces = paces or Paces()
        self._lists: dict[tuple[Tenant, str], Listing] = {}
        self._tags: dict[Tenant, TagBook] = {}
        self._watches: dict[Key, tuple[Tenant, tuple[Watch, ...]]] = {}
        self._unfinished: dict[Hashable, _Unfinished] = {}
        """Lists that the limiter delayed halfway: begun again each time, a long one would never be read to its end."""
        self._lock = threading.RLock()
        self._sweeper = Sweeper(aws, clock, self._lock, wake)

    def start(self) -> None:
        self._sweeper.start()

    def stop(self) -> None:
        self._sweeper.stop()

    def loops(self) -> Iterator[Loop]:
        return self._sweeper.loops()

    def sweep_due(self) -> None:
        """In this thread, all that its own threads would do if time stood still."""
        self._sweeper.run_due()

    def view(self, tenant: Tenant) -> TenantView:
        return TenantView(self, tenant)

    # --- what is watched ------------------------------------------------------------------------------------------

    def watch(self, key: Key, tenant: Tenant, watches: tuple[Watch, ...]) -> None:
        """Replace what `key` waits for. An empty tuple forgets the object."""
        with self._lock:
            before = self._watches.get(key)
            if before == (tenant, watches):
                return
            if before:
                # What goes on being watched, at whatever pace, keeps what is remembered of it.
                same = {(watch.remote, watch.name) for watch in watches} if before[0] == tenant else set()
                for watch in before[1]:
                    if (watch.remote, watch.name) not in same:
                        self._list(before[0], watch.remote).unwatch(key, watch.name)
                        self._book(before[0]).unwatch(key, watch.remote, watch.name)
            if not watches:
                self._watches.pop(key, None)
                return
            self._watches[key] = (tenant, watches)
            for watch in watches:
                self._list(tenant, watch.remote).watch(key, watch.name, watch.pace)
                self._book(tenant).watch(key, watch.remote, watch.name)
            self._sweeper.changed()

    def unwatch(self, key: Key) -> None:
        """Forget the object, whoever's it was."""
        with self._lock:
            if before := self._watches.get(key):
                self.watch(key, before[0], ())

    def forget(self, tenant: Tenant, call: Call) -> None:
        """A call changed something: what was seen before is old now."""
        with self._lock:
            for remote in self._remotes:
                if listing := self._lists.get((tenant, remote)):
                    listing.forget(call.params)
            if book := self._tags.get(tenant):
                book.forget(call)

    def hint(self, hint: Hint) -> None:
        """Somebody says that this remote object moved: look soon, wherever it is watched. Nothing else is believed."""
        with self._lock:
            for (tenant, remote), listing in self._lists.items():
                if remote == hint.remote.remote and (tenant.region, tenant.account or hint.account) == hint[:2]:
                    listing.hint(hint.remote.name)
            self._sweeper.changed()

    def look_soon(self, key: Key) -> None:
        """Somebody wants this object looked at now, and not at the next interval."""
        with self._lock:
            if watched := self._watches.get(key):
                tenant, watches = watched
                for watch in watches:
                    self._list(tenant, watch.remote).hint(watch.name.lower())
            self._sweeper.changed()

    def _list(self, tenant: Tenant, remote: str) -> Listing:
        listing = self._lists.get((tenant, remote))
        if listing is None:
            listing = self._lists[(tenant, remote)] = Listing(
                self._remotes[remote], self._clock, self._paces, self._rate(tenant)
            )
            self._sweeper.add(tenant, listing)
        return listing

    def _book(self, tenant: Tenant) -> TagBook:
        book = self._tags.get(tenant)
        if book is None:
            book = self._tags[tenant] = TagBook(self._remotes, self._clock, self._paces, self._rate(tenant))
            self._sweeper.add(tenant, book)
        return book

    def _rate(self, tenant: Tenant) -> Callable[[str], float]:
        return lambda operation: self._aws.rate(tenant, operation)

    # --- what a worker asks ---------------------------------------------------------------------------------------

    def summary(self, tenant: Tenant, remote: str, name: str) -> Answer | None:
        with self._lock:
            listing = self._list(tenant, remote)
            if listing.problem is not None:
                raise listing.problem
            return listing.summaries.get(name)

    def unlisted(self, tenant: Tenant, remote: str, name: str) -> bool:
        with self._lock:
            watched = self._list(tenant, remote).watched.get(name)
            return watched is not None and watched.unlisted

    def describe(
        self, tenant: Tenant, remote: str, name: str, *, fresh: bool, at_most_old: timedelta | None = None
    ) -> Answer | None:
        with self._lock:
            listing = self._list(tenant, remote)
            known, summary = listing.details.get(name), listing.summaries.get(name)
            problem, watched = listing.problem, listing.watched.get(name)
            age_s = self._clock.monotonic() - listing.described_at.get(name, 0.0)
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
        with self._lock:
            before = listing.details.get(name)
            if before is not None and found is not None and _is_older(found, before) and age_s < _REPLICAS_AGREE_S:
                raise OldLookError(f"{listing.remote.describe} {name}: an older state than was shown before")
            listing.described(name, found)
        return found

    def listing(self, tenant: Tenant, remote: str, filters: Params) -> list[Answer]:
        """Every page of a List, read now."""
        kind = self._remotes[remote]
        ordered = ("SortBy", "SortOrder")
        page = {name: value for name, value in kind.page.items() if name not in ordered}
        return self._pages(tenant, kind.list, {**page, **filters}, kind.list_key)

    def spawned(self, tenant: Tenant, tuning_job: str) -> list[Answer]:
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

    def _pages(self, tenant: Tenant, operation: str, params: dict[str, Json], key: str) -> list[Answer]:
        asked: Hashable = (tenant, operation, repr(sorted(params.items())))
        began = self._clock.monotonic()
        with self._lock:
            kept = {ask: each for ask, each in self._unfinished.items() if each.until >= began}
            begun = kept.pop(asked, None) or _Unfinished(began + _UNFINISHED_S, [], params)
            self._unfinished = kept
        found, params = begun.found, begun.params
        while True:
            try:
                answer = self._aws.read(tenant, operation, params)
            except RateLimitedError:
                with self._lock:
                    self._unfinished[asked] = _Unfinished(begun.until, found, params)
                raise
            found += listed(operation, answer, key)
            if not answer.get("NextToken"):
                return found
            params = {**params, "NextToken": answer["NextToken"]}

    def tags(self, tenant: Tenant, arn: str) -> Mapping[str, str] | None:
        found: dict[str, str] = {}
        params: dict[str, Json] = {"ResourceArn": arn}
        asked_at = self._clock.monotonic()
        try:
            if ":application-autoscaling:" in arn:
                answer = self._aws.read(tenant, "ListTagsForResource", {"ResourceARN": arn})
                return dict(whole("ListTagsForResource", answer, ("Tags",))["Tags"])
            while True:
                answer = self._aws.read(tenant, "ListTags", params)
                found |= {tag["Key"]: tag["Value"] for tag in listed("ListTags", answer, "Tags", TAG)}
                if not answer.get("NextToken"):
                    break
                params = {"ResourceArn": arn, "NextToken": answer["NextToken"]}
        except DeniedError:
            return None
        with self._lock:
            self._book(tenant).read(arn, found, asked_at)
        return found

    def known_tags(self, tenant: Tenant, arn: str) -> Mapping[str, str] | None:
        with self._lock:
            return self._book(tenant).known(arn)

    def tags_missing(self, tenant: Tenant, arn: str) -> bool:
        with self._lock:
            return self._book(tenant).missing(arn)

    def tags_denied(self, tenant: Tenant) -> bool:
        with self._lock:
            return self._book(tenant).denied

    # --- freshness ------------------------------------------------------------------------------------------------

    def verified(self, tenant: Tenant, remote: str, name: str) -> datetime | None:
        with self._lock:
            return self._verified(tenant, self._list(tenant, remote), name)

    def _verified(self, tenant: Tenant, listing: Listing, name: str) -> datetime | None:
        watched = listing.watched.get(name)
        seen = watched.verified if watched else None
        if not listing.remote.over:
            return seen
        # A job that ended is in no page we ask for any more; that its tags are still shown says as much.
        shown = self._book(tenant).seen_at(listing.remote.name, name)
        return max((moment for moment in (seen, shown) if moment), default=None)

    def freshness(self) -> Mapping[str, SweepFreshness]:
        """By remote kind, and `Tags` for the sweeps of tags: what metrics are made of. Costs no request."""
        with self._lock:
            return dict(self._freshness())

    def _freshness(self) -> Iterator[tuple[str, SweepFreshness]]:
        for remote in self._remotes:
            lists = [(tenant, listing) for (tenant, listed), listing in self._lists.items() if listed == remote]
            moments = [self._verified(tenant, listing, name) for tenant, listing in lists for name in listing.watched]
            seen = [moment for moment in moments if moment is not None]
            yield (
                remote,
                SweepFreshness(
                    len(moments),
                    len(moments) - len(seen),
                    min(seen, default=None),
                    sum(listing.sweeps for _, listing in lists),
                    sum(listing.pages for _, listing in lists),
                ),
            )
        books = self._tags.values()
        yield _TAGS, SweepFreshness(0, 0, None, sum(book.sweeps for book in books), sum(book.pages for book in books))


def _is_older(found: Answer, before: Answer) -> bool:
    """Of two descriptions of the same object. Summaries are not compared: nobody knows that their times agree (SM-67)."""
    if found.get("CreationTime") != before.get("CreationTime"):
        return False
    one, other = found.get("LastModifiedTime"), before.get("LastModifiedTime")
    return isinstance(one, datetime) and isinstance(other, datetime) and one < other


@dataclass(frozen=True)
class TenantView:
    """`core.kind.View` of one tenant."""

    observer: Observer
    tenant: Tenant

    def summary(self, remote: str, name: str) -> Answer | None:
        return self.observer.summary(self.tenant, remote, name)

    def unlisted(self, remote: str, name: str) -> bool:
        return self.observer.unlisted(self.tenant, remote, name)

    def describe(
        self, remote: str, name: str, *, fresh: bool = False, at_most_old: timedelta | None = None
    ) -> Answer | None:
        return self.observer.describe(self.tenant, remote, name, fresh=fresh, at_most_old=at_most_old)

    def tags(self, arn: str) -> Mapping[str, str] | None:
        return self.observer.tags(self.tenant, arn)

    def known_tags(self, arn: str) -> Mapping[str, str] | None:
        return self.observer.known_tags(self.tenant, arn)

    def tags_missing(self, arn: str) -> bool:
        return self.observer.tags_missing(self.tenant, arn)

    def tags_denied(self) -> bool:
        return self.observer.tags_denied(self.tenant)

    def verified(self, remote: str, name: str) -> datetime | None:
        return self.observer.verified(self.tenant, remote, name)

    def listing(self, remote: str, filters: Params) -> list[Answer]:
        return self.observer.listing(self.tenant, remote, filters)

    def spawned(self, tuning_job: str) -> list[Answer]:
        return self.observer.spawned(self.tenant, tuning_job)
