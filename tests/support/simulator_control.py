"""The simulator as tests steer and read it: over its own control API, and with plain boto3 as a person's console."""

import http.client
import json
import threading
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import boto3
import botocore.config

from reconciler.dev.envfile import REGION
from tests.support.in_process import Application, ask

_sessions = threading.local()


class SimControl:
    """One running simulator; the rules' and settings' formats are told in `reconciler/dev/simulator/`."""

    def __init__(self, url: str, application: Application | None = None) -> None:
        self.url = url
        self.application = application
        """Of a simulator in this process that is asked without a socket in between."""
        self._kept = threading.local()

    def client(self, service: str = "sagemaker", region: str = REGION, access_key: str = "console") -> Any:
        """A boto3 client that makes one attempt per call: what it changes, it changes "in the console", with every right."""
        return _client(self.url, service, region, access_key)

    def requests(self, since: int = 0, *, service: str | None = None, op: str | None = None) -> list[dict[str, Any]]:
        """The record {id, time, service, op, key, code, ...} after an id; of one service or operation if wanted."""
        found: list[dict[str, Any]] = self.call("GET", f"requests?since={since}")
        return [row for row in found if service in (None, row["service"]) and op in (None, row["op"])]

    def mark(self) -> int:
        """The newest request's id: what comes later is `requests(since=mark)`."""
        return max((row["id"] for row in self.requests()), default=0)

    def counts(self, since: int = 0, service: str = "sagemaker") -> Counter[str]:
        """How often each operation of a service was called: what budgets are asserted on."""
        return Counter(row["op"] for row in self.requests(since, service=service))

    def mutations(self, since: int = 0) -> list[tuple[str, str]]:
        """(op, key) of the calls that change something, in order."""
        reads = ("Describe", "List", "Get", "Search", "BatchGet", "BatchDescribe")
        return [(row["op"], row["key"]) for row in self.requests(since) if not row["op"].startswith(reads)]

    def rules(self, *rules: Mapping[str, Any]) -> list[str]:
        """Append fault rules and return their ids."""
        ids: list[str] = self.call("POST", "rules", list(rules))["ids"]
        return ids

    def shown_rules(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "rules")
        return found

    def clear_rules(self, rule: str | None = None) -> None:
        self.call("DELETE", f"rules?id={urllib.parse.quote(rule)}" if rule else "rules")

    def release(self, rule: str | None = None, *, drop: bool = False) -> int:
        """Let held calls go on, or cut them; how many."""
        released: int = self.call("POST", "rules/release", {"id": rule, "drop": drop})["released"]
        return released

    def clock(self, mode: str, factor: float = 1.0) -> None:
        """`real`, `scaled` by a factor, or `manual` (only `advance` moves it)."""
        self.call("POST", "clock", {"mode": mode, "factor": factor})

    def advance(self, seconds: float) -> None:
        self.call("POST", "clock/advance", {"seconds": seconds})

    def throttle(self, limits: Mapping[str, float] | None = None, *, enabled: bool = True, clock: str = "wall") -> None:
        """`clock="simulated"` for a client that lives on the simulator's time."""
        self.call("POST", "throttle", {"enabled": enabled, "limits": limits, "clock": clock})

    def seed(self, calls: Sequence[tuple[str, Mapping[str, Any]]], region: str = REGION) -> None:
        """Carry out (operation, parameters) at once, in no record: to fill an account."""
        body = {"region": region, "calls": [{"op": op, "params": params} for op, params in calls]}
        self.call("POST", "seed", body)

    def settings(self, changed: Mapping[str, Any]) -> None:
        """Merge `durations`, `switches` or `quotas`."""
        self.call("POST", "settings", changed)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "state")
        return found

    def metrics(self) -> dict[str, float]:
        """Prometheus samples by their full name with labels."""
        with urllib.request.urlopen(f"{self.url}/_sim/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def reset(self) -> None:
        self.call("POST", "reset")

    def call(self, method: str, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        """One request to the control API; a refusal fails the test with the simulator's reason."""
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        status, answer = self._ask(method, f"/_sim/{path}", data)
        assert status == 200, f"{method} /_sim/{path}: {status} {answer.decode()}"
        return json.loads(answer or b"null")

    def _ask(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        """In this thread, or over a connection that is kept: a test asks this API as often as it asks SageMaker's."""
        if self.application:
            status, _, answer = ask(self.application, method, f"{self.url}{path}", {}, data or b"")
            return status, answer
        if not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=30)
        connection: http.client.HTTPConnection = self._kept.connection
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, OSError):
            del self._kept.connection  # the next caller may find another simulator there
            raise


def _session() -> boto3.Session:
    # Sessions are not safe between threads; one per thread shares the loaded service models.
    if not hasattr(_sessions, "session"):
        _sessions.session = boto3.Session()
    session: boto3.Session = _sessions.session
    return session


@cache
def _client(url: str, service: str, region: str, access_key: str) -> Any:
    return _session().client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=access_key,
        aws_secret_access_key="testing",
        config=botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )
