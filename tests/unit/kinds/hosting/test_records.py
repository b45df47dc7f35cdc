"""What is kept in status: what another version wrote survives, and what people wrote into it breaks nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.records.content import Content
from reconciler.kinds.hosting.decide import decide
from reconciler.kinds.hosting.observed.endpoint import HostingObserved
from reconciler.kinds.hosting.records import HostingRecords, garbage, identity, recorded
from reconciler.kinds.hosting_deployment import KIND
from tests.support.lab import hosting
from tests.support.passes import a_pass
from tests.unit.kinds.hosting.test_decide import SERVES, SOON, asked, live

NEWER = {"ofALaterVersion": {"kept": ["as", "it", "is"]}}


def newer(status: dict[str, Any]) -> dict[str, Any]:
    """A status as a later version might have written it: each record has a member more."""
    lists = {key: [{**one, **NEWER} for one in status[key]] for key in ("models", "configs", "history")}
    quarantine = [{"hash": "bad", "endpointConfigName": "c-bad", "reason": "alarm", "mirrored": True, **NEWER}]
    held = {"id": 9, "since": "2026-01-01T00:00:00Z", "reason": "over", **NEWER}
    rollout = {**status["rollout"], "lastHold": held, **NEWER}
    endpoint = {**status["endpoint"], **NEWER}
    return {**status, **lists, "quarantine": quarantine, "rollout": rollout, "endpoint": endpoint}


@pytest.mark.parametrize(
    ("manifest", "status", "seen"),
    [
        pytest.param(hosting(), newer(SERVES), live(), id="at rest"),
        pytest.param(hosting(image="lab:2"), newer(SERVES), live(), id="parts are made"),
        pytest.param(hosting(), newer(asked(SOON)), live(config="before"), id="an attempt is open"),
        pytest.param(hosting(), newer(asked(SOON)), live(), id="an attempt is over"),
        pytest.param(hosting(), newer(asked(SOON)), live(config="before", FailureReason="x"), id="rolled back"),
    ],
)
def test_what_a_later_version_wrote_survives_a_pass(
    manifest: dict[str, Any], status: dict[str, Any], seen: HostingObserved
) -> None:
    after = decide(a_pass(KIND, manifest, status), seen).status
    known = {one["name"] for one in (*status["models"], *status["configs"])} | {"bad"}
    kept = [one for key in ("models", "configs", "quarantine") for one in after[key]]
    kept = [one for one in kept if (one.get("name") or one["hash"]) in known]
    records = [*kept, *after["history"], after["rollout"], after["rollout"]["lastHold"], after["endpoint"]]
    assert len(kept) == 3
    assert [one["ofALaterVersion"] for one in records] == [NEWER["ofALaterVersion"]] * len(records)


def test_the_members_of_an_attempt_are_the_rollouts_own() -> None:
    rollout = newer(asked(SOON))["rollout"] | {"phase": "Updating"}
    records = HostingRecords.parse({"rollout": rollout})
    assert records.record()["rollout"] == rollout
    assert records.with_rollout(phase="Failed").record()["rollout"] == rollout | {"phase": "Failed"}


@pytest.mark.parametrize("odd", [None, "text", 3, ["list"], {"requested": "text", "hold": 1, "scaling": {}}])
def test_what_people_wrote_into_it_is_no_record(odd: Any) -> None:
    keys = ("endpoint", "models", "configs", "rollout", "history", "quarantine")
    assert HostingRecords.parse(dict.fromkeys(keys, odd)).rollout.attempt is None


@pytest.mark.parametrize(
    ("part", "left"),
    [
        pytest.param({}, ["c-old", "m-old"], id="what nothing needs goes"),
        pytest.param({"hash": ""}, [], id="a configuration whose content nobody knows is kept with its models"),
        pytest.param(
            {"hash": "now", "models": []}, [], id="models are kept while a kept configuration does not name its own"
        ),
    ],
)
def test_only_what_is_known_to_be_needed_by_nothing_is_collected(part: dict[str, Any], left: list[str]) -> None:
    records = HostingRecords.parse(
        {
            "configs": [
                {"name": "c-now", "hash": "now", "models": ["m-now"]},
                {"name": "c-old", "hash": "old", "models": ["m-old"], **part},
            ],
            "models": [{"name": "m-now"}, {"name": "m-old"}],
        }
    )
    assert [one.name for parts in garbage(records, Content("now", "c-now")) for one in parts] == left


def test_no_model_is_collected_while_nobody_knows_which_of_them_serve() -> None:
    records = HostingRecords.parse({"models": [{"name": "m-now"}, {"name": "m-old"}]})
    assert garbage(records, Content("now", "c-now")) == ([], [])


NAMED = {"endpointName": "of-the-operator", "endpoint": {"region": "us-east-1"}}


@pytest.mark.parametrize(
    ("manifest", "status", "name"),
    [
        pytest.param(hosting(), {"endpointName": "of-the-operator"}, "of-the-operator", id="before our first pass"),
        pytest.param(hosting(), NAMED, "of-the-operator", id="after a pass that made nothing"),
        pytest.param(hosting(endpointName="said"), NAMED, "said", id="the spec names another, and nothing was made"),
        pytest.param(
            hosting(endpointName="said"),
            {**NAMED, "rollout": {"foreign": "of-the-operator"}},
            "said",
            id="it turned out to be somebody else's",
        ),
    ],
)
def test_a_name_in_status_is_the_identity_also_without_an_arn(
    manifest: dict[str, Any], status: dict[str, Any], name: str
) -> None:
    this = a_pass(KIND, manifest, status)
    assert identity(this, recorded(this)) == name
