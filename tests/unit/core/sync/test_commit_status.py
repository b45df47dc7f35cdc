"""What is said of a commit, from the GitSync's status and its objects: pure, no forge in sight."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.git.forge import CommitState, ForgeProvider, Said, StatusTarget, place
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.commit_status import (
    DESCRIPTION_LIMIT,
    RECORDS,
    WRITES,
    CommitRecord,
    Ledger,
    acknowledged,
    advance,
    context,
    health,
    met,
    owed,
)

A, B, C = "a" * 40, "b" * 40, "c" * 40
URL = "https://github.com/org/team"
TARGET = StatusTarget(place(ForgeProvider.GITHUB, URL), "s")
GOOD = ("True", "Ready")


def condition(kind: str, status: str, reason: str = "Reason") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": "canary: a value may be quoted here"}


def obj(name: str = "m", commit: str = A, *, ready: str = "True", stalled: str = "", **more: Any) -> Resource:
    conditions = [condition("Ready", ready)]
    if stalled:
        conditions.append(condition("Stalled", "True", stalled))
    conditions += more.pop("conditions", [])
    annotations = {
        "sagemaker-gitops.dev/revision": f"main@sha1:{commit}",
        "sagemaker-gitops.dev/applied-hash": more.pop("hash", "h"),
    }
    metadata = {
        "name": name,
        "namespace": "team",
        "generation": 2,
        "annotations": annotations,
        **more.pop("metadata", {}),
    }
    status = {"conditions": conditions, "observedGeneration": 2, **more}
    return Resource({"apiVersion": "v1", "kind": "Model", "metadata": metadata, "status": status})


def sync(
    commit: str = A, *objects: Resource, applied: bool = True, reason: str = "", stalled: bool = False, **status: Any
) -> tuple[Resource, dict[Key, Resource]]:
    """A GitSync that attempted a commit, and its objects."""
    conditions = [condition("Ready", "True" if applied else "False", reason or "ReconciliationSucceeded")]
    if stalled:
        conditions.append(condition("Stalled", "True", reason))
    body = {
        "apiVersion": "v1",
        "kind": "GitSync",
        "metadata": {"name": "sync", "namespace": "team", "uid": "u"},
        "spec": {"repo": {"url": URL}, **status.pop("spec", {})},
        "status": {
            "conditions": conditions,
            "lastAttemptedRevision": f"main@sha1:{commit}",
            "inventory": [f"Model/team/{live.name}@h" for live in objects],
            **({"lastAppliedRevision": f"main@sha1:{commit}"} if applied else {}),
            **status,
        },
    }
    return Resource(body), {live.key: live for live in objects}


def after(ledger: Ledger, this: tuple[Resource, dict[Key, Resource]]) -> Ledger:
    return advance(ledger, this[0], this[1].get)


def state(this: tuple[Resource, dict[Key, Resource]], ledger: Ledger | None = None) -> CommitState:
    return after(ledger or Ledger(), this).records[0].state


def say(ledger: Ledger) -> tuple[Ledger, list[tuple[str, CommitState]]]:
    """Post what is owed to a forge that takes everything."""
    said = []
    for record in owed(ledger):
        said.append((record.sha, record.state))
        ledger = ledger.with_record(acknowledged(record))
    return ledger, said


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        pytest.param([], CommitState.SUCCESS, id="nothing to wait for"),
        pytest.param([obj()], CommitState.SUCCESS, id="the only object is ready"),
        pytest.param([obj(ready="False")], CommitState.PENDING, id="not ready yet"),
        pytest.param([obj(stalled="JobFailed", ready="False")], CommitState.FAILURE, id="a failed job"),
        pytest.param([obj(stalled="RevisionQuarantined", ready="False", conditions=[condition("Healthy", "True")])],
                     CommitState.FAILURE, id="rolled back: it serves, but not this"),
        pytest.param([obj(conditions=[condition("Healthy", "False")])], CommitState.PENDING, id="ready and not healthy"),
        pytest.param([obj(observedGeneration=1)], CommitState.PENDING, id="ready for the spec before"),
        pytest.param([obj(observedGeneration=1, stalled="JobFailed")], CommitState.PENDING, id="failed for the spec before"),
        pytest.param([obj(hash="old")], CommitState.PENDING, id="our view is older than what was applied"),
        pytest.param([obj(metadata={"deletionTimestamp": "now"})], CommitState.PENDING, id="being deleted, to be made anew"),
        pytest.param([obj("a"), obj("b", ready="False")], CommitState.PENDING, id="one of two"),
        pytest.param([obj("a", ready="False"), obj("b", stalled="X")], CommitState.FAILURE, id="one failed, one waits"),
        pytest.param([obj("a"), obj("b", B, stalled="X")], CommitState.SUCCESS, id="another commit's object failed long ago"),
    ],
)  # fmt: skip
def test_objects(objects: list[Resource], expected: CommitState) -> None:
    assert state(sync(A, *objects)) is expected


def test_an_object_that_is_missing_is_waited_for_where_it_is_made_anew() -> None:
    this, _ = sync(A, obj())
    warned, _ = sync(A, obj(), spec={"drift": {"mode": "Warn"}})

    assert state((this, {})) is CommitState.PENDING
    assert state((warned, {})) is CommitState.SUCCESS


@pytest.mark.parametrize(
    ("reason", "stalled", "expected"),
    [
        ("Progressing", False, CommitState.PENDING),
        ("TransientError", False, CommitState.PENDING),
        ("PartiallyApplied", True, CommitState.FAILURE),
        ("PruneNeedsApproval", True, CommitState.FAILURE),
        ("EmptyRender", True, CommitState.FAILURE),
        ("NonFastForward", True, CommitState.FAILURE),
        ("RepositoryTooLarge", True, CommitState.FAILURE),
        ("RepositoryRejected", True, CommitState.FAILURE),
        ("AccessDenied", True, CommitState.ERROR),
        ("AuthenticationFailed", True, CommitState.PENDING),
        ("SomethingNew", True, CommitState.PENDING),
    ],
)
def test_the_sync_itself(reason: str, stalled: bool, expected: CommitState) -> None:
    assert state(sync(applied=False, reason=reason, stalled=stalled)) is expected


@pytest.mark.parametrize(
    ("reason", "description"),
    [
        ("PartiallyApplied", "PartiallyApplied: prod/bad.yaml:2"),
        ("NonFastForward", "NonFastForward"),
        ("RepositoryTooLarge", "RepositoryTooLarge"),
    ],
)
def test_a_commit_that_was_never_read_is_not_blamed_for_what_an_earlier_one_held(reason: str, description: str) -> None:
    rejected = [{"path": "prod/bad.yaml", "line": 2, "message": "m"}]
    ledger = after(Ledger(), sync(applied=False, reason=reason, stalled=True, rejected=rejected))
    assert ledger.records[0].description == description


@pytest.mark.parametrize("reason", ["AuthenticationFailed", "PartiallyApplied", "Suspended"])
def test_a_sync_that_stalls_later_says_nothing_of_a_commit_that_was_applied(reason: str) -> None:
    assert state(sync(A, obj(), reason=reason, stalled=True)) is CommitState.SUCCESS


def test_no_revision_no_record() -> None:
    assert after(Ledger(), (Resource({"kind": "GitSync", "metadata": {"name": "s"}, "spec": {}}), {})) == Ledger()


def test_drift_later_never_flips_a_success() -> None:
    ledger = after(Ledger(), sync(A, obj()))
    ledger, _ = say(ledger)

    for later in (obj(ready="False"), obj(stalled="X", ready="False"), obj(conditions=[condition("Drifted", "True")])):
        assert after(ledger, sync(A, later)) == ledger


def test_a_success_that_could_not_be_posted_is_kept_through_drift() -> None:
    ledger = Ledger.read({"commitStatus": after(Ledger(), sync(A, obj())).write()})

    assert [record.state for record in owed(after(ledger, sync(A, obj(ready="False"))))] == [CommitState.SUCCESS]


def test_a_failure_becomes_success_but_never_pending_again() -> None:
    failed = after(Ledger(), sync(A, obj(stalled="JobFailed", ready="False")))
    again = after(failed, sync(A, obj(ready="False")))
    good = after(again, sync(A, obj()))

    assert (again, good.records[0].state) == (failed, CommitState.SUCCESS)


def test_a_superseded_commit_is_closed_and_the_next_answers_for_its_objects() -> None:
    ledger, first = say(after(Ledger(), sync(A, obj(ready="False"))))
    ledger, second = say(after(ledger, sync(B, obj(ready="False"))))
    ledger, third = say(after(ledger, sync(B, obj(stalled="RolledBack", ready="False"))))

    assert first == [(A, CommitState.PENDING)]
    assert second == [(A, CommitState.SUPERSEDED), (B, CommitState.PENDING)]
    assert third == [(B, CommitState.FAILURE)]
    assert ledger.records[1].description == "Superseded by bbbbbbb before it was finished"


def test_a_commit_after_a_success_does_not_answer_for_what_was_settled() -> None:
    ledger = after(Ledger(), sync(A, obj()))

    assert state(sync(B, obj(stalled="JobFailed"), obj("new", B)), ledger) is CommitState.SUCCESS


def test_a_failure_stays_open_until_it_is_mended() -> None:
    failed = after(Ledger(), sync(A, obj(stalled="JobFailed")))
    still = after(failed, sync(B, obj(stalled="JobFailed")))
    mended = after(still, sync(C, obj(commit=C)))
    ends = [record.state for record in mended.records]

    assert ends == [CommitState.SUCCESS, CommitState.FAILURE, CommitState.FAILURE]
    assert mended.open == ()


def test_attempts_that_nobody_saw_are_closed_too() -> None:
    ledger, _ = say(after(Ledger(), sync(A, obj())))
    history = [{"commit": C}, {"commit": B}, {"commit": A}]
    _, said = say(after(ledger, sync(C, obj(commit=C), history=history)))

    assert said == [(B, CommitState.SUPERSEDED), (C, CommitState.SUCCESS)]


def test_the_first_look_tells_of_no_history() -> None:
    _, said = say(after(Ledger(), sync(C, history=[{"commit": C}, {"commit": B}, {"commit": A}])))

    assert said == [(C, CommitState.SUCCESS)]


def test_coming_back_to_a_commit_judges_it_anew() -> None:
    ledger = after(after(Ledger(), sync(A, obj())), sync(B, obj(commit=B)))

    assert state(sync(A, obj(stalled="X")), ledger) is CommitState.FAILURE


def test_nothing_is_posted_twice_whatever_moves_between() -> None:
    ledger, _ = say(after(Ledger(), sync(A, obj("a", ready="False"), obj("b", ready="False"))))

    _, said = say(after(ledger, sync(A, obj("a"), obj("b", ready="False"))))

    assert said == []


def test_at_most_eight_writes_of_a_commit_and_the_last_one_is_its_end() -> None:
    worn = CommitRecord(A, "main", CommitState.PENDING, "p", writes=WRITES - 1)
    ended = CommitRecord(A, "main", CommitState.SUCCESS, "s", writes=WRITES - 1)
    full = CommitRecord(A, "main", CommitState.SUCCESS, "s", writes=WRITES)

    assert [len(owed(Ledger((record,)))) for record in (worn, ended, full)] == [0, 1, 0]


def test_going_back_and_forth_is_bounded() -> None:
    ledger, posts = Ledger(), 0
    for turn in range(60):
        sha = (A, B)[turn % 2]
        for live in (obj(commit=sha, ready="False"), obj(commit=sha)):
            ledger, said = say(after(ledger, sync(sha, live)))
            posts += len(said)

    assert posts <= 2 * WRITES
    assert len(ledger.records) == 2


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(Said("pending", "p"), CommitState.PENDING, id="it says so already"),
        pytest.param(Said("success", "Applied"), CommitState.SUCCESS, id="it was a success once"),
        pytest.param(Said("pending", "other"), None, id="another text"),
        pytest.param(Said("failure", "x"), None, id="it failed before"),
    ],
)
def test_what_the_forge_says_already(found: Said, expected: CommitState | None) -> None:
    same = met(CommitRecord(A, "main", CommitState.PENDING, "p"), found, TARGET)

    assert (same.state if same else None) is expected
    assert same is None or owed(Ledger((same,))) == ()


def test_descriptions_tell_places_and_reasons_but_no_message() -> None:
    rejected = [
        {"path": "prod/a.yaml", "line": 3, "kind": "Model", "name": "a", "reason": "Invalid", "message": "canary"}
    ]
    counts = {"rejected": 4}
    refused = after(
        Ledger(), sync(applied=False, reason="PartiallyApplied", stalled=True, rejected=rejected, objects=counts)
    )
    failed = after(Ledger(), sync(A, obj("a", stalled="JobFailed"), obj("b", stalled="JobFailed")))

    assert refused.records[0].description == "PartiallyApplied: prod/a.yaml:3 Model/a Invalid; 3 more"
    assert failed.records[0].description == "Model/a JobFailed; 1 more"


@given(st.text(max_size=400))
def test_descriptions_fit_and_are_one_line(text: str) -> None:
    rejected = [{"path": text, "reason": text}]
    record = after(Ledger(), sync(applied=False, reason="PartiallyApplied", stalled=True, rejected=rejected)).records[0]

    assert len(record.description) <= DESCRIPTION_LIMIT
    assert record.description.isprintable()


def test_a_record_of_a_later_version_is_left_out() -> None:
    assert Ledger.read({"commitStatus": {"records": [{"commit": A, "state": "brand-new"}, {"commit": B}]}}) == Ledger()


def test_a_ledger_survives_its_status() -> None:
    ledger, _ = say(after(after(Ledger(), sync(A, obj(ready="False"))), sync(B, obj(ready="False"))))

    assert Ledger.read({"commitStatus": ledger.write()}) == ledger


def test_the_ledger_is_bounded() -> None:
    ledger = Ledger()
    for number in range(100):
        sha = f"{number:040x}"
        ledger = after(ledger, sync(sha, obj(commit=sha, ready="False")))

    assert (len(ledger.records), len(ledger.open)) == (RECORDS, 50)


def test_a_context_is_one_per_cluster_and_sync_and_fits() -> None:
    long = context("prod", Key("GitSync", "n" * 63, "x" * 253))

    assert context("prod", Key("GitSync", "team", "models")) == "sagemaker-gitops/prod/team/models"
    assert len(long) == 255
    assert long != context("prod", Key("GitSync", "n" * 63, "x" * 252 + "y"))


def test_suspended_objects_are_waited_for() -> None:
    assert health(obj(ready="Unknown")) is None
