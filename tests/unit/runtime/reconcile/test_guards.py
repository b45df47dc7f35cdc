"""What keeps calls from going out while a pass may observe: the list of restrictions, and what an error means."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.decision import Phase, Refusal
from reconciler.core.drift.git_drift import GitDrift
from reconciler.core.drift.policy import Policy
from reconciler.core.errors import (
    CredentialsError,
    DeniedError,
    DependencyError,
    NotInServiceError,
    PreconditionError,
    QuotaError,
    RateLimitedError,
    ReconcileError,
    TerminalError,
    UnknownRefusalError,
)
from reconciler.core.tenancy import Place, Tenant
from reconciler.kinds.model import KIND
from reconciler.runtime.reconcile.git_side import GitVerdict
from reconciler.runtime.reconcile.guards import RESTRICTIONS, Restriction, restriction
from reconciler.runtime.reconcile.outcome import SLOW_LOOK, meaning
from tests.support.lab_kinds import model
from tests.support.passes import a_pass

REGION = "us-west-2"
NAME = "the-model"
MADE = {
    "sageMakerModelName": NAME,
    "models": [{"name": NAME, "arn": f"arn:aws:sagemaker:{REGION}:1:model/a", "region": REGION}],
}
MOVED = Refusal("IdentityChanged", "another role")
EDITED = Refusal("EditedInCluster", "an edit")


def _restricted(past: dict[str, Any], *, role: str, conflict: Refusal | None, edit: Refusal | None, **more: Any) -> Any:
    manifest = model()
    manifest["spec"] |= {"region": REGION, "executionRoleArn": role}
    place = Place(Tenant(REGION), conflict)
    return restriction(
        a_pass(KIND, manifest, past, **more), place, GitVerdict(GitDrift(), Policy(), "Run", blocked=edit)
    )


GOOD, FOREIGN = "arn:aws:iam::1:role/a", "arn:aws-cn:iam::1:role/a"


@pytest.mark.parametrize(
    ("given", "reason", "phase"),
    [
        pytest.param({}, None, None, id="nothing stands in the way"),
        pytest.param({"conflict": MOVED}, "IdentityChanged", Phase.STALLED, id="made under another role"),
        pytest.param({"role": FOREIGN}, "PartitionMismatch", Phase.STALLED, id="ARNs of another partition"),
        pytest.param({"edit": EDITED}, "EditedInCluster", Phase.WAITING, id="edited in the cluster"),
        pytest.param({"conflict": MOVED, "deleting": True}, None, None, id="deletion goes on under the role of then"),
        pytest.param({"role": FOREIGN, "deleting": True}, None, None, id="deletion needs no ARN of the spec"),
        pytest.param(
            {"conflict": MOVED, "role": FOREIGN, "edit": EDITED}, "IdentityChanged", Phase.STALLED, id="the role first"
        ),
        pytest.param({"role": FOREIGN, "edit": EDITED}, "PartitionMismatch", Phase.STALLED, id="the edit last"),
    ],
)
def test_the_first_restriction_that_answers_is_shown(given: dict[str, Any], reason: str | None, phase: Phase) -> None:
    found = _restricted(MADE, **{"role": GOOD, "conflict": None, "edit": None} | given)
    shown = (found.refusal.reason, found.phase) if isinstance(found, Restriction) else (None, None)
    assert shown == (reason, phase)


def test_where_nothing_exists_there_is_nothing_to_observe() -> None:
    with pytest.raises(TerminalError, match="partition aws-cn"):
        _restricted({}, role=FOREIGN, conflict=None, edit=None)


def test_their_order_is_a_list_to_read() -> None:
    assert [rule.__name__ for rule in RESTRICTIONS] == [
        "made_under_another_role",
        "arns_of_another_partition",
        "edited_in_the_cluster",
    ]


@pytest.mark.parametrize(
    ("error", "acts"),
    [
        (TerminalError("", "Invalid"), "whoever writes the spec"),
        (DeniedError(""), "the installer, who grants rights"),
        (CredentialsError(""), "the installer, for the whole account"),
        (QuotaError(""), "the owner of the AWS account"),
        (PreconditionError(""), "whoever owns the role or bucket"),
        (DependencyError(""), "nobody"),
        (NotInServiceError(""), "nobody"),
        (RateLimitedError("", SLOW_LOOK.total_seconds()), "nobody"),
        (UnknownRefusalError(""), "nobody knows"),
        (ReconcileError(""), "nobody"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_the_table_says_who_acts_next(error: ReconcileError, acts: str) -> None:
    assert meaning(error).acts == acts
