"""What looking costs: the requests an observer makes, and whom it wakes (design 5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.decision import Call, Pace, Watch
from reconciler.core.errors import CredentialsError, NotFoundError, ReconcileError, ThrottledError, TransientError
from reconciler.core.resource import Key
from reconciler.runtime.observer import Observer, Paces
from tests.support.clock import LabClock

START = datetime(2026, 3, 1, tzinfo=UTC)


class FakeSageMaker:
    """Jobs by age in minutes, newest first; counts what is asked."""

    def __init__(self, jobs: int) -> None:
        self.statuses = {f"job-{n:04d}": "InProgress" for n in range(jobs)}
        self.asked: list[str] = []
        self.fails: ReconcileError | None = None
        self.rate_per_s = 25.0

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        assert tenant == "tenant"
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


class Bench:
    def __init__(self, jobs: int = 250) -> None:
        self.aws = FakeSageMaker(jobs)
        self.clock = LabClock()
        self.woken: list[str] = []
        self.observer = Observer(self.aws, self.clock, lambda key: self.woken.append(key.name), Paces(5, 60))

    def watch(self, *names: str) -> None:
        for name in names:
            self.observer.watch(key(name), "tenant", (Watch("TrainingJob", name, Pace.FAST),))

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
    bench.observer.watch(key("job-0001"), None, ())
    assert bench.pass_time() == []


def test_a_description_that_is_older_than_asked_is_read_again() -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    view = bench.observer.view("tenant")
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
    view = bench.observer.view("tenant")
    for name in bench.aws.statuses:
        view.describe("TrainingJob", name)
    bench.aws.asked.clear()
    bench.aws.statuses["job-0001"] = "Completed"
    bench.pass_time()
    assert bench.woken == ["job-0001"]
    for name in bench.aws.statuses:
        view.describe("TrainingJob", name)
    assert bench.aws.asked == ["ListTrainingJobs", "DescribeTrainingJob"]


def test_absence_needs_a_whole_list_and_one_describe_confirms() -> None:
    bench = Bench(150)
    bench.watch("job-0140")
    bench.pass_time()
    del bench.aws.statuses["job-0140"]
    view = bench.observer.view("tenant")
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
    assert not bench.observer.view("tenant").unlisted("TrainingJob", "new")


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
        bench.observer.view("tenant").summary("TrainingJob", "job-0000")
    bench.pass_time(300)
    assert bench.woken == []
    bench.aws.fails = None
    bench.pass_time(300)
    assert sorted(bench.woken) == ["job-0000", "job-0001"]
    assert bench.observer.view("tenant").summary("TrainingJob", "job-0000")


def test_bad_credentials_are_news_at_once() -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    bench.aws.fails = CredentialsError("expired")
    bench.pass_time()
    assert bench.woken == ["job-0000"]


def test_a_failing_sweep_backs_off() -> None:
    """An endpoint's slow sweep stays due while it fails: without a pause that is a busy loop."""
    bench = Bench(0)
    bench.observer.watch(key("serve"), "tenant", (Watch("Endpoint", "serve", Pace.SLOW),))
    bench.aws.fails = CredentialsError("expired")
    assert bench.pass_time(0) == ["ListEndpoints"]
    assert bench.pass_time(1) == []
    asked = [bench.pass_time(10) for _ in range(60)]
    assert sum(map(len, asked)) <= 12


def test_what_a_call_changed_is_not_remembered() -> None:
    bench = Bench(1)
    bench.watch("job-0000")
    bench.pass_time()
    view = bench.observer.view("tenant")
    assert view.summary("TrainingJob", "job-0000")
    bench.observer.forget("tenant", Call("StopTrainingJob", {"TrainingJobName": "job-0000"}))
    assert view.summary("TrainingJob", "job-0000") is None
