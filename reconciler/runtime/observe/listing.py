"""What one tenant's List of one remote kind showed (D-15.2).

A sweep asks for pages of 100, newest first, and stops as soon as all that may still move was seen; it names the objects
whose remote object moved. Jobs: nothing watched runs, no page is asked for. What has no end is swept whole at the slow pace, and
at the fast pace, or on a hint, only until what is meant was seen. A List never proves absence: `unlisted` needs a
complete sweep, and the kind then confirms by one Describe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core.aws.remote import RemoteKind
from reconciler.core.decision import Pace
from reconciler.core.errors import CredentialsError, DeniedError, ReconcileError
from reconciler.core.ports import Clock
from reconciler.core.resource import Key
from reconciler.runtime.observe.sweep import Paces, PageRequest, Sweep, jitter

_LASTING = (CredentialsError, DeniedError)
_PASSING_FAULTS = 3
"""So many failed sweeps in a row are reported to the objects that wait; a throttled page or two are not."""
_HINT_GAP_S = 1.0
"""Several events per change are normal: what they hint at is looked at once."""


@dataclass
class Watched:
    keys: dict[Key, Pace]
    since: float
    """Monotonic second from which on a sweep may say that it is missing: it was watched, or made, then."""
    changed_at: float = 0.0
    """When one of our calls changed it: a page that was asked for earlier is old."""
    unlisted: bool = False
    verified: datetime | None = None


@dataclass
class _ListUnderWay:
    """A sweep under way."""

    began: float
    whole: bool
    """Read to its end, whatever was seen."""
    meant: set[str]
    """Once all of these were seen, and nothing older is meant, the rest need not be read."""
    oldest: datetime | None
    listed: set[str] = field(default_factory=set)
    token: str | None = None
    pages: int = 0


class Listing(Sweep):
    def __init__(self, remote: RemoteKind, clock: Clock, paces: Paces, rate: Callable[[str], float]) -> None:
        super().__init__(clock, paces, rate)
        self.remote = remote
        self.summaries: dict[str, Mapping[str, Any]] = {}
        self.details: dict[str, Mapping[str, Any]] = {}
        self.described_at: dict[str, float] = {}
        """Monotonic second of each of `details`."""
        self.watched: dict[str, Watched] = {}
        self.spawned: dict[str, tuple[tuple[Any, ...], list[Mapping[str, Any]]]] = {}
        """Training jobs by tuning job, with the mark of the tuning job when they were listed."""
        self.problem: ReconcileError | None = None
        """What keeps this List from working, once it is more than a passing fault."""
        self._fast: set[str] = set()
        self._hinted: set[str] = set()
        self._fast_at = 0.0
        self._slow_at = 0.0
        self._hint_at = 0.0
        self._under: _ListUnderWay | None = None

    # --- who waits for what ---------------------------------------------------------------------------------------

    def watch(self, key: Key, name: str, pace: Pace) -> None:
        now = self._clock.monotonic()
        watched = self.watched.setdefault(name, Watched({}, now))
        watched.keys[key] = pace
        if pace is Pace.FAST and not self._fast:
            self._fast_at = min(self._fast_at or now + self._paces.fast_s, now + self._paces.fast_s)
        self._count_paces(name)

    def unwatch(self, key: Key, name: str) -> None:
        watched = self.watched.get(name)
        if watched is None:
            return
        watched.keys.pop(key, None)
        if not watched.keys:
            for known in (self.watched, self.summaries, self.details, self.described_at, self.spawned):
                known.pop(name, None)
        self._count_paces(name)

    def _count_paces(self, name: str) -> None:
        watched = self.watched.get(name)
        fast = watched is not None and Pace.FAST in watched.keys.values()
        (self._fast.add if fast else self._fast.discard)(name)

    def hint(self, name: str) -> None:
        """Somebody says that it moved: look soon. The name is in lower case, as ARNs have it."""
        found = {each for each in self.watched if each.lower() == name}
        if self.remote.over:
            found &= self._fast  # what has ended never moves again
        self._hinted |= found

    def forget(self, params: Mapping[str, Any]) -> None:
        """A call changed something: what was seen before is old. Summaries too: by an old one a job that was just stopped
        would still be running, and be stopped again.
        """
        for name in [name for name in {*self.details, *self.summaries} if self.remote.touches(params, name)]:
            self.summaries.pop(name, None)
            self._drop(name)
        now = self._clock.monotonic()
        for name, watched in self.watched.items():
            if self.remote.touches(params, name):
                watched.since = watched.changed_at = now

    def described(self, name: str, found: Mapping[str, Any] | None) -> None:
        """Kept though nobody may watch it yet: the first decision about it comes after this look."""
        if found is None:
            self._drop(name)
        else:
            self.details[name] = found
            self.described_at[name] = self._clock.monotonic()
        if name in self.watched:
            self.watched[name].verified = self._clock.now()

    def _drop(self, name: str) -> None:
        """What was described of it."""
        self.details.pop(name, None)
        self.described_at.pop(name, None)

    # --- sweeping -------------------------------------------------------------------------------------------------

    def due_at(self) -> float | None:
        if self._under is not None:
            return self.not_before
        moments = [self._fast_at] if self._fast else []
        if not self.remote.over and self.watched:
            moments.append(self._slow_at)
        if self._hinted:
            moments.append(self._hint_at)
        return max(self.not_before, min(moments)) if moments else None

    def next_page(self) -> PageRequest:
        if self._under is None:
            self._under = self._begin()
        token = {"NextToken": self._under.token} if self._under.token else {}
        return PageRequest(self.remote.list, {**self.remote.page, **token})

    def _begin(self) -> _ListUnderWay:
        now = self._clock.monotonic()
        meant = self._fast | (self._hinted & self.watched.keys())
        self._hinted = set()
        times = [self.summaries[name]["CreationTime"] for name in meant if name in self.summaries]
        oldest = min(times) if times and len(times) == len(meant) else None
        return _ListUnderWay(now, whole=not self.remote.over and now >= self._slow_at, meant=meant, oldest=oldest)

    def take(self, answer: Mapping[str, Any], asked_at: float) -> set[Key]:
        under = self._under
        if under is None:
            return set()
        page, under.token = self.remote.summaries(answer), answer.get("NextToken")
        under.pages += 1
        self.pages += 1
        woken: set[Key] = set()
        for summary in page:
            name = self.remote.named(summary)
            under.listed.add(name)
            woken |= self._with_summary(name, summary, asked_at)
        past_all = bool(page) and under.oldest is not None and page[-1]["CreationTime"] < under.oldest
        if under.token and (under.whole or not (under.meant <= under.listed or past_all)):
            return woken
        if not under.token:
            woken |= self._absent(under)
        return woken | self._end(under)

    def _end(self, under: _ListUnderWay) -> set[Key]:
        now = self._clock.monotonic()
        self._under = None
        self.sweeps += 1
        recovered = self._all_keys() if self.problem is not None else set()
        self.problem, self._failures = None, 0
        operation = self.remote.list
        self._fast_at = now + self._interval(operation, under.pages, self._paces.fast_s)
        self._hint_at = now + self._interval(operation, under.pages, _HINT_GAP_S)
        if under.whole:
            self._slow_at = now + self._interval(operation, under.pages, self._paces.slow_s * jitter(0.1))
        for name in self.details.keys() - self.watched.keys():
            self._drop(name)
        return recovered

    def fail(self, error: ReconcileError) -> set[Key]:
        self._back_off(error)
        if self._under is not None:
            self._hinted |= self._under.meant - self._fast
            self._under = None
        lasting = isinstance(error, _LASTING) or self._failures >= _PASSING_FAULTS
        changed = lasting and type(error) is not type(self.problem)
        self.problem = error if lasting else None
        return self._all_keys() if changed else set()

    def _all_keys(self) -> set[Key]:
        return {key for watched in self.watched.values() for key in watched.keys}

    def _with_summary(self, name: str, summary: Mapping[str, Any], asked_at: float) -> set[Key]:
        """Take a summary in; the objects to wake when it says something new."""
        watched = self.watched.get(name)
        if watched is None or watched.changed_at > asked_at:
            return set()
        known = self.summaries.get(name) or self.details.get(name)
        appeared, watched.unlisted = watched.unlisted, False
        watched.verified = self._clock.now()
        self.summaries[name] = summary
        if known is not None and not appeared and self.remote.mark(known) == self.remote.mark(summary):
            return set()
        return set(watched.keys)

    def _absent(self, under: _ListUnderWay) -> set[Key]:
        """The List was read to its end: what was watched before it began and is not in it, is unlisted."""
        woken: set[Key] = set()
        for name, watched in self.watched.items():
            if name in under.listed or watched.since > under.began:
                continue
            if not watched.unlisted:
                woken |= set(watched.keys)
            watched.unlisted = True
            watched.verified = self._clock.now()
            self.summaries.pop(name, None)
        return woken
