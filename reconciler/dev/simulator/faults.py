"""Fault rules: what goes wrong, when, and for whom. Nothing fails unless a rule says so.

A rule is `{"id": "...", "match": {...}, "action": {...}}`; `POST /_sim/rules` takes one or a list and appends, in
order. Of the rules that match a call, each is applied until one ends the call (error, expired_token, drop_before).

`match`, everything optional, all must hold:

    op           glob on the operation            "Create*"
    service      glob, default "sagemaker"        "logs", "events", "sqs", "sts", "*"
    name         glob on the resource's name      "fraud-*"
    tag          {key: glob}, of the request or of the resource it is about
    account      glob       access_key  glob on the caller's key id       region  glob
    nth          only the nth call that matches the above (1-based)
    count        at most so many times
    probability  0..1, drawn from `seed` (default 0), so that a run can be repeated
    window       [from, until] in virtual seconds since the rule was added; until may be null

`action`, by `type`:

    {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
    {"type": "expired_token"}                       every service's ExpiredTokenException
    {"type": "delay", "seconds": 0.5}               wall seconds, before the effect
    {"type": "drop_before"}                         lost request: the connection closes, nothing happened
    {"type": "drop_after"}                          lost reply: it happened, the connection closes
    {"type": "garbage", "status": 403, "body": "<html>Forbidden</html>"}
                                                    it happened, and the answer is one that nobody can read: another
                                                    proxy's page, half of it, `{"Models": null}` with status 200
    {"type": "hold", "when": "before"}              or "after" the effect: the call waits for
                                                    POST /_sim/rules/release {"id"?, "drop"?: true}; `drop` also
                                                    closes the connection; after `timeout` (60 wall s) it goes on
    {"type": "stale_read", "seconds": 30}           Describe*/List* answer as of so many virtual seconds ago, what is
                                                    newer does not exist yet; on Create*/Update* it is the look-up of
                                                    the dependencies that is stale
    {"type": "job_outcome", "outcome": "fail", "at": "Training", "reason": "AlgorithmError: ..."}
                                                    also "stuck", "stopped", "interrupt" (spot), "complete";
                                                    `durations` {"Training": 900}, `metrics` {"auc": 0.9} and `rules`
                                                    {"<rule>": "IssuesFound"} (Debugger's and the profiler's) go
                                                    with any; fixed when the job is created. `at` is a secondary
                                                    status; "Starting" or "Transforming" of a transform job,
                                                    "Starting" or "Processing" of a processing job, which also
                                                    takes an `exit_message`. A tuning job fails or stops
                                                    once `after` training jobs are over (default 1), or is
                                                    stuck then (default 0); its training jobs are matched by
                                                    op CreateTrainingJob, name "<tuning job>-*", nth; a metric
                                                    of null is not emitted
    {"type": "endpoint_outcome", "outcome": "rollback", "reason": "", "after": 120}
                                                    also "fail", "rollback_failed", "stuck", "complete"; fixed when
                                                    Create/UpdateEndpoint[WeightsAndCapacities] is accepted
    {"type": "events", "duplicate": 2, "delay": 5, "drop": false, "reorder": true}
                                                    `match.op` is then the glob on the detail-type

Behind the back, that is without a request of its own: before a matching call is served, or at once with `"now": true`
in the action (then for every resource `match` names, `kind` being a glob, default "*"):

    {"type": "delete", "kind": "Endpoint", "name": "x"}    without `name`: what the call is about
    {"type": "edit_tag", "key": "k", "value": "v"}         value null removes it
    {"type": "edit_weight", "variant": "v", "weight": 0.2, "instances": 3}
    {"type": "system_updating", "seconds": 120}            an endpoint in service starts patching
    {"type": "job_outcome", "outcome": "fail", "now": true, ...}   a running job ends; "stuck": it never will
    {"type": "endpoint_outcome", "outcome": "rollback", "now": true, ...}   an update in flight ends so

For instance:

    {"match": {"op": "CreateTrainingJob", "count": 1}, "action": {"type": "drop_after"}}
    {"match": {"op": "Describe*", "probability": 0.1, "seed": 7}, "action": {"type": "error", "code":
      "InternalFailure", "message": "try again", "status": 500}}
    {"match": {"name": "fraud", "op": "UpdateEndpoint"}, "action": {"type": "endpoint_outcome", "outcome": "rollback",
      "reason": ""}}
    {"match": {"name": "fraud"}, "action": {"type": "delete", "kind": "Endpoint", "now": true}}
"""

import fnmatch
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Action = Mapping[str, Any]

CALL_ACTIONS = ("error", "expired_token", "delay", "drop_before", "drop_after", "garbage", "hold", "stale_read")
OUTCOMES = ("job_outcome", "endpoint_outcome", "events")
BEHIND_THE_BACK = ("delete", "edit_tag", "edit_weight", "system_updating")
IMMEDIATE = (*BEHIND_THE_BACK, "job_outcome", "endpoint_outcome")
_ENDINGS = ("error", "expired_token", "drop_before")


@dataclass(frozen=True)
class FaultSubject:
    """What a rule is matched against."""

    service: str
    op: str
    name: str = ""
    account: str = ""
    access_key: str = ""
    region: str = ""
    tags: Callable[[], Mapping[str, str]] = field(default=dict)


@dataclass
class FaultRule:
    id: str
    match: Mapping[str, Any]
    action: Action
    since: float
    seen: int = 0
    fired: int = 0
    held: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    drop_released: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.match.get("seed", 0))  # noqa: S311 -- it must repeat, not be secret

    def is_about(self, subject: FaultSubject) -> bool:
        globs = (
            (self.match.get("service", "sagemaker"), subject.service),
            (self.match.get("op", "*"), subject.op),
            (self.match.get("name", "*"), subject.name),
            (self.match.get("account", "*"), subject.account),
            (self.match.get("access_key", "*"), subject.access_key),
            (self.match.get("region", "*"), subject.region),
        )
        if not all(fnmatch.fnmatchcase(value, glob) for glob, value in globs):
            return False
        if wanted := self.match.get("tag"):
            tags = subject.tags()
            return all(fnmatch.fnmatchcase(tags.get(key, "\0"), glob) for key, glob in wanted.items())
        return True

    def fires(self, now: float) -> bool:
        """Count a call the rule is about, and say whether it is hit."""
        start, until = self.match.get("window", (0, None))
        age = now - self.since
        if age < start or (until is not None and age > until):
            return False
        self.seen += 1
        if "nth" in self.match and self.seen != self.match["nth"]:
            return False
        if "count" in self.match and self.fired >= self.match["count"]:
            return False
        if self._random.random() >= self.match.get("probability", 1.0):
            return False
        self.fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        counts = {"seen": self.seen, "fired": self.fired, "held": self.held}
        return {"id": self.id, "match": dict(self.match), "action": dict(self.action), **counts}


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._added = 0

    @property
    def watch_the_past(self) -> bool:
        """Whether snapshots must be kept for a stale read."""
        return any(rule.action["type"] == "stale_read" for rule in self._rules)

    def add(self, raw: Mapping[str, Any], now: float) -> FaultRule:
        """Raises ValueError on an action nobody knows: a misspelt fault must not pass as health."""
        action = raw.get("action", {})
        if action.get("type") not in (*CALL_ACTIONS, *OUTCOMES, *BEHIND_THE_BACK):
            raise ValueError(f"unknown action type: {action.get('type')!r}")
        if action.get("now") and action["type"] not in IMMEDIATE:
            raise ValueError(f"cannot happen now: {action['type']}")
        known = {"op", "service", "name", "tag", "account", "access_key", "region", "nth", "count", "probability"}
        if unknown := set(raw.get("match", {})) - known - {"seed", "window"}:
            raise ValueError(f"unknown match: {', '.join(sorted(unknown))}")
        with self._lock:
            self._added += 1
            rule = FaultRule(str(raw.get("id", self._added)), raw.get("match", {}), action, now)
            if not action.get("now"):
                self._rules.append(rule)
            return rule

    def clear(self, rule_id: str | None = None) -> None:
        with self._lock:
            gone = [rule for rule in self._rules if rule_id in (None, rule.id)]
            self._rules = [rule for rule in self._rules if rule not in gone]
        for rule in gone:
            rule.release.set()

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [rule.shown() for rule in self._rules]

    def on_call(self, subject: FaultSubject, now: float) -> list[FaultRule]:
        """The rules that hit this call, in order, up to the first that ends it."""
        return self._hit((*CALL_ACTIONS, *BEHIND_THE_BACK), subject, now, _ENDINGS)

    def outcome(self, kind: str, subject: FaultSubject, now: float) -> Action:
        """The first rule that decides how a life cycle goes; empty when all goes well."""
        found = self._hit((kind,), subject, now, (kind,))
        return found[0].action if found else {}

    def _hit(
        self, types: tuple[str, ...], subject: FaultSubject, now: float, endings: tuple[str, ...]
    ) -> list[FaultRule]:
        if not self._rules:
            return []
        found = []
        with self._lock:
            for rule in self._rules:
                kind = rule.action["type"]
                if kind in types and rule.is_about(subject) and rule.fires(now):
                    found.append(rule)
                    if kind in endings:
                        break
        return found

    def hold(self, rule: FaultRule) -> bool:
        """Block until released; true when the connection is to be closed then."""
        with self._lock:
            rule.held += 1
        rule.release.wait(rule.action.get("timeout", 60))
        with self._lock:
            rule.held -= 1
        return rule.drop_released

    def release(self, rule_id: str | None = None, *, drop: bool = False) -> int:
        """Let held calls go on; the rule holds no further ones. Returns how many were waiting."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.action["type"] == "hold" and rule_id in (None, rule.id)]
            waiting = sum(rule.held for rule in rules)
            for rule in rules:
                rule.drop_released = drop
                rule.release.set()
            self._rules = [rule for rule in self._rules if rule not in rules]
            return waiting
