"""No object that the API server takes crashes the process, makes it loop, or cannot be deleted: over random objects of every
kind, in accounts where things go well, badly, or get no answer. The real worker, observer and kinds; AWS is faked at its port.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from reconciler.adapters.service_model import load_shape
from reconciler.core.catalog import Catalog
from reconciler.core.decision import Call, Decision
from reconciler.core.errors import (
    DeniedError,
    DependencyError,
    LostReplyError,
    QuotaError,
    ReconcileError,
    TerminalError,
    ThrottledError,
)
from reconciler.core.kind import Kind, Pass
from reconciler.core.resource import Key
from tests.contract.throwaway_kind import WITH_IT
from tests.support.account import AccountLab, Fault
from tests.support.bench import credentials
from tests.support.lab import LOADER, manifest
from tests.support.specs import SEEDS, value

__all__ = ["credentials"]

FAULTS: dict[str, Callable[[], ReconcileError]] = {
    "refused": lambda: TerminalError("ValidationException: 1 validation error detected"),
    "denied": lambda: DeniedError("AccessDeniedException: no"),
    "throttled": lambda: ThrottledError("ThrottlingException: Rate exceeded"),
    "over the quota": lambda: QuotaError("ResourceLimitExceeded: 0"),
    "without its dependency": lambda: DependencyError("Could not find model"),
    "lost": lambda: LostReplyError("no reply"),
    "carried out, the reply lost": lambda: _carried_out(LostReplyError("no reply")),
}
MANY = settings(
    max_examples=63,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # What fails is told as it was found: making it smaller would run the whole bench hundreds of times.
    phases=(Phase.explicit, Phase.generate),
)
FEW = settings(MANY, max_examples=10)
CREATES_AT_MOST = 60
"""Of one operation, over many virtual hours: one that is tried slowly for ever still stays below."""


def _decided_twice(kind: Kind[Any]) -> Kind[Any]:
    """Deciding is pure: the same inputs give the same decision."""

    def twice(this: Pass, seen: Any) -> Decision:
        decision = kind.decide(this, seen)
        assert kind.decide(this, seen) == decision
        return decision

    return replace(kind, decide=twice)


KINDS = Catalog(tuple(_decided_twice(kind) for kind in WITH_IT.kinds))
BY_NAME = KINDS.by_name


def _carried_out(error: ReconcileError) -> ReconcileError:
    error.carried_out = True  # type: ignore[attr-defined]
    return error


def _fault(what: str | None, times: int) -> Fault:
    def fault(call: Call, number: int) -> ReconcileError | None:
        return FAULTS[what]() if what and number < times and not call.best_effort else None

    return fault


@pytest.fixture(autouse=True)
def no_bug_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]


@pytest.mark.endurance
@pytest.mark.parametrize("name", BY_NAME)
@MANY
@given(seed=SEEDS)
def test_any_object_comes_to_rest_and_can_be_deleted(name: str, seed: int, credentials: None) -> None:
    kind, random = BY_NAME[name], Random(seed)  # noqa: S311 - it must repeat, not be secret
    what, times = random.choice([None, *FAULTS]), random.choice([1, 3, 1000])
    lab = AccountLab(random.choice(["good", "bad"]), _fault(what, times), catalog=KINDS)
    annotations = {
        switch: random.choice(["true", "Run", "Correct", "x"]) for switch in _SWITCHES if random.random() < 0.3
    }
    key = lab.cluster.apply(_object(kind, _name(random), _spec(name, random), annotations))
    lab.go_on()
    _rests(lab, key)
    if random.random() < 0.5:  # edited
        lab.cluster.apply(_object(kind, key.name, _spec(name, random), annotations))
        lab.go_on()
        _rests(lab, key)
    lab.begin()  # a new process finds everything as it was
    sent = len(lab.account.sent)
    lab.go_on(3)
    if what is None:
        assert not [call for call in lab.account.sent[sent:] if call.operation.startswith("Create")]
    lab.account.fault = _fault(None, 0)
    lab.cluster.delete(key)
    lab.go_on(8, 60)
    assert key not in lab.cluster.objects, lab.summary()
    assert not [kind for kind, _ in lab.account.things if kind in ("Endpoint", "Model", "EndpointConfig")]


_SWITCHES = [f"sagemaker-gitops.dev/{name}" for name in ("on-change", "drift-mode", "adopt", "run", "retry")]


def _name(random: Random) -> str:
    middle = "".join(random.choices("az09-.", k=random.choice([0, 1, random.randint(2, 40)])))
    return f"{random.choice('az09')}{middle}{random.choice('az09')}".replace("..", ".-")


def _spec(name: str, random: Random) -> Any:
    return value(load_shape(BY_NAME[name].schema, LOADER, KINDS), random, 4)


def _object(kind: Kind[Any], name: str, spec: Any, annotations: dict[str, str]) -> dict[str, Any]:
    body = manifest(kind.name, name, "team", {**spec, "region": "us-east-1"})
    body["spec"].pop("sageMakerEndpoint", None)
    return {**body, "metadata": {**body["metadata"], "annotations": annotations}}


def _rests(lab: AccountLab, key: Key) -> None:
    """It says where it stands, and does not do the same thing for ever."""
    assert lab.condition(key, "Ready"), lab.summary()
    assert lab.condition(key, "Ready")["message"] or lab.is_ready(key)
    counts = lab.account.counts()
    assert all(number <= CREATES_AT_MOST for number in counts.values()), counts


@pytest.mark.parametrize("name", BY_NAME)
@FEW
@given(seed=SEEDS)
def test_what_was_refused_is_not_asked_again(name: str, seed: int, credentials: None) -> None:
    kind, random = BY_NAME[name], Random(seed)  # noqa: S311 - it must repeat, not be secret
    lab = AccountLab(fault=_fault("refused", 1000), catalog=KINDS)
    key = lab.cluster.apply(_object(kind, "thing", _spec(name, random), {}))
    lab.go_on()
    for _ in range(2):
        lab.begin()
        lab.go_on(2)
    creates = [(call.operation, call.identity) for call in lab.account.sent if not call.best_effort]
    assert len(creates) == len(set(creates)), creates
    assert not lab.is_ready(key)
