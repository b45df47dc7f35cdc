"""What a pass has to do, as a table: Git, inventory and the live object in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.conditions import stamp
from reconciler.core.drift.git_drift import Reverted
from reconciler.core.drift.policy import DriftMode
from reconciler.core.git.applied import APPLIED_METADATA, Wanted
from reconciler.core.git.inventory import Inventory, written_hash
from reconciler.core.git.source import Revision
from reconciler.core.manifests.parse import Rejection
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.core.sync.plan import ClusterView, LiveObject, SyncPlan, inventory_after, plan
from reconciler.core.sync.spec import GitSyncSpec, IgnoreRule

OURS = "team/sync"
SPEC = GitSyncSpec(url="https://example.com/x")
REVISION = Revision("main", "a" * 40)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEW: Mapping[str, Any] = {"image": "new"}
OLD: Mapping[str, Any] = {"image": "old"}
EVIL: Mapping[str, Any] = {"image": "evil"}


def key(name: str) -> Key:
    return Key("Model", "team", name)


def wanted(name: str, spec: Mapping[str, Any] = NEW, **more: Any) -> Wanted:
    return Wanted(key(name), "v1", spec, spec, written_hash(spec), f"{name}.yaml", 1, **more)


def live(
    name: str,
    spec: Mapping[str, Any] = NEW,
    applied: Mapping[str, Any] | None = None,
    owner: str = OURS,
    *,
    deleting: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> LiveObject:
    """An object that carries our bookkeeping of `applied` (default: of its own spec)."""
    notes = {Annotation.OWNER: owner, Annotation.APPLIED_HASH: written_hash(applied or spec)}
    notes[Annotation.PATH] = f"{name}.yaml"
    notes |= annotations or {}
    metadata: dict[str, Any] = {"name": name, "namespace": "team", "annotations": notes}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    body = {"apiVersion": "v1", "kind": "Model", "metadata": metadata, "spec": spec}
    return LiveObject(Resource(body), written_hash(spec))


def planned(
    want: list[Wanted],
    inventory: Inventory,
    there: list[LiveObject],
    spec: GitSyncSpec = SPEC,
    syncs: frozenset[str] = frozenset({OURS}),
    **more: Any,
) -> SyncPlan:
    by_key = {item.resource.key: item for item in there}
    options: dict[str, Any] = {"bad": None, **more}
    refused = options.pop("refused", ())
    reverted = options.pop("reverted", lambda _key: ())
    return plan(
        want,
        refused,
        inventory,
        ClusterView(by_key.get, syncs.__contains__, lambda resource: resource.spec, reverted, NOW),
        spec=spec,
        owner=OURS,
        revision=REVISION,
        **options,
    )


def hashes(**specs: Mapping[str, Any]) -> dict[Key, tuple[str, ...]]:
    return {key(name): (written_hash(spec),) for name, spec in specs.items()}


def fate(steps: SyncPlan) -> str:
    """Where the one object of the table ended up."""
    places = {
        "apply": steps.to_apply,
        "put back": steps.to_revert,
        "report": steps.reported,
        "fought over": steps.fought,
        "leave": steps.unchanged,
        "wait": steps.waiting,
        "reject": steps.rejected,
    }
    found = [place for place, items in places.items() if items]
    assert len(found) == 1, found
    return found[0]


BOTH = {key("a"): (written_hash(OLD), written_hash(NEW))}


@pytest.mark.parametrize(
    ("inventory", "there", "expected"),
    [
        pytest.param({}, [], "apply", id="a new object is applied"),
        pytest.param(hashes(a=OLD), [live("a", OLD)], "apply", id="a change in Git is applied"),
        pytest.param(hashes(a=NEW), [live("a")], "leave", id="an object as Git has it is left alone"),
        pytest.param(hashes(a=NEW), [], "apply", id="a deleted object is made anew"),
        pytest.param(hashes(a=NEW), [live("a", deleting=True)], "wait", id="an object being deleted is waited for"),
        pytest.param(hashes(a=NEW), [live("a", EVIL, NEW)], "put back", id="an edit is put back"),
        pytest.param(
            hashes(a=NEW), [live("a", EVIL, EVIL)], "put back", id="an edit that forges the bookkeeping is put back"
        ),
        pytest.param(
            hashes(a=OLD), [live("a", EVIL, OLD)], "apply", id="an edit is overwritten by what Git changed meanwhile"
        ),
        pytest.param(BOTH, [live("a")], "leave", id="after a crash the new content is recognised"),
        pytest.param(BOTH, [live("a", OLD)], "apply", id="after a crash the old content is brought up to date"),
        pytest.param(BOTH, [live("a", EVIL, NEW)], "put back", id="after a crash an edit is still an edit"),
        pytest.param({}, [live("a")], "leave", id="a lost inventory changes nothing in the cluster"),
        pytest.param({}, [live("a", owner="")], "apply", id="an object without an owner is taken over"),
        pytest.param({}, [live("a", owner="team/gone")], "apply", id="an object of a sync that is gone is taken over"),
        pytest.param({}, [live("a", owner="team/rival")], "reject", id="an object of another sync is refused"),
        pytest.param(
            hashes(a=NEW),
            [live("a", owner="team/rival")],
            "reject",
            id="an object that went to another sync is refused",
        ),
        pytest.param(
            hashes(a=NEW),
            [live("a", annotations={APPLIED_METADATA: "label-of-old"})],
            "apply",
            id="a label that left Git is taken away",
        ),
        pytest.param(
            hashes(a=NEW),
            [live("a", annotations={Annotation.PATH: "old.yaml"})],
            "apply",
            id="a renamed file is told",
        ),
        pytest.param(
            hashes(a=NEW),
            [live("a", EVIL, NEW, annotations={Annotation.PATH: "old.yaml"})],
            "put back",
            id="an edit is put back though the file was renamed",
        ),
    ],
)
def test_one_object(inventory: Inventory, there: list[LiveObject], expected: str) -> None:
    steps = planned([wanted("a")], inventory, there, syncs=frozenset({OURS, "team/rival"}))

    assert fate(steps) == expected


@pytest.mark.holds("D-7.1")
@pytest.mark.parametrize(
    ("mode", "annotation", "expected"),
    [
        (DriftMode.CORRECT, None, "put back"),
        (DriftMode.WARN, None, "report"),
        (DriftMode.IGNORE, None, "leave"),
        (DriftMode.CORRECT, "Warn", "report"),
        (DriftMode.IGNORE, "Correct", "put back"),
        (DriftMode.CORRECT, "nonsense", "put back"),
    ],
)
def test_an_edit_by_mode(mode: DriftMode, annotation: str | None, expected: str) -> None:
    notes = {Annotation.DRIFT_MODE: annotation} if annotation else {}
    spec = replace(SPEC, drift_mode=mode)

    steps = planned([wanted("a")], hashes(a=NEW), [live("a", EVIL, NEW, annotations=notes)], spec)

    assert fate(steps) == expected


def test_nothing_is_put_back_on_an_object_that_is_suspended() -> None:
    edited, older = (live("a", EVIL, applied, annotations={Annotation.SUSPEND: "true"}) for applied in (NEW, OLD))

    assert fate(planned([wanted("a")], hashes(a=NEW), [edited])) == "report"
    assert fate(planned([wanted("a")], hashes(a=OLD), [older])) == "apply"  # a change in Git waits in the object


def _reverted(*minutes_ago: int, path: str = "/spec/image", edit: str = "v") -> list[Reverted]:
    return [Reverted((path,), f"{edit}{ago}", NOW - timedelta(minutes=ago)) for ago in minutes_ago]


@pytest.mark.parametrize(
    ("told", "untold", "expected"),
    [
        pytest.param((50, 30), (), "put back", id="twice within the hour"),
        pytest.param((50, 30, 10), (), "fought over", id="three times, as status remembers"),
        pytest.param((), (3, 2, 1), "fought over", id="three times, before any status told of it"),
        pytest.param((50, 30), (1,), "fought over", id="twice in status and once since"),
        pytest.param((50, 30), (50, 30), "put back", id="what status tells of is not counted again"),
        pytest.param((61, 30, 10), (), "put back", id="the hour is over"),
    ],
)
def test_an_edit_that_comes_back_and_back(told: tuple[int, ...], untold: tuple[int, ...], expected: str) -> None:
    there = live("a", EVIL, NEW)
    recent = [{"path": path, "at": stamp(put.at), "edit": put.edit} for put in _reverted(*told) for path in put.paths]
    there = replace(there, resource=there.resource.with_status({"drift": {"corrected": {"recent": recent}}}))

    steps = planned([wanted("a")], hashes(a=NEW), [there], reverted=lambda _key: _reverted(*untold))

    assert fate(steps) == expected


def test_another_place_than_the_one_that_is_fought_over_is_put_back() -> None:
    puts = _reverted(3, 2, 1, path="/spec/other")
    assert fate(planned([wanted("a")], hashes(a=NEW), [live("a", EVIL, NEW)], reverted=lambda _key: puts)) == "put back"


def test_a_commit_ends_a_fight() -> None:
    steps = planned([wanted("a")], hashes(a=OLD), [live("a", EVIL, OLD)], reverted=lambda _key: _reverted(3, 2, 1))
    assert fate(steps) == "apply"


def test_a_rule_without_paths_ignores_the_whole_object() -> None:
    spec = replace(SPEC, drift_ignore=(IgnoreRule(kind="Model", name="a"),))

    steps = planned([wanted("a")], hashes(a=NEW), [live("a", EVIL, NEW)], spec)

    assert fate(steps) == "leave"


def test_an_edited_label_is_an_edit() -> None:
    want = wanted("a", labels={"app": "x"})
    there = live("a", annotations={APPLIED_METADATA: want.metadata_hash})

    steps = planned([want], hashes(a=NEW), [there])

    assert fate(steps) == "put back"
    assert not steps.to_revert[0].spec


@pytest.mark.parametrize("mode", DriftMode)
def test_a_label_that_git_changes_is_no_edit(mode: DriftMode) -> None:
    want = wanted("a", labels={"app": "new"}, annotations={Annotation.DRIFT_MODE: "Correct"})
    there = live("a", annotations={Annotation.DRIFT_MODE: mode, APPLIED_METADATA: "of-old"})

    assert fate(planned([want], hashes(a=NEW), [there])) == "apply"


def test_changes_go_before_what_is_new() -> None:
    steps = planned([wanted("a"), wanted("b")], hashes(b=OLD), [live("b", OLD)])

    assert [want.key.name for want in steps.to_apply] == ["b", "a"]


def test_the_union_of_old_and_new_is_written_first() -> None:
    steps = planned([wanted("a"), wanted("b")], hashes(a=OLD, c=OLD), [live("a", OLD), live("c", OLD)])

    assert steps.before == {
        key("a"): (written_hash(OLD), written_hash(NEW)),
        key("b"): (written_hash(NEW),),
        key("c"): (written_hash(OLD),),
    }


def test_what_another_sync_took_over_leaves_the_inventory_unpruned() -> None:
    steps = planned([], hashes(a=OLD), [live("a", OLD, owner="team/rival")], syncs=frozenset({OURS, "team/rival"}))

    assert (steps.released, steps.to_prune, steps.before) == ((key("a"),), (), {})


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        pytest.param(live("b", owner=""), "OwnerMismatch", id="an object that is not ours by its own annotation"),
        pytest.param(live("b", deleting=True), "Deleting", id="an object that is being deleted"),
        pytest.param(
            live("b", annotations={Annotation.PRUNE: "disabled"}), "PruneDisabled", id="an object that says no"
        ),
    ],
)
def test_what_left_git_and_is_kept(there: LiveObject, reason: str) -> None:
    steps = planned([wanted("a")], hashes(a=NEW, b=NEW), [live("a"), there])

    assert [kept.reason for kept in steps.kept] == [reason]
    assert key("b") in steps.before


def test_an_object_that_is_refused_is_not_pruned() -> None:
    steps = planned([wanted("a")], hashes(a=NEW, b=NEW), [live("a"), live("b")], refused=[key("b")])

    assert steps.to_prune == ()
    assert key("b") in steps.before


def test_an_object_that_seems_gone_is_looked_at_before_it_is_forgotten() -> None:
    steps = planned([wanted("a")], hashes(a=NEW, b=NEW), [live("a")])

    assert steps.vanished == (key("b"),)
    assert key("b") in steps.before


BAD = Rejection.of("c.yaml", 7, "UnknownField", "no such field", kind="Model", name="c")


def test_the_file_that_stops_a_prune_is_named() -> None:
    steps = planned([wanted("a")], hashes(a=NEW, b=NEW), [live("a"), live("b")], bad=BAD)

    assert steps.blocked
    assert steps.blocked.message == "1 object not pruned until c.yaml:7 is fixed"


def many(count: int) -> tuple[dict[Key, tuple[str, ...]], list[LiveObject]]:
    names = [f"m{number}" for number in range(count)]
    return hashes(**dict.fromkeys(names, NEW)), [live(name) for name in names]


@pytest.mark.parametrize(
    ("managed", "left", "more", "expected"),
    [
        pytest.param(6, 1, {}, "PruneNeedsApproval", id="five of six need an approval"),
        pytest.param(10, 5, {}, None, id="half is allowed"),
        pytest.param(4, 1, {}, None, id="few are allowed whatever the share"),
        pytest.param(6, 1, {"approval": "a" * 40}, None, id="approved by the full sha"),
        pytest.param(6, 1, {"approval": "a" * 7}, None, id="approved by seven digits"),
        pytest.param(6, 1, {"approval": str(REVISION)}, None, id="approved by the whole revision"),
        pytest.param(6, 1, {"approval": "a" * 6}, "PruneNeedsApproval", id="six digits are too few"),
        pytest.param(6, 1, {"approval": "b" * 40}, "PruneNeedsApproval", id="another revision was approved"),
        pytest.param(6, 5, {"bad": BAD}, "BuildIncomplete", id="anything refused stops it"),
        pytest.param(6, 0, {"bad": BAD, "approval": "a" * 40}, "BuildIncomplete", id="whatever is approved"),
        pytest.param(6, 0, {}, "EmptyRender", id="nothing at all in Git stops it"),
        pytest.param(6, 0, {"approval": "a" * 40}, "EmptyRender", id="even with an approval"),
        pytest.param(6, 5, {"spec": replace(SPEC, prune=False)}, "PruneDisabled", id="switched off"),
        pytest.param(
            6, 1, {"spec": replace(SPEC, max_delete_percent=100)}, None, id="everything but one, if so wished"
        ),
        pytest.param(8, 3, {"spec": replace(SPEC, max_delete_percent=0)}, "PruneNeedsApproval", id="always asked"),
    ],
)
def test_guards_of_a_prune(managed: int, left: int, more: dict[str, Any], expected: str | None) -> None:
    inventory, there = many(managed)

    steps = planned([wanted(f"m{number}") for number in range(left)], inventory, there, **more)

    assert (steps.blocked.reason if steps.blocked else None) == expected
    doomed = managed - left
    assert (len(steps.to_prune), len(steps.kept)) == ((0, doomed) if expected else (doomed, 0))
    assert steps.before == inventory


def test_what_is_open_keeps_both_hashes_and_what_is_gone_leaves() -> None:
    before = {key("a"): ("old", "new"), key("b"): ("old", "new"), key("c"): ("old",)}

    after = inventory_after(before, open_keys=frozenset({key("b")}), gone=frozenset({key("c")}))

    assert after == {key("a"): ("new",), key("b"): ("old", "new")}
