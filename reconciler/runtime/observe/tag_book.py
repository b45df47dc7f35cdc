"""The tags of what one tenant watches, read in bulk through the Resource Groups Tagging API.

A sweep asks for everything of the watched types that carries one of our owner tags, 100 a page, at a slow interval of
its own. What is not shown, though the sweep was complete and began well after the object was made, tagged or watched, is
missing: it was untagged, or it is gone, or the index is late; the kind confirms by one ListTags.

Tags are never a reason to stop: a failing sweep backs off, concludes nothing and raises nowhere. Application Auto
Scaling's targets are not asked for: a type that the API does not serve would make it refuse the whole page.

Of some of SageMaker's types it is only believed that the API serves them (SM-71). Where it refuses the types, everything of
SageMaker's is asked for instead; a type of which then nothing is shown is one whose tags nobody knows, and that is said.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core.aws.remote import RemoteKey, RemoteKinds, listed, remote_key
from reconciler.core.decision import Call
from reconciler.core.errors import DeniedError, ReconcileError, TerminalError, UnknownRefusalError
from reconciler.core.naming import OWNER_TAG
from reconciler.core.ports import Clock
from reconciler.core.resource import Key
from reconciler.runtime.observe.sweep import Paces, PageRequest, Sweep, jitter

log = logging.getLogger(__name__)

TAG = ("Key", "Value")
"""Members of each tag in an answer."""
_OPERATION = "GetResources"
_LASTING = (DeniedError, TerminalError, UnknownRefusalError)
"""What another try soon will not change."""
_EVERY_TYPE = "sagemaker"
_PAGE = 100
_FIRST_S = 15.0
"""After a start everything is watched within seconds; a sweep begun earlier says nothing about most of it."""
_SETTLED_S = 60.0
"""The index shows a change later than the object itself: a sweep begun sooner is not believed."""
_DENIED_BACKOFF_MAX_S = 3600.0


@dataclass
class _Tagged:
    since: float
    """A sweep begun before this monotonic second says nothing about it."""
    keys: set[Key] = field(default_factory=set)
    tags: Mapping[str, str] | None = None
    unseen: bool = False
    """The newest sweep that could have shown it did not."""
    seen_at: datetime | None = None


@dataclass
class _TagsUnderWay:
    began: float
    types: list[str]
    seen: set[RemoteKey] = field(default_factory=set)
    token: str = ""
    pages: int = 0


class TagBook(Sweep):
    def __init__(self, remotes: RemoteKinds, clock: Clock, paces: Paces, rate: Callable[[str], float]) -> None:
        super().__init__(clock, paces, rate)
        self._remotes = remotes
        self.denied = False
        """Whether tags of something that is watched cannot be read in bulk: no right, or the API does not show its type."""
        self._by_type = True
        self._unshown: frozenset[str] = frozenset()
        """Types that the API was never seen to show, once it had refused to be asked by type."""
        self._tagged: dict[RemoteKey, _Tagged] = {}
        self._at = 0.0
        self._under: _TagsUnderWay | None = None

    # --- who waits for what ---------------------------------------------------------------------------------------

    def watch(self, key: Key, remote: str, name: str) -> None:
        if not self._remotes[remote].arn_type:
            return
        now = self._clock.monotonic()
        if not self._tagged:
            self._at = max(self._at, now + _FIRST_S)
        self._tagged.setdefault(remote_key(remote, name), _Tagged(now)).keys.add(key)

    def unwatch(self, key: Key, remote: str, name: str) -> None:
        tagged = self._tagged.get(remote_key(remote, name))
        if tagged is None:
            return
        tagged.keys.discard(key)
        if not tagged.keys:
            del self._tagged[remote_key(remote, name)]

    def forget(self, call: Call) -> None:
        """A call set tags: what was seen, and what a sweep under way will say, is older."""
        for changed in _tagged_by(call, self._remotes):
            if tagged := self._tagged.get(changed):
                tagged.tags, tagged.unseen = None, False
                tagged.since = self._clock.monotonic() + _SETTLED_S

    def read(self, arn: str, tags: Mapping[str, str], asked_at: float) -> None:
        """One object's tags were read by themselves, which is newer and surer than any sweep begun before."""
        tagged = self._found(arn)
        if tagged is not None and tagged.since <= asked_at + _SETTLED_S:
            tagged.tags = tags
            tagged.since = max(tagged.since, asked_at)

    def known(self, arn: str) -> Mapping[str, str] | None:
        tagged = self._found(arn)
        return tagged.tags if tagged and not self._is_unshown(arn) else None

    def missing(self, arn: str) -> bool:
        tagged = self._found(arn)
        return tagged is not None and tagged.unseen and tagged.tags is None and not self._is_unshown(arn)

    def _is_unshown(self, arn: str) -> bool:
        named = self._remotes.named_by(arn)
        return named is not None and named.remote in self._unshown

    def seen_at(self, remote: str, name: str) -> datetime | None:
        tagged = self._tagged.get(remote_key(remote, name))
        return tagged.seen_at if tagged else None

    def _found(self, arn: str) -> _Tagged | None:
        named = self._remotes.named_by(arn)
        return self._tagged.get(named) if named else None

    # --- sweeping -------------------------------------------------------------------------------------------------

    def due_at(self) -> float | None:
        if self._under is not None:
            return self.not_before
        return max(self.not_before, self._at) if self._tagged else None

    def next_page(self) -> PageRequest:
        if self._under is None:
            types = sorted({f"{_EVERY_TYPE}:{self._remotes[each.remote].arn_type}" for each in self._tagged})
            types = types if self._by_type else [_EVERY_TYPE]
            self._under = _TagsUnderWay(self._clock.monotonic(), types)
        params: dict[str, Any] = {
            "ResourcesPerPage": _PAGE,
            "TagFilters": [{"Key": OWNER_TAG}],
            "ResourceTypeFilters": self._under.types,
        }
        return PageRequest(_OPERATION, params | ({"PaginationToken": self._under.token} if self._under.token else {}))

    def take(self, answer: Mapping[str, Any], asked_at: float) -> set[Key]:
        del asked_at  # what counts is when the sweep began: pages of one sweep may be of one snapshot
        under = self._under
        if under is None:
            return set()
        under.pages += 1
        self.pages += 1
        woken: set[Key] = set()
        for shown in listed(_OPERATION, answer, "ResourceTagMappingList", ("ResourceARN",)):
            named = self._remotes.named_by(shown["ResourceARN"])
            if named is not None:
                under.seen.add(named)
                tags = listed(_OPERATION, {"Tags": [], **shown}, "Tags", TAG)
                woken |= self._with_tags(named, {tag["Key"]: tag["Value"] for tag in tags}, under.began)
        under.token = answer.get("PaginationToken") or ""
        return woken if under.token else woken | self._end(under)

    def _with_tags(self, named: RemoteKey, tags: Mapping[str, str], began: float) -> set[Key]:
        tagged = self._tagged.get(named)
        if tagged is None or tagged.since > began:
            return set()
        changed = tagged.tags != tags
        tagged.tags, tagged.unseen, tagged.seen_at = tags, False, self._clock.now()
        return set(tagged.keys) if changed else set()

    def _end(self, under: _TagsUnderWay) -> set[Key]:
        self._under = None
        self.sweeps += 1
        self._failures = 0
        woken = self._count_unshown(under)
        self.denied = bool(self._unshown)
        pace = self._paces.tags_s * jitter(0.1)
        self._at = self._clock.monotonic() + self._interval(_OPERATION, under.pages, pace)
        for named, tagged in self._tagged.items():
            if named in under.seen or tagged.since > under.began or tagged.unseen:
                continue  # never shown, it is asked about once: by then a read of its own has shown what there is
            tagged.tags, tagged.unseen = None, True
            woken |= set(tagged.keys)
        return woken

    def _count_unshown(self, under: _TagsUnderWay) -> set[Key]:
        """Where everything was asked for, a type of which nothing was shown, though some of it is long watched, is not served."""
        if self._by_type:
            return set()
        settled = {named.remote for named, tagged in self._tagged.items() if tagged.since <= under.began}
        before, self._unshown = self._unshown, frozenset(settled - {named.remote for named in under.seen})
        if unshown := self._unshown - before:
            names = ", ".join(sorted(unshown))
            log.warning("the tagging API does not show %s: drift of their tags is unknown", names)
        changed = self._unshown ^ before
        return {key for named, tagged in self._tagged.items() if named.remote in changed for key in tagged.keys}

    def fail(self, error: ReconcileError) -> set[Key]:
        self._under = None
        if self._by_type and isinstance(error, (TerminalError, UnknownRefusalError)):
            self._by_type = False
            log.warning("the tagging API refused one of the types, all of SageMaker's are asked for instead: %s", error)
            return set()
        if not isinstance(error, _LASTING):
            self._back_off(error)
            return set()
        self._back_off(error, _DENIED_BACKOFF_MAX_S)
        if self.denied:
            return set()
        self.denied = True
        for tagged in self._tagged.values():
            tagged.tags, tagged.unseen = None, False
        return {key for tagged in self._tagged.values() for key in tagged.keys}


def _tagged_by(call: Call, remotes: RemoteKinds) -> Iterator[RemoteKey]:
    if call.operation in ("AddTags", "DeleteTags"):
        if named := remotes.named_by(str(call.params.get("ResourceArn"))):
            yield named
        return
    for remote in remotes.values():
        if call.operation in (f"Create{remote.name}", f"Delete{remote.name}"):
            yield remote_key(remote.name, str(call.params.get(remote.name_key)))
