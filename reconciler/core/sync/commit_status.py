"""What a GitSync says of a commit at the forge, decided from the GitSync's status and its objects alone.

One context per (cluster, sync). A commit answers for the objects that it changed, and for those that were still open
when it came: everything since the last commit that succeeded. Objects settled before then are not its business, so a
drift later on paints no commit red.

| state      | when |
| ---------- | ---- |
| pending    | the sync attempts the commit, or an object of it is not there yet |
| superseded | another commit came before it was finished |
| error      | the controller, not the commit, is at fault: rights are missing |
| failure    | something was rejected, a prune waits for people, an object is Stalled (failed job, rollback, quarantine) |
| success    | applied whole, and every object that it answers for is Ready and Healthy at its newest generation |

Of one commit the state only moves down this table, never back, and success is the end. It is judged again only when the
sync comes back to a commit after another one. So at most five posts per attempt, and never more than WRITES in all.

`advance` is called by `runtime/forge/reports.py`, which keeps the ledger in `status.commitStatus` and posts what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from reconciler.core.conditions import HEALTHY, READY, STALLED, clip, find
from reconciler.core.drift.policy import DriftMode
from reconciler.core.errors import TerminalError
from reconciler.core.git import inventory
from reconciler.core.git.forge import WORDS, CommitState, Said, Statement, StatusTarget
from reconciler.core.git.source import Revision
from reconciler.core.naming import digest
from reconciler.core.records.sync_entry import sync_history
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.core.values import Json, JsonObject, Status

DESCRIPTION_LIMIT = 140
"""GitHub's, in code points; a longer one is refused."""
WRITES = 8
"""Per commit; GitHub takes 1,000 per commit and context, whoever writes them."""
RECORDS = 10
OPEN = 50
_CONTEXT_LIMIT = 255

_UNREAD_FAULTS = frozenset({"NonFastForward", "RepositoryRejected", "RepositoryTooLarge"})
"""The commit was refused before anything of it was read: what `status.rejected` holds is of an earlier one."""
_COMMIT_FAULTS = _UNREAD_FAULTS | {
    *("PartiallyApplied", "PathNotFound", "EmptyRender", "PruneNeedsApproval", "TooManyObjects"),
}
"""Reasons of a stalled sync that the commit itself brought about; see `core/sync/status.py`."""
_OWN_FAULTS = frozenset({"AccessDenied"})

_ORDER = tuple(CommitState)

ReadLive = Callable[[Key], Resource | None]
"""The live object of a key, ahead of any cache; None when it is gone."""


@dataclass(frozen=True)
class CommitRecord:
    """What is to be said of one commit, and what was."""

    sha: str
    ref: str
    state: CommitState
    description: str
    said: str = ""
    """Digest of what the forge knows; equal to that of the record: nothing is owed."""
    writes: int = 0


@dataclass(frozen=True)
class Ledger:
    """`status.commitStatus`: newest first."""

    records: tuple[CommitRecord, ...] = ()
    open: tuple[str, ...] = ()
    """Commits since the last success; the newest answers for their objects too."""

    @classmethod
    def read(cls, status: Status) -> Self:
        """What does not look like ours is left out: it is then judged again."""
        kept = status.get("commitStatus") or {}
        records = []
        for entry in kept.get("records") or ():
            try:
                state = CommitState(entry["state"])
            except (KeyError, ValueError):
                continue
            said, writes = str(entry.get("said", "")), int(entry.get("writes") or 0)
            text = str(entry.get("description", ""))
            records.append(
                CommitRecord(str(entry.get("commit", "")), str(entry.get("ref", "")), state, text, said, writes)
            )
        return cls(tuple(records[:RECORDS]), tuple(str(sha) for sha in kept.get("open") or ())[:OPEN])

    def write(self) -> dict[str, Json]:
        """As the GitSync's status has it."""
        records = [
            {
                key: value
                for key, value in (
                    ("commit", record.sha),
                    ("ref", record.ref),
                    ("state", record.state.value),
                    ("description", record.description),
                    ("said", record.said),
                    ("writes", record.writes),
                )
                if value
            }
            for record in self.records
        ]
        return {key: value for key, value in (("records", records), ("open", list(self.open))) if value}

    def with_record(self, record: CommitRecord) -> Self:
        """Put in the place of the one for the same commit."""
        return replace(self, records=tuple(record if old.sha == record.sha else old for old in self.records))


def context(cluster: str, sync: Key) -> str:
    """The name under which the status stands; cut with a digest where a forge would refuse it."""
    name = f"sagemaker-gitops/{cluster}/{sync.namespace}/{sync.name}"
    return name if len(name) <= _CONTEXT_LIMIT else f"{name[: _CONTEXT_LIMIT - 13]}-{digest([name])}"


def statement(record: CommitRecord, name: str, target: StatusTarget) -> Statement:
    """What is posted to the forge for a commit."""
    return Statement(record.sha, record.ref, record.state, name, record.description, target.target_url)


def identity(record: CommitRecord) -> str:
    """Equal for a post that would say the same thing again. Neither context nor link is in it: a change of theirs is posted
    with the next commit, not by writing old ones again.
    """
    return digest([record.sha, record.state.value, record.description])


def owed(ledger: Ledger) -> tuple[CommitRecord, ...]:
    """What the forge does not know yet, oldest first. The last write of a commit is kept for how it ends."""
    return tuple(
        record
        for record in reversed(ledger.records)
        if record.said != identity(record) and record.writes < WRITES - (record.state is CommitState.PENDING)
    )


def acknowledged(record: CommitRecord) -> CommitRecord:
    """After the forge took it, or refused this very status for ever."""
    return replace(record, said=identity(record), writes=record.writes + 1)


def given_up(record: CommitRecord) -> CommitRecord:
    """Nothing more is said of a commit that the forge does not know."""
    return replace(record, said=identity(record), writes=WRITES)


def met(record: CommitRecord, found: Said, target: StatusTarget) -> CommitRecord | None:
    """The record, when the forge already says it, or says that this commit succeeded; None when it is to be posted.

    So nothing is posted twice after a lost answer or a crash, and a lost status paints no finished commit red.
    """
    words = WORDS[target.place.provider]
    if (found.word, found.description) == (words[record.state], record.description):
        return replace(record, said=identity(record))
    if found.word == words[CommitState.SUCCESS]:
        done = replace(record, state=CommitState.SUCCESS, description=found.description)
        return replace(done, said=identity(done))
    return None


def advance(ledger: Ledger, sync: Resource, read_live: ReadLive) -> Ledger:
    """The ledger as the cluster is now."""
    try:
        revision = Revision.parse(str(sync.status.get("lastAttemptedRevision") or ""))
    except ValueError:
        return ledger
    newest = ledger.records[0] if ledger.records else None
    if newest is None or newest.sha != revision.sha:
        ledger = _begin(ledger, sync, revision)
        newest = ledger.records[0]
    if newest.state is CommitState.SUCCESS:
        return ledger
    verdict = _judge(sync, revision, frozenset({revision.sha, *ledger.open}), read_live)
    if verdict is None or _ORDER.index(verdict[0]) <= _ORDER.index(newest.state):
        return ledger
    state, description = verdict
    ledger = ledger.with_record(replace(newest, state=state, description=clip(description, DESCRIPTION_LIMIT)))
    return replace(ledger, open=()) if state is CommitState.SUCCESS else ledger


def _begin(ledger: Ledger, sync: Resource, revision: Revision) -> Ledger:
    """Another commit is attempted: the one before is closed, this one is judged from the start."""
    unfinished = tuple(record.sha for record in ledger.records[:1] if record.state is not CommitState.SUCCESS)
    skipped = tuple(_skipped(ledger, sync, revision))
    past = [
        _superseded(record, revision) if record.state is CommitState.PENDING else record
        for record in (*skipped, *ledger.records)
    ]
    before = next(
        (record for record in past if record.sha == revision.sha),
        CommitRecord(revision.sha, "", CommitState.PENDING, ""),
    )
    this = replace(before, ref=revision.ref, state=CommitState.PENDING, description=_PENDING)
    others = [record for record in past if record.sha != revision.sha]
    opened = (*unfinished, *(record.sha for record in skipped), *ledger.open)
    return Ledger((this, *others)[:RECORDS], tuple(dict.fromkeys(sha for sha in opened if sha != revision.sha))[:OPEN])


_PENDING = "Applying; success follows when every object is ready and healthy"


def _skipped(ledger: Ledger, sync: Resource, revision: Revision) -> Iterator[CommitRecord]:
    """Commits that were attempted and followed while nobody looked here. Without records there is nothing to catch up."""
    known = {record.sha for record in ledger.records}
    for entry in sync_history(sync.status):
        if not known or entry.commit in known:
            return
        if entry.commit not in ("", revision.sha):
            yield CommitRecord(entry.commit, revision.ref, CommitState.PENDING, _PENDING)


def _superseded(record: CommitRecord, revision: Revision) -> CommitRecord:
    return replace(
        record, state=CommitState.SUPERSEDED, description=f"Superseded by {revision.short} before it was finished"
    )


def _judge(
    sync: Resource, revision: Revision, shas: frozenset[str], read_live: ReadLive
) -> tuple[CommitState, str] | None:
    """State and description; None when nothing is known of the commit."""
    if sync.status.get("lastAppliedRevision") == str(revision):
        return _judge_objects(sync, shas, read_live)
    conditions = sync.status.get("conditions") or ()
    reason = str((find(conditions, READY) or {}).get("reason", ""))
    if (find(conditions, STALLED) or {}).get("status") == "True":
        if reason in _OWN_FAULTS:
            return CommitState.ERROR, _fault(sync, reason)
        if reason in _COMMIT_FAULTS:
            return CommitState.FAILURE, _fault(sync, reason)
    return None


def _fault(sync: Resource, reason: str) -> str:
    """Names, places and reasons alone: a forge may show this to the world, and messages may quote values."""
    rejected = sync.status.get("rejected") or ()
    if not rejected or reason in _UNREAD_FAULTS:
        return reason
    first, total = rejected[0], max(int((sync.status.get("objects") or {}).get("rejected") or 0), len(rejected))
    place = f"{first['path']}:{first['line']}" if first.get("line") else str(first.get("path", ""))
    what = "/".join(str(first[key]) for key in ("kind", "name") if first.get(key))
    text = " ".join(part for part in (place, what, str(first.get("reason", ""))) if part)
    return f"{reason}: {text}" + (f"; {total - 1} more" if total > 1 else "")


def _judge_objects(sync: Resource, shas: frozenset[str], read_live: ReadLive) -> tuple[CommitState, str] | None:
    try:
        spec = GitSyncSpec.parse(sync.spec, sync.namespace)
    except TerminalError:
        return None
    healthy, failed, waiting = 0, [], False
    for key, hashes in inventory.read(sync.status.get("inventory") or ()).items():
        live = read_live(key)
        corrected = spec.mode(key, live.annotations.get(Annotation.DRIFT_MODE) if live else None) is DriftMode.CORRECT
        if live is None:
            waiting |= corrected  # elsewhere nobody recreates it
            continue
        if corrected and live.annotations.get(Annotation.APPLIED_HASH) != hashes[-1]:
            waiting = True  # what we see is older than what was applied, and may belong to this commit by now
            continue
        if _commit_of(live) not in shas:
            continue
        match health(live):
            case True:
                healthy += 1
            case False:
                failed.append(f"{key.kind}/{key.name} {_reason(live)}")
            case None:
                waiting = True
    if failed:
        return CommitState.FAILURE, failed[0] + (f"; {len(failed) - 1} more" if len(failed) > 1 else "")
    if waiting:
        return CommitState.PENDING, _PENDING
    if not healthy:
        return CommitState.SUCCESS, "Applied; no object had to change"
    return CommitState.SUCCESS, f"Applied; {healthy} object{'s are' if healthy > 1 else ' is'} healthy"


def health(resource: Resource) -> bool | None:
    """Whether the object is as its newest spec says; None while that is not known yet."""
    status = resource.status
    conditions = status.get("conditions") or ()
    if resource.deleting or status.get("observedGeneration") != resource.generation:
        return None
    if _is(conditions, STALLED, "True"):
        return False
    if _is(conditions, READY, "True") and not _is(conditions, HEALTHY, "False"):
        return True
    return None


def _is(conditions: Iterable[JsonObject], kind: str, status: str) -> bool:
    return (find(conditions, kind) or {}).get("status") == status


def _reason(resource: Resource) -> str:
    return str((find(resource.status.get("conditions") or (), STALLED) or {}).get("reason", ""))


def _commit_of(resource: Resource) -> str:
    """The revision under which the object was written last."""
    return str(resource.annotations.get(Annotation.REVISION, "")).rpartition(":")[2]
