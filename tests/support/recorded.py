"""Passes as a worker made them, recorded before the records of status became typed (tests/data/passes.jsonl.xz).

Each line holds what a pass was given (object, status, drift policy, tokens, replies, other objects), every answer of SageMaker that
it asked for, and the decision that came of it. So a status written by that version is shown to lead to the same decision.

    {"mode": decide | look | follow, "atLook": {given to observe}, "view": [[method, args, keywords, {answer | raises}]],
     what differed when it was decided, "gets" and "lists": other objects, "decision" or "raises"}
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from reconciler.adapters.aws import errors as aws_errors
from reconciler.core import errors
from reconciler.core.aws.partitions import Partitions
from reconciler.core.decision import Call, Decision, Difference, Refusal, Reply
from reconciler.core.drift.git_drift import GitDrift, Reverted
from reconciler.core.drift.policy import DriftMode, Policy
from reconciler.core.kind import Failure, Identity, Kind, Pass
from reconciler.core.notes.past import Started
from reconciler.core.resource import Key, Resource
from reconciler.core.schema.shapes import Structure
from reconciler.core.tags import TagsSeen

# What is asked and sent since on purpose, beyond what the corpus holds.
_ASKED_SINCE = {
    ("describe", "EndpointConfig"): "D-5.18: a configuration that serves and that status does not know may be ours",
    ("listing", "Endpoint"): "before a configuration is deleted: whether another endpoint serves from it",
    ("listing", "EndpointConfig"): "before a model is deleted: whether another configuration names it",
}
"""Of a HostingDeployment, by method and remote kind: why. The answer is that nothing is there, with which all is decided as it was."""
_TAGS_SINCE = {"sagemaker-gitops.dev/rollout": "D-5.12: by it ids of history go on when status is older than SageMaker"}
"""Tags that a create carries since, and why."""

CORPUS = Path(__file__).parent.parent / "data" / "passes.jsonl.xz"
_WRITTEN_LATER = frozenset({"lastCheckTime", "parameters"})
"""Members of status that decisions of then and of now do not share. `lastCheckTime`: since issue 10 no decision has it,
`core.status.last_checked` writes it for every kind for which the archived operator did. `parameters` of a configuration: since
issue 10 it is noted what it was made of, so that it can be made again.
"""
_TEXTS = frozenset({"message", "additional", "reason", "stuck"})
"""Members that hold sentences for people: that there is one is compared, not how it is worded."""


@cache
def recorded() -> tuple[Mapping[str, Any], ...]:
    with lzma.open(CORPUS, "rt", encoding="utf-8") as lines:
        return tuple(_joined(json.loads(line)) for line in lines)


def _joined(line: dict[str, Any]) -> dict[str, Any]:
    return {**(line.get("atLook") or {}), **line}


def at_look(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was given when SageMaker was looked at: a call of the pass may have been answered since."""
    return {**line, **(line.get("atLook") or {})}


def the_pass(kind: Kind[Any], given: Mapping[str, Any], shape: Structure, partition_of: Partitions) -> Pass:
    drift, git = given["drift"], given["git"]
    policy = Policy(
        DriftMode(drift["mode"]),
        drift["written"],
        tuple(drift["ignored"]),
        frozenset(drift["flapping"]),
        drift["frozen"],
    )
    put_back = [Reverted(**{**one, "at": read(one["at"]), "paths": tuple(one["paths"])}) for one in git["put_back"]]
    trained = given["trained"]
    return Pass(
        kind=kind,
        resource=Resource(read(given["resource"])),
        identity=Identity(given["identity"]["cluster"], frozenset(given["identity"]["adoption_forbidden"])),
        spec=read(given["spec"]),
        shape=shape,
        past=read(given["past"]),
        now=datetime.fromisoformat(given["now"]),
        on_change=given["onChange"],
        drift=policy,
        git=GitDrift(tuple(Difference(**read(one)) for one in git["edits"]), tuple(put_back)),
        others=Others(given["gets"], given["lists"], closed=not given["refused"]),
        past_runs=None if trained is None else {key: Started(**one) for key, one in trained.items()},
        past_rollouts=tuple(read(given["recalled"])),
        partition_of=partition_of,
        role=given["role"],
        doubt=given["doubt"],
        replies=tuple(Reply(_call(one), read(one["answer"]), refused=one["refused"]) for one in given["replies"]),
        tokens=given["tokens"],
        failure=_failure(given["failure"]),
    )


def tags_before(given: Mapping[str, Any]) -> TagsSeen:
    """The tags that the round before had seen: what its calls did to them is told from there."""
    before = given["tagsBefore"]
    return TagsSeen(before["live"], before["denied"], before["again"])


def refusal(given: Mapping[str, Any]) -> Refusal | None:
    return Refusal(*given["refused"]) if given["refused"] else None


def _call(one: Mapping[str, Any]) -> Call:
    return Call(one["operation"], read(one["params"]), best_effort=one["bestEffort"])


def _failure(one: Mapping[str, Any] | None) -> Failure | None:
    return Failure(_call(one), _error(one["error"])) if one else None


def name_now(error: str) -> str:
    """Of an error class, as it is called by now."""
    return {"HeldBackError": "RateLimitedError"}.get(error, error)


def _error(one: Mapping[str, Any]) -> errors.ReconcileError:
    name = name_now(one["type"])
    if name == "RateLimitedError":
        return errors.RateLimitedError(one["message"], one["retryAfter"])
    known: type[errors.ReconcileError] = vars(errors).get(name) or vars(aws_errors)[name]
    found = known(one["message"])
    found.reason = one["reason"]
    if isinstance(found, errors.ThrottledError):
        found.retry_after_s = one["retryAfter"]
    return found


def read(value: Any) -> Any:
    """A recorded value; times and durations were wrapped."""
    if isinstance(value, dict):
        if value.keys() == {"$time"}:
            return datetime.fromisoformat(value["$time"])
        if value.keys() == {"$seconds"}:
            return timedelta(seconds=value["$seconds"])
        return {key: read(item) for key, item in value.items()}
    return [read(item) for item in value] if isinstance(value, list) else value


class Others:
    """The other objects that the pass asked for; asking for any more is a failure of the test.

    Not `closed`: under a refusal that version did not work out the calls, and did not list what they depend on.
    """

    def __init__(
        self, gets: Iterable[Sequence[Any]], lists: Mapping[str, Sequence[Any]], *, closed: bool = True
    ) -> None:
        self._gets = {Key(*key): body for key, body in gets}
        self._lists = lists
        self._closed = closed

    def get(self, key: Key, /) -> Resource | None:
        body = self._gets[key]
        return None if body is None else Resource(read(body))

    def items(self, kind: str, /) -> Iterable[Resource]:
        listed = self._lists[kind] if self._closed else self._lists.get(kind, ())
        return [Resource(read(body)) for body in listed]


@dataclass
class RecordedView:
    """SageMaker as it answered; another question than was asked then is a failure of the test."""

    log: Sequence[Sequence[Any]]
    unknown: str = ""
    """A name that may be described though it was not then: SageMaker knows nothing by it."""
    nothing_made: bool = False
    """Of a HostingDeployment of which status records nothing."""
    hosting: bool = False
    """Of a HostingDeployment."""
    asked: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def answer(*args: Any, **keywords: Any) -> Any:
            said = json.dumps([name, _plain(args), _plain(keywords)], sort_keys=True)
            self.asked.append(said)
            for method, at, by, came in self.log:
                if json.dumps([method, at, by], sort_keys=True) == said:
                    if "raises" in came:
                        raise _error(came["raises"])
                    return read(came["answer"])
            if name == "describe" and self.unknown and self.unknown in args:
                return None
            if name == "describe" and args[0] == "Endpoint" and self.nothing_made:
                return (
                    None  # asked since then: whether somebody else's endpoint goes by the name, before anything is made
                )
            if self.hosting and (name, *args[:1]) in _ASKED_SINCE and not keywords:
                return () if name == "listing" else None
            raise AssertionError(f"a question that was not asked then: {said}")

        return answer


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$seconds": value.total_seconds()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(_plain(item) for item in value)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def shown(decision: Decision) -> dict[str, Any]:
    """A decision as the corpus has it, without how sentences are worded."""
    differences = decision.differences
    return {
        "phase": decision.phase.value,
        "reason": decision.reason,
        "status": comparable(dict(decision.status)),
        "calls": [[call.operation, _as_then(_plain(call.params)), call.best_effort] for call in decision.calls],
        "notices": [[notice.type, notice.reason] for notice in decision.notices],
        "watches": sorted([watch.remote, watch.name, watch.pace.value] for watch in decision.watches),
        "differences": None if differences is None else [comparable(_plain(vars(one))) for one in differences],
        "unseen": list(decision.unseen),
        "corrects": list(decision.corrects),
        "unknownDrift": bool(decision.unknown_drift),
        "held": decision.held,
        "healthy": decision.healthy,
        "children": [_plain(child.body) for child in decision.children],
        "lookAgain": decision.look_again.total_seconds() if decision.look_again is not None else None,
    }


def _as_then(params: Any) -> Any:
    tags = [tag for tag in params.get("Tags") or () if not (isinstance(tag, Mapping) and tag["Key"] in _TAGS_SINCE)]
    return {**params, "Tags": tags} if isinstance(params.get("Tags"), list) else params


def then(line: Mapping[str, Any]) -> dict[str, Any]:
    """The decision of a line, likewise. Under a refusal it was for the worker to leave out the calls."""
    decision = line["decision"] | ({"calls": [], "corrects": []} if line["refused"] else {})
    differences = decision["differences"]
    return {
        **{key: decision[key] for key in shown_keys() if key in decision},
        "status": comparable(decision["status"]),
        "notices": [notice[:2] for notice in decision["notices"]],
        "watches": sorted(decision["watches"]),
        "differences": None if differences is None else [comparable(one) for one in differences],
        "unknownDrift": bool(decision["unknownDrift"]),
    }


def shown_keys() -> tuple[str, ...]:
    return ("phase", "reason", "calls", "unseen", "corrects", "held", "healthy", "children", "lookAgain")


def comparable(value: Any, key: str = "") -> Any:
    """Without empty members, as status is written; a sentence is only there or not."""
    if isinstance(value, Mapping):
        kept = {name: comparable(item, name) for name, item in value.items() if name not in _WRITTEN_LATER}
        return {name: item for name, item in kept.items() if item not in (None, "", {}, [], False)}
    if isinstance(value, (list, tuple)):
        return [comparable(item, key) for item in value]
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    return "..." if key in _TEXTS and isinstance(value, str) and value else value


def differing(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Where two decisions differ, for people."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from differing(before.get(key), after.get(key), f"{at}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differing(one, other, f"{at}/{index}")
    elif before != after:
        yield f"{at}: {before!r} -> {after!r}"
