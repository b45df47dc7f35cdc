"""Where calls go: an account over boto3, the simulator, or a transcript of an earlier run."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from reconciler.dev.conformance.account import Answer, NotAsBelievedError, ServiceRefusal

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, parameter_validation=False)


class AwsPlace:
    """An account, with the credentials of a session."""

    def __init__(self, session: boto3.Session, region: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._region = region
        self._sleep = sleep
        self._clients: dict[str, Any] = {}

    def send(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, region_name=self._region, config=_CONFIG)
        try:
            answer = self._clients[service]._make_api_call(operation, dict(params))  # noqa: SLF001 - by operation name
        except ClientError as error:
            refusal = error.response["Error"]
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            raise ServiceRefusal(refusal.get("Code", ""), refusal.get("Message", ""), status) from None
        answer.pop("ResponseMetadata", None)
        plain: Answer = json.loads(json.dumps(answer, default=_plain))
        return plain

    def pause(self, seconds: float) -> None:
        self._sleep(seconds)

    def missing(self, *globs: str) -> None:
        """Names that nobody has made are missing without our help."""


class SimulatorPlace(AwsPlace):
    """The simulator at a URL: its time is moved and not waited for."""

    def __init__(self, url: str, region: str) -> None:
        self._url = url
        keys = {"aws_access_key_id": "console", "aws_secret_access_key": "-"}
        super().__init__(_Pointed(url, boto3.Session(**keys)), region)
        self._control("clock", {"mode": "manual"})

    def pause(self, seconds: float) -> None:
        self._control("clock/advance", {"seconds": seconds})

    def missing(self, *globs: str) -> None:
        self._control("settings", {"missing": list(globs)})

    def _control(self, path: str, body: object) -> None:
        request = urllib.request.Request(f"{self._url}/_sim/{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30):
            return


class _Pointed:
    """A session whose clients go to one URL."""

    def __init__(self, url: str, session: boto3.Session) -> None:
        self._url, self._session = url, session

    def client(self, service: str, **more: Any) -> Any:
        return self._session.client(service, endpoint_url=self._url, **more)


class TranscriptPlace:
    """The answers of a transcript, to the same calls in the same order."""

    def __init__(self, calls: list[Answer]) -> None:
        self._calls: Iterator[Answer] = iter(calls)

    def send(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        del params
        entry = next(self._calls, None)
        if entry is None or (entry["service"], entry["operation"]) != (service, operation):
            raise NotAsBelievedError(f"the transcript has no {operation} here, but {entry and entry['operation']}")
        if error := entry.get("error"):
            raise ServiceRefusal(error["code"], error["message"], error["status"])
        answer: Answer = entry["answer"]
        return answer

    def pause(self, seconds: float) -> None:
        """What was waited for is in the transcript."""

    def missing(self, *globs: str) -> None:
        """So it was then."""


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else f"<{type(value).__name__}>"
