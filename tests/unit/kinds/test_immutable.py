"""What is decided about a Model: the table of `kinds.immutable.deciding`. EndpointConfig shares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.decision import Call, Phase, Refusal, Reply
from reconciler.core.drift.policy import DriftMode, Policy
from reconciler.core.errors import DeniedError, ThrottledError
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner
from reconciler.kinds.immutable.objects import recorded_objects
from reconciler.kinds.immutable.observed import ImmutableObserved
from reconciler.kinds.model import KIND, MODEL
from tests.support.lab_kinds import model
from tests.support.passes import NOW, UID, a_pass, verbs

OTHER = model(image="other")
LONG_AGO = "2026-03-01T11:00:00Z"
JUST_NOW = "2026-03-01T11:59:45Z"
MADE = NOW - timedelta(hours=1)


def _name(manifest: Mapping[str, Any]) -> tuple[str, str]:
    call = KIND.decide(a_pass(KIND, manifest), ImmutableObserved()).calls[0]
    name = str(call.params["ModelName"])
    return name, name.removeprefix("net-")


NAME, HASH = _name(model())
OLD_NAME, OLD_HASH = _name(OTHER)
REGION = model()["spec"]["region"]


def record(name: str = NAME, digest: str = HASH, *, arn: bool = True, **more: str) -> dict[str, str]:
    known = {"name": name, "hash": digest, "region": REGION, "requestedAt": LONG_AGO}
    return known | ({"arn": f"arn:{name}", "creationTime": LONG_AGO} if arn else {}) | more


def created(*records: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"status": "Created", "sageMakerModelName": NAME, "modelArn": f"arn:{NAME}", "models": [*records]} | more


def found(name: str = NAME) -> dict[str, Any]:
    return {"ModelName": name, "ModelArn": f"arn:{name}", "CreationTime": MADE}


@dataclass(frozen=True)
class Row:
    past: Mapping[str, Any]
    seen: ImmutableObserved
    phase: Phase
    reason: str
    verbs: list[str] = field(default_factory=list)
    more: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None

    def this(self) -> Pass:
        return a_pass(KIND, model(), self.past, **self.more)


STANDS = ImmutableObserved({NAME: found()})
INTENT = {"models": [record(arn=False)], "status": "SynchronizingK8sJobWithSageMaker"}
YOUNG = {"models": [record(arn=False, requestedAt=JUST_NOW)]}
GONE = ImmutableObserved({NAME: None})
BOTH = created(record(), record(OLD_NAME, OLD_HASH))
BOTH_SEEN = {NAME: found(), OLD_NAME: found(OLD_NAME)}
CREATE, DELETE = ["CreateModel"], ["DeleteModel"]
REPLY = (Reply(Call("CreateModel", {"ModelName": NAME}), {"ModelArn": f"arn:{NAME}"}),)
LEGACY_NAME = f"net-{UID.replace('-', '')}"
LEGACY = {"status": "Created", "sageMakerModelName": LEGACY_NAME, "modelArn": f"arn:{LEGACY_NAME}"}

ROWS = {
    "what is missing is made": Row({}, ImmutableObserved(), Phase.ACTING, "Creating", CREATE),
    "the reply of a create is enough": Row(
        INTENT, ImmutableObserved(), Phase.READY, "Created", more={"replies": REPLY}
    ),
    "what stands is left alone": Row(created(record()), STANDS, Phase.READY, "Created"),
    "no news is no reason to act": Row(created(record()), ImmutableObserved(), Phase.READY, "Created"),
    "a create without a reply that did not arrive is sent again": Row(INTENT, GONE, Phase.ACTING, "Creating", CREATE),
    "a create without a reply that arrived is ours": Row(
        INTENT, ImmutableObserved({NAME: found()}, {NAME: Owner.US}), Phase.READY, "Created"
    ),
    "another owner's is refused": Row(
        INTENT, ImmutableObserved({NAME: found()}, {NAME: Owner.OTHER}), Phase.STALLED, "OwnedByAnother"
    ),
    "nobody's wants to be adopted": Row(
        INTENT, ImmutableObserved({NAME: found()}, {NAME: Owner.NOBODY}), Phase.STALLED, "AdoptionRequired"
    ),
    "a refused create is not sent again": Row(
        INTENT, GONE, Phase.STALLED, "Rejected", refusal=Refusal("Rejected", "no")
    ),
    "gone in mode Warn is told": Row(created(record()), GONE, Phase.STALLED, "ExternallyDeleted"),
    "gone in mode Correct is made again": Row(
        created(record()), GONE, Phase.ACTING, "Creating", CREATE, more={"drift": Policy(DriftMode.CORRECT)}
    ),
    "made a moment ago and not seen gets a second look": Row(
        created(record(requestedAt=JUST_NOW)), GONE, Phase.WAITING, "Confirming"
    ),
    "replaced by somebody is not touched": Row(
        created(record(creationTime=JUST_NOW)),
        ImmutableObserved({NAME: found()}, {NAME: Owner.OTHER}),
        Phase.STALLED,
        "OwnedByAnother",
    ),
    "changed content is made beside the old": Row(
        created(record(OLD_NAME, OLD_HASH)),
        ImmutableObserved({OLD_NAME: found(OLD_NAME)}),
        Phase.ACTING,
        "Creating",
        CREATE,
    ),
    "nothing old goes before it was asked who uses it": Row(BOTH, ImmutableObserved(BOTH_SEEN), Phase.READY, "Created"),
    "the old goes when nobody uses it": Row(
        BOTH | {"collecting": True}, ImmutableObserved(BOTH_SEEN, {}, {OLD_NAME: ""}), Phase.READY, "Created", DELETE
    ),
    "the old stays while somebody uses it": Row(
        BOTH | {"collecting": True}, ImmutableObserved(BOTH_SEEN, {}, {OLD_NAME: "theirs"}), Phase.READY, "Created"
    ),
    "another region is refused": Row(created(record(region="eu-west-9")), STANDS, Phase.STALLED, "IdentityChanged"),
    "the archived operator's name is kept": Row(
        LEGACY, ImmutableObserved({LEGACY_NAME: found(LEGACY_NAME)}), Phase.READY, "Created"
    ),
    "deleting takes what nobody uses": Row(
        created(record()),
        ImmutableObserved({NAME: found()}, {}, {NAME: ""}),
        Phase.ACTING,
        "Deleting",
        DELETE,
        {"deleting": True},
    ),
    "deleting waits for users": Row(
        created(record()),
        ImmutableObserved({NAME: found()}, {}, {NAME: "theirs"}),
        Phase.WAITING,
        "InUse",
        [],
        {"deleting": True},
    ),
    "deleting ends when all is gone": Row(created(record()), GONE, Phase.RELEASED, "Deleted", [], {"deleting": True}),
    "deleting leaves what is another's": Row(
        INTENT,
        ImmutableObserved({NAME: found()}, {NAME: Owner.OTHER}),
        Phase.RELEASED,
        "Deleted",
        [],
        {"deleting": True},
    ),
    "deleting looks twice for a create without a reply": Row(
        YOUNG, GONE, Phase.WAITING, "Deleting", [], {"deleting": True}
    ),
    "deleting what was never made ends at once": Row(
        {}, ImmutableObserved(), Phase.RELEASED, "Deleted", [], {"deleting": True}
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_decide(row: Row) -> None:
    decision = KIND.decide(row.this(), row.seen)
    if row.refusal:
        decision = decision.without_calls(row.refusal)
    assert (decision.phase, decision.reason, verbs(decision)) == (row.phase, row.reason, row.verbs)


def test_what_is_kept_says_who_uses_it() -> None:
    seen = ImmutableObserved(BOTH_SEEN, {}, {OLD_NAME: "theirs"})
    decision = KIND.decide(a_pass(KIND, model(), BOTH | {"collecting": True}), seen)
    assert decision.message == f"{OLD_NAME} is kept while theirs uses it"
    assert decision.look_again


def test_an_error_keeps_the_name_that_others_need() -> None:
    told = KIND.failing(created(record()), DeniedError("no rights"))
    assert (told["status"], told["additional"], told["sageMakerModelName"]) == ("Error", "no rights", NAME)


@pytest.mark.parametrize(
    ("past", "looked_for"),
    [({}, []), ({"status": "Error", "lastUpdateTime": LONG_AGO}, [LEGACY_NAME])],
    ids=["an object of ours was never seen before", "the archived operator blanked the name"],
)
def test_an_error_at_the_first_look_costs_no_look_under_a_name_that_nobody_made(
    past: dict[str, Any], looked_for: list[str]
) -> None:
    for _ in range(2):
        past = dict(KIND.failing(past, ThrottledError("throttled")))
        made = recorded_objects(MODEL, a_pass(KIND, model(), past), None)
        assert [one.name for one in made] == looked_for


def test_the_name_is_of_the_content_and_frozen() -> None:
    """A change here makes everybody's models anew."""
    assert _name(model())[0] == NAME
    tagged = {**model(), "spec": {**model()["spec"], "tags": [{"key": "a", "value": "b"}]}}
    assert _name(tagged)[0] == NAME
    assert _name(model(mode="SingleModel"))[0] == NAME
    assert _name(model(mode="MultiModel"))[0] != NAME
