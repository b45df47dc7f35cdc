from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.kube.ownership import fold_updates

A: dict[str, Any] = {"f:spec": {"f:a": {}}}
B: dict[str, Any] = {"f:spec": {"f:b": {}}}
BOTH: dict[str, Any] = {"f:spec": {"f:a": {}, "f:b": {}}}


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


@pytest.mark.parametrize(
    ("entries", "folded"),
    [
        pytest.param([], None, id="nothing to fold"),
        pytest.param([entry("us", "Apply", A)], None, id="an apply is left alone"),
        pytest.param([entry("them", "Update", A)], None, id="so is another's update"),
        pytest.param([entry("us", "Update", A, subresource="status")], None, id="and the status"),
        pytest.param(
            [entry("us", "Apply", A), entry("them", "Update", B), entry("us", "Update", B)],
            [entry("us", "Apply", BOTH), entry("them", "Update", B)],
            id="an update joins the apply",
        ),
        pytest.param([entry("us", "Update", A)], [entry("us", "Apply", A)], id="without an apply it becomes one"),
        pytest.param(
            [entry("us", "Update", A), entry("us", "Update", B, apiVersion="old")],
            [entry("us", "Apply", BOTH)],
            id="updates of two versions become one apply",
        ),
    ],
)
def test_fold(entries: list[dict[str, Any]], folded: list[dict[str, Any]] | None) -> None:
    assert fold_updates(entries, "us") == folded
