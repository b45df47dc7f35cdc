"""Custom resources as the archived operator itself (at e131566) left them in a real API server.

A few are committed (tests/data/operator-objects.json), so that they are tried everywhere; the whole set of all kinds in all
states lies beside this checkout where there is one.
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.core.takeover import LAST_APPLIED

_ROOT = Path(__file__).parents[2]
_FEW = _ROOT / "tests" / "data" / "operator-objects.json"
WHOLE = _ROOT.parent / "shared" / "operator-objects" / "objects.json.gz"

STATUS = {
    "TrainingJob": "trainingJobStatus",
    "HyperparameterTuningJob": "hyperParameterTuningJobStatus",
    "BatchTransformJob": "transformJobStatus",
    "ProcessingJob": "processingJobStatus",
}
NAME = {
    "TrainingJob": "sageMakerTrainingJobName",
    "HyperparameterTuningJob": "sageMakerHyperParameterTuningJobName",
    "BatchTransformJob": "sageMakerTransformJobName",
    "ProcessingJob": "sageMakerProcessingJobName",
}
OVER = ("Completed", "Failed", "Stopped")


def few() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_FEW.read_text())
    return found


def whole() -> list[dict[str, Any]]:
    """All of them; asked only where `WHOLE` is there."""
    found: list[dict[str, Any]] = json.loads(gzip.decompress(WHOLE.read_bytes()))
    return found


def author(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest as its author applied it; None for what the operator made itself."""
    text = (found["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    return json.loads(text) if text else None


def is_over(found: Mapping[str, Any]) -> bool:
    """A job that ended, by the operator's word."""
    return found.get("status", {}).get(STATUS.get(found["kind"], "")) in OVER


def over(applied: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """What server-side apply leaves in a spec of which others own parts: lists are replaced."""
    merged = copy.deepcopy(dict(live))
    for key, value in applied.items():
        inner = merged.get(key)
        merged[key] = over(value, inner) if isinstance(value, Mapping) and isinstance(inner, Mapping) else value
    return merged
