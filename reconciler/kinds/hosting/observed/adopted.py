"""Whether an endpoint that is being adopted serves what the spec wants: then it is taken as it is, and costs no rollout.

Its configuration and models are read once and compared with what would be created. Whatever is not known to be a default of the
service counts as a difference: then the content is rolled out, as if it were other content.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.kind import View
from reconciler.core.records.remote_object import Part
from reconciler.core.values import Answer, Json
from reconciler.kinds.hosting.desired import VARIANT_LISTS, DesiredHosting

_ANSWERED = frozenset({"Arn", "Name", "CreationTime", "ResponseMetadata", "Tags", "DeploymentRecommendation"})
_DEFAULTS: Mapping[str, Json] = {
    "Mode": "SingleModel",
    "InitialVariantWeight": 1,
    "EnableNetworkIsolation": False,
    "EnableCapture": False,
}


def equal(view: View, want: DesiredHosting, config: str) -> tuple[Part, tuple[tuple[str, str], ...]] | None:
    """The configuration as a part that holds the wanted content, and its models with their ARNs; None where it holds another."""
    found = view.describe("EndpointConfig", config)
    if found is None or want.waits:
        return None
    wanted = {model.name: model.params for model in want.models}
    names: dict[str, str] = {}
    for api in VARIANT_LISTS.values():
        live, ours = list(found.get(api) or ()), list(want.config_params.get(api) or ())
        if len(live) != len(ours):
            return None
        pairs = zip(ours, live, strict=True)
        names |= {str(one.get("ModelName") or ""): str(other.get("ModelName") or "") for one, other in pairs}
    if _plain(_renamed(want.config_params, names)) != _plain(_content(found, "EndpointConfig")):
        return None
    models = {ours: view.describe("Model", live) for ours, live in names.items() if live}
    for logical, described in models.items():
        if described is None or _plain(wanted.get(logical)) != _plain(_content(described, "Model")):
            return None
    part = Part(
        config, str(found["EndpointConfigArn"]), hash=want.content.hash, models=tuple(names.values()), taken=True
    )
    return part, tuple((names[ours], str((described or {})["ModelArn"])) for ours, described in models.items())


def _renamed(params: Answer, names: Mapping[str, str]) -> dict[str, Json]:
    """With the live names of models."""
    renamed = dict(params)
    for api in VARIANT_LISTS.values():
        if api in params:
            renamed[api] = [{**one, "ModelName": names[str(one.get("ModelName") or "")]} for one in params[api]]
    return renamed


def _content(found: Answer, remote: str) -> dict[str, Json]:
    """What an answer says beside what the service adds."""
    added = {f"{remote}{word}" for word in ("Arn", "Name")} | _ANSWERED
    return {key: value for key, value in found.items() if key not in added}


def _plain(value: Json) -> Json:
    """Without what is empty, or a default; numbers of one value are one number."""
    if isinstance(value, Mapping):
        source = ((value.get("ModelDataSource") or {}).get("S3DataSource") or {}).get("S3Uri")
        said_twice = source is not None and source == value.get("ModelDataUrl")
        items = {key: _plain(item) for key, item in value.items() if key != "ModelDataSource" or not said_twice}
        return {
            k: v for k, v in items.items() if v not in (None, "", {}, []) and not (k in _DEFAULTS and v == _DEFAULTS[k])
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
