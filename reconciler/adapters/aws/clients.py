"""The door to AWS: one attempt per call. Retrying is the queue's business, so that no thread sleeps inside botocore."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from reconciler.adapters.aws.errors import incomplete, is_answer, is_mutating, translate
from reconciler.adapters.aws.limiter import Bucket
from reconciler.adapters.aws.metering import metered
from reconciler.adapters.aws.sessions import Sessions
from reconciler.core.decision import Call
from reconciler.core.errors import CredentialsError, RateLimitedError, ThrottledError
from reconciler.core.meters import UNMETERED, AwsMeter
from reconciler.core.tenancy import Tenant

__all__ = ["AwsClients", "Tenant"]

_CREDENTIALS_PAUSE_S = 15.0

_SERVICE_OF = {
    "GetResources": "resourcegroupstaggingapi",
    "GetCallerIdentity": "sts",
    **dict.fromkeys(
        (
            "RegisterScalableTarget",
            "DeregisterScalableTarget",
            "DescribeScalableTargets",
            "PutScalingPolicy",
            "DeleteScalingPolicy",
            "DescribeScalingPolicies",
            "TagResource",
            "UntagResource",
            "ListTagsForResource",
        ),
        "application-autoscaling",
    ),
}

log = logging.getLogger(__name__)

_READS = ("Describe", "List", "Get", "Search")


def _log_answer(operation: str, answer: Mapping[str, Any], what: str) -> None:
    """With the id by which AWS finds the request; it is in no status, where it would change with every try."""
    request = str((answer.get("ResponseMetadata") or {}).get("RequestId") or "")
    log.info("%s %s", operation, what, extra={"operation": operation, "requestId": request})


class AwsClients:
    """`read` and `write` raise only errors of `core.errors`."""

    def __init__(
        self,
        sessions: Sessions,
        monotonic: Callable[[], float] = time.monotonic,
        meter: AwsMeter = UNMETERED,
    ) -> None:
        # Its debug lines hold whole requests, and with them secrets and credentials.
        botocore = logging.getLogger("botocore")
        botocore.setLevel(max(botocore.level, logging.INFO))
        self._monotonic = monotonic
        self._meter = meter
        self._sessions = sessions
        self._buckets: dict[tuple[str, str, str, str], Bucket] = {}
        """By account, region, endpoint and operation: roles of one account share its quota."""
        self._paused_until: dict[Tenant, tuple[float, CredentialsError]] = {}
        self._lock = threading.Lock()

    def read(self, tenant: Tenant, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if is_mutating(operation):
            raise ValueError(f"{operation} changes something: reading cannot write")
        return self._call(tenant, operation, params)

    def write(self, tenant: Tenant, call: Call) -> Mapping[str, Any]:
        answer = self._call(tenant, call.operation, call.params)
        _log_answer(call.operation, answer, "was answered")
        return answer

    def admit(self, tenant: Tenant, call: Call) -> None:
        """Keep a token for the call, so that what is written down about it is followed by it.

        Raises RateLimitedError when it could not go now.
        """
        with self._limited(call.operation):
            self._bucket(tenant, call.operation).admit(_request(tenant, call.params))

    def rate(self, tenant: Tenant, operation: str) -> float:
        """Calls a second that the operation is believed to allow."""
        return self._bucket(tenant, operation).rate_per_s

    def _call(self, tenant: Tenant, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self._refuse_while_paused(tenant)
        bucket, request = self._bucket(tenant, operation), _request(tenant, params)
        with self._limited(operation):
            bucket.take(request)
        with metered(self._meter, _service(operation), operation):
            answer = self._sent(tenant, operation, params, bucket, request)
        bucket.succeeded()
        self._paused_until.pop(tenant, None)
        return answer

    def _sent(
        self, tenant: Tenant, operation: str, params: Mapping[str, Any], bucket: Bucket, request: Hashable
    ) -> Mapping[str, Any]:
        try:
            client = self._sessions.client(tenant, _service(operation))
            answer: Mapping[str, Any] = client._make_api_call(operation, dict(params))  # noqa: SLF001 - botocore's one door by operation name
            _check(client, operation, answer)
        except Exception as error:  # noqa: BLE001 - translate raises again what is no error of boto3
            translated = translate(error, operation, params)
            if not operation.startswith(_READS):
                _log_answer(operation, getattr(error, "response", None) or {}, f"was refused: {translated}")
            if isinstance(translated, ThrottledError):
                translated.retry_after_s = bucket.throttled(request)
            elif is_answer(error, translated):
                bucket.succeeded()
            if isinstance(translated, CredentialsError):
                self._pause(tenant, translated)
            else:  # "not found" is an answer too; whoever asks first may never get another
                self._paused_until.pop(tenant, None)
            raise translated from None
        return answer

    @contextlib.contextmanager
    def _limited(self, operation: str) -> Iterator[None]:
        """Tell of what the limiter holds back."""
        try:
            yield
        except RateLimitedError:
            self._meter.aws_delayed(_service(operation), operation)
            raise

    def _bucket(self, tenant: Tenant, operation: str) -> Bucket:
        with self._lock:
            key = (tenant.account, tenant.region, tenant.endpoint, operation)
            return self._buckets.setdefault(key, Bucket(self._monotonic))

    def _refuse_while_paused(self, tenant: Tenant) -> None:
        """Bad credentials concern all that use them: one probe per pause instead of one failure per object."""
        with self._lock:
            paused = self._paused_until.get(tenant)
            if paused is None:
                return
            until, error = paused
            if self._monotonic() < until:
                raise type(error)(str(error))
            # The next caller probes; the others go on waiting until it succeeded or failed.
            self._paused_until[tenant] = (self._monotonic() + _CREDENTIALS_PAUSE_S, error)

    def _pause(self, tenant: Tenant, error: CredentialsError) -> None:
        with self._lock:
            self._paused_until[tenant] = (self._monotonic() + _CREDENTIALS_PAUSE_S, error)
            self._sessions.renew(tenant)


def _check(client: Any, operation: str, answer: Mapping[str, Any]) -> None:
    """A create that is answered without an ARN has to be confirmed before it counts. What a read is answered is checked by whom it
    is read for: descriptions leave out members that the model requires (SM-28).
    """
    if not is_mutating(operation):
        return
    shape = client.meta.service_model.operation_model(operation).output_shape
    required = shape.required_members if shape is not None else ()
    if missing := next((member for member in required if answer.get(member) is None), ""):
        raise incomplete(operation, missing)


def _request(tenant: Tenant, params: Mapping[str, Any]) -> Hashable:
    """The same for a request that is tried again; by its hash, for it may hold secrets."""
    return tenant, hash(repr([(name, value) for name, value in params.items() if name != "Tags"]))


def _service(operation: str) -> str:
    return _SERVICE_OF.get(operation, "sagemaker")
