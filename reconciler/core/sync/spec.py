"""A GitSync's spec, parsed once; and what people say to it by annotation.

Called by `runtime/sync/loop.py` at the start of every pass and by `runtime/sync/claims.py`. The CRD has refused most
nonsense by then; what an older CRD let through is refused here with the field's path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Self

from reconciler.core.drift.policy import DriftMode
from reconciler.core.durations import seconds_of
from reconciler.core.errors import TerminalError
from reconciler.core.git.source import Ref, Revision
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.values import JsonObject, Spec

KIND = "GitSync"
MIN_INTERVAL = timedelta(seconds=10)
_LONGEST_S = 365 * 24 * 3600.0
DEFAULT_INTERVAL = timedelta(minutes=1)
_SHORTEST_SHA = 7


class OnChange(StrEnum):
    """What a changed spec of a job that already ran means."""

    RUN = "Run"
    REJECT = "Reject"

    @classmethod
    def read(cls, text: str | None, default: OnChange) -> OnChange:
        """Anything unknown counts as not said."""
        return next((choice for choice in cls if text is not None and choice.value.lower() == text.lower()), default)


class OtherKinds(StrEnum):
    """What is done about objects of other API groups in the path."""

    REJECT = "Reject"
    IGNORE = "Ignore"


@dataclass(frozen=True)
class IgnoreRule:
    """Paths of some objects that belong to somebody else: neither compared nor overwritten. No path means all of them."""

    paths: tuple[str, ...] = ()
    kind: str = ""
    name: str = ""

    def covers(self, key: Key) -> bool:
        """Whether the rule is about this object."""
        return self.kind in ("", "*", key.kind) and self.name in ("", "*", key.name)


@dataclass(frozen=True)
class GitSyncSpec:
    """A GitSync's spec, parsed once; see `parse` for what it refuses."""

    url: str
    ref: Ref = field(default_factory=Ref)
    secret: str = ""
    path: str = ""
    ignore: str = ""
    interval: timedelta = DEFAULT_INTERVAL
    suspend: bool = False
    target_namespace: str = ""
    service_account: str = ""
    prune: bool = True
    max_delete_percent: int = 50
    drift_mode: DriftMode = DriftMode.CORRECT
    drift_written: bool = False
    """Whether the mode is written out, or only the default."""
    drift_ignore: tuple[IgnoreRule, ...] = ()
    on_change: OnChange = OnChange.RUN
    require_fast_forward: bool = True
    substitute: Mapping[str, str] = field(default_factory=dict)
    other_kinds: OtherKinds = OtherKinds.REJECT

    @classmethod
    def parse(cls, spec: Spec, namespace: str) -> Self:
        """Raise TerminalError (InvalidSpec) naming the field that only its author can fix."""
        repo = _mapping(spec, "spec.repo", "repo")
        if not repo.get("url"):
            raise _invalid("spec.repo.url is required")
        ref = _mapping(repo, "spec.repo.ref", "ref")
        prune = _mapping(spec, "spec.prune", "prune")
        drift = _mapping(spec, "spec.drift", "drift")
        target = str(spec.get("targetNamespace") or namespace)
        account = str(spec.get("serviceAccountName") or "")
        if target != namespace and not account:
            raise _invalid("spec.serviceAccountName is required with a targetNamespace other than the GitSync's own")
        return cls(
            url=str(repo["url"]),
            ref=Ref(**{name: str(ref.get(name) or "") for name in ("branch", "tag", "semver", "commit")}),
            secret=str(_mapping(repo, "spec.repo.secretRef", "secretRef").get("name") or ""),
            path=str(repo.get("path") or ""),
            ignore=str(repo.get("ignore") or ""),
            interval=max(duration(str(spec.get("interval") or "1m"), "spec.interval"), MIN_INTERVAL),
            suspend=bool(spec.get("suspend")),
            target_namespace=target,
            service_account=account,
            prune=prune.get("enabled") is not False,
            max_delete_percent=_percent(prune.get("maxDeletePercent")),
            drift_mode=DriftMode.read(drift.get("mode"), DriftMode.CORRECT),
            drift_written=bool(drift.get("mode")),
            drift_ignore=tuple(_ignore_rule(rule) for rule in drift.get("ignore") or ()),
            on_change=OnChange.read(_mapping(spec, "spec.jobs", "jobs").get("onChange"), OnChange.RUN),
            require_fast_forward=spec.get("requireFastForward") is not False,
            substitute={str(name): str(value) for name, value in (spec.get("substitute") or {}).items()},
            # Anything else is rejected as by default: that is the careful way.
            other_kinds=OtherKinds.IGNORE if spec.get("otherKinds") == OtherKinds.IGNORE else OtherKinds.REJECT,
        )

    @property
    def ignores_others(self) -> bool:
        """Whether objects of other API groups are passed over instead of rejected."""
        return self.other_kinds is OtherKinds.IGNORE

    def ignored(self, key: Key) -> tuple[str, ...]:
        """JSON Pointers of this object that are not the sync's business."""
        return tuple(sorted({path for rule in self.drift_ignore if rule.covers(key) for path in rule.paths}))

    def mode(self, key: Key, annotation: str | None) -> DriftMode:
        """What an edit of this object means; its own annotation goes before the sync's mode."""
        if any(not rule.paths for rule in self.drift_ignore if rule.covers(key)):
            return DriftMode.IGNORE
        return DriftMode.read(annotation, self.drift_mode)

    def mode_is_written(self, annotation: str | None) -> bool:
        """Whether the mode of an object with this annotation is somebody's own words."""
        return self.drift_written or annotation is not None


def owner_id(key: Key) -> str:
    """A GitSync as the owner annotation names it."""
    return f"{key.namespace}/{key.name}"


def owner_key(owner: str) -> Key:
    """The GitSync that an owner annotation names. Nothing is checked: of a text without `/` the name is empty."""
    namespace, _, name = owner.partition("/")
    return Key(KIND, namespace, name)


def requested(sync: Resource) -> tuple[str, ...]:
    """Tokens that ask for a pass now: this controller's annotation first, then Flux's."""
    found = (sync.annotations.get(name) for name in (Annotation.REQUESTED_AT, Annotation.FLUX_REQUESTED_AT))
    return tuple(token for token in found if token)


def approves(token: str | None, revision: Revision) -> bool:
    """Whether an annotation names this very revision: its sha, a prefix of at least seven digits, or the whole text."""
    token = (token or "").strip()
    return token == str(revision) or (len(token) >= _SHORTEST_SHA and revision.sha.startswith(token))


def duration(text: str, path: str) -> timedelta:
    """`1h30m`, `90s`, as Kubernetes writes durations."""
    seconds = seconds_of(text)
    if seconds is None:
        raise _invalid(f"{path}: not a duration such as 30s, 5m or 1h30m")
    return timedelta(seconds=min(seconds, _LONGEST_S))


def _percent(value: object) -> int:
    number = 50 if value is None else value
    if not isinstance(number, int) or not 0 <= number <= 100:
        raise _invalid("spec.prune.maxDeletePercent: a whole number from 0 to 100")
    return number


def _ignore_rule(rule: JsonObject) -> IgnoreRule:
    return IgnoreRule(
        paths=tuple(str(path) for path in rule.get("paths") or ()),
        kind=str(rule.get("kind") or ""),
        name=str(rule.get("name") or ""),
    )


def _mapping(parent: JsonObject, path: str, name: str) -> JsonObject:
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _invalid(f"{path}: not an object")
    return value


def _invalid(message: str) -> TerminalError:
    return TerminalError(message, reason="InvalidSpec")
