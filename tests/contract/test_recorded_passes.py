"""What was decided before stays decided: passes of the version before typed records, told again (tests/support/recorded.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core import deciding, tags
from reconciler.core.deciding import Look
from reconciler.core.decision import Decision
from reconciler.core.errors import ReconcileError
from reconciler.kinds import KINDS
from tests.support import recorded
from tests.support.lab import PARTITIONS, loaded_kinds

_KINDS = {kind.name: kind for kind in KINDS}


def _stories() -> dict[str, list[Mapping[str, Any]]]:
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in recorded.recorded():
        came = line.get("decision") or {"reason": (line.get("raises") or {}).get("type", "nothing")}
        found[f"{line['kind']} {line['mode']}s {came['reason']}"].append(line)
    return found


STORIES = _stories()


CHANGED = {
    (
        "HostingDeployment decides RolloutInProgress",
        269,
    ): "D-2.7: annotated late, the create that never was is no Superseded rollout",
}
"""Lines that are decided otherwise on purpose, by story and number: why."""


@pytest.mark.parametrize("story", sorted(STORIES))
def test_it_is_decided_as_it_was(story: str) -> None:
    wrong = []
    for number, line in enumerate(STORIES[story]):
        try:
            came = told_again(line)
        except ReconcileError as error:
            found: dict[str, Any] = {"raises": type(error).__name__}
            expected: dict[str, Any] = {"raises": recorded.name_now((line.get("raises") or {}).get("type", ""))}
        else:
            found = recorded.shown(came) if came else {}
            expected = recorded.then(line) if line.get("decision") else {"raises": line.get("raises")}
            if came is None and line.get("decision") is None:
                continue
        differences = list(recorded.differing(expected, found))
        if bool(differences) is not ((story, number) in CHANGED):
            wrong.append(f"{number}: {differences[:6]}")
    assert wrong == []


def told_again(line: Mapping[str, Any]) -> Decision | None:
    kind, shape = _KINDS[line["kind"]], loaded_kinds().shapes[line["kind"]]
    view: Any = recorded.RecordedView(line["view"])
    if line["mode"] == "follow":
        this = recorded.the_pass(kind, line, shape, PARTITIONS)
        refusal = recorded.refusal(line)
        followed = kind.follow(view, this)
        return followed.without_calls(refusal) if followed and refusal else followed
    given = recorded.at_look(line)
    looking = recorded.the_pass(kind, {**given, "gets": line["gets"], "lists": line["lists"]}, shape, PARTITIONS)
    seen = kind.observe(view, looking)
    looked = Look(seen, tags.look(view, looking, {}, recorded.tags_before(given)))
    this = recorded.the_pass(kind, line, shape, PARTITIONS)
    refusal = recorded.refusal(line)
    decision = deciding.decide(kind, this, looked)
    return decision.without_calls(refusal) if refusal else decision
