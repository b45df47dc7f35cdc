"""What is measured, as ports: whoever does the work tells its meter, and knows nothing of metrics.

`adapters/metrics.py` implements them all; `UNMETERED` is for whoever is built without one (the command line, tests). What is
given here becomes a label, so it comes from small sets: no names of objects (but a GitSync's), no messages, no ARNs.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from reconciler.core.resource import Key

OK = "ok"
"""The result of what went well; otherwise the reason of an error."""


class AwsMeter(Protocol):
    def aws_called(self, service: str, operation: str, result: str, seconds: float) -> None:
        """A request went out. `result` is OK or the reason of the error's class."""

    def aws_held_back(self, service: str, operation: str) -> None:
        """Our own limiter kept a request from going out."""


class GitMeter(Protocol):
    def git_called(self, operation: str, result: str, seconds: float) -> None:
        """A command that talks to a remote ended."""


class KubeMeter(Protocol):
    def kube_called(self, verb: str, code: str, seconds: float) -> None:
        """A request was answered, or was not. A watch is measured until it is open."""


class PassMeter(Protocol):
    def reconciled(self, kind: str, result: str, seconds: float) -> None: ...


class RolloutMeter(Protocol):
    def rollout_ended(self, result: str, seconds: float) -> None: ...


class LagMeter(Protocol):
    def applied(self, sync: Key, seconds: float) -> None:
        """Since the commit was made."""

    def healthy(self, sync: Key, seconds: float) -> None:
        """Since the commit was applied."""

    def gone(self, sync: Key) -> None: ...


class Sample(NamedTuple):
    """One value that is looked up when somebody asks for metrics."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()


class Unmetered:
    """Implements every meter."""

    def aws_called(self, service: str, operation: str, result: str, seconds: float) -> None: ...
    def aws_held_back(self, service: str, operation: str) -> None: ...
    def git_called(self, operation: str, result: str, seconds: float) -> None: ...
    def kube_called(self, verb: str, code: str, seconds: float) -> None: ...
    def reconciled(self, kind: str, result: str, seconds: float) -> None: ...
    def rollout_ended(self, result: str, seconds: float) -> None: ...
    def applied(self, sync: Key, seconds: float) -> None: ...
    def healthy(self, sync: Key, seconds: float) -> None: ...
    def gone(self, sync: Key) -> None: ...


UNMETERED = Unmetered()
