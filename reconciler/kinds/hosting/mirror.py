"""A quarantine mirrored as a tag on its EndpointConfig, from which it is known again when status is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.decision import Call, Decision
from reconciler.core.kind import Pass
from reconciler.core.naming import QUARANTINE_TAG
from reconciler.kinds.hosting.records import NOTHING, Made


def mirrored(this: Pass, decision: Decision) -> Decision:
    """With a mirror of each quarantine, also of content that Git left meanwhile. First comes what the content needs."""
    if decision.calls or this.refused or this.seen.endpoint is None or decision.status.get("quarantine") is None:
        return decision
    arns = {one["name"]: one["arn"] for one in decision.status["configs"]}
    calls = [
        Call(
            "AddTags",
            {"ResourceArn": arn, "Tags": [{"Key": QUARANTINE_TAG, "Value": _tag_text(bad)}]},
            best_effort=True,
        )
        for bad in decision.status["quarantine"]
        if not bad.get("mirrored") and (arn := arns.get(bad.get("endpointConfigName")))
    ]
    return replace(decision, calls=tuple(calls))


def is_mirror(call: Call) -> bool:
    return call.operation == "AddTags" and any(tag["Key"] == QUARANTINE_TAG for tag in call.params["Tags"])


def unmirror(configs: Mapping[str, Made], entry: Mapping[str, Any]) -> Call | None:
    config = configs.get(str(entry.get("endpointConfigName")), NOTHING)
    if not config.arn or not entry.get("mirrored"):
        return None
    return Call("DeleteTags", {"ResourceArn": config.arn, "TagKeys": [QUARANTINE_TAG]}, best_effort=True)


def _tag_text(bad: Mapping[str, Any]) -> str:
    """The reason, in the characters that a tag takes."""
    return re.sub(r"[^\w .:/=+@-]", " ", str(bad.get("reason") or "")).strip()[:256] or "rolled back"
