"""The books: every mutating call in SageMaker's record against what history and notes tell, and the other way round.

Two records are kept by others: the simulator's, of every request whoever sent it, and the bench's, of every call that left
the process (`Lab.sent`). Those of our access key agree line for line, which says that one request was made for each call and
none beside. A call counts when it had effect, whether its reply arrived or not. A history entry is what the last status that
held it said of it, evicted or not, by (object, how often the object was lost before, id).

    call                                belongs to
    CreateEndpoint, UpdateEndpoint      the one entry of its object that was open then, for that configuration; and that was in
                                        no quarantine before, not even in one of a lost status, unless a retry named it (or
                                        the console deleted the configuration that bore the mark, and status was lost too)
    CreateEndpointConfig, CreateModel   the first entry for a configuration that is, or names, it and begun before it was made
                                        anew; or to content that was overtaken before it was asked for, and collected
    DeleteEndpointConfig, DeleteModel   no entry that is open or Succeeded in the status before the call, no quarantine, and
                                        not what serves: its entries were evicted, or there never was a good one (a model
                                        is used by the configurations that are still there)
    DeleteEndpoint                      the one Failed entry whose endpoint it was
    AddTags, DeleteTags                 the user tags of a push of that object; the mark of a quarantine: an entry that was
                                        rolled back or failed; its removal: a retry that named the content
    Create<job>                         the one JobStarted line of that name
    anything else                       nothing: that is what the test is for

    an entry that                       has
    Succeeded, was RolledBack           one call; one more for each fault of SageMaker's own that status tells of
    Failed                              one call, or one that was refused
    was Superseded, is open             at most as many; none that arrived only if it was lost, refused or never left
    is manual                           none
    any but manual                      a configuration that was created here before it began

    each entry has one RolloutStarted line, and one line for its end if it ended; each JobStarted line has one create
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.core.conditions import moment
from reconciler.core.naming import OWNER_TAG, QUARANTINE_TAG
from reconciler.core.notes.note import ENDED
from reconciler.core.resource import Key
from tests.support.lab import Lab, Sent
from tests.support.walk import CONSOLE, OURS, Walk

_READS = ("Describe", "List", "Get", "Search", "BatchGet", "BatchDescribe")
_SENDS = ("CreateEndpoint", "UpdateEndpoint")


class Booked(NamedTuple):
    """A call of ours, and what SageMaker's record says became of it."""

    sent: Sent
    code: str
    effect: bool

    @property
    def op(self) -> str:
        return self.sent.call.operation

    @property
    def target(self) -> str:
        """The name that its parameters give to what it is about."""
        params = self.sent.call.params
        for key in ("EndpointConfigName", "ModelName", "EndpointName", "TrainingJobName"):
            if self.op.endswith(key.removesuffix("Name")):
                return str(params[key])
        return str(params.get("ResourceArn", "")).rpartition("/")[2]


@dataclass
class Entry:
    """A history entry, as told last."""

    key: Key
    life: int
    """How often the object was lost with its status before."""
    record: Mapping[str, Any]
    lost: datetime | None = None
    """When the status was lost that told of it."""
    faults: set[str] = field(default_factory=set)
    """The moments at which it met a fault of SageMaker's own."""

    @property
    def config(self) -> str:
        return str(self.record["endpointConfigName"])

    @property
    def result(self) -> str:
        return str(self.record.get("result") or "")

    @property
    def manual(self) -> bool:
        return self.record.get("initiatedBy") == "manual"

    @property
    def began(self) -> datetime:
        return moment(self.record["startedAt"])

    def is_open(self, at: datetime) -> bool:
        ended = self.record.get("finishedAt")
        until = moment(ended) if ended else self.lost
        return self.began <= at and (until is None or at < until)

    def __str__(self) -> str:
        return (
            f"{self.key.name} #{self.record['id']} {self.config} {self.result or 'open'} ({self.record['startedAt']})"
        )


class Ledger:
    """`wrong` lists, in words, what does not add up."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._lab: Lab = walk.lab
        self._rows = [
            row
            for row in walk.lab.simulator.requests(service="sagemaker")
            if row["caller"] == OURS and not row["op"].startswith(_READS)
        ]
        self.calls = [
            Booked(sent, row["code"], row["effect"]) for sent, row in zip(walk.lab.sent, self._rows, strict=True)
        ]
        self._models: dict[str, tuple[str, ...]] = {}
        self._condemned: dict[str, tuple[int, str]] = {}
        """Configurations that any status had in quarantine: since which status, and the hash."""
        self.entries = list(self._told().values())

    def wrong(self) -> list[str]:
        return [*self._record(), *self._uncalled(), *self._unaccounted(), *self._notes()]

    def _told(self) -> dict[tuple[Key, int, int], Entry]:
        """Every entry that any status held; what an entry said of its beginning, or end, it says for ever."""
        found: dict[tuple[Key, int, int], Entry] = {}
        for place, (key, status) in enumerate(self._lab.cluster.written):
            losses = self._walk.lost.get(key, [])
            life = sum(written <= place for written, _ in losses)
            lost = losses[life][1] if life < len(losses) else None
            self._models |= {
                config["name"]: tuple(config.get("models") or ()) for config in status.get("configs") or ()
            }
            for bad in status.get("quarantine") or ():
                self._condemned.setdefault(bad["endpointConfigName"], (place, bad["hash"]))
            for record in status.get("history") or ():
                id_ = (key, life, record["id"])
                entry = found.setdefault(id_, Entry(key, life, record, lost))
                before, entry.record = entry.record, record
                changed = {name for name, value in before.items() if record.get(name) != value}
                assert not changed, f"{entry} was rewritten: {changed}"
            faulted = (status.get("rollout") or {}).get("faultedAt")
            if faulted and status.get("history"):
                found[key, life, status["history"][0]["id"]].faults.add(faulted)
        return found

    def _record(self) -> Iterator[str]:
        """The two records tell of the same requests."""
        for booked, row in zip(self.calls, self._rows, strict=True):
            if (booked.op, booked.target) != (row["op"], row["key"]):
                yield f"{booked.op} {booked.target} is {row['op']} {row['key']} in SageMaker's record"

    # from calls to entries

    def _unaccounted(self) -> Iterator[str]:
        for booked in self.calls:
            if booked.effect and (why := self._amiss(booked)):
                yield f"{booked.sent.at:%H:%M:%S} {booked.op} {booked.target}: {why}"

    def _amiss(self, booked: Booked) -> str:
        """Why the call belongs to nothing, or to more than one thing."""
        match booked.op:
            case "CreateEndpoint" | "UpdateEndpoint":
                return self._move(booked)
            case "CreateEndpointConfig" | "CreateModel":
                return self._part(booked)
            case "DeleteEndpointConfig" | "DeleteModel":
                return self._collected(booked)
            case "DeleteEndpoint":
                failed = [
                    e
                    for e in self._of(booked)
                    if e.result == "Failed" and moment(e.record["finishedAt"]) <= booked.sent.at
                ]
                return "" if failed else "no entry failed before it"
            case "AddTags":
                return self._tagged(booked)
            case "DeleteTags":
                return self._untagged(booked)
            case op if op.startswith("Create") and op.endswith("Job"):
                lines = [line for line in self._lines("JobStarted") if line["job"] == booked.target]
                return "" if len(lines) == 1 else f"{len(lines)} JobStarted lines"
        return "no rule says what that may be for"

    def _move(self, booked: Booked) -> str:
        config, at = booked.sent.call.params["EndpointConfigName"], booked.sent.at
        found = [entry for entry in self._of(booked) if entry.config == config and entry.is_open(at)]
        condemned, content = self._condemned.get(config, (booked.sent.statuses, ""))
        if (
            condemned < booked.sent.statuses
            and content not in self._walk.retried
            and not self._all_forgot(booked, config)
        ):
            return f"{config} was condemned and nobody asked to try it again"
        return "" if len(found) == 1 else f"{len(found)} open entries for {config}"

    def _all_forgot(self, booked: Booked, config: str) -> bool:
        """Status was lost, and somebody deleted the configuration that bore the mark."""
        rows = self._lab.simulator.requests(service="sagemaker", op="DeleteEndpointConfig")
        unmarked = any(row["caller"] == CONSOLE and row["key"] == config and row["effect"] for row in rows)
        return unmarked and bool(self._walk.lost.get(booked.sent.key))

    def _part(self, booked: Booked) -> str:
        """Asked for later, before it was made anew; or overtaken, and then it does not stay for ever."""
        name, at = booked.target, booked.sent.at
        again = [b.sent.at for b in self._effective(booked.op, name) if b.sent.at > at]
        until = min(again, default=self._lab.clock.now())
        users = (
            {name} if booked.op == "CreateEndpointConfig" else {c for c, made in self._models.items() if name in made}
        )
        if any(entry.config in users and at <= entry.began <= until for entry in self._of(booked)):
            return ""
        deleted = "Delete" + booked.op.removeprefix("Create")
        gone = any(
            row["op"] == deleted and row["key"] == name and row["effect"] for row in self._lab.simulator.requests()
        )
        forgotten = any(lost >= at for _, lost in self._walk.lost.get(booked.sent.key, ()))
        return "" if gone or forgotten else "never asked for and never collected"

    def _collected(self, booked: Booked) -> str:
        name, status = booked.target, booked.sent.status
        there = [one for one in status.get("configs") or () if name in (one["name"], *(one.get("models") or ()))]
        users = {one["name"] for one in there}
        kept = {
            one["endpointConfigName"] for one in status.get("history") or () if one.get("result") in (None, "Succeeded")
        }
        kept |= {one["endpointConfigName"] for one in status.get("quarantine") or ()}
        kept |= {str(status.get("endpointConfigName"))}
        still = kept & users
        return f"{', '.join(still)} may be wanted again" if still else ""

    def _tagged(self, booked: Booked) -> str:
        tags = {tag["Key"]: tag["Value"] for tag in booked.sent.call.params["Tags"]}
        if QUARANTINE_TAG in tags:
            bad = [e for e in self._of(booked) if e.config == booked.target and e.result in ("RolledBack", "Failed")]
            return "" if bad else "no entry of that configuration went wrong"
        asked = {key: value for key, value in tags.items() if key != OWNER_TAG}
        return "" if asked in self._walk.tagged[booked.sent.key] else f"nobody pushed {asked}"

    def _untagged(self, booked: Booked) -> str:
        keys = set(booked.sent.call.params["TagKeys"])
        if keys == {QUARANTINE_TAG}:
            hashes = {entry.record["hash"] for entry in self._of(booked) if entry.config == booked.target}
            return "" if hashes & self._walk.retried else "nobody asked to try it again"
        pushed = {key for tags in self._walk.tagged[booked.sent.key] for key in tags}
        return "" if keys <= pushed else f"{keys - pushed} were never ours"

    # from entries to calls

    def _uncalled(self) -> Iterator[str]:
        for entry in self.entries:
            moves = [b for b in self.calls if b.op in _SENDS and b.sent.key == entry.key and entry.is_open(b.sent.at)]
            moves = [b for b in moves if b.sent.call.params["EndpointConfigName"] == entry.config]
            arrived = [booked for booked in moves if booked.effect]
            if why := self._short(entry, moves, len(arrived)):
                yield f"{entry}: {why}"
            if len(arrived) > 1 + len(entry.faults):
                yield f"{entry}: {len(arrived)} calls, with {len(entry.faults)} faults"

    def _short(self, entry: Entry, moves: list[Booked], arrived: int) -> str:
        if entry.manual:
            return f"{arrived} calls of ours" if arrived else self._unmoved(entry)
        if not any(booked.sent.at <= entry.began for booked in self._effective("CreateEndpointConfig", entry.config)):
            return "its configuration was not made here"
        if arrived:
            return ""
        # One that was refused may have begun and ended in the same second.
        refused = any(
            b.op in _SENDS and b.sent.key == entry.key and b.sent.at == entry.began and b.code != "OK"
            for b in self.calls
        )
        match entry.result:
            case "Failed":
                return "" if refused else "no call, and none that was refused"
            case "Superseded" | "":
                lost = any(booked.code != "OK" for booked in moves) or entry.began in self._walk.interrupted
                return "" if lost or refused else "no call arrived, and none was lost"
        return "no call arrived"

    def _unmoved(self, entry: Entry) -> str:
        """A manual entry is told of what somebody else, or a life before, brought there."""
        rows = self._lab.simulator.requests(service="sagemaker", op="UpdateEndpoint")
        console = any(row["caller"] == CONSOLE and row["effect"] for row in rows)
        return "" if console or entry.life else "nobody moved the endpoint there"

    # notes

    def _notes(self) -> Iterator[str]:
        told = Counter(
            (line["event"], line["name"], line["rollout"], line["hash"])
            for line in self._lab.around.noted.values()
            if line["event"].startswith("Rollout")
        )
        owed: Counter[tuple[str, str, int, str]] = Counter()
        for entry in self.entries:
            about = (entry.key.name, entry.record["id"], entry.record["hash"])
            owed["RolloutStarted", *about] += 1
            if entry.result:
                owed[str(ENDED[entry.result]), *about] += 1
        yield from (f"{line} is told {times} times too often" for line, times in (told - owed).items())
        yield from (f"{line} is told {times} times too rarely" for line, times in (owed - told).items())
        made = Counter(b.target for b in self.calls if b.op == "CreateTrainingJob" and b.effect)
        started = Counter(line["job"] for line in self._lines("JobStarted"))
        yield from (
            f"job {name}: {made[name]} creates, {started[name]} lines"
            for name in made | started
            if made[name] != started[name] or made[name] > 1
        )

    def _lines(self, event: str) -> list[Mapping[str, Any]]:
        return [line for line in self._lab.around.noted.values() if line["event"] == event]

    def _of(self, booked: Booked) -> list[Entry]:
        return [entry for entry in self.entries if entry.key == booked.sent.key]

    def _effective(self, op: str, name: str) -> list[Booked]:
        return [booked for booked in self.calls if booked.op == op and booked.effect and booked.target == name]
