"""Where a live endpoint is not as its content says, row by row; and what one call puts right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.core.conditions import stamp
from reconciler.core.decision import Call, Decision, Phase
from reconciler.core.drift.policy import DriftMode, Policy
from reconciler.core.errors import LostReplyError, ReconcileError, ThrottledError
from reconciler.core.kind import Failure
from reconciler.core.rollout import LiveEndpoint
from reconciler.kinds.hosting.decide import decide
from reconciler.kinds.hosting.desired import desired_by_git
from reconciler.kinds.hosting.drift import capture, unbalanced
from reconciler.kinds.hosting.observed.endpoint import REBALANCE, HostingObserved
from reconciler.kinds.hosting.observed.parts import PartsObserved
from reconciler.kinds.hosting_deployment import KIND
from tests.support.lab import hosting
from tests.support.passes import NOW, a_pass, verbs
from tests.unit.kinds.hosting.test_decide import NAME, SERVES, live

WEIGHT, COUNT = "initialVariantWeight", "initialInstanceCount"
ON = {"EnableCapture": True, "CurrentSamplingPercentage": 20, "DestinationS3Uri": "s3://here/", "KmsKeyId": ""}
CAPTURE = {"enableCapture": True, "initialSamplingPercentage": 20, "destinationS3Uri": "s3://here"}
SERVERLESS = {"instanceType": None, COUNT: None, "serverlessConfig": {"memorySizeInMB": 1024, "maxConcurrency": 1}}


def deployed(variant: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    body = hosting(**spec)
    body["spec"]["productionVariants"][0] |= variant or {}
    return body


def shown(weight: float = 1, count: int = 1, **more: Any) -> dict[str, Any]:
    return {"VariantName": "variant-model-0", "DesiredWeight": weight, "DesiredInstanceCount": count, **more}


@pytest.mark.parametrize(
    ("manifest", "found", "paths"),
    [
        pytest.param(deployed(), shown(), [], id="as it says"),
        pytest.param(deployed(), shown(3), [WEIGHT], id="another weight"),
        pytest.param(deployed(), shown(1, 4), [COUNT], id="another count"),
        pytest.param(deployed(), shown(3, 4), [WEIGHT, COUNT], id="both"),
        pytest.param(deployed({WEIGHT: None}), shown(1.0), [], id="a weight that nobody wrote is 1"),
        pytest.param(deployed({WEIGHT: None}), shown(0.5), [WEIGHT], id="and nothing else"),
        pytest.param(deployed({WEIGHT: 0.1}), shown(0.10000000149011612), [], id="a weight in single precision"),
        pytest.param(deployed({COUNT: None}), shown(1, 3), [], id="a count that nobody wrote"),
        pytest.param(deployed(), {"VariantName": "variant-model-0"}, [], id="what Describe does not tell"),
        pytest.param(deployed(), shown(3, 4) | {"VariantName": "theirs"}, [], id="a variant that is not there"),
        pytest.param(deployed(SERVERLESS), shown(3, 4), [], id="a serverless variant"),
        pytest.param(
            deployed({"managedInstanceScaling": {"status": "ENABLED", "minInstanceCount": 1}}),
            shown(1, 4),
            [],
            id="a count that SageMaker scales itself",
        ),
        pytest.param(deployed(retainAllVariantProperties=True), shown(3, 4), [], id="what an update keeps: live wins"),
        pytest.param(
            deployed(
                retainAllVariantProperties=True,
                excludeRetainedVariantProperties=[{"variantPropertyType": "DesiredWeight"}],
            ),
            shown(3, 4),
            [WEIGHT],
            id="but not what it excludes",
        ),
    ],
)
def test_weights_and_counts(manifest: dict[str, Any], found: dict[str, Any], paths: list[str]) -> None:
    this = a_pass(KIND, manifest)
    offs = unbalanced(this, desired_by_git(this), {"ProductionVariants": [found]})
    assert [off.difference.path for off in offs] == [f"/spec/productionVariants/0/{path}" for path in paths]
    assert all(off.difference.careful for off in offs)


def test_a_shadow_variant_has_a_path_of_its_own() -> None:
    shadow = {**hosting()["spec"]["productionVariants"][0], "variantName": "shadow"}
    this = a_pass(KIND, hosting(shadowProductionVariants=[shadow]))
    found = {"ProductionVariants": [shown()], "ShadowProductionVariants": [shown(0.5) | {"VariantName": "shadow"}]}
    [off] = unbalanced(this, desired_by_git(this), found)
    assert off.difference.path == f"/spec/shadowProductionVariants/0/{WEIGHT}"
    assert (off.difference.desired, off.difference.live) == ("1", "0.5")


@pytest.mark.parametrize(
    ("written", "found", "keys"),
    [
        pytest.param(None, None, [], id="none"),
        pytest.param(CAPTURE, ON, [], id="as it says, with a slash at the end"),
        pytest.param(None, ON, ["enableCapture"], id="captured though nobody asked"),
        pytest.param(CAPTURE, None, ["enableCapture"], id="not captured"),
        pytest.param(CAPTURE | {"enableCapture": False}, None, [], id="off, and not told"),
        pytest.param(
            CAPTURE | {"enableCapture": False},
            ON | {"EnableCapture": False, "DestinationS3Uri": "s3://x"},
            [],
            id="off",
        ),
        pytest.param(
            CAPTURE | {"initialSamplingPercentage": 0},
            ON | {"CurrentSamplingPercentage": 0},
            [],
            id="none of it, as asked",
        ),
        pytest.param(CAPTURE, ON | {"CurrentSamplingPercentage": 5}, ["initialSamplingPercentage"], id="less of it"),
        pytest.param(CAPTURE, ON | {"DestinationS3Uri": "s3://there"}, ["destinationS3Uri"], id="elsewhere"),
        pytest.param(CAPTURE | {"kmsKeyId": "k-1"}, ON | {"KmsKeyId": "arn:aws:kms:x:1:key/k-1"}, [], id="a key's ARN"),
        pytest.param(CAPTURE | {"kmsKeyId": "k-1"}, ON, ["kmsKeyId"], id="in the clear"),
    ],
)
def test_capture(written: dict[str, Any] | None, found: dict[str, Any] | None, keys: list[str]) -> None:
    spec: dict[str, Any] = {"dataCaptureConfig": written} if written else {}
    this = a_pass(KIND, hosting(**spec))
    differences = list(capture(this, desired_by_git(this), {"DataCaptureConfig": found}))
    assert [one.path for one in differences] == [f"/spec/dataCaptureConfig/{key}" for key in keys]
    kept = a_pass(KIND, {**this.resource.body, "spec": {**this.spec, "retainAllVariantProperties": True}})
    assert not list(capture(kept, desired_by_git(kept), {"DataCaptureConfig": found}))


# --- what is sent -----------------------------------------------------------------------------------------------------

WRITTEN = Policy(DriftMode.CORRECT, written=True)
LOOKED = PartsObserved(scaled={"variant-model-0": False, "variant-model-1": False})


def settled(*found: dict[str, Any], parts: PartsObserved = LOOKED, **more: Any) -> Decision:
    """A deployment of two models that serves so."""
    this = a_pass(KIND, hosting(models=2))
    want = desired_by_git(this)
    content = {"hash": want.content.hash, "endpointConfigName": want.content.config}
    models = [{"name": model.name, "hash": model.hash, "arn": "arn:model"} for model in want.models]
    names = [model.name for model in want.models]
    past = {
        **SERVES,
        "models": models,
        "configs": [{"name": want.content.config, "hash": want.content.hash, "arn": "arn:config", "models": names}],
        "history": [{"id": 1, **content, "result": "Succeeded"}],
        "rollout": {"phase": "Complete", "applied": content, **more.pop("rollout", {})},
    }
    seen = live(config=want.content.config, ProductionVariants=list(found))
    seen = HostingObserved(seen.endpoint, True, parts=parts)
    return decide(a_pass(KIND, hosting(models=2), past, **{"drift": WRITTEN} | more), seen)


def of(number: int, weight: float = 1, count: int = 1) -> dict[str, Any]:
    return shown(weight, count) | {"VariantName": f"variant-model-{number}"}


@pytest.mark.parametrize(
    ("found", "changes"),
    [
        pytest.param([of(0), of(1)], None, id="nothing"),
        pytest.param(
            [of(0, 3), of(1, 4, 5)],
            [("variant-model-0", "DesiredWeight"), ("variant-model-1", "DesiredWeight")],
            id="all weights in one call, before any count",
        ),
        pytest.param(
            [of(0, 1, 4), of(1, 1, 5)],
            [("variant-model-0", "DesiredInstanceCount")],
            id="one variant's count at a time",
        ),
    ],
)
def test_one_call_at_a_time(found: list[dict[str, Any]], changes: list[tuple[str, str]] | None) -> None:
    decision = settled(*found)
    sent = [call.params["DesiredWeightsAndCapacities"] for call in decision.calls]
    assert sent == ([[{"VariantName": name, member: 1} for name, member in changes]] if changes else [])
    assert len(decision.corrects) == len(changes or ())


def test_a_count_of_which_nobody_knows_whether_it_is_scaled_is_not_told() -> None:
    unknown = PartsObserved(scaled={"variant-model-0": None}, unknown="AccessDenied")
    decision = settled(of(0, 1, 4), of(1), parts=unknown)
    assert (decision.phase, decision.differences, decision.unknown_drift) == (Phase.READY, (), "AccessDenied")


def test_without_a_look_nothing_is_said() -> None:
    this = a_pass(KIND, hosting(), SERVES, drift=WRITTEN)
    decision = decide(this, live(ProductionVariants=[shown(3)]))
    assert (decision.phase, decision.differences, verbs(decision)) == (Phase.READY, None, [])


def sent(ago: timedelta, attempt: int = 1, modified: str = "") -> dict[str, Any]:
    """A call for the first variant's weight, made so long ago."""
    call = Call(
        REBALANCE,
        {"EndpointName": NAME, "DesiredWeightsAndCapacities": [{"VariantName": "variant-model-0", "DesiredWeight": 1}]},
    )
    known = LiveEndpoint.parse(live().endpoint or {}).modified
    record = {"call": call.identity, "requestedAt": stamp(NOW - ago), "attempt": attempt}
    return {"rebalance": {**record, "lastModifiedTime": modified or known}}


_SOON, _LATE = timedelta(seconds=20), timedelta(minutes=2)


@pytest.mark.holds("D-7.9")
@pytest.mark.parametrize(
    ("rollout", "calls", "again"),
    [
        pytest.param({}, [REBALANCE], None, id="not sent yet"),
        pytest.param(sent(_SOON), [], timedelta(seconds=40), id="sent, no trace: wait"),
        pytest.param(sent(_LATE), [REBALANCE], None, id="sent, no trace for long: once more"),
        pytest.param(sent(_SOON, modified="before"), [REBALANCE], None, id="it came to something, and not to this"),
        pytest.param(sent(_LATE, 3), [], timedelta(minutes=58), id="three times in vain: left for an hour"),
        pytest.param(sent(timedelta(hours=1), 3), [REBALANCE], None, id="and then again"),
    ],
)
def test_a_correction_needs_evidence(rollout: dict[str, Any], calls: list[str], again: timedelta | None) -> None:
    decision = settled(of(0, 3), of(1), rollout=rollout)
    assert (verbs(decision), decision.look_again) == (calls, again)
    assert [one.path for one in decision.differences or ()] == [f"/spec/productionVariants/0/{WEIGHT}"]


@pytest.mark.parametrize(
    ("error", "kept"), [(ThrottledError("Rate exceeded"), False), (LostReplyError("no reply"), True)]
)
def test_only_what_may_have_been_received_is_remembered(error: ReconcileError, *, kept: bool) -> None:
    rollout = sent(timedelta(0))
    failure = Failure(Call(REBALANCE, {"EndpointName": NAME}), error)
    decision = settled(of(0, 3), of(1), rollout=rollout, failure=failure)
    assert verbs(decision) == []
    assert ("rebalance" in decision.status["rollout"]) is kept
