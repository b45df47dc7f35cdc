"""The record of every request since the reset: what the project's cost budgets are measured with."""

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

_KEPT = 200_000  # about 60 MB at worst; the counters go on counting


@dataclass(frozen=True)
class RecordedRequest:
    id: int
    time: float
    """Of the simulator's clock, so that it compares with what describe says."""
    service: str
    op: str
    key: str
    """The name of the resource the call is about; empty for a List."""
    code: str
    """OK, the error's code, or LostReply / Dropped when a rule cut the connection."""
    effect: bool
    account: str
    region: str
    caller: str
    """The access key id."""
    ms: float
    input: Mapping[str, Any] = field(default_factory=dict)
    """The parameters of a call that changes something, so that an audit knows what was asked for; empty for a read."""


class RequestLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[RecordedRequest] = deque(maxlen=_KEPT)
        self._next = 1
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def add(self, **fields: Any) -> None:
        with self._lock:
            request = RecordedRequest(id=self._next, **fields)
            self._next += 1
            self._kept.append(request)
            self.counts[request.service, request.op, request.code] += 1

    def since(self, last_id: int) -> list[dict[str, Any]]:
        with self._lock:
            # Ids are consecutive, so the tail's length is known and the rest need not be walked.
            wanted = min(len(self._kept), max(0, self._next - 1 - last_id))
            return [asdict(request) for request in islice(reversed(self._kept), wanted)][::-1]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self.counts.clear()
            self._next = 1

    def metrics(self) -> Iterator[str]:
        """Prometheus text, one counter by service, operation and code."""
        yield "# HELP simulator_requests_total Requests since the reset."
        yield "# TYPE simulator_requests_total counter"
        with self._lock:
            counts = sorted(self.counts.items())
        for (service, op, code), count in counts:
            yield f'simulator_requests_total{{service="{service}",op="{_escape(op)}",code="{code}"}} {count}'


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
