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
from reconciler.core.naming import RUN_TAG
from reconciler.core.rollout import ACCEPTED
from reconciler.kinds import KINDS
from reconciler.kinds.hosting.observed.endpoint import SENDS
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
SENT_OTHERWISE = {
    (
        "HostingDeployment decides RevisionQuarantined",
        number,
    ): "the endpoint is UpdateRollbackFailed and its LastModifiedTime "
    "moved, but nothing names what was asked for: that alone is no evidence any more (D-5.6), it is sent again"
    for number in (7, 36)
}

DECIDED_OTHERWISE = {
    (
        "HostingDeployment decides EndpointBusy",
        0,
    ): "an update that the archived operator had sent is followed as a rollout",
    **dict.fromkeys(
        [("HostingDeployment decides Preparing", 5), ("HostingDeployment decides Preparing", 61)],
        "what the archived operator left serving is in history, so that an edit keeps it to go back to",
    ),
}
"""Story and number of a pass that is decided otherwise on purpose, and why; what it sends is still the same."""
ON_PURPOSE = {
    "/status/transformJobStatus: 'Failed' -> 'SynchronizingK8sJobWithSageMaker'": "issue 10: no `Failed` before it ran",
}
"""Differences to what was decided then that are wanted, and since when."""


CHANGED = {
    (
        "HostingDeployment decides RolloutInProgress",
        269,
    ): "D-2.7: annotated late, the create that never was is no Superseded rollout",
    (
        "HostingDeployment decides UpdateNotReceived",
        0,
    ): "D-5.7: what left no trace three times is sent again, later: the pass names when",
}
"""Lines that are decided otherwise on purpose, by story and number: why."""


@pytest.mark.parametrize("story", sorted(STORIES))
def test_it_is_decided_as_it_was(story: str) -> None:
    wrong = []
    for number, line in enumerate(STORIES[story]):
        if (story, number) in SENT_OTHERWISE:
            continue
        try:
            came = told_again(line)
        except ReconcileError as error:
            found: dict[str, Any] = {"raises": type(error).__name__}
            expected: dict[str, Any] = {"raises": recorded.name_now((line.get("raises") or {}).get("type", ""))}
        else:
            found = recorded.shown(came) if came else {}
            expected = _accepted(line, recorded.then(line)) if line.get("decision") else {"raises": line.get("raises")}
            _differently_by_now(expected, found)
            if came is None and line.get("decision") is None:
                continue
        if (story, number) in DECIDED_OTHERWISE:
            expected, found = {"calls": expected["calls"]}, {"calls": found["calls"]}
        differences = [one for one in recorded.differing(expected, found) if one not in ON_PURPOSE]
        if bool(differences) is not ((story, number) in CHANGED):
            wrong.append(f"{number}: {differences[:6]}")
    assert wrong == []


def _differently_by_now(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """What the first pass over an object of the archived operator records and tags since (core/takeover): what was carried out.
    A job's run goes by that, and no more by the digest of the stored spec, which is not what its author wrote.
    """
    if not found.get("status", {}).pop("takenOver", None):
        return
    for one in (expected, found):
        status = one["status"]
        status.pop("lastCheckTime", None)
        # A configuration of an earlier generation goes by its content, which its resources tell, and no more by its name.
        rollout = status.get("rollout") or {}
        known = (rollout.get("applied"), *(status.get("configs") or ()), *(status.get("history") or ()))
        for record in (status.get("run"), *known):
            for member in ("digest", "hash"):
                (record or {}).pop(member, None)
    for operation, params, _ in found["calls"]:
        if operation == "AddTags":
            params["Tags"] = [tag for tag in params["Tags"] if tag["Key"] != RUN_TAG]


def _accepted(line: Mapping[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """An answered CreateEndpoint or UpdateEndpoint is evidence that is remembered since then."""
    answered = any(reply["operation"] in SENDS and not reply["refused"] for reply in line["replies"])
    if answered and expected["status"]["rollout"].get("requested"):
        expected["status"]["rollout"]["evidence"] = ACCEPTED
    return expected


def told_again(line: Mapping[str, Any]) -> Decision | None:
    kind, shape = _KINDS[line["kind"]], loaded_kinds().shapes[line["kind"]]
    past = recorded.at_look(line)["past"]
    # An ended job of the archived operator's is described once, by now: for its ARN and its artefact.
    left = "run" not in line["past"] and "conditions" not in line["past"]
    name = str(line["past"].get(kind.keys.name) or "") if kind.is_job and left else ""
    made = [past.get(member) for member in ("models", "configs", "endpointArn")]
    hosting = kind.name == "HostingDeployment"
    nothing_made = hosting and not any(made)
    view: Any = recorded.RecordedView(line["view"], unknown=name, nothing_made=nothing_made, hosting=hosting)
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
