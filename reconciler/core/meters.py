"""What is measured, as ports: whoever does the work reports to its meter, and knows nothing of metrics.

`adapters/metrics.py` implements them all; `UNMETERED` is for whoever is built without one (the command line, tests). What is
given here becomes a label, so it comes from small sets: no names of objects (but a GitSync's), no messages, no ARNs.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from reconciler.core.resource import Key

OK = "ok"
"""The result of what went well; otherwise the reason of an error."""


class AwsMeter(Protocol):
    """Fed by the AWS adapter."""

    def aws_called(self, service: str, operation: str, result: str, seconds: float) -> None:
        """A request went out. `result` is OK or the reason of the error's class."""

    def aws_delayed(self, service: str, operation: str) -> None:
        """Our own limiter kept a request from going out."""


class GitMeter(Protocol):
    """Fed by the Git adapter."""

    def git_called(self, operation: str, result: str, seconds: float) -> None:
        """A command that talks to a remote ended."""


class KubeMeter(Protocol):
    """Fed by the Kubernetes adapter."""

    def kube_called(self, verb: str, code: str, seconds: float) -> None:
        """A request was answered, or was not. A watch is measured until it is open."""


class PassMeter(Protocol):
    """Fed by the workers."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """A pass ended: `result` is done, again, retry or bug."""


class RolloutMeter(Protocol):
    """Fed by the informers, from history entries that end."""

    def rollout_ended(self, result: str, seconds: float) -> None:
        """Seconds from its start to its end."""


class LagMeter(Protocol):
    """Fed by the sync: from a commit to the cluster, and on to readiness."""

    def applied(self, sync: Key, seconds: float) -> None:
        """Since the commit was made."""

    def healthy(self, sync: Key, seconds: float) -> None:
        """Since the commit was applied."""

    def gone(self, sync: Key) -> None:
        """The GitSync was deleted: its series end."""


class Sample(NamedTuple):
    """One value that is looked up when somebody asks for metrics."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()


class Unmetered(AwsMeter, GitMeter, KubeMeter, PassMeter, RolloutMeter, LagMeter):
    """Implements every meter."""

    def aws_called(self, service: str, operation: str, result: str, seconds: float) -> None: ...
    def aws_delayed(self, service: str, operation: str) -> None: ...
    def git_called(self, operation: str, result: str, seconds: float) -> None: ...
    def kube_called(self, verb: str, code: str, seconds: float) -> None: ...
    def reconciled(self, kind: str, result: str, seconds: float) -> None: ...
    def rollout_ended(self, result: str, seconds: float) -> None: ...
    def applied(self, sync: Key, seconds: float) -> None: ...
    def healthy(self, sync: Key, seconds: float) -> None: ...
    def gone(self, sync: Key) -> None: ...


UNMETERED = Unmetered()
