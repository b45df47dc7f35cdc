"""A spec against what Describe says of the remote object that it became (SM-37 to SM-57).

Describe is not lossless: the service fills in defaults, injects what nobody asked for and keeps some of what was sent to
itself. So the comparison is a projection: only what the user set is looked for in the answer, both in the resource's
spelling. Order counts only where it means something, and ARNs are compared in any case. Callers are the kinds that find a
thing they did not make themselves: adopted, or recreated by somebody else.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.decision import Difference
from reconciler.core.pointers import child
from reconciler.core.schema.shapes import List, NameValueList, Shape, Structure, canonical, masked, to_resource
from reconciler.core.values import Answer, Json, JsonObject, Spec

_DEFAULTS: Mapping[str, tuple[object, ...]] = {
    "assembleWith": ("None",),
    "compressionType": ("None", "GZIP"),
    "dataProcessing.inputFilter": ("$",),
    "dataProcessing.joinSource": ("None",),
    "dataProcessing.outputFilter": ("$",),
    "initialVariantWeight": (1,),
    "mode": ("SingleModel",),
    "recordWrapperType": ("None",),
    "s3CompressionType": ("None",),
    "s3DataDistributionType": ("FullyReplicated",),
    "scalingType": ("Auto",),
    "splitType": ("None",),
    "stoppingCondition.maxRuntimeInSeconds": (86400,),
    "trainingJobEarlyStoppingType": ("Off",),
}
"""What an answer may leave out, by the end of the path: the same as not saying it. So are false and the empty string."""

_DEFINITION = ("trainingJobDefinition", "trainingJobDefinitions")
_NOT_RETURNED = frozenset(
    {
        ("sessionChainingConfig",),
        *(
            (definition, *rest)
            for definition in _DEFINITION
            for rest in (
                ("hyperParameterTuningResourceConfig",),
                ("outputDataConfig", "compressionType"),
                ("stoppingCondition", "maxPendingTimeInSeconds"),
                ("inputDataConfig", "dataSource", "s3DataSource", "instanceGroupNames"),
            )
        ),
    }
)
"""Sent but not returned."""

_NAMED = ("variantName", "channelName", "inputName", "outputName", "definitionName", "name")
"""Items that carry one of these are found by it, whatever their place. Containers of a pipeline are not among them."""
_SERVICE_S_OWN = "_"
"""Names that begin so were added by the service: `_tuning_objective_metric`."""
_CLOSE = 1e-6
"""SageMaker's floats have 32 bits."""

_Found = tuple[str, str, str]


def differences(shape: Structure, spec: Spec, described: Answer, stuck: str) -> list[Difference]:
    """Where the object is not as the spec says; references are resolved. `stuck`: what never changes is not corrected."""
    live = canonical(shape, to_resource(shape, described))
    found = _structure(shape, canonical(shape, spec), live, "/spec", ())
    return [Difference("sagemaker", path, desired, there, stuck=stuck) for path, desired, there in found]


def _walk(shape: Shape, desired: Json, live: Json, path: str, place: tuple[str, ...]) -> Iterator[_Found]:
    if live is None and place in _NOT_RETURNED:
        return
    match shape:
        case Structure() if isinstance(desired, Mapping):
            yield from _structure(shape, desired, live if isinstance(live, Mapping) else {}, path, place)
        case NameValueList():
            yield from _pairs(shape, desired, live or [], path)
        case List() if _is_list(desired):
            yield from _list(shape, desired, live if _is_list(live) else [], path, place)
        case _:
            if not _same(desired, live, place):
                yield path, _text(shape, desired), _text(shape, live)


def _structure(
    shape: Structure, desired: JsonObject, live: Answer, path: str, place: tuple[str, ...]
) -> Iterator[_Found]:
    for field in shape.fields:
        if field.api is not None and not field.supplied and field.key in desired:
            at = (*place, field.key)
            yield from _walk(field.shape, desired[field.key], live.get(field.key), f"{path}/{field.key}", at)


def _pairs(shape: NameValueList, desired: Json, live: Json, path: str) -> Iterator[_Found]:
    wanted, there = ({pair[shape.name_key]: pair[shape.value_key] for pair in pairs} for pairs in (desired, live))
    for name in sorted({*wanted, *there}, key=str):
        added = name not in wanted and str(name).startswith(_SERVICE_S_OWN)
        if not added and wanted.get(name) != there.get(name):
            yield child(path, str(name)), str(wanted.get(name, "")), str(there.get(name, ""))


def _list(
    shape: List, desired: Sequence[Json], live: Sequence[Json], path: str, place: tuple[str, ...]
) -> Iterator[_Found]:
    if not isinstance(shape.item, Structure):
        if Counter(map(_key, desired)) != Counter(map(_key, live)):
            yield path, _text(shape, desired), _text(shape, live)
        return
    if len(desired) != len(live):
        yield path, _text(shape, desired), _text(shape, live)
        return
    for index, (item, found) in enumerate(zip(desired, _in_order_of(desired, live), strict=True)):
        yield from _walk(shape.item, item, found, f"{path}/{index}", place)


def _in_order_of(desired: Sequence[Json], live: Sequence[Json]) -> Sequence[Json]:
    for name in _NAMED:
        if all(isinstance(item, Mapping) and name in item for item in (*desired, *live)):
            by_name = {item[name]: item for item in live}
            if by_name.keys() == {item[name] for item in desired}:
                return [by_name[item[name]] for item in desired]
    return live


def _same(desired: Json, live: Json, place: tuple[str, ...]) -> bool:
    if live is None:
        ends = (".".join(place[-2:]), place[-1])
        return desired in ("", False) or any(desired in _DEFAULTS.get(end, ()) for end in ends)
    if _is_number(desired) and _is_number(live):
        return math.isclose(desired, live, rel_tol=_CLOSE)
    return bool(_key(desired) == _key(live))


def _key(value: Json) -> object:
    if isinstance(value, str) and value.startswith("arn:"):
        return value.casefold()
    return value if isinstance(value, (str, int, float, type(None))) else json.dumps(value, sort_keys=True, default=str)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(shape: Shape, value: Json) -> str:
    """For people. What holds secrets inside is masked here, for its path does not say so."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Mapping) or _is_list(value):
        return json.dumps(masked(shape, value), sort_keys=True, default=str)
    return str(value).lower() if isinstance(value, bool) else str(value)
