"""How a HostingDeployment ends: endpoint first, then configurations, then models; what is gone is gone.

Creating and Updating are waited out, since SageMaker deletes nothing in them. What somebody else made under our names, and
what the archived operator made for resources of its own, is left alone.
"""

from __future__ import annotations

from datetime import timedelta

from reconciler.core.decision import Call, Decision, Pace, Phase, Watch
from reconciler.core.kind import Pass
from reconciler.core.rollout import CHANGING, EVIDENCE_WAIT
from reconciler.kinds.hosting.records import Made
from reconciler.kinds.hosting.state import State, identity, is_ours, open_attempt, status_of


def end(this: Pass, state: State) -> Decision:
    found, name = this.seen.endpoint, identity(this)
    if found is not None and (is_ours(this, name) if name in this.seen.owners else state.endpoint.get("arn")):
        status = str(found["EndpointStatus"])
        sent = this.reply("DeleteEndpoint")
        delete = () if status in CHANGING or sent else (Call("DeleteEndpoint", {"EndpointName": name}),)
        waiting = "to go" if status == "Deleting" or sent or delete else f"to leave {status}"
        return _ending(this, state, delete, f"waiting for endpoint {name} {waiting}")
    attempt = open_attempt(this)
    if found is None and attempt is not None and this.now - attempt.requested_at < EVIDENCE_WAIT:
        # A create went out a moment ago: a second look before letting go, one look may have come too early.
        left = EVIDENCE_WAIT - (this.now - attempt.requested_at)
        return _ending(this, state, (), f"making sure that {name} was not created", left)
    configs = [item for item in state.configs.values() if _mine(this, item)]
    models = [item for item in state.models.values() if _mine(this, item)]
    calls = [Call("DeleteEndpointConfig", {"EndpointConfigName": item.name}) for item in configs]
    calls += [Call("DeleteModel", {"ModelName": item.name}) for item in models]
    if calls:
        return _ending(this, state, tuple(calls), "deleting configurations and models")
    return Decision(Phase.RELEASED, "Deleted", "", status=status_of(this, state, None, "Deleting"))


def _mine(this: Pass, item: Made) -> bool:
    return item.deletable and (bool(item.arn) or is_ours(this, item.name))


def _ending(
    this: Pass, state: State, calls: tuple[Call, ...], message: str, look_again: timedelta = timedelta(seconds=10)
) -> Decision:
    return Decision(
        Phase.ACTING if calls else Phase.WAITING,
        "Deleting",
        message,
        status_of(this, state, None, "Deleting"),
        calls=calls,
        watches=(Watch("Endpoint", identity(this), Pace.FAST),),
        look_again=look_again,
    )
