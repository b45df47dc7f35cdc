"""Where a live scalable target and its policy differ from what is wanted, and how the calls leave alone what is not corrected."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.decision import Difference
from reconciler.core.schema.shapes import Structure, canonical, to_resource
from reconciler.core.values import Answer, Json
from reconciler.kinds.scaling.content import CONFIGURATIONS, SUSPENSIONS, TRACKING, DesiredScaling, requests

__all__ = ["differences", "keeping", "missing"]

_POLICY_PATH = "/spec/policyName"
"""Of a policy that is gone."""
_OF_POLICY = ("policyName", "policyType", *CONFIGURATIONS.values())


def differences(
    shape: Structure, desired: DesiredScaling, target: Answer, policy: Answer | None
) -> tuple[Difference, ...]:
    """Where the live target and policy are not as wanted. Only what is wanted is compared: defaults that the service adds
    (cooldowns, alarms) are no difference (SM-151). The resource is named beside the live value: there are several.
    """
    live = canonical(shape, to_resource(shape, target))
    if policy is not None:
        live |= canonical(shape, to_resource(shape, policy))
    live["suspendedState"] = {**dict.fromkeys(SUSPENSIONS, False), **(live.get("suspendedState") or {})}
    tracking = CONFIGURATIONS[TRACKING]
    if tracking in live:
        live[tracking] = {"disableScaleIn": False, **live[tracking]}
    found = [
        Difference("sagemaker", path, _shown(wanted), f"{_shown(value)} ({desired.variant.resource_id})")
        for key, item in desired.spec.items()
        if policy is not None or key not in _OF_POLICY
        for path, wanted, value in _differing(item, live.get(key), f"/spec/{key}")
    ]
    if policy is None:
        there = f"missing ({desired.variant.resource_id})"
        found.append(Difference("sagemaker", _POLICY_PATH, desired.policy, there, gone=True))
    return tuple(found)


def keeping(
    shape: Structure,
    desired: DesiredScaling,
    live: Sequence[Answer | None],
    left: Collection[str],
    corrected: Collection[str],
) -> DesiredScaling:
    """The same, asked for so that what is live (target and policy) stays at the paths `left`, and those of `corrected` are
    corrected: an upsert repeats everything.
    """
    there = {key: value for one in live for key, value in to_resource(shape, one or {}).items()}
    spec = copy.deepcopy(dict(desired.spec))
    for path in {*left} - {_POLICY_PATH}:
        _put(spec, path.split("/")[2:], there)
    puts = any(path.split("/")[2] in _OF_POLICY for path in corrected) and _POLICY_PATH not in left
    return replace(desired, request=requests(shape, spec), puts=puts)


def _put(into: Json, steps: Sequence[str], live: Json) -> None:
    """Set what a pointer leads to as it is live, or take it away; where a list's places mean something else, all of it."""
    step, *rest = steps
    there = _child(live, step)
    if rest and there is not None:
        _put(_child(into, step), rest, there)
    elif isinstance(into, list):
        into[int(step)] = there
    elif there is None:
        into.pop(step, None)
    else:
        into[step] = there


def _child(value: Json, step: str) -> Json:
    return value[int(step)] if isinstance(value, list) else value.get(step)


def missing(desired: DesiredScaling) -> Difference:
    return Difference("sagemaker", "/spec/resourceId", desired.variant.resource_id, "not a scalable target", gone=True)


def _differing(wanted: Json, live: Json, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, item in wanted.items():
            yield from _differing(item, live.get(key), f"{path}/{key}")
    elif _is_list(wanted) and _is_list(live) and len(wanted) == len(live):
        for index, item in enumerate(wanted):
            yield from _differing(item, live[index], f"{path}/{index}")
    elif wanted != live:
        yield path, wanted, live


def _is_list(value: Json) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shown(value: Json) -> str:
    return "unset" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
