"""The declared metrics, what the page about them says, and that looking them up never fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from reconciler.adapters.metrics import PREFIX, Metrics
from reconciler.core.meters import Sample
from reconciler.core.resource import Key
from reconciler.runtime import samples
from reconciler.runtime.liveness import Pool
from reconciler.runtime.observe.observer import SweepFreshness
from reconciler.runtime.queue import WorkQueue
from reconciler.runtime.sync.memory import SyncCounts
from tests.support.small_cluster import SmallCluster

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SYNC = Key("GitSync", "team", "main")
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def used() -> Metrics:
    """Each metric with a value at least."""
    metrics = Metrics()
    metrics.reconciled("TrainingJob", "done", 0.2)
    metrics.applied(SYNC, 10)
    metrics.healthy(SYNC, 20)
    metrics.rollout_ended("RolledBack", 300)
    metrics.aws_called("sagemaker", "ListModels", "Throttled", 0.1)
    metrics.aws_delayed("sagemaker", "ListModels")
    metrics.git_called("fetch", "ok", 1.5)
    metrics.kube_called("WATCH", "200", 0.01)
    cluster = SmallCluster()
    drifted = {"type": "Drifted", "status": "True", "reason": "ExternallyModified"}
    status = {"conditions": [drifted], "run": {"status": "Completed"}}
    cluster.put({"kind": "TrainingJob", "metadata": {"name": "a"}, "status": status})
    queue: WorkQueue[Key] = WorkQueue(lambda: 1.0, lambda: 0.0)
    queue.add(SYNC)
    metrics.read(lambda: samples.objects(cluster, {"TrainingJob": True}))
    metrics.read(lambda: samples.queues([Pool("notes", queue, [], 1.0)]))
    metrics.read(lambda: samples.syncs(SyncCounts(applied=3)))
    fresh = {"Endpoint": SweepFreshness(5, 2, NOW - timedelta(seconds=90), 3, 7)}
    metrics.read(lambda: samples.verified(fresh, NOW))
    for name in ("notes_waiting_lines", "notes_lines", "notes_pushes", "notes_failures", "events_dropped", "leader"):
        metrics.read(lambda name=name: [Sample(name, 1)])  # type: ignore[misc]
    metrics.read(lambda: [Sample("stuck_loops", 0), Sample("build_info", 1, ("1.2.3",))])
    return metrics


def shown(metrics: Metrics) -> dict[str, tuple[str, frozenset[str], dict[tuple[str, ...], float]]]:
    """By name as a query spells it: type, labels and values by the sorted labels; a histogram's is its count."""
    found = {}
    for family in text_string_to_metric_families(metrics.text()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        plain = [one for one in family.samples if not one.name.endswith(("_bucket", "_sum"))]
        labels = frozenset(label for one in plain for label in one.labels)
        found[name] = family.type, labels, {tuple(one.labels.values()): one.value for one in plain}
    return found


@pytest.mark.holds("D-22.1")
def test_the_page_names_exactly_what_is_declared_with_types_and_labels() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    told = {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in _ROW.findall(page)}
    assert told == {name: (kind, labels) for name, (kind, labels, _) in shown(used()).items()}


def test_every_name_has_a_unit_or_counts_things() -> None:
    for name, (kind, _, _) in shown(Metrics()).items():
        assert name.startswith((PREFIX, "process_"))
        assert name.endswith("_total") == (kind == "counter"), name
        assert kind != "histogram" or name.endswith("_seconds"), name


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("aws_calls_total", {("ListModels", "Throttled", "sagemaker"): 1}),
        (
            "aws_throttles_total",
            {("ListModels", "service", "sagemaker"): 1, ("ListModels", "limiter", "sagemaker"): 1},
        ),
        ("drifted_objects", {("TrainingJob", "ExternallyModified"): 1}),
        ("jobs", {("TrainingJob", "Completed"): 1}),
        ("git_operation_duration_seconds", {("fetch", "ok"): 1}),
        ("queue_depth", {("notes",): 1}),
        ("verification_age_seconds", {("Endpoint",): 90}),
        ("sync_objects_total", {("applied",): 3, ("put_back",): 0, ("pruned",): 0}),
        ("rollout_duration_seconds", {("Succeeded",): 0, ("RolledBack",): 1, ("Failed",): 0, ("Superseded",): 0}),
    ],
)
def test_values(name: str, values: Mapping[tuple[str, ...], float]) -> None:
    _, _, found = shown(used())[f"{PREFIX}_{name}"]
    assert found == values


def test_a_gitsync_that_is_gone_leaves_no_series_behind() -> None:
    metrics = used()
    metrics.gone(SYNC)
    metrics.gone(SYNC)
    assert shown(metrics)[f"{PREFIX}_sync_commit_to_applied_seconds"][2] == {}


def test_a_value_that_cannot_be_looked_up_costs_no_other() -> None:
    metrics = Metrics()
    metrics.read(lambda: (Sample("jobs", 1 // zero, ("a", "b")) for zero in (1, 0)))
    metrics.read(lambda: [Sample("unheard_of", 1)])
    metrics.read(lambda: [Sample("leader", 1)])
    metrics.text()
    found = shown(metrics)
    assert found[f"{PREFIX}_leader"][2] == {(): 1}
    assert found[f"{PREFIX}_jobs"][2] == {}
    assert found[f"{PREFIX}_metrics_faults_total"][2][()] >= 2


def test_services_of_one_process_count_each_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.git_called("fetch", "ok", 1)
    assert shown(one)[f"{PREFIX}_git_operation_duration_seconds"][2]
    assert not shown(other)[f"{PREFIX}_git_operation_duration_seconds"][2]


def test_every_alert_is_about_metrics_and_labels_that_exist() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"]
    known = shown(used())
    for rule in group["rules"]:
        assert (
            {"alert", "expr", "labels", "annotations"} <= set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        )
        names = re.findall(rf"{PREFIX}_\w+", rule["expr"])
        assert names, rule
        metrics = [known[re.sub(r"_(count|sum|bucket)$", "", name)] for name in names]
        selected = re.findall(r"(\w+)=~?\"", rule["expr"]) + re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
        for by in re.findall(r"by \(([^)]*)\)", rule["expr"]):
            selected += [label.strip() for label in by.split(",")]
        assert set(selected) <= metrics[0][1], rule["alert"]
