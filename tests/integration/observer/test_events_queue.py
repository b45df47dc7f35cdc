"""Events of EventBridge through SQS as wake-ups: soon, never trusted, and nothing is lost with them (D-8.4)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
import yaml

from reconciler.adapters.aws import AwsClients, EventsQueue, Sessions, Tenant
from reconciler.app.settings import SystemClock
from reconciler.core.decision import Pace, Watch
from reconciler.core.resource import Key
from reconciler.dev.envfile import REGION
from reconciler.kinds import CATALOG
from reconciler.runtime.observe.events_listener import EventsListener
from reconciler.runtime.observe.observer import Observer, Paces
from tests.support.lab import LOADER
from tests.support.simulator_control import SimControl
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]
ACCOUNT = "123456789012"
WITHIN_S = 2.0


class Watching:
    """An observer that by itself would look once an hour, and who it wakes."""

    def __init__(self, simulator: SimControl) -> None:
        self.simulator = simulator
        self.console = simulator.client()
        self.woken: SimpleQueue[str] = SimpleQueue()
        self.tenant = Tenant(REGION, simulator.url)
        self.observer = Observer(
            AwsClients(Sessions(LOADER)),
            SystemClock(),
            CATALOG.remotes,
            lambda key: self.woken.put(key.name),
            Paces(3600, 3600, 3600),
        )

    def watch(self, remote: str, name: str) -> None:
        self.observer.watch(Key(remote, "team", name), self.tenant, (Watch(remote, name, Pace.SLOW),))
        self.observer.sweep_due()
        while not self.woken.empty():
            self.woken.get()

    def wait_woken(self) -> tuple[str, float]:
        began = time.monotonic()
        return self.woken.get(timeout=10), time.monotonic() - began

    def quiet(self) -> bool:
        try:
            self.woken.get(timeout=0.3)
        except Empty:
            return True
        return False


class AskedQueue(EventsQueue):
    """The queue, and when it was asked."""

    def __init__(self, url: str) -> None:
        super().__init__(LOADER, url)
        self.times: list[float] = []

    def receive(self) -> Sequence[Any]:
        self.times.append(time.monotonic())
        return super().receive()


def template() -> dict[str, Any]:
    """The CloudFormation template, its functions left as they are written."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda _loader, function, node: {function: node.value})
    found = yaml.load((ROOT / "deploy/events.yaml").read_text(), Loader)  # noqa: S506 - ours
    resources: dict[str, Any] = found["Resources"]
    return resources


@pytest.fixture
def queue(simulator: SimControl) -> str:
    """As `deploy/events.yaml` makes it."""
    url: str = simulator.client("sqs").create_queue(QueueName="sagemaker-gitops")["QueueUrl"]
    events = simulator.client("events")
    events.put_rule(Name="gitops", EventPattern=json.dumps(template()["Rule"]["Properties"]["EventPattern"]))
    events.put_targets(Rule="gitops", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:sagemaker-gitops"}])
    return url


@pytest.fixture
def watching(simulator: SimControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.url)
    found = Watching(simulator)
    found.observer.start()
    yield found
    found.observer.stop()


@pytest.fixture
def listener(watching: Watching, queue: str) -> Iterator[EventsListener]:
    found = EventsListener(EventsQueue(LOADER, queue), CATALOG.remotes, watching.observer.hint)
    found.start()
    yield found
    began = time.monotonic()
    found.stop()
    assert time.monotonic() - began < 1.0, "a poll under way is not waited for"


def model(watching: Watching, name: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/lab"
    watching.console.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})


def endpoint(watching: Watching, name: str) -> None:
    model(watching, name)
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    for config in (name, f"{name}-b"):
        watching.console.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    watching.console.create_endpoint(EndpointName=name, EndpointConfigName=name)
    watching.simulator.advance(600)


@pytest.mark.simulator(clock="manual")
def test_a_change_in_the_console_is_seen_within_two_seconds(watching: Watching, listener: EventsListener) -> None:
    endpoint(watching, "Churn")
    watching.watch("Endpoint", "Churn")
    mark = watching.simulator.mark()
    watching.console.update_endpoint(EndpointName="Churn", EndpointConfigName="Churn-b")
    name, took = watching.wait_woken()
    assert name == "Churn"
    assert took < WITHIN_S
    assert set(watching.simulator.counts(mark)) == {"UpdateEndpoint", "ListEndpoints"}


@pytest.mark.simulator(clock="manual")
def test_a_deleted_model_is_seen_and_what_is_not_watched_is_not_looked_at(
    watching: Watching, listener: EventsListener
) -> None:
    for name in ("ours", "theirs"):
        model(watching, name)
    watching.watch("Model", "ours")
    mark = watching.simulator.mark()
    watching.console.delete_model(ModelName="theirs")
    assert watching.quiet()
    assert watching.simulator.counts(mark)["ListModels"] == 0
    watching.console.delete_model(ModelName="ours")
    assert watching.wait_woken()[0] == "ours"
    assert watching.observer.view(watching.tenant).unlisted("Model", "ours")


@pytest.mark.holds("D-8.4")
@pytest.mark.simulator(clock="manual")
def test_lies_duplicates_and_garbage_wake_nobody_and_are_deleted(
    watching: Watching, listener: EventsListener, queue: str
) -> None:
    endpoint(watching, "churn")
    watching.watch("Endpoint", "churn")
    watching.quiet()
    sqs, mark = watching.simulator.client("sqs"), watching.simulator.mark()
    lie = {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Endpoint State Change",
        "region": REGION,
        "account": ACCOUNT,
        "resources": [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/churn"],
        "detail": {"EndpointName": "churn", "EndpointStatus": "FAILED"},
    }
    for body in [*["not json", "{}", "[]"], *[json.dumps(lie)] * 7]:
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    def empty() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return [left[name] for name in names] == ["0", "0"]

    eventually(empty, 60, "every message is handled")
    eventually(lambda: watching.simulator.counts(mark)["ListEndpoints"], 60, "the hint is followed")
    assert watching.quiet()
    looks = watching.simulator.counts(mark)
    assert 1 <= looks["ListEndpoints"] <= 3, "duplicates are looked at together"
    assert set(looks) == {"ListEndpoints"}


@pytest.mark.parametrize("trouble", ["no such queue", "denied", "away"])
def test_a_queue_that_cannot_be_read_costs_one_warning_and_backs_off(
    watching: Watching, queue: str, trouble: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{queue}-gone" if trouble == "no such queue" else queue
    if trouble == "denied":
        denied = {"type": "error", "code": "AccessDenied", "message": "no", "status": 403}
        watching.simulator.rules({"match": {"service": "sqs", "op": "ReceiveMessage"}, "action": denied})
    if trouble == "away":
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    asked = AskedQueue(url)
    listener = EventsListener(asked, CATALOG.remotes, watching.observer.hint)
    with caplog.at_level(logging.WARNING, "reconciler"):
        listener.start()
        eventually(lambda: len(asked.times) >= 2, 10, "it was tried again")
        began = time.monotonic()
        listener.stop()
    assert time.monotonic() - began < 1.0
    assert asked.times[1] - asked.times[0] >= 0.5, "not at once"
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
