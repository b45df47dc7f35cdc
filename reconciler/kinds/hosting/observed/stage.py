"""The live stage of a rollout in one line: canary on 1 of 4 instances, baking until 12:40 UTC.

SageMaker shows it per variant, as a status and a sentence (`VariantStatus`, SM-118), and beside that the
fleet that is coming (`PendingDeploymentSummary`) and how it shall come (`LastDeploymentConfig`). Sentences that are not known here
are passed on as they are. Times are SageMaker's own: nothing here is compared with our clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from reconciler.core.conditions import clip
from reconciler.core.values import Answer

_LIMIT = 200
_INSTANCES = re.compile(r"(\d+) instance\(s\)")
_BAKING = re.compile(r"Baking for (\d+) seconds?(?: \((\w+)\))?")
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def stage_of(found: Answer | None) -> str:
    """What an endpoint that is described as `found` is doing; empty when it says nothing of it."""
    if found is None:
        return ""
    pending = found.get("PendingDeploymentSummary") or {}
    stages: dict[str, str] = {}
    for group in ("ProductionVariants", "ShadowProductionVariants"):
        for variant in pending.get(group) or found.get(group) or ():
            if said := _newest(variant):
                stages[str(variant.get("VariantName"))] = _stage(found, variant, said)
    texts = list(dict.fromkeys(stages.values()))
    if len(texts) > 1:
        texts = [f"{name}: {text}" for name, text in stages.items()]
    return clip("; ".join(texts), _LIMIT)


def _newest(variant: Answer) -> Answer | None:
    return max(variant.get("VariantStatus") or (), key=lambda one: one.get("StartTime") or _LONG_AGO, default=None)


def _stage(found: Answer, variant: Answer, said: Answer) -> str:
    message = str(said.get("StatusMessage") or said.get("Status") or "")
    number = _INSTANCES.search(message)
    if number is None:
        return message
    count = int(number[1])
    match said.get("Status"):
        case "Creating":
            return f"launching {_instances(count)}"
        case "ActivatingTraffic":
            return f"moving traffic to {_share(found, variant, message, count)}"
        case "Baking":
            return f"{_share(found, variant, message, count)}, {_baking(message, said)}"
        case "Deleting" if found.get("EndpointStatus") == "RollingBack":
            return f"rolling back: terminating {_instances(count)}"
        case "Deleting":
            return f"terminating {count} old {'instance' if count == 1 else 'instances'}"
    return message


def _share(found: Answer, variant: Answer, message: str, count: int) -> str:
    """The part of the coming fleet that takes traffic. What is not a part of it is named alone."""
    whole = variant.get("DesiredInstanceCount")
    plan = "canary" if "canary" in message else _plan(found)
    part = _instances(count)
    if whole and count <= whole:
        part = f"all {part}" if count == whole > 1 else f"{count} of {_instances(whole)}"
    return f"{plan} on {part}" if plan else part


def _plan(found: Answer) -> str:
    """Linear and rolling updates go step by step: the word says why it is a part only."""
    config = found.get("LastDeploymentConfig") or {}
    if config.get("RollingUpdatePolicy"):
        return "rolling"
    routing = (config.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    return "linear" if routing.get("Type") == "LINEAR" else ""


def _baking(message: str, said: Answer) -> str:
    known, since = _BAKING.match(message), said.get("StartTime")
    if known is None or not isinstance(since, datetime):
        return "baking"
    until = (since + timedelta(seconds=int(known[1]))).astimezone(UTC)
    last = " before the old ones go" if known[2] == "TerminationWaitInSeconds" else ""
    return f"baking until {until:%H:%M} UTC{last}"


def _instances(count: int) -> str:
    return f"{count} instance" if count == 1 else f"{count} instances"
