"""CloudWatch Logs read page by page, with the caller's own AWS credentials. botocore chooses host and partition.

Throttling and passing faults are waited out here, page by page, so that a long log is not begun again; everything else is
raised as an error of `core.errors` whose text names the way out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config
import botocore.exceptions as boto

from reconciler.adapters.aws.errors import translate
from reconciler.core.errors import (
    CredentialsError,
    DeniedError,
    ReconcileError,
    TerminalError,
    ThrottledError,
    TransientError,
    UnknownRefusalError,
)
from reconciler.plugins.smlogs.kinds import Query
from reconciler.plugins.smlogs.lines import LogEvent

_OPERATION = "FilterLogEvents"
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 20.0
_QUIET_ATTEMPTS = 2
_NO_CREDENTIALS = (boto.SSOError, boto.CredentialRetrievalError, boto.ProfileNotFound, boto.ConfigParseError)
"""What somebody has to log in, or fix a file, for. The adapter's table, made for a service with a role, lacks them."""


@dataclass(frozen=True)
class Patience:
    """How often a page is asked for, and how the time between passes."""

    attempts: int | None
    """None: for ever."""
    sleep: Callable[[float], None]
    note: Callable[[str], None]
    jitter: Callable[[], float] = random.random

    def delay_s(self, failed: int) -> float:
        """Full jitter over an exponential: callers that were throttled together come back apart."""
        return self.jitter() * min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(failed, 10))


class LogReader:
    """Pages of one region; `client` is a boto3 client of CloudWatch Logs, or what a test puts in its place."""

    def __init__(self, client: Any, patience: Patience) -> None:
        self._client = client
        self._patience = patience

    def pages(self, query: Query, start_ms: int) -> Iterator[list[LogEvent]]:
        """Oldest first, each page ordered by time. Pages may be empty although more follow.

        Raises NotFoundError when there is no such group: nothing was logged yet.
        """
        request: dict[str, Any] = {"logGroupName": query.group, "startTime": start_ms}
        if query.prefix:
            request["logStreamNamePrefix"] = query.prefix
        while True:
            answer = self._ask(request)
            events = (_event(raw) for raw in answer.get("events", ()) if query.holds(raw["logStreamName"]))
            yield sorted(events, key=lambda event: event.timestamp_ms)
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]

    def _ask(self, request: dict[str, Any]) -> Any:
        failed = 0
        while True:
            try:
                return self._client.filter_log_events(**request)
            except Exception as error:  # noqa: BLE001 - botocore has no common base; what is unknown is raised again
                problem = _translated(error, request["logGroupName"])
            failed += 1
            passes = isinstance(problem, TransientError) and not isinstance(problem, CredentialsError)
            if not passes:
                raise problem from None
            if failed == self._patience.attempts:
                raise type(problem)(f"CloudWatch Logs: {problem}{_way_out(problem)}")
            if failed == _QUIET_ATTEMPTS:
                self._patience.note(f"CloudWatch Logs: {problem}; trying again")
            self._patience.sleep(self._patience.delay_s(failed))


def _way_out(problem: ReconcileError) -> str:
    if isinstance(problem, ThrottledError):
        return ". Too many people read logs of this account at once: try later, or read less with --since"
    return ". Check the network, the resource's region, and AWS_ENDPOINT_URL if it is set"


def connect(region: str) -> Any:
    """A client with one attempt per call: `LogReader` knows better how long its user wants to wait."""
    try:
        return boto3.Session().client(
            "logs",
            region_name=region,
            config=botocore.config.Config(
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=5,
                read_timeout=60,
                user_agent_extra="kubectl-smlogs",
            ),
        )
    except boto.BotoCoreError as error:
        raise _translated(error, "") from None


def _event(raw: dict[str, Any]) -> LogEvent:
    at = int(raw["timestamp"])
    ingested = int(raw.get("ingestionTime", at))
    return LogEvent(str(raw["eventId"]), str(raw["logStreamName"]), at, str(raw.get("message", "")), ingested)


def _translated(error: Exception, group: str) -> ReconcileError:
    problem = CredentialsError(str(error)) if isinstance(error, _NO_CREDENTIALS) else translate(error, _OPERATION)
    match problem:
        case CredentialsError():
            return CredentialsError(
                f"{problem}. These logs are read with your own AWS credentials: set AWS_PROFILE, or log in (aws sso login)"
            )
        case DeniedError():
            return DeniedError(f"{problem}. Your own AWS credentials need the right logs:FilterLogEvents on {group}")
        case ThrottledError() | TransientError():
            return problem
        case TerminalError() | UnknownRefusalError():
            return TerminalError(f"CloudWatch Logs refused to read {group}: {problem}")
    return problem
