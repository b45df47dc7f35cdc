"""What is decided about a deployment, row by row: status before, what was seen, and what follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.core.decision import Phase
from reconciler.core.drift.policy import DriftMode, Policy
from reconciler.core.errors import OldLookError
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner
from reconciler.core.records.content import Content
from reconciler.core.records.history import History
from reconciler.kinds.hosting.decide import decide
from reconciler.kinds.hosting.desired import desired_by_git
from reconciler.kinds.hosting.observed.endpoint import HostingObserved
from reconciler.kinds.hosting_deployment import KIND
from tests.support.lab import hosting
from tests.support.passes import NOW, a_pass, verbs

PARTS = desired_by_git(a_pass(KIND, hosting()))
NEXT = desired_by_git(a_pass(KIND, hosting(image="lab:2")))
NAME, CONFIG, HASH = PARTS.endpoint, PARTS.content.config, PARTS.content.hash
LONG_AGO = "2026-01-01T00:00:00Z"
MADE = {
    "models": [{"name": PARTS.models[0].name, "hash": PARTS.models[0].hash, "arn": "arn:model"}],
    "configs": [{"name": CONFIG, "hash": HASH, "arn": "arn:config", "models": [PARTS.models[0].name]}],
    "endpoint": {"region": "us-east-1"},
}
SERVES: dict[str, Any] = {
    **MADE,
    "endpoint": {"region": "us-east-1", "name": NAME, "arn": "arn:endpoint", "creationTime": LONG_AGO},
    "rollout": {"phase": "Complete", "applied": {"hash": HASH, "endpointConfigName": CONFIG}},
    "history": [{"id": 1, "hash": HASH, "endpointConfigName": CONFIG, "result": "Succeeded"}],
}


def live(status: str = "InService", config: str = CONFIG, **more: Any) -> HostingObserved:
    found = {
        "EndpointName": NAME,
        "EndpointArn": "arn:endpoint",
        "EndpointStatus": status,
        "EndpointConfigName": config,
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        **more,
    }
    return HostingObserved(found, True)


GONE = HostingObserved(None, True)


def asked(since: timedelta, config: str = CONFIG, content: str = HASH, evidence: str = "") -> dict[str, Any]:
    """An update to `config` went out that long ago, from something else."""
    rollout = {
        "requested": {"hash": content, "endpointConfigName": config},
        "previous": {"hash": "before", "endpointConfigName": "before"},
        "lastModifiedTime": NOW.isoformat(),
        "requestedAt": (NOW - since).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "attempt": 1,
        **({"evidence": evidence} if evidence else {}),
    }
    history = [{"id": 2, "hash": content, "endpointConfigName": config}, *SERVES["history"]]
    return {**SERVES, "rollout": rollout, "history": history}


CONDEMNED = {
    **SERVES,
    "quarantine": [{"hash": NEXT.content.hash, "endpointConfigName": NEXT.content.config, "reason": "alarm"}],
}
SOON, LATE = timedelta(seconds=5), timedelta(minutes=2)


@pytest.mark.parametrize(
    ("this", "seen", "phase", "reason", "calls"),
    [
        pytest.param(
            a_pass(KIND, hosting()),
            HostingObserved(),
            Phase.ACTING,
            "Preparing",
            ["CreateModel", "CreateEndpointConfig"],
            id="new: parts first",
        ),
        pytest.param(
            a_pass(KIND, hosting(), MADE),
            HostingObserved(),
            Phase.ACTING,
            "RolloutInProgress",
            ["CreateEndpoint"],
            id="then it",
        ),
        pytest.param(a_pass(KIND, hosting(), SERVES), live(), Phase.READY, "InService", [], id="what is wanted serves"),
        pytest.param(
            a_pass(KIND, hosting(image="lab:2"), SERVES),
            live(),
            Phase.ACTING,
            "Preparing",
            ["CreateModel", "CreateEndpointConfig"],
            id="changed: parts first",
        ),
        pytest.param(
            a_pass(KIND, hosting(image="lab:2"), SERVES),
            live("SystemUpdating"),
            Phase.WAITING,
            "EndpointBusy",
            [],
            id="never while it changes",
        ),
        pytest.param(
            a_pass(KIND, hosting(image="lab:2"), CONDEMNED),
            live(),
            Phase.STALLED,
            "RevisionQuarantined",
            [],
            id="never what is condemned",
        ),
        pytest.param(
            a_pass(KIND, hosting(), asked(SOON)),
            live(config="before"),
            Phase.WAITING,
            "RolloutInProgress",
            [],
            id="asked, no trace yet",
        ),
        pytest.param(
            a_pass(KIND, hosting(), asked(LATE)),
            HostingObserved(),
            Phase.WAITING,
            "RolloutInProgress",
            [],
            id="asked, and nobody looked since: no verdict",
        ),
        pytest.param(
            a_pass(KIND, hosting(), asked(LATE)),
            live(config="before"),
            Phase.ACTING,
            "RolloutInProgress",
            ["UpdateEndpoint"],
            id="asked, no trace for long: once more",
        ),
        pytest.param(
            a_pass(KIND, hosting(), asked(LATE)),
            live(config="before", FailureReason="scaling failed", LastModifiedTime=NOW + timedelta(seconds=9)),
            Phase.ACTING,
            "RolloutInProgress",
            ["UpdateEndpoint"],
            id="asked, and moved by somebody else: content that was never tried is not condemned",
        ),
        pytest.param(
            a_pass(KIND, hosting(), asked(SOON, evidence="Updating")),
            live(config="before", FailureReason="alarm"),
            Phase.STALLED,
            "RevisionQuarantined",
            ["AddTags"],
            id="asked and rolled back: condemned, and mirrored on its configuration",
        ),
        pytest.param(
            a_pass(KIND, hosting(), SERVES),
            live(config="theirs"),
            Phase.READY,
            "ExternallyModified",
            [],
            id="moved",
        ),
        pytest.param(a_pass(KIND, hosting(), SERVES), GONE, Phase.STALLED, "ExternallyDeleted", [], id="deleted"),
        pytest.param(
            a_pass(KIND, hosting(), SERVES, drift=Policy(DriftMode.CORRECT)),
            GONE,
            Phase.ACTING,
            "RolloutInProgress",
            ["CreateEndpoint"],
            id="deleted, put back",
        ),
        pytest.param(
            a_pass(KIND, hosting(), SERVES),
            live("OutOfService"),
            Phase.STALLED,
            "EndpointOutOfService",
            [],
            id="out",
        ),
        pytest.param(
            a_pass(KIND, hosting(endpointName="other"), SERVES),
            live(),
            Phase.STALLED,
            "IdentityChanged",
            [],
            id="name",
        ),
        pytest.param(
            a_pass(KIND, hosting(), SERVES, deleting=True),
            live(),
            Phase.ACTING,
            "Deleting",
            ["DeleteEndpoint"],
            id="end",
        ),
        pytest.param(
            a_pass(KIND, hosting(), SERVES, deleting=True),
            live("Updating"),
            Phase.WAITING,
            "Deleting",
            [],
            id="end, busy",
        ),
        pytest.param(
            a_pass(KIND, hosting(), SERVES, deleting=True),
            GONE,
            Phase.ACTING,
            "Deleting",
            ["DeleteEndpointConfig", "DeleteModel"],
            id="the rest goes when the endpoint is gone",
        ),
        pytest.param(
            a_pass(
                KIND,
                hosting(),
                {"endpoint": {"region": "us-east-1"}},
                deleting=True,
            ),
            HostingObserved(live().endpoint, True, {NAME: Owner.OTHER}),
            Phase.RELEASED,
            "Deleted",
            [],
            id="what is another's is not deleted",
        ),
    ],
)
def test_decide(this: Pass, seen: HostingObserved, phase: Phase, reason: str, calls: list[str]) -> None:
    decision = decide(this, seen)
    assert (decision.phase, decision.reason, verbs(decision)) == (phase, reason, calls)


@pytest.mark.holds("D-5.12")
@pytest.mark.parametrize(
    ("results", "kept"),
    [
        (["Succeeded", "Succeeded", "Succeeded"], [3, 2]),
        (["RolledBack", "RolledBack", "Succeeded"], [3, 1]),
        (["Failed", "RolledBack", "Failed"], [3, 2]),
        ([None, "RolledBack", "Succeeded"], [3, 1]),
    ],
)
def test_trimming_keeps_what_serves(results: list[str | None], kept: list[int]) -> None:
    history = History.parse([{"id": 3 - n, "result": result} for n, result in enumerate(results)])
    assert [entry.id for entry in history.trimmed(2).entries] == kept


def served(*entries: tuple[int, str] | tuple[int, str, int], result: str = "Succeeded") -> list[dict[str, Any]]:
    """Newest first: id, hash and what it was a rollback to."""
    made = [{"id": one[0], "hash": one[1], "rollbackOf": one[2] if len(one) > 2 else None} for one in entries]
    return [{**entry, "result": result} for entry in made]


@pytest.mark.parametrize(
    ("history", "content", "serving", "behind"),
    [
        pytest.param(served((2, "b"), (1, "a")), "a", "b", True, id="what served before is behind"),
        pytest.param(served((2, "b"), (1, "a")), "c", "b", False, id="new content is not"),
        pytest.param(served((3, "a", 1), (2, "b"), (1, "a")), "b", "a", False, id="after the rollback, what was left"),
        pytest.param(served((3, "a", 1), (2, "b")), "b", "a", False, id="the same where history forgot the first"),
        pytest.param(served((1, "a")), "a", "theirs", True, id="what others brought is left for what served"),
        pytest.param(served((1, "a"), result="RolledBack"), "a", "b", False, id="what was rolled back never served"),
    ],
)
def test_what_is_a_rollback(history: list[dict[str, Any]], content: str, serving: str, behind: bool) -> None:
    assert History.parse(history).is_rollback(Content(content), Content(serving)) is behind


class OlderView:
    """An endpoint as it was before what status knows."""

    def __init__(self, modified: str, created: str) -> None:
        self.found = {
            "EndpointName": "serve",
            "EndpointArn": "arn:endpoint/serve",
            "EndpointStatus": "InService",
            "EndpointConfigName": CONFIG,
            "CreationTime": datetime.fromisoformat(created),
            "LastModifiedTime": datetime.fromisoformat(modified),
        }

    def describe(self, remote: str, name: str, **how: Any) -> dict[str, Any] | None:
        del name, how
        return self.found if remote == "Endpoint" else None

    def summary(self, *args: Any) -> None:
        del args

    def unlisted(self, *args: Any) -> bool:
        del args
        return False

    def listing(self, *args: Any) -> list[Any]:
        del args
        return []

    def tags(self, *args: Any) -> dict[str, str]:
        del args
        return {}


CREATED, KNOWN = (
    "2026-03-01T10:00:00+00:00",
    {"lastModifiedTime": "2026-03-01T11:00:00Z", "creationTime": "2026-03-01T10:00:00Z"},
)


@pytest.mark.parametrize(
    ("modified", "created", "old"),
    [
        pytest.param("2026-03-01T10:59:59+00:00", CREATED, True, id="older than status knows"),
        pytest.param("2026-03-01T11:00:00.9+00:00", CREATED, False, id="the same second"),
        pytest.param("2026-03-01T11:00:01+00:00", CREATED, False, id="newer"),
        pytest.param("2026-03-01T10:00:00+00:00", "2026-03-01T09:00:00+00:00", False, id="of another endpoint"),
    ],
)
def test_an_endpoint_older_than_what_status_knows_is_not_believed(modified: str, created: str, old: bool) -> None:
    this = a_pass(KIND, hosting(), {**SERVES, **KNOWN})
    view: Any = OlderView(modified, created)
    if old:
        with pytest.raises(OldLookError):
            KIND.observe(view, this)
    else:
        assert KIND.observe(view, this).endpoint == view.found
