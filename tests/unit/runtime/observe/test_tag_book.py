"""Tags in bulk: what a sweep of them tells, whom it wakes, and what it must not conclude (D-8.5, D-18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from reconciler.core.decision import Call, Pace, Watch
from reconciler.core.errors import DeniedError, ReconcileError, TransientError, UnknownRefusalError
from reconciler.core.kind import View
from reconciler.core.naming import OWNER_TAG
from reconciler.core.resource import Key
from reconciler.core.tenancy import Tenant
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.observer import Observer, Paces
from tests.support.clock import LabClock

TENANT = Tenant("us-west-2")
OURS = {OWNER_TAG: "lab/team/Model/x", "team": "risk"}
_LIST: Mapping[str, Any] = {"Models": [], "TrainingJobSummaries": []}


class FakeTagging:
    """The tags of models, and the index that GetResources answers from: `index()` brings it up to date."""

    def __init__(self, names: Iterable[str]) -> None:
        self.tags = {arn(name): dict(OURS) for name in names}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.fails: ReconcileError | None = None
        self.fails_on_page = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self.refused_types: set[str] = set()
        self.hidden: set[str] = set()
        """Types of which nothing is shown."""
        self.garbage: Mapping[str, Any] | None = None
        self.index()

    def index(self) -> None:
        self.indexed = {arn: dict(tags) for arn, tags in self.tags.items() if OWNER_TAG in tags}

    def read(self, tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        del tenant
        if operation.startswith("List") and operation != "ListTags":
            return _LIST
        self.asked.append((operation, params))
        if operation == "ListTags":
            found = self.tags.get(params["ResourceArn"], {})
            return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}
        assert operation == "GetResources"
        assert params["TagFilters"] == [{"Key": OWNER_TAG}]
        if self.garbage is not None:
            return self.garbage
        if self.refused_types & set(params["ResourceTypeFilters"]):
            raise UnknownRefusalError("InvalidParameterException: no such type")
        start = int(params.get("PaginationToken") or 0)
        if self.fails and start // params["ResourcesPerPage"] == self.fails_on_page:
            raise self.fails
        shown = [each for each in self.indexed if each.split(":")[5].split("/")[0] not in self.hidden]
        page = sorted(shown)[start : start + params["ResourcesPerPage"]]
        more = start + len(page) < len(shown)
        answer = {
            "PaginationToken": str(start + len(page)) if more else "",
            "ResourceTagMappingList": [
                {"ResourceARN": each, "Tags": [{"Key": k, "Value": v} for k, v in self.indexed[each].items()]}
                for each in page
            ],
        }
        self.meanwhile()
        return answer

    def write(self, tenant: Any, call: Call) -> Mapping[str, Any]:
        raise NotImplementedError

    def admit(self, tenant: Any, call: Call) -> None:
        raise NotImplementedError

    def rate(self, tenant: Any, operation: str) -> float:
        del tenant, operation
        return 25.0


def arn(name: str, kind: str = "model") -> str:
    return f"arn:aws:sagemaker:us-west-2:1:{kind}/{name.lower()}"


class Bench:
    def __init__(self, *names: str) -> None:
        self.aws = FakeTagging(names)
        self.clock = LabClock()
        self.woken: list[str] = []
        paces = Paces(3600, 1e9, 300)
        self.observer = Observer(self.aws, self.clock, CATALOG.remotes, lambda key: self.woken.append(key.name), paces)
        self.view: View = self.observer.view(TENANT)
        for name in names:
            self.watch(name)
        self.observer.sweep_due()  # the Lists, once and no more
        self.woken.clear()

    def watch(self, name: str, remote: str = "Model") -> None:
        self.observer.watch(Key(remote, "team", name), TENANT, (Watch(remote, name, Pace.SLOW),))

    def sweep(self, seconds: float = 340) -> list[str]:
        """Who is woken meanwhile."""
        self.woken.clear()
        self.aws.asked.clear()
        self.clock.elapsed_s += seconds
        self.observer.sweep_due()
        return sorted(self.woken)

    def pages(self) -> int:
        return sum(operation == "GetResources" for operation, _ in self.aws.asked)


def test_nothing_is_known_before_the_first_sweep_and_everything_after_it() -> None:
    bench = Bench("Net-A", "b")
    assert bench.view.known_tags(arn("Net-A")) is None
    assert bench.sweep() == ["Net-A", "b"]
    assert bench.view.known_tags(arn("Net-A")) == OURS
    assert bench.sweep() == [], "the same again is no news"


def test_a_sweep_costs_a_page_per_hundred_and_asks_for_what_is_watched() -> None:
    bench = Bench(*(f"m{number:03}" for number in range(201)))
    bench.sweep()
    assert bench.pages() == 3
    assert {tuple(params["ResourceTypeFilters"]) for _, params in bench.aws.asked} == {("sagemaker:model",)}


def test_a_changed_tag_wakes_its_object_alone() -> None:
    bench = Bench("a", "b")
    bench.sweep()
    bench.aws.tags[arn("a")]["team"] = "fraud"
    bench.aws.index()
    assert bench.sweep() == ["a"]
    assert bench.view.known_tags(arn("a")) == {**OURS, "team": "fraud"}


def test_what_lost_its_owner_tag_is_missing_until_a_read_tells() -> None:
    bench = Bench("a", "b")
    bench.sweep()
    del bench.aws.tags[arn("a")][OWNER_TAG]
    bench.aws.index()
    assert bench.sweep() == ["a"]
    assert (bench.view.tags_missing(arn("a")), bench.view.known_tags(arn("a"))) == (True, None)
    assert not bench.view.tags_missing(arn("b"))
    assert bench.view.tags(arn("a")) == {"team": "risk"}
    assert (bench.view.tags_missing(arn("a")), bench.view.known_tags(arn("a"))) == (False, {"team": "risk"})
    assert [bench.sweep() for _ in range(5)] == [[]] * 5, "told once, whoever leaves it so"
    bench.aws.tags[arn("a")][OWNER_TAG] = OURS[OWNER_TAG]
    bench.aws.index()
    assert bench.sweep() == ["a"]
    assert bench.view.known_tags(arn("a")) == OURS


def test_no_right_to_read_is_told_once_backs_off_and_blocks_nothing() -> None:
    bench = Bench("a", "b")
    bench.sweep()
    bench.aws.fails = DeniedError("no")
    assert bench.sweep() == ["a", "b"]
    assert bench.view.tags_denied()
    assert bench.view.known_tags(arn("a")) is None
    assert not bench.view.tags_missing(arn("a"))
    assert bench.view.summary("Model", "a") is None
    asked = 0
    for _ in range(4 * 3600 // 60):
        assert bench.sweep(60) == []
        asked += bench.pages()
    assert 3 <= asked <= 14
    bench.aws.fails = None
    assert sorted({name for _ in range(80) for name in bench.sweep(60)}) == ["a", "b"]
    assert not bench.view.tags_denied()
    assert bench.view.known_tags(arn("a")) == OURS


def test_types_that_the_api_refuses_fall_back_to_all_of_sagemakers(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench("a", "b")
    bench.aws.refused_types = {"sagemaker:model"}
    assert bench.sweep() == ["a", "b"]
    assert [params["ResourceTypeFilters"] for _, params in bench.aws.asked] == [["sagemaker:model"], ["sagemaker"]]
    assert (bench.view.known_tags(arn("a")), bench.view.tags_denied()) == (OURS, False)
    bench.sweep()
    assert [params["ResourceTypeFilters"] for _, params in bench.aws.asked] == [["sagemaker"]]
    assert len([one for one in caplog.records if "types" in one.getMessage()]) == 1


def test_a_type_that_is_never_shown_is_told_as_unknown() -> None:
    bench = Bench("a")
    bench.watch("job", "TrainingJob")
    bench.aws.refused_types = {"sagemaker:model"}
    bench.aws.hidden = {"model"}
    bench.aws.indexed[arn("job", "training-job")] = dict(OURS)
    assert bench.sweep() == ["a", "job"]
    assert (bench.view.known_tags(arn("a")), bench.view.tags_missing(arn("a"))) == (None, False)
    assert bench.view.tags_denied()
    assert bench.view.known_tags(arn("job", "training-job")) == OURS
    assert bench.sweep() == [], "told once"
    bench.aws.hidden = set()
    assert bench.sweep() == ["a"]
    assert (bench.view.known_tags(arn("a")), bench.view.tags_denied()) == (OURS, False)


def test_an_api_that_refuses_every_type_is_told_as_unknown() -> None:
    bench = Bench("a")
    bench.aws.refused_types = {"sagemaker:model", "sagemaker"}
    assert bench.sweep() == ["a"]
    assert bench.view.tags_denied()


@pytest.mark.parametrize("garbage", [{}, {"ResourceTagMappingList": None}, {"ResourceTagMappingList": [None]}])
def test_garbage_is_no_sweep(garbage: Mapping[str, Any]) -> None:
    bench = Bench("a")
    bench.sweep()
    bench.aws.garbage = garbage
    assert bench.sweep() == []
    assert (bench.view.known_tags(arn("a")), bench.view.tags_missing(arn("a"))) == (OURS, False)


@pytest.mark.holds("D-8.5")
def test_a_failed_page_proves_no_absence() -> None:
    bench = Bench(*(f"m{number:03}" for number in range(150)))
    bench.sweep()
    bench.aws.fails, bench.aws.fails_on_page = TransientError("500"), 1
    assert bench.sweep() == []
    assert bench.view.known_tags(arn("m149")) == OURS
    assert not bench.view.tags_missing(arn("m149"))
    bench.aws.fails = None
    assert bench.sweep() == []


@pytest.mark.holds("D-8.5")
def test_a_page_that_shifts_hides_one_and_a_read_finds_it() -> None:
    bench = Bench(*(f"m{number:03}" for number in range(150)))
    bench.sweep()
    pages = iter(range(2))

    def shift() -> None:
        if next(pages) == 0:
            del bench.aws.indexed[arn("m000")]  # gone after it was shown: m100 moves onto the first page

    bench.aws.meanwhile = shift
    assert bench.sweep() == ["m100"]
    bench.aws.meanwhile = lambda: None
    assert bench.view.tags(arn("m100")) == OURS
    assert not bench.view.tags_missing(arn("m100"))
    bench.aws.index()
    assert bench.sweep() == []


@pytest.mark.holds("D-8.5")
@pytest.mark.parametrize(
    "call",
    [
        Call("AddTags", {"ResourceArn": arn("a"), "Tags": [{"Key": "team", "Value": "fraud"}]}),
        Call("DeleteTags", {"ResourceArn": arn("a"), "TagKeys": ["team"]}),
        Call("CreateModel", {"ModelName": "a"}),
    ],
    ids=lambda call: call.operation,
)
def test_an_index_that_is_late_is_not_believed_about_what_we_just_set(call: Call) -> None:
    bench = Bench("a", "b")
    bench.sweep()
    bench.aws.tags[arn("a")]["team"] = "fraud"
    bench.observer.forget(TENANT, call)
    assert bench.view.known_tags(arn("a")) is None
    bench.clock.elapsed_s += 290
    bench.observer.forget(TENANT, call)
    assert bench.sweep(50) == [], "the sweep ran, with the index of yesterday"
    assert bench.pages() == 1
    assert bench.view.known_tags(arn("a")) is None
    assert bench.view.known_tags(arn("b")) == OURS
    bench.aws.index()
    assert bench.sweep() == ["a"]
    assert bench.view.known_tags(arn("a")) == {**OURS, "team": "fraud"}


def test_what_was_made_or_watched_while_a_sweep_ran_is_not_missing() -> None:
    bench = Bench("a")
    bench.sweep()

    def begin() -> None:
        bench.clock.elapsed_s += 1
        bench.watch("new")

    bench.aws.meanwhile = begin
    bench.sweep()
    assert not bench.view.tags_missing(arn("new"))


def test_a_read_counts_at_once_and_one_from_before_our_own_write_does_not() -> None:
    bench = Bench("a")
    bench.sweep()
    bench.observer.forget(TENANT, Call("AddTags", {"ResourceArn": arn("a")}))
    assert bench.view.tags(arn("a")) == OURS
    assert bench.view.known_tags(arn("a")) == OURS


def test_a_job_that_ended_is_verified_by_its_tags_and_by_no_list() -> None:
    bench = Bench()
    bench.aws.tags[arn("done", "training-job")] = dict(OURS)
    bench.aws.index()
    bench.watch("Done", "TrainingJob")
    assert bench.view.verified("TrainingJob", "Done") is None
    assert bench.sweep() == ["Done"]
    assert bench.view.verified("TrainingJob", "Done") == bench.clock.now()
    assert bench.observer.freshness()["TrainingJob"].pages == 0
    assert bench.observer.freshness()["Tags"][-2:] == (1, 1)


def test_nothing_watched_asks_for_no_tags() -> None:
    bench = Bench("a")
    bench.observer.watch(Key("Model", "team", "a"), TENANT, ())
    bench.sweep()
    assert bench.pages() == 0
