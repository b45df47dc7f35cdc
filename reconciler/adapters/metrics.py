"""Every metric of the service: declared here, in a registry of its own, so that services of one process do not meet.

Implements the meters of `core/meters.py`; what is only looked up when somebody asks comes from `readers`. docs/metrics.md has
the same names, and a test compares them. Labels come from small sets, see there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from reconciler.core.errors import ThrottledError
from reconciler.core.meters import Sample
from reconciler.core.notes.note import ENDED
from reconciler.core.resource import Key

disable_created_metrics()  # type: ignore[no-untyped-call]  # for the whole package: a gauge beside each counter, which nobody asks for

__all__ = ["CONTENT_TYPE", "PREFIX", "Metrics"]

log = logging.getLogger(__name__)

PREFIX: Final = "sagemaker_gitops"
Reader = Callable[[], Iterable[Sample]]
_Family = GaugeMetricFamily | CounterMetricFamily

_PASS_S = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)
_CALL_S = (0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)
_GIT_S = (0.1, 0.5, 1, 2.5, 5, 15, 30, 60, 300)
_LAG_S = (5, 15, 60, 300, 900, 3600, 14400)
_ROLLOUT_S = (60, 300, 600, 1200, 1800, 3600, 7200, 14400)


@dataclass(frozen=True)
class _Read:
    """A metric whose values are looked up."""

    help: str
    labels: tuple[str, ...] = ()
    counts: bool = False


_LOOKED_UP: Mapping[str, _Read] = {
    "objects": _Read("Custom resources, by the status of their Ready condition.", ("kind", "ready")),
    "drifted_objects": _Read("Custom resources whose Drifted condition is true, by its reason.", ("kind", "reason")),
    "jobs": _Read("Jobs by the state of their newest run.", ("kind", "state")),
    "verification_age_seconds": _Read(
        "Since the remote object of this kind that was looked at longest ago was seen in SageMaker.", ("kind",)
    ),
    "unverified_things": _Read("Remote objects that were not observed in SageMaker yet since the start.", ("kind",)),
    "sweep_pages": _Read("Pages of List calls that were read.", ("kind",), counts=True),
    "queue_depth": _Read("Keys that are due and wait for a worker.", ("queue",)),
    "queue_oldest_seconds": _Read("How long the key that is due for longest has waited.", ("queue",)),
    "sync_objects": _Read(
        "Objects that syncs wrote: applied, put_back (reverted) or pruned.",  # its name in earlier releases
        ("action",),
        counts=True,
    ),
    "notes_waiting_lines": _Read("Lines for git notes that are not pushed yet."),
    "notes_lines": _Read("Lines for git notes that are in Git now.", counts=True),
    "notes_pushes": _Read("Pushes of git notes.", counts=True),
    "notes_failures": _Read("Times that lines of git notes could not be stored or pushed.", counts=True),
    "events_dropped": _Read("Kubernetes Events that were never written.", counts=True),
    "leader": _Read("1 while this replica may write, else 0."),
    "stuck_loops": _Read("Threads that /healthz complains of."),
    "build_info": _Read("Always 1; the version is a label.", ("version",)),
}


class Metrics:
    """Thread-safe. Implements every protocol of `core/meters.py`."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._readers: list[Reader] = []
        self._passes = Histogram(
            f"{PREFIX}_reconcile_duration_seconds",
            "One pass over one object: done, again (looked at later), retry (failed, with backoff) or bug.",
            ("kind", "result"), buckets=_PASS_S, registry=registry,
        )  # fmt: skip
        self._applied = Histogram(
            f"{PREFIX}_sync_commit_to_applied_seconds", "From a commit to when all that it holds was applied.",
            ("sync_namespace", "sync"), buckets=_LAG_S, registry=registry,
        )  # fmt: skip
        self._healthy = Histogram(
            f"{PREFIX}_sync_applied_to_healthy_seconds", "From there to when all objects that it changed were ready.",
            ("sync_namespace", "sync"), buckets=_LAG_S, registry=registry,
        )  # fmt: skip
        self._rollouts = Histogram(
            f"{PREFIX}_rollout_duration_seconds", "Rollouts of endpoints that ended, by result.",
            ("result",), buckets=_ROLLOUT_S, registry=registry,
        )  # fmt: skip
        for result in ENDED:
            self._rollouts.labels(result)  # from 0 on, or `increase` would not see the first
        self._aws_calls = Counter(
            f"{PREFIX}_aws_calls", "Requests to AWS: ok, or the reason of the error.",
            ("service", "operation", "result"), registry=registry,
        )  # fmt: skip
        self._aws_seconds = Histogram(
            f"{PREFIX}_aws_call_duration_seconds", "Requests to AWS, answered or not.",
            ("service", "operation"), buckets=_CALL_S, registry=registry,
        )  # fmt: skip
        self._aws_throttles = Counter(
            f"{PREFIX}_aws_throttles", "Requests that AWS throttled (service) or that this controller delayed (limiter).",
            ("service", "operation", "origin"), registry=registry,
        )  # fmt: skip
        self._git = Histogram(
            f"{PREFIX}_git_operation_duration_seconds", "Commands that talk to a Git remote: ok, or the reason.",
            ("operation", "result"), buckets=_GIT_S, registry=registry,
        )  # fmt: skip
        self._kube_calls = Counter(
            f"{PREFIX}_kubernetes_requests", "Requests to the API server; code none: no answer.",
            ("verb", "code"), registry=registry,
        )  # fmt: skip
        self._kube_seconds = Histogram(
            f"{PREFIX}_kubernetes_request_duration_seconds", "The same; a watch until it is open.",
            ("verb",), buckets=_CALL_S, registry=registry,
        )  # fmt: skip
        self._faults = Counter(f"{PREFIX}_metrics_faults", "Values that could not be looked up.", registry=registry)
        ProcessCollector(registry=registry)
        registry.register(_LookedUp(self._fill))

    def read(self, reader: Reader) -> None:
        """Ask `reader` whenever somebody asks for metrics. What it raises costs its own values only."""
        self._readers.append(reader)

    def text(self) -> str:
        return generate_latest(self._registry).decode()

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        self._passes.labels(kind, result).observe(seconds)

    def applied(self, sync: Key, seconds: float) -> None:
        self._applied.labels(sync.namespace, sync.name).observe(seconds)

    def healthy(self, sync: Key, seconds: float) -> None:
        self._healthy.labels(sync.namespace, sync.name).observe(seconds)

    def gone(self, sync: Key) -> None:
        for metric in (self._applied, self._healthy):
            metric.remove(sync.namespace, sync.name)

    def rollout_ended(self, result: str, seconds: float) -> None:
        self._rollouts.labels(result).observe(seconds)

    def aws_called(self, service: str, operation: str, result: str, seconds: float) -> None:
        self._aws_calls.labels(service, operation, result).inc()
        self._aws_seconds.labels(service, operation).observe(seconds)
        if result == ThrottledError.reason:
            self._aws_throttles.labels(service, operation, "service").inc()

    def aws_delayed(self, service: str, operation: str) -> None:
        self._aws_throttles.labels(service, operation, "limiter").inc()

    def git_called(self, operation: str, result: str, seconds: float) -> None:
        self._git.labels(operation, result).observe(seconds)

    def kube_called(self, verb: str, code: str, seconds: float) -> None:
        self._kube_calls.labels(verb, code).inc()
        self._kube_seconds.labels(verb).observe(seconds)

    def _fill(self, families: Mapping[str, _Family]) -> None:
        for reader in self._readers:
            try:
                # All of one reader or nothing: half a picture would look like a whole one.
                for metric, value, labels in tuple(reader()):
                    families[metric].add_metric(labels, value)
            except Exception:
                log.exception("values of metrics could not be looked up")
                self._faults.inc()


class _LookedUp(Collector):
    def __init__(self, fill: Callable[[Mapping[str, _Family]], None]) -> None:
        self._fill = fill

    def describe(self) -> Iterable[_Family]:
        return _families().values()

    def collect(self) -> Iterable[_Family]:
        families = _families()
        self._fill(families)
        return families.values()


def _families() -> dict[str, _Family]:
    return {
        name: (CounterMetricFamily if read.counts else GaugeMetricFamily)(
            f"{PREFIX}_{name}", read.help, labels=read.labels
        )
        for name, read in _LOOKED_UP.items()
    }
