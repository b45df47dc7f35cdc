"""What goes wrong between the service and SageMaker: refusals, lost requests and replies, old and garbled answers, outcomes."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.walk.steps.step import Step, a_team
from tests.walk.world import World

_SENDS = (
    "Create*",
    "UpdateEndpoint",
    "CreateTrainingJob",
    "CreateEndpointConfig",
    "AddTags",
    "Delete*",
    "RegisterScalableTarget",
)
_READS = ("Describe*", "List*", "DescribeEndpoint")
_INTERNAL = "Request to service failed. Please try again."


def _fault(world: World, random: Random) -> str:
    team, sends, reads = a_team(world, random), random.choice(_SENDS), random.choice(_READS)
    throttled = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    internal = {"type": "error", "code": "InternalFailure", "message": "later", "status": 500}
    faults: list[tuple[str, dict[str, Any]]] = [
        (sends, throttled),
        (reads, throttled),
        (sends, internal),
        (reads, internal),
        (sends, {"type": "drop_before"}),
        (sends, {"type": "drop_after"}),
        (sends, {"type": "drop_after"}),
        (reads, {"type": "drop_after"}),
        (sends, {"type": "delay", "seconds": 2}),
        (reads, {"type": "stale_read", "seconds": 60}),
        (sends, {"type": "expired_token"}),
    ]
    op, action = random.choice(faults)
    match: dict[str, Any] = {"service": "*", "op": op, "access_key": team.name, "count": random.randint(1, 3)}
    world.simulator.rules({"match": match, "action": action})
    return f"{team.name} {op} {action['type']} {action.get('code', '')} x{match['count']}"


def _storm(world: World, random: Random) -> str:
    """Much of everything is throttled for ten seconds or so."""
    team = a_team(world, random)
    throttled = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}
    match = {
        "service": "*",
        "access_key": team.name,
        "probability": 0.6,
        "seed": random.randrange(99),
        "window": [0, 1200],
    }
    world.simulator.rules({"match": match, "action": throttled})
    return team.name


def _outcome(world: World, random: Random) -> str:
    """How the next rollout, or job, ends."""
    ends: list[tuple[str, dict[str, Any]]] = [
        ("UpdateEndpoint", {"outcome": "rollback", "reason": reason, "after": 60})
        for reason in ("", "bad image", _INTERNAL)
    ]
    ends += [
        ("CreateEndpoint", {"outcome": "fail", "reason": "bad image"}),
        ("CreateTrainingJob", {"outcome": "fail", "at": "Training", "reason": "AlgorithmError: bad data"}),
        ("CreateProcessingJob", {"outcome": "fail", "at": "Processing", "reason": "AlgorithmError: bad data"}),
    ]
    op, action = random.choice(ends)
    sort = "endpoint_outcome" if "Endpoint" in op else "job_outcome"
    world.simulator.rules({"match": {"op": op, "count": 1}, "action": {"type": sort, **action}})
    return f"{op} {action['outcome']} {action['reason']}"


def _patching(world: World, random: Random) -> str:
    """SageMaker patches what is in service."""
    team = a_team(world, random)
    world.simulator.rules(
        {"match": {"name": f"plain-{team.name}"}, "action": {"type": "system_updating", "seconds": 300, "now": True}}
    )
    return f"plain-{team.name}"


def _garbage(world: World, random: Random) -> str:
    """Answers that nobody can read: a proxy's page after a call that went through, or a List of nothing and half a body."""
    team = a_team(world, random)
    op, status, body = random.choice(
        [
            ("Create*", 403, "<html>Forbidden</html>"),
            ("UpdateEndpoint", 502, "<html>Bad Gateway</html>"),
            ("List*", 200, '{"Endpoints": null, "TrainingJobSummaries": null, "Models": null}'),
            ("Describe*", 200, '{"EndpointSta'),
        ]
    )
    match = {"op": op, "access_key": team.name, "count": random.randint(1, 2)}
    world.simulator.rules({"match": match, "action": {"type": "garbage", "status": status, "body": body}})
    return f"{team.name} {op} {status} x{match['count']}"


STEPS = (
    Step("fault", 14, _fault),
    Step("storm", 2, _storm),
    Step("outcome", 6, _outcome),
    Step("patching", 2, _patching),
    Step("garbage", 3, _garbage),
)
