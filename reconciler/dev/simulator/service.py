"""One SageMaker call from its bytes to its answer: faults, throttle, validation, the kind's handler, the record.

The order is the service's: unknown operation, rate, shape, then what the kind checks. Waiting (delay, hold) happens
outside the world's lock, so one held call does not stop the others.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from reconciler.dev.simulator import errors, premises, validation
from reconciler.dev.simulator.faults import BEHIND_THE_BACK, FaultRule, Faults, FaultSubject
from reconciler.dev.simulator.kinds import tags
from reconciler.dev.simulator.paging import page
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.throttle import Throttle
from reconciler.dev.simulator.world import Handler, SimulatedCall, SimulatedKind, World


@dataclass(frozen=True)
class Arrival:
    """A request as the router recognised it."""

    service: str
    op: str
    scope: Scope
    access_key: str
    key: str = ""
    """The name of the resource it is about."""


def apply_before(faults: Faults, rules: list[FaultRule]) -> None:
    """What the rules do to a call before its effect; raises what ends it."""
    for rule in rules:
        match rule.action:
            case {"type": "delay", "seconds": seconds}:
                time.sleep(seconds)
            case {"type": "error", **rest}:
                raise errors.ApiError(rest["code"], rest.get("message", ""), rest.get("status", 400))
            case {"type": "expired_token"}:
                raise errors.ApiError("ExpiredTokenException", "The security token included in the request is expired")
            case {"type": "drop_before"}:
                raise errors.CallDroppedError(effect=False)
            case {"type": "hold", **rest} if rest.get("when", "before") == "before" and faults.hold(rule):
                raise errors.CallDroppedError(effect=False)


def apply_after(faults: Faults, rules: list[FaultRule]) -> None:
    for rule in rules:
        match rule.action:
            case {"type": "drop_after"}:
                raise errors.CallDroppedError(effect=True)
            case {"type": "hold", "when": "after"} if faults.hold(rule):
                raise errors.CallDroppedError(effect=True)
            case {"type": "garbage", **rest}:
                raise errors.GarbageError(rest.get("status", 403), rest.get("body", "<html>Forbidden</html>"))


class SageMaker:
    def __init__(self, world: World, throttle: Throttle) -> None:
        self._world = world
        self._throttle = throttle
        self._model = validation.service_model("sagemaker")
        self._handlers: dict[str, Handler] = dict(tags.OPERATIONS)
        self._name_fields: dict[str, str] = {}
        for kind in world.kinds.values():
            self.serve(kind)

    def serve(self, kind: SimulatedKind) -> None:
        """Answer the kind's operations from now on."""
        described: dict[str, Handler] = {
            f"Describe{kind.name}": partial(_describe, kind),
            kind.listing.op: partial(_list, kind),
        }
        self._handlers |= {**kind.operations, **described}
        self._name_fields |= dict.fromkeys((*kind.operations, f"Describe{kind.name}"), kind.name_field)

    def key(self, op: str, body: bytes) -> str:
        """The resource's name, for the record and the rules; empty where there is none or the body is no JSON."""
        try:
            request = json.loads(body or b"{}")
            if op in self._name_fields:
                return str(request.get(self._name_fields[op], ""))
            arn = str(request.get("ResourceArn", ""))
            found = self._world.store.by_arn(arn)
            return found.name if found else arn.rpartition("/")[2]
        except (ValueError, AttributeError):
            return ""

    def answer(self, arrival: Arrival, body: bytes) -> tuple[bytes, bool]:
        """The body of the answer, and whether the call changed anything. Raises ApiError, CallDroppedError."""
        handler = self._handlers.get(arrival.op)
        if handler is None:
            raise errors.unknown_operation(arrival.op)
        request = _parse(body)
        rules = self._rules(arrival, request)
        apply_before(self._world.faults, rules)
        if not self._throttle.admits(arrival.scope.account, arrival.op):
            raise errors.throttled()
        self._check(arrival.scope, arrival.op, request)
        if arrival.op.startswith("Create"):
            tags.check(request.get("Tags"))
        stale_s = max((rule.action["seconds"] for rule in rules if rule.action["type"] == "stale_read"), default=0.0)
        with self._world.lock:
            self._world.clock.run_due()
            now = self._world.clock.now()
            premises.check(self._world, arrival.scope, arrival.op, request)
            for rule in rules:
                if rule.action["type"] in BEHIND_THE_BACK:
                    self.interfere({"name": arrival.key, **rule.action}, now, arrival.scope)
            answer = handler(SimulatedCall(self._world, arrival.scope, arrival.op, request, now, stale_s))
            encoded = json.dumps(answer).encode()
        apply_after(self._world.faults, rules)
        return encoded, not arrival.op.startswith(("Describe", "List"))

    def carry_out(self, scope: Scope, op: str, request: Answer) -> None:
        """A call that nobody made: neither rules nor rates nor the record know of it."""
        self._check(scope, op, request)
        with self._world.lock:
            self._handlers[op](SimulatedCall(self._world, scope, op, request, self._world.clock.now()))

    def _check(self, scope: Scope, op: str, request: Answer) -> None:
        newer = self._world.settings.instance_types
        validation.check(self._model.operation_model(op).input_shape, request, newer)
        validation.check_partition(scope.partition, request)

    def _rules(self, arrival: Arrival, request: Mapping[str, Any]) -> list[FaultRule]:
        def found_tags() -> Mapping[str, str]:
            with self._world.lock:
                owners = [row for row in self._world.store.all(arrival.scope) if row.name == arrival.key]
                asked = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
                return {key: value for row in owners for key, value in row.tags.items()} | asked

        account, region = arrival.scope.account, arrival.scope.region
        subject = FaultSubject(
            arrival.service, arrival.op, arrival.key, account, arrival.access_key, region, found_tags
        )
        return self._world.faults.on_call(subject, self._world.clock.now())

    def interfere(self, action: Mapping[str, Any], now: float, scope: Scope | None = None) -> int:
        """Do something behind the back of whoever manages the resources; returns to how many."""
        with self._world.lock:
            rows = [row for row in self._world.store.all(scope) if _is_meant(row, action)]
            for row in rows:
                self._interfere_with(row, action, now)
            return len(rows)

    def _interfere_with(self, row: SimulatedResource, action: Mapping[str, Any], now: float) -> None:
        force = self._world.kinds[row.kind].force
        match action["type"]:
            case "delete":
                self._world.remove(row, now)
            case "edit_tag" if action["value"] is None:
                row.tags.pop(action["key"], None)
            case "edit_tag":
                row.tags[action["key"]] = action["value"]
            case _ if force is not None:
                force(self._world, row, action, now)


def _is_meant(row: SimulatedResource, action: Mapping[str, Any]) -> bool:
    return fnmatchcase(row.name, action.get("name", "*")) and fnmatchcase(row.kind, action.get("kind", "*"))


def _parse(body: bytes) -> Answer:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise errors.ApiError("SerializationException", "The request body is not a JSON object.")
    return request


def _describe(kind: SimulatedKind, call: SimulatedCall) -> Answer:
    name = call.input[kind.name_field]
    table = call.world.store.table(call.scope, kind.name)
    row = table.by_name.get(name) or (table.graves.get(name) if call.stale_s else None)
    seen = call.world.seen(row, call.now, call.stale_s, "described") if row else None
    if seen is None:
        raise kind.absent(call.scope.arn(kind.arn_type, name), name)
    return seen


def _list(kind: SimulatedKind, call: SimulatedCall) -> Answer:
    def view(row: SimulatedResource) -> tuple[Answer, float] | None:
        summary = call.world.seen(row, call.now, call.stale_s, "summary")
        return None if summary is None else (summary, summary.get("LastModifiedTime", row.created))

    return page(call.world.store.table(call.scope, kind.name), kind.listing, dict(call.input), view)
