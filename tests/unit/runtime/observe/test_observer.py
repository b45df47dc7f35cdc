"""What looking costs: the requests an observer makes, and whom it wakes (D-15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.aws.remote import remote_key
from reconciler.core.aws.wakeups import Hint
from reconciler.core.decision import Call, Pace, Watch
from reconciler.core.errors import (
    CredentialsError,
    NotFoundError,
    OldLookError,
    RateLimitedError,
    ReconcileError,
    ThrottledError,
    TransientError,
)
from reconciler.core.resource import Key
from reconciler.core.tenancy import Tenant
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.observer import Observer, Paces
from tests.support.clock import LabClock

TENANT = Tenant("us-west-2")
START = datetime(2026, 3, 1, tzinfo=UTC)


class FakeSageMaker:
    """Jobs by age in minutes, newest first; counts what is asked."""

    def __init__(self, jobs: int) -> None:
        self.statuses = {f"job-{n:04d}": "InProgress" for n in range(jobs)}
        self.asked: list[str] = []
        self.fails: ReconcileError | None = None
        self.rate_per_s = 25.0

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        del tenant
        if operation == "GetResources":
            raise TransientError("tags are of another test")
        self.asked.append(operation)
        if self.fails:
            raise self.fails
        if operation == "DescribeTrainingJob":
            name = params["TrainingJobName"]
            if name not in self.statuses:
                raise NotFoundError(name)
            return self.summary(name)
        assert params["MaxResults"] == 100
        names = sorted(self.statuses)
        start = int(params.get("NextToken", 0))
        page = [self.summary(name) for name in names[start : start + 100]]
        more = {"NextToken": str(start + 100)} if start + 100 < len(names) else {}
        return {"TrainingJobSummaries": page, **more}

    def write(self, tenant: Any, call: Call) -> Mapping[str, Any]:
        raise NotImplementedError

    def admit(self, tenant: Any, call: Call) -> None:
        raise NotImplementedError

    def rate(self, tenant: Any, operation: str) -> float:
        del tenant, operation
        return self.rate_per_s

    def summary(self, name: str) -> dict[str, Any]:
        status = self.statuses[name]
        moment = START - timedelta(minutes=int(name[-4:]))
        return {
            "TrainingJobName": name,
            "TrainingJobArn": f"arn:aws:sagemaker:us-west-2:1:training-job/{name}",
            "TrainingJobStatus": status,
            "SecondaryStatus": status,
            "CreationTime": moment,
            "LastModifiedTime": moment,
        }


class FakeEndpoints(FakeSageMaker):
    """Endpoints by age in hours, all in service; `moved` says when one was changed last."""

    def __init__(self, count: int) -> None:
        super().__init__(0)
        self.names = [f"Serve-{number:04}" for number in range(count)]
        self.moved: dict[str, int] = {}
        self.hold: RateLimitedError | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        del tenant
        if operation == "GetResources":
            raise TransientError("tags are of another test")
        assert operation == "ListEndpoints"
        if self.hold:
            raise self.hold
        self.asked.append(operation)
        start = int(params.get("NextToken", 0))
        page = [self.endpoint(name) for name in self.names[start : start + 100]]
        self.meanwhile()
        return {"Endpoints": page, **({"NextToken": str(start + 100)} if start + 100 < len(self.names) else {})}

    def endpoint(self, name: str) -> dict[str, Any]:
        made = START - timedelta(hours=int(name[-4:]))
        return {
            "EndpointName": name,
            "EndpointStatus": "InService",
            "CreationTime": made,
            "LastModifiedTime": made + timedelta(seconds=self.moved.get(name, 0)),
        }


class Bench:
    def __init__(self, jobs: int = 250, aws: Any = None) -> None:
        self.aws = aws or FakeSageMaker(jobs)
        self.clock = LabClock()
        self.woken: list[str] = []
        self.observer = Observer(
            self.aws, self.clock, CATALOG.remotes, lambda key: self.woken.append(key.name), Paces(5, 60)
        )

    def watch(self, *names: str) -> None:
        for name in names:
            self.observer.watch(key(name), TENANT, (Watch("TrainingJob", name, Pace.FAST),))

    def serve(self, *names: str, pace: Pace = Pace.SLOW) -> None:
        for name in names:
            self.observer.watch(Key("HostingDeployment", "team", name), TENANT, (Watch("Endpoint", name, pace),))

    def pass_time(self, seconds: float = 10) -> list[str]:
        """What was asked meanwhile."""
        self.aws.asked.clear()
        self.woken.clear()
        self.clock.elapsed_s += seconds
        self.observer.sweep_due()
        return list(self.aws.asked)


def key(name: str) -> Key:
    return Key("TrainingJob", "team", name)


def test_nothing_watched_costs_nothing() -> None:
    assert Bench().pass_time() == []


@pytest.mark.parametrize(("oldest", "pages"), [("job-0003", 1), ("job-0150", 2), ("job-0249", 3)])
def test_pages_end_at_the_oldest_job_that_runs(oldest: str, pages: int) -> None:
    bench = Bench()
    bench.watch("job-0000", oldest)
    assert bench.pass_time() == ["ListTrainingJobs"] * pages
    assert sorted(bench.woken) == ["job-0000", oldest]
    assert bench.pass_time() == ["ListTrainingJobs"] * pages
    assert bench.woken == []


def test_nobody_running_costs_no_page() -> None:
    bench = Bench()
    bench.watch("job-0001")
    bench.pass_time()
    bench.observer.unwatch(key("job-0001"))
    assert bench.pass_time() == []


def test_a_description_that_is_older_than_asked_is_read_again() -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    view = bench.observer.view(TENANT)
    asked = []
    for _ in range(7):
        bench.pass_time(20)
        view.describe("TrainingJob", "job-0000", at_most_old=timedelta(seconds=60))
        asked.append(bench.aws.asked.count("DescribeTrainingJob"))
    assert asked == [1, 0, 0, 1, 0, 0, 1]


def test_only_what_moved_is_described() -> None:
    bench = Bench(3)
    bench.watch(*bench.aws.statuses)
    bench.pass_time()
    view = bench.observer.view(TENANT)
    for name in bench.aws.statuses:
        view.describe("TrainingJob", name)
    bench.aws.asked.clear()
    bench.aws.statuses["job-0001"] = "Completed"
    bench.pass_time()
    assert bench.woken == ["job-0001"]
    for name in bench.aws.statuses:
        view.describe("TrainingJob", name)
    assert bench.aws.asked == ["ListTrainingJobs", "DescribeTrainingJob"]


@pytest.mark.holds("D-8.1")
def test_absence_needs_a_whole_list_and_one_describe_confirms() -> None:
    bench = Bench(150)
    bench.watch("job-0140")
    bench.pass_time()
    del bench.aws.statuses["job-0140"]
    view = bench.observer.view(TENANT)
    assert not view.unlisted("TrainingJob", "job-0140")
    assert bench.pass_time() == ["ListTrainingJobs"] * 2
    assert bench.woken == ["job-0140"]
    assert view.unlisted("TrainingJob", "job-0140")
    assert view.describe("TrainingJob", "job-0140") is None


def test_a_sweep_begun_before_a_name_was_watched_says_nothing_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    read = bench.aws.read

    def meanwhile(*asked: Any) -> Mapping[str, Any]:
        bench.clock.elapsed_s += 1
        bench.watch("new")
        return read(*asked)

    monkeypatch.setattr(bench.aws, "read", meanwhile)
    bench.pass_time()
    assert not bench.observer.view(TENANT).unlisted("TrainingJob", "new")


def test_a_passing_fault_is_no_news_and_a_lasting_one_reaches_everyone_and_so_does_recovery() -> None:
    bench = Bench(2)
    bench.watch("job-0000", "job-0001")
    bench.pass_time()
    bench.aws.fails = ThrottledError("Rate exceeded")
    for _ in range(2):
        bench.pass_time(300)
        assert bench.woken == []
    bench.pass_time(300)
    assert sorted(bench.woken) == ["job-0000", "job-0001"]
    with pytest.raises(ThrottledError):
        bench.observer.view(TENANT).summary("TrainingJob", "job-0000")
    bench.pass_time(300)
    assert bench.woken == []
    bench.aws.fails = None
    bench.pass_time(300)
    assert sorted(bench.woken) == ["job-0000", "job-0001"]
    assert bench.observer.view(TENANT).summary("TrainingJob", "job-0000")


def test_bad_credentials_are_news_at_once() -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    bench.aws.fails = CredentialsError("expired")
    bench.pass_time()
    assert bench.woken == ["job-0000"]


def test_a_failing_sweep_backs_off() -> None:
    """An endpoint's slow sweep stays due while it fails: without a pause that is a busy loop."""
    bench = Bench(0)
    bench.observer.watch(key("serve"), TENANT, (Watch("Endpoint", "serve", Pace.SLOW),))
    bench.aws.fails = CredentialsError("expired")
    assert bench.pass_time(0) == ["ListEndpoints"]
    assert bench.pass_time(1) == []
    asked = [bench.pass_time(10) for _ in range(60)]
    assert sum(map(len, asked)) <= 12


def test_what_a_call_changed_is_not_remembered() -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    bench.pass_time()
    view = bench.observer.view(TENANT)
    assert view.summary("TrainingJob", "job-0000")
    bench.observer.forget(TENANT, Call("StopTrainingJob", {"TrainingJobName": "job-0000"}))
    assert view.summary("TrainingJob", "job-0000") is None


def test_a_page_that_was_asked_for_before_our_own_call_is_old() -> None:
    aws = FakeEndpoints(1)
    bench = Bench(aws=aws)
    bench.serve("Serve-0000")

    def update() -> None:
        bench.clock.elapsed_s += 1
        bench.observer.forget(TENANT, Call("UpdateEndpoint", {"EndpointName": "Serve-0000"}))

    aws.meanwhile = update
    bench.pass_time(0)
    assert bench.observer.view(TENANT).summary("Endpoint", "Serve-0000") is None


def test_what_changes_is_looked_at_fast_and_what_is_settled_slowly() -> None:
    bench = Bench(aws=FakeEndpoints(300))
    bench.serve("Serve-0000", "Serve-0250")
    assert len(bench.pass_time(0)) == 3
    assert sum(len(bench.pass_time(5)) for _ in range(8)) == 0, "nothing moves: the slow pace"
    bench.serve("Serve-0000", pace=Pace.FAST)
    assert [len(bench.pass_time(5)) for _ in range(2)] == [1, 1], "the first page shows what changes"
    assert sorted(len(bench.pass_time(5)) for _ in range(4)) == [1, 1, 1, 3], "and once a minute all is seen"


def test_a_change_is_found_within_one_slow_interval() -> None:
    aws = FakeEndpoints(300)
    bench = Bench(aws=aws)
    bench.serve(*aws.names)
    bench.pass_time(0)
    aws.moved["Serve-0250"] = 60
    bench.pass_time(67)
    assert bench.woken == ["Serve-0250"]


@pytest.mark.holds("D-15.9")
def test_lists_use_at_most_a_quarter_of_what_is_allowed() -> None:
    """At 2 calls a second a hundred pages are worth 200 seconds, however short the interval is."""
    aws = FakeEndpoints(10_000)
    aws.rate_per_s = 2.0
    bench = Bench(aws=aws)
    bench.serve(*aws.names[::100])
    assert len(bench.pass_time(0)) == 100
    assert [len(bench.pass_time(65)) for _ in range(4)] == [0, 0, 0, 100]


@pytest.mark.holds("D-15.9")
def test_jobs_that_ended_are_in_no_page_we_ask_for() -> None:
    bench = Bench()
    bench.observer.watch(key("job-0007"), TENANT, (Watch("TrainingJob", "job-0007", Pace.SLOW),))
    assert bench.pass_time(600) == []
    bench.observer.hint(hint("TrainingJob", "job-0007"))
    assert bench.pass_time(600) == [], "nor does an event make us look"


def hint(remote: str, name: str, region: str = "us-west-2") -> Hint:
    return Hint(region, "1", remote_key(remote, name))


def test_a_hint_makes_us_look_soon_and_no_further_than_needed() -> None:
    aws = FakeEndpoints(300)
    bench = Bench(aws=aws)
    bench.serve(*aws.names)
    bench.pass_time(0)
    bench.pass_time(2)
    aws.moved["Serve-0120"] = 60
    bench.observer.hint(hint("Endpoint", "SERVE-0120"))
    assert len(bench.pass_time(0)) == 2
    assert bench.woken == ["Serve-0120"]


def test_many_hints_are_one_look_and_the_last_is_not_lost() -> None:
    aws = FakeEndpoints(50)
    bench = Bench(aws=aws)
    bench.serve(*aws.names)
    bench.pass_time(0)
    bench.pass_time(2)
    for name in aws.names:
        bench.observer.hint(hint("Endpoint", name))
    assert len(bench.pass_time(0)) == 1
    aws.moved["Serve-0007"] = 60
    bench.observer.hint(hint("Endpoint", "serve-0007"))
    assert bench.pass_time(0) == [], "a storm of events is looked at once a second"
    assert len(bench.pass_time(1.1)) == 1
    assert bench.woken == ["Serve-0007"]


@pytest.mark.parametrize(
    "told",
    [hint("Endpoint", "other"), hint("Model", "serve-0000"), hint("Endpoint", "serve-0000", "eu-west-1")],
    ids=["another name", "another kind", "another region"],
)
def test_a_hint_at_what_is_not_watched_costs_nothing(told: Hint) -> None:
    bench = Bench(aws=FakeEndpoints(3))
    bench.serve("Serve-0000")
    bench.pass_time(0)
    bench.observer.hint(told)
    assert bench.pass_time(30) == []


def test_a_hint_that_a_failing_list_could_not_follow_is_followed_later() -> None:
    aws = FakeEndpoints(3)
    bench = Bench(aws=aws)
    bench.serve(*aws.names)
    bench.pass_time(0)
    bench.pass_time(2)
    aws.moved["Serve-0001"] = 60
    bench.observer.hint(hint("Endpoint", "serve-0001"))
    aws.hold = RateLimitedError("later", 7.0)
    assert bench.pass_time(0) == []
    aws.hold = None
    assert bench.pass_time(6) == []
    assert bench.pass_time(2) == ["ListEndpoints"]
    assert bench.woken == ["Serve-0001"]


def test_a_sweep_that_is_held_back_goes_on_where_it_stopped() -> None:
    aws = FakeEndpoints(300)
    bench = Bench(aws=aws)
    bench.serve("Serve-0250")

    def held_back() -> None:
        aws.hold = RateLimitedError("later", 3.0)

    aws.meanwhile = held_back
    assert len(bench.pass_time(0)) == 1
    for _ in range(2):
        assert bench.pass_time(2) == []
        aws.hold = None
        assert len(bench.pass_time(2)) == 1
    assert bench.woken == ["Serve-0250"]
    assert bench.observer.freshness()["Endpoint"][-2:] == (1, 3)


def test_when_a_thing_was_verified_last() -> None:
    bench = Bench(aws=FakeEndpoints(3))
    bench.serve("Serve-0001", "gone")
    view = bench.observer.view(TENANT)
    assert view.verified("Endpoint", "Serve-0001") is None
    assert bench.observer.freshness()["Endpoint"] == (2, 2, None, 0, 0)
    bench.pass_time(0)
    first = bench.clock.now()
    bench.pass_time(30)
    assert view.verified("Endpoint", "Serve-0001") == first
    assert view.verified("Endpoint", "gone") == first, "that it is missing was seen, too"
    assert bench.observer.freshness()["Endpoint"] == (2, 0, first, 1, 1)
    bench.pass_time(40)
    assert view.verified("Endpoint", "Serve-0001") == bench.clock.now()


def test_a_list_that_is_held_back_is_read_to_its_end_and_old_pages_are_not_believed() -> None:
    aws = FakeEndpoints(250)
    bench = Bench(aws=aws)
    view = bench.observer.view(TENANT)

    def held_back() -> None:
        aws.hold = RateLimitedError("later", 3.0)

    aws.meanwhile = held_back
    for _ in range(2):
        with pytest.raises(RateLimitedError):
            view.listing("Endpoint", {})
        aws.hold = None
    assert len(view.listing("Endpoint", {})) == 250
    assert aws.asked == ["ListEndpoints"] * 3
    aws.hold = None
    with pytest.raises(RateLimitedError):
        view.listing("Endpoint", {})
    aws.hold, aws.meanwhile, aws.names = None, lambda: None, aws.names[:150]
    bench.clock.elapsed_s += 200
    assert len(view.listing("Endpoint", {})) == 150


class OneEndpoint(FakeSageMaker):
    """An endpoint as the replicas show it, one after another; and its List."""

    def __init__(self, *modified_s: float) -> None:
        super().__init__(0)
        self.shown = [self.described(seconds) for seconds in modified_s]
        self.page: Any = {"Endpoints": []}

    @staticmethod
    def described(modified_s: float, **more: Any) -> dict[str, Any]:
        modified = START + timedelta(seconds=modified_s)
        return {
            "EndpointName": "e",
            "EndpointArn": "arn:aws:sagemaker:us-west-2:1:endpoint/e",
            "EndpointStatus": "InService",
            "CreationTime": START,
            "LastModifiedTime": modified,
            **more,
        }

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "DescribeEndpoint":
            return self.shown.pop(0)
        if operation == "ListEndpoints":
            self.asked.append(operation)
            found: Mapping[str, Any] = self.page
            return found
        return super().read(tenant, operation, params)


def looking(aws: OneEndpoint, clock: LabClock) -> Observer:
    woken: list[Key] = []
    return Observer(aws, clock, CATALOG.remotes, woken.append, Paces(5, 60, 1e9))


def test_a_describe_that_is_older_than_one_before_it_is_not_believed() -> None:
    aws, clock = OneEndpoint(10, 5, 10, 12), LabClock()
    view = looking(aws, clock).view(TENANT)
    assert view.describe("Endpoint", "e", fresh=True) is not None
    with pytest.raises(OldLookError):
        view.describe("Endpoint", "e", fresh=True)
    for _ in range(2):
        assert view.describe("Endpoint", "e", fresh=True) is not None


def test_an_older_describe_of_another_object_or_long_after_is_believed() -> None:
    aws, clock = OneEndpoint(10, 5, 4), LabClock()
    aws.shown[1]["CreationTime"] = START - timedelta(hours=1)
    view = looking(aws, clock).view(TENANT)
    for _ in range(2):
        assert view.describe("Endpoint", "e", fresh=True) is not None
    clock.elapsed_s += 200
    assert view.describe("Endpoint", "e", fresh=True) is not None


@pytest.mark.parametrize("missing", ["EndpointArn", "CreationTime", "EndpointStatus"])
def test_a_description_that_is_none_is_a_passing_fault(missing: str) -> None:
    aws = OneEndpoint(10)
    del aws.shown[0][missing]
    with pytest.raises(TransientError, match=missing):
        looking(aws, LabClock()).view(TENANT).describe("Endpoint", "e")


@pytest.mark.parametrize(
    "page", [{}, {"Endpoints": None}, {"Endpoints": [None]}, {"Endpoints": "x"}, {"Endpoints": [{"EndpointName": "e"}]}]
)
def test_garbage_in_a_list_is_told_once_and_concludes_nothing(
    page: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    aws, clock = OneEndpoint(), LabClock()
    observer = looking(aws, clock)
    observer.watch(Key("HostingDeployment", "team", "e"), TENANT, (Watch("Endpoint", "e", Pace.FAST),))
    aws.page = page
    for _ in range(20):
        clock.elapsed_s += 200
        observer.sweep_due()
    told = [one for one in caplog.records if "ListEndpoints" in one.getMessage()]
    assert ([one.levelname for one in told], [one for one in caplog.records if one.exc_info]) == (["WARNING"], [])
    with pytest.raises(TransientError):
        observer.view(TENANT).summary("Endpoint", "e")
    assert not observer.view(TENANT).unlisted("Endpoint", "e")
