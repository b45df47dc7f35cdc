"""An account behind the AWS port, in memory and without a request: for properties over hundreds of random objects.

It knows nothing of SageMaker's rules but botocore's own validation: whatever passes that is taken, and things end as told.
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from reconciler.adapters.aws import AwsClients
from reconciler.core.aws.remote import RemoteKinds
from reconciler.core.catalog import Catalog
from reconciler.core.decision import Call
from reconciler.core.errors import ConflictError, NotFoundError, ReconcileError, TerminalError
from reconciler.core.tenancy import Tenant
from reconciler.kinds import CATALOG
from tests.support.lab import LOADER, Lab, LabClock

Fault = Callable[[Call, int], ReconcileError | None]
"""(call, how many of that operation were sent before) -> what becomes of it; None: it is taken."""

_JOBS = ("TrainingJob", "HyperParameterTuningJob", "TransformJob", "ProcessingJob")
_SERVICES = ("sagemaker", "application-autoscaling", "resourcegroupstaggingapi")
_COUNTERS = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)


class Account:
    """Implements the `Aws` port. `outcome` is how jobs and endpoints end."""

    def __init__(
        self, remotes: RemoteKinds, clock: LabClock, outcome: str = "good", fault: Fault = lambda _call, _number: None
    ) -> None:
        self.remotes = remotes
        self.clock = clock
        self.good = outcome == "good"
        self.fault = fault
        self.sent: list[Call] = []
        self.things: dict[tuple[str, str], dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self._ids = itertools.count(1)

    def read(self, _tenant: Any, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        _check(operation, params)
        if operation == "ListTags":
            tags = self.tags.get(params["ResourceArn"], {})
            return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        if operation == "ListTagsForResource":
            return {"Tags": self.tags.get(params["ResourceARN"], {})}
        if operation == "GetResources":
            return {"ResourceTagMappingList": [self._tagged(thing) for thing in self.things.values()]}
        if operation.startswith("ListTrainingJobsFor"):
            return {"TrainingJobSummaries": []}
        for remote in self.remotes.values():
            things = [thing for (kind, _), thing in self.things.items() if kind == remote.name]
            if operation == remote.list:
                return {remote.list_key: copy.deepcopy(things[::-1])}
            if operation == remote.describe:
                name = params[remote.name_key]
                if (remote.name, name) not in self.things:
                    raise NotFoundError(f"no {remote.name} {name}")
                return copy.deepcopy(self.things[remote.name, name])
        raise AssertionError(f"{operation} is not known here")

    def write(self, _tenant: Any, call: Call) -> Mapping[str, Any]:
        _check(call.operation, call.params)
        number = sum(sent.operation == call.operation for sent in self.sent)
        self.sent.append(call)
        error = self.fault(call, number)
        if error is not None and not getattr(error, "carried_out", False):
            raise error
        answer = self._do(call)
        if error is not None:
            raise error
        return answer

    def admit(self, tenant: Any, call: Call) -> None:
        """Nothing is held back here."""

    def rate(self, _tenant: Any, _operation: str) -> float:
        return 100.0

    def advance(self, seconds: float) -> None:
        """What was under way is over."""
        self.clock.elapsed_s += seconds
        for (kind, name), thing in list(self.things.items()):
            if kind in _JOBS:
                self._end_job(kind, thing)
            elif kind == "Endpoint":
                self._end_endpoint(name, thing)

    def _tagged(self, thing: Mapping[str, Any]) -> dict[str, Any]:
        arn = next(value for name, value in thing.items() if name.endswith("Arn") and value in self.tags)
        return {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in self.tags[arn].items()]}

    def counts(self) -> Counter[str]:
        return Counter(call.operation for call in self.sent)

    def _end_job(self, kind: str, thing: dict[str, Any]) -> None:
        status = {"InProgress": "Completed" if self.good else "Failed", "Stopping": "Stopped"}.get(
            thing[f"{kind}Status"]
        )
        if status is None:
            return
        thing |= {f"{kind}Status": status, "LastModifiedTime": self._now()}
        if status == "Failed":
            thing["FailureReason"] = "AlgorithmError: it ended badly"
        if kind == "TrainingJob":
            thing |= {"SecondaryStatus": status, "ModelArtifacts": {"S3ModelArtifacts": "s3://made/model.tar.gz"}}

    def _end_endpoint(self, name: str, thing: dict[str, Any]) -> None:
        match thing["EndpointStatus"]:
            case "Creating":
                thing |= {"EndpointStatus": "InService" if self.good else "Failed", "LastModifiedTime": self._now()}
            case "Updating":
                wanted = thing.pop("_wanted")
                thing |= {"EndpointStatus": "InService", "LastModifiedTime": self._now()}
                if self.good:
                    thing |= {"EndpointConfigName": wanted, **_shown(self._there("EndpointConfig", wanted))}
            case "Deleting":
                del self.things["Endpoint", name]

    def _do(self, call: Call) -> Mapping[str, Any]:
        operation, params = call.operation, dict(call.params)
        if operation in ("AddTags", "TagResource"):
            arn = str(params.get("ResourceArn") or params.get("ResourceARN"))
            tags = params["Tags"]
            pairs = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
            self.tags.setdefault(arn, {}).update(pairs)
            return {"Tags": []}
        if operation in ("DeleteTags", "UntagResource"):
            tags = self.tags.get(str(params.get("ResourceArn") or params.get("ResourceARN")), {})
            for name in params["TagKeys"]:
                tags.pop(name, None)
            return {}
        for verb, act in (("Create", self._create), ("Stop", self._stop), ("Delete", self._delete)):
            kind = operation.removeprefix(verb)
            if operation.startswith(verb) and kind in self.remotes:
                return act(kind, str(params[f"{kind}Name"]), params)
        if operation == "UpdateEndpoint":
            thing = self._there("Endpoint", str(params["EndpointName"]))
            thing |= {
                "EndpointStatus": "Updating",
                "_wanted": params["EndpointConfigName"],
                "LastModifiedTime": self._now(),
            }
            return {"EndpointArn": thing["EndpointArn"]}
        raise TerminalError(f"{operation} is not taken here")

    def _create(self, kind: str, name: str, params: dict[str, Any]) -> Mapping[str, Any]:
        if (kind, name) in self.things:
            raise ConflictError(f"{name} is taken")
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:{kind.lower()}/{name.lower()}"
        thing = {**params, f"{kind}Arn": arn, "CreationTime": self._now(), "LastModifiedTime": self._now()}
        tags = thing.pop("Tags", None) or []
        self.tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}
        if kind in _JOBS:
            thing |= {
                f"{kind}Status": "InProgress",
                "SecondaryStatus": "Starting",
                "TrainingJobStatusCounters": _COUNTERS,
            }
        if kind == "Endpoint":
            config = self._there("EndpointConfig", str(params["EndpointConfigName"]))
            thing |= {"EndpointStatus": "Creating", **_shown(config)}
        self.things[kind, name] = thing
        return {f"{kind}Arn": arn}

    def _stop(self, kind: str, name: str, _params: Any) -> Mapping[str, Any]:
        self._there(kind, name)[f"{kind}Status"] = "Stopping"
        return {}

    def _delete(self, kind: str, name: str, _params: Any) -> Mapping[str, Any]:
        thing = self._there(kind, name)
        if kind == "Endpoint":
            thing["EndpointStatus"] = "Deleting"
        else:
            del self.things[kind, name]
        return {}

    def _there(self, kind: str, name: str) -> dict[str, Any]:
        try:
            return self.things[kind, name]
        except KeyError:
            raise NotFoundError(f"no {kind} {name}") from None

    def _now(self) -> datetime:
        # No two moments are equal.
        return self.clock.now() + timedelta(milliseconds=next(self._ids))


def _shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeEndpoint tells of a configuration that was just deployed."""
    capture = config.get("DataCaptureConfig")
    told: dict[str, Any] = {"DataCaptureConfig": None}
    if capture:
        told["DataCaptureConfig"] = {**capture, "CurrentSamplingPercentage": capture["InitialSamplingPercentage"]}
    for group in ("ProductionVariants", "ShadowProductionVariants"):
        told[group] = [
            {
                "VariantName": variant.get("VariantName"),
                "DesiredWeight": variant.get("InitialVariantWeight", 1.0),
                "DesiredInstanceCount": variant.get("InitialInstanceCount"),
            }
            for variant in config.get(group) or ()
        ]
    return told


class AccountLab(Lab):
    """The bench over an `Account`."""

    def __init__(
        self,
        outcome: str = "good",
        fault: Fault = lambda _call, _number: None,
        *,
        catalog: Catalog = CATALOG,
    ) -> None:
        self._behaviour = outcome, fault
        super().__init__(_Nowhere(), catalog=catalog)  # type: ignore[arg-type]

    def _connect(self) -> AwsClients:
        self.account = Account(self.catalog.remotes, self.clock, *self._behaviour)
        return self.account  # type: ignore[return-value]

    def go_on(self, rounds: int = 6, step_s: float = 1500) -> None:
        """Let what is under way end, and look again, so often."""
        self.settle()
        for _ in range(rounds):
            self.account.advance(step_s)
            self.sweep()
            self.settle()


class _Nowhere:
    url = "http://127.0.0.1:9"


@cache
def _model(service: str) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", LOADER)
    return session.get_service_model(service)


def _check(operation: str, params: Mapping[str, Any]) -> None:
    """botocore refuses here what it would refuse before anything is sent."""
    model = next(_model(service) for service in _SERVICES if operation in _model(service).operation_names)
    shape = model.operation_model(operation).input_shape
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise TerminalError(report.generate_report())


__all__ = ["Account", "AccountLab", "Tenant"]
