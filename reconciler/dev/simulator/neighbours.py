"""The other services of the account: moto's backends, reached in process.

Only this module and `front.py` know moto. moto keeps its backends in module globals, hence one simulator per process.
"""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import moto.backends
import moto.core.responses
import moto.core.utils
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.events.models import events_backends
from moto.events.utils import EventTemplateParser
from moto.iam.models import get_account_id_from
from moto.logs.models import logs_backends
from moto.s3.models import FakeKey, s3_backends
from moto.sts.models import sts_backends

from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.store import Answer

_ORIGINAL_PARSE = EventTemplateParser.parse


class Moto:
    """Implements `world.Neighbours`."""

    def emit(self, scope: Scope, detail_type: str, arn: str, detail: Answer, at: float) -> None:
        event = {
            "Source": "aws.sagemaker",
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "Resources": [arn],
            "Time": at,
        }
        events_backends[scope.account][scope.region].put_events([event])

    def wants_events(self, scope: Scope) -> bool:
        buses = events_backends[scope.account][scope.region].event_buses
        return any(bus.rules for bus in buses.values())

    def holds(self, scope: Scope, uri: str) -> bool | None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        found = s3_backends[scope.account][scope.partition].buckets.get(bucket)
        if found is None:
            return None
        return any(name.startswith(prefix) and isinstance(key, FakeKey) for name, key in found.keys.items())

    def put_object(self, scope: Scope, uri: str, body: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        backend = s3_backends[scope.account][scope.partition]
        if bucket in backend.buckets:
            backend.put_object(bucket, key, body)

    def log(self, scope: Scope, group: str, stream: str, at: float, lines: Iterable[str]) -> None:
        backend = logs_backends[scope.account][scope.region]
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)
        # On the group, not the backend: that refuses times far from the wall clock, and ours are virtual.
        events = [{"timestamp": int(at * 1000), "message": line} for line in lines]
        backend.groups[group].put_log_events(stream, events)

    def log_streams(self, scope: Scope, group: str, prefix: str) -> list[str] | None:
        """The streams of a group whose names begin so; None when there is no such group."""
        found = logs_backends[scope.account][scope.region].groups.get(group)
        return None if found is None else [name for name in found.streams if name.startswith(prefix)]

    def put_metrics(
        self, scope: Scope, namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float], at: float
    ) -> None:
        pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        moment = datetime.fromtimestamp(at, tz=UTC).replace(tzinfo=None)  # moto compares with times without a zone
        data = [
            {"MetricName": name, "Value": value, "Dimensions": pairs, "Timestamp": moment}
            for name, value in values.items()
        ]
        if data:
            cloudwatch_backends[scope.account][scope.region].put_metric_data(namespace, data)

    def alarms(self, scope: Scope, names: Iterable[str]) -> Mapping[str, str]:
        alarms = cloudwatch_backends[scope.account][scope.region].alarms
        return {name: alarms[name].state_value for name in names if name in alarms}

    def put_alarms(self, scope: Scope, names: Sequence[str], action: str) -> None:
        backend = cloudwatch_backends[scope.account][scope.region]
        for name in names:
            high = "-AlarmHigh-" in name
            backend.put_metric_alarm(
                name=name,
                namespace="AWS/SageMaker",
                metric_name="InvocationsPerInstance",
                comparison_operator="GreaterThanThreshold" if high else "LessThanThreshold",
                evaluation_periods=3 if high else 15,
                period=60,
                threshold=1.0,
                statistic="Sum",
                description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}.",
                dimensions=[],
                alarm_actions=[action],
            )

    def drop_alarms(self, scope: Scope, names: Sequence[str]) -> None:
        backend = cloudwatch_backends[scope.account][scope.region]
        backend.delete_alarms([name for name in names if name in backend.alarms])

    def account(self, access_key: str) -> str:
        """A key of twelve digits *is* its account; else whoever AssumeRole gave it to; else moto's default."""
        if len(access_key) == 12 and access_key.isdecimal():
            return access_key
        return str(get_account_id_from(access_key))

    def caller_arn(self, account: str, access_key: str) -> str:
        """Of the session of a role that was assumed, else of a user of the key's name."""
        role = sts_backends[account]["global"].get_assumed_role_from_access_key(access_key)
        return role.arn if role else f"arn:aws:iam::{account}:user/{access_key or 'anonymous'}"

    def reset(self) -> None:
        BackendDict.reset()
        reset_model_data()


def mend_moto() -> None:
    """Without an InputTemplate moto's EventBridge sends an envelope of its own making, which lacks the account."""
    original = _ORIGINAL_PARSE

    def parse(input_template: str, input_paths_map: dict[str, Any], event: Any) -> Any:
        if input_template:
            return original(input_template, input_paths_map, event)
        return {name: part for name, part in event.items() if name != "ingestion-time"}

    parser: Any = EventTemplateParser
    parser.parse = staticmethod(parse)
    _speed_up_moto()


def _speed_up_moto() -> None:
    """For every request moto scans a directory and inspects a class: two thirds of its time (PY-9)."""
    modules: Any = moto.backends
    names = tuple(moto.backends.list_of_moto_modules())
    modules.list_of_moto_modules = lambda: names
    responses: Any = moto.core.responses
    if hasattr(responses, "method_names_from_class"):
        responses.method_names_from_class = functools.cache(moto.core.utils.method_names_from_class)
