"""Fair between tenants: whose page is read next, and what one tenant's trouble costs the others."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from reconciler.app.settings import SystemClock
from reconciler.core.decision import Call, Pace, Watch
from reconciler.core.errors import CredentialsError, RateLimitedError, TransientError
from reconciler.core.ports import Clock
from reconciler.core.resource import Key
from reconciler.core.tenancy import Tenant
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.observer import Observer, Paces
from tests.support.clock import LabClock
from tests.support.waiting import eventually


class FakeAccounts:
    """Models in so many pages, by the tenant's region; `trouble` may raise, or wait."""

    def __init__(self, **pages: int) -> None:
        self.pages = pages
        self.trouble: dict[str, Callable[[], None]] = defaultdict(lambda: lambda: None)
        self.asked: list[str] = []
        self.under_way: dict[str, int] = defaultdict(int)
        self.most: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def read(self, tenant: Tenant, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "GetResources":
            raise TransientError("tags are of another test")
        name = tenant.region
        with self._lock:
            self.asked.append(name)
            self.under_way[name] += 1
            self.most[name] = max(self.most[name], self.under_way[name])
        try:
            self.trouble[name]()
        finally:
            with self._lock:
                self.under_way[name] -= 1
        page = int(params.get("NextToken", 0)) + 1
        found: dict[str, Any] = {"Models": [], "EndpointConfigs": [], "Endpoints": []}
        return found | ({"NextToken": str(page)} if page < self.pages[name] else {})

    def write(self, tenant: Any, call: Call) -> Mapping[str, Any]:
        raise NotImplementedError

    def admit(self, tenant: Any, call: Call) -> None:
        raise NotImplementedError

    def rate(self, tenant: Any, operation: str) -> float:
        del tenant, operation
        return 25_000.0


def observer(aws: FakeAccounts, clock: Clock, paces: Paces = Paces(5, 60)) -> Observer:  # noqa: B008 - frozen
    found = Observer(aws, clock, CATALOG.remotes, lambda _key: None, paces)
    for tenant in aws.pages:
        watches = tuple(Watch(remote, "x", Pace.SLOW) for remote in ("Model", "EndpointConfig", "Endpoint"))
        found.watch(Key("Model", "team", tenant), Tenant(tenant), watches)
    return found


def test_thousands_of_pages_hold_nobody_up() -> None:
    aws = FakeAccounts(big=1000, small=1, middle=3)
    observer(aws, LabClock()).sweep_due()
    assert "small" not in aws.asked[9:], "its three Lists of one page are among the first nine"
    assert "middle" not in aws.asked[24:]
    assert aws.asked.count("big") == 3000


@pytest.mark.parametrize(
    "error", [CredentialsError("expired"), RateLimitedError("throttled", 30.0)], ids=["credentials", "throttling"]
)
def test_one_tenants_trouble_costs_the_others_nothing(error: Exception) -> None:
    def trouble() -> None:
        raise error

    aws = FakeAccounts(bad=1, good=1)
    aws.trouble["bad"] = trouble
    clock = LabClock()
    looking = observer(aws, clock)
    looking.sweep_due()
    assert aws.asked.count("good") == 3
    for _ in range(13):
        clock.elapsed_s += 5.2
        looking.sweep_due()
    assert aws.asked.count("good") == 6, "as often as without it"
    assert aws.asked.count("bad") <= 3 * 4, "and it is asked less and less"


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    found = threading.Event()
    yield found
    found.set()


def test_accounts_that_do_not_answer_take_a_thread_each_and_no_more(stuck: threading.Event) -> None:
    def wait() -> None:
        stuck.wait(30)

    aws = FakeAccounts(**{f"stuck-{number}": 1 for number in range(5)}, good=40)
    for number in range(5):
        aws.trouble[f"stuck-{number}"] = wait
    looking = observer(aws, SystemClock(), Paces(0.05, 0.05))
    looking.start()
    try:
        eventually(lambda: aws.asked.count("good") >= 5 * 3 * 40, 20, "the good one is swept whole, again and again")
        assert sorted(set(aws.asked)) == ["good", *(f"stuck-{number}" for number in range(5))]
        assert set(aws.most.values()) == {1}
    finally:
        stuck.set()
        looking.stop()


def test_stopping_waits_for_no_page(stuck: threading.Event) -> None:
    def wait() -> None:
        stuck.wait(30)

    aws = FakeAccounts(silent=1)
    aws.trouble["silent"] = wait
    looking = observer(aws, SystemClock())
    looking.start()
    eventually(lambda: aws.under_way["silent"] == 1, 20, "a page is asked for")
    looking.stop()
    assert aws.under_way["silent"] == 1


def test_stopping_waits_for_no_interval() -> None:
    looking = observer(FakeAccounts(one=1), LabClock())
    looking.start()
    looking.stop()
