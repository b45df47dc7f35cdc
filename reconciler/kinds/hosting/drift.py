"""Where a serving endpoint is not as its content says: two pure comparisons, and what of them this spec calls drift.

    weight, count      careful: others have reasons to move them, so only a Correct that was written out corrects them
    data capture       reported only: SageMaker changes it with another configuration, and under another name
    model, configuration deleted     made again under the same name (`actions.make_parts`)
    model, configuration recreated   reported only: what somebody else made under our name is not ours to delete

Not drift: the count of a variant that some scalable target or SageMaker itself scales, anything of a serverless variant, what
`retainAllVariantProperties` keeps (the spec says that what is live wins), and all of an endpoint that is changing. While a hold
lasts, what it holds is the reference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core.decision import Difference
from reconciler.core.drift.policy import Policy, Sifted
from reconciler.core.kind import Pass
from reconciler.core.records.remote_object import Part
from reconciler.core.rollout import LiveEndpoint
from reconciler.core.schema.shapes import to_request
from reconciler.core.values import Answer, Params
from reconciler.kinds.hosting.desired import VARIANT_LISTS, DesiredHosting
from reconciler.kinds.hosting.legacy import is_legacy
from reconciler.kinds.hosting.records import HostingRecords

_WEIGHT, COUNT, _CAPTURE = "DesiredWeight", "DesiredInstanceCount", "DataCaptureConfig"
CONFIG_PATH = "/status/endpointConfigName"
_DEFAULT_WEIGHT = 1.0
_SINGLE = 1e-6
"""SageMaker keeps weights in single precision."""
_CAPTURE_MEMBERS = (
    ("initialSamplingPercentage", "InitialSamplingPercentage", "CurrentSamplingPercentage"),
    ("destinationS3Uri", "DestinationS3Uri", "DestinationS3Uri"),
    ("kmsKeyId", "KmsKeyId", "KmsKeyId"),
)


def elsewhere(want: DesiredHosting, live: LiveEndpoint | None) -> Difference:
    """The endpoint serves from another configuration, or is gone."""
    found = live.config if live else "(deleted)"
    return Difference("sagemaker", CONFIG_PATH, want.content.config, found, gone=live is None)


# --- the live endpoint ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VariantDrift:
    """A variant's weight or count that is not what its content says."""

    variant: str
    difference: Difference
    change: Params
    """What would correct it, as a member of DesiredWeightsAndCapacities."""

    @property
    def is_count(self) -> bool:
        return COUNT in self.change


def unbalanced(this: Pass, want: DesiredHosting, endpoint: Answer) -> tuple[VariantDrift, ...]:
    """Weights and counts, whoever scales the variants."""
    return tuple(_unbalanced(want, endpoint, kept_live(this)))


def unscaled(found: Iterable[VariantDrift], scaled: Mapping[str, bool | None]) -> tuple[VariantDrift, ...]:
    """Without the counts of variants that something scales, or of which nobody can say."""
    return tuple(off for off in found if not off.is_count or scaled.get(off.variant) is False)


def is_resize(policy: Policy, off: VariantDrift, resize: Collection[str]) -> bool:
    """Whether this is a count that the last update kept though nothing scales its variant: no drift, but the rest of that
    rollout, whatever the mode is. `resize` is what status names of them.
    """
    return off.is_count and off.variant in resize and not policy.leaves(off.difference.path)


def _unbalanced(want: DesiredHosting, endpoint: Answer, kept: frozenset[str]) -> Iterator[VariantDrift]:
    for key, api in VARIANT_LISTS.items():
        live = {variant.get("VariantName"): variant for variant in endpoint.get(api) or ()}
        for index, variant in enumerate(want.config_params.get(api) or ()):
            found = live.get(variant.get("VariantName"))
            if found is None or variant.get("ServerlessConfig"):
                continue
            path = f"/spec/{key}/{index}"
            weight = variant.get("InitialVariantWeight", _DEFAULT_WEIGHT)
            if _WEIGHT not in kept and not _same(weight, found.get(_WEIGHT)):
                yield _off(variant, f"{path}/initialVariantWeight", weight, found, _WEIGHT)
            count = variant.get("InitialInstanceCount")
            if COUNT not in kept and not _is_managed(variant) and not _same(count, found.get(COUNT)):
                yield _off(variant, f"{path}/initialInstanceCount", count, found, COUNT)


def _same(wanted: float | None, live: float | None) -> bool:
    """What nobody wrote down, and what SageMaker does not show, is no difference."""
    return wanted is None or live is None or math.isclose(wanted, live, rel_tol=_SINGLE)


def _is_managed(variant: Answer) -> bool:
    return (variant.get("ManagedInstanceScaling") or {}).get("Status") == "ENABLED"


def _off(variant: Answer, path: str, wanted: float, found: Answer, member: str) -> VariantDrift:
    difference = Difference("sagemaker", path, f"{wanted:g}", f"{found[member]:g}", careful=True)
    return VariantDrift(
        str(variant["VariantName"]), difference, {"VariantName": variant["VariantName"], member: wanted}
    )


def kept_live(this: Pass) -> frozenset[str]:
    """Variant properties of which the spec says that an update keeps what is live. The exclude list names exceptions."""
    options = to_request(this.shape, this.spec, "UpdateEndpoint")
    if not options.get("RetainAllVariantProperties"):
        return frozenset()
    excluded = {one.get("VariantPropertyType") for one in options.get("ExcludeRetainedVariantProperties") or ()}
    return frozenset({_WEIGHT, COUNT, _CAPTURE} - excluded)


def capture(this: Pass, want: DesiredHosting, endpoint: Answer) -> Iterator[Difference]:
    """Describe shows a summary: whether, how much, where to. A capture that is off has no other difference."""
    wanted, live = want.config_params.get(_CAPTURE) or {}, endpoint.get(_CAPTURE) or {}
    enabled = bool(wanted.get("EnableCapture"))
    if _CAPTURE in kept_live(this):
        return
    if enabled != bool(live.get("EnableCapture")):
        text = str(enabled).lower()
        yield _captured("enableCapture", text, str(not enabled).lower())
    elif enabled:
        for key, member, shown in _CAPTURE_MEMBERS:
            there = "" if live.get(shown) is None else str(live[shown])
            if member in wanted and not _same_place(str(wanted[member]), there):
                yield _captured(key, str(wanted[member]), there)


def _captured(key: str, wanted: str, live: str) -> Difference:
    return Difference("sagemaker", f"/spec/dataCaptureConfig/{key}", wanted, live)


def _same_place(wanted: str, live: str) -> bool:
    """A key may be shown as its ARN, a prefix with a slash at its end."""
    return wanted.rstrip("/") == live.rstrip("/") or live.endswith(f"key/{wanted}")


# --- what it serves from ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServedPart:
    """A model or configuration of the content that serves."""

    remote: str
    record: Part
    path: str
    """Where its absence is reported."""
    in_spec: bool = True
    """Whether the spec says how to make it again."""

    @property
    def gone(self) -> Difference:
        return Difference("sagemaker", self.path, self.record.name, "(deleted)", gone=True)

    def replaced(self, created: str) -> Difference:
        return Difference("sagemaker", self.path, self.record.name, f"another of that name, made at {created}")


def served_parts(want: DesiredHosting, records: HostingRecords) -> tuple[ServedPart, ...]:
    """Of the wanted content; what no record names has no ARN. What may only be rolled back to is looked at when somebody
    does so.
    """
    models = records.models
    config = records.configs.get(want.content.config, Part(want.content.config, hash=want.content.hash))
    if want.hold or is_legacy(config, want):
        positions = {name: index for index, name in enumerate(models)}
        of_config = [name for name in dict.fromkeys(config.models) if name in models]
        found = [
            ServedPart("Model", models[name], f"/status/models/{positions[name]}", in_spec=False) for name in of_config
        ]
        return (*found, ServedPart("EndpointConfig", config, CONFIG_PATH, in_spec=False))
    found = [
        ServedPart("Model", models.get(model.name, Part(model.name, hash=model.hash)), f"/spec/models/{index}")
        for index, model in enumerate(want.models)
    ]
    return (*found, ServedPart("EndpointConfig", config, CONFIG_PATH))


# --- all of it --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HostingDrift:
    """What is not as its content says, on an endpoint that serves what is wanted."""

    parts: tuple[ServedPart, ...] = ()
    """What is served from."""
    gone: tuple[ServedPart, ...] = ()
    offs: tuple[VariantDrift, ...] = ()
    resize: tuple[VariantDrift, ...] = ()
    """Counts that the rollout still has to set."""
    unset: tuple[str, ...] = ()
    """Their variants, and those of which nobody can say that nothing scales them."""
    sifted: Sifted = field(default_factory=Sifted)
    variants: tuple[str, ...] = ()
    """Of which it matters whether they are scalable targets."""
    looked: bool = False
    unknown: str = ""
    """Why drift of something cannot be seen."""

    @property
    def stands(self) -> tuple[Difference, ...] | None:
        return self.sifted.stands if self.looked else None

    @property
    def to_make(self) -> tuple[ServedPart, ...]:
        """Parts that are gone and are to be made again."""
        return tuple(part for part in self.gone if part.in_spec and part.gone in self.sifted.correct)

    @property
    def to_set(self) -> tuple[VariantDrift, ...]:
        """What one call may correct: a count that the rollout still has to set; else all weights, else one count."""
        if self.resize:
            return self.resize[:1]
        offs = tuple(off for off in self.offs if off.difference in self.sifted.correct)
        return tuple(off for off in offs if not off.is_count) or offs[:1]
