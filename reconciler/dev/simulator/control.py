"""The control API under `/_sim/`: what tests, the demo and benchmarks steer and read the simulator with.

POST   /_sim/rules          one rule or a list (format: `faults.py`); answers their ids
GET    /_sim/rules          the rules with how often each was seen, fired, and holds a call now
DELETE /_sim/rules[?id=]    drop them; held calls go on
POST   /_sim/rules/release  {"id"?, "drop"?} let held calls go on, or cut them
POST   /_sim/clock          {"mode": real|scaled|manual, "factor"?}       POST /_sim/clock/advance {"seconds"}
POST   /_sim/throttle       {"enabled", "limits"?: {"List*": 2.0}, "clock"?: wall|simulated} replaces what was asked for before
POST   /_sim/seed           {"region", "account"?, "calls": [{"op", "params"}]} carried out at once, in no record and
                            past throttle and rules: thousands of resources in a second or two
POST   /_sim/settings       {"durations"?, "switches"?, "quotas"?, "missing"?, "instance_types"?} merged over what is there (`settings.py`)
POST   /_sim/iam            {"policy": {...} | null} what callers may do (`iam/`); GET shows it
GET    /_sim/state          clock, settings and every resource
GET    /_sim/requests?since=ID    the record after that id         GET /_sim/metrics   Prometheus text
POST   /_sim/reset          forget everything, moto's side too; clock mode and throttle stay
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from moto.core.models import DEFAULT_ACCOUNT_ID

from reconciler.dev.simulator import tagging, wire
from reconciler.dev.simulator.errors import ApiError
from reconciler.dev.simulator.iam import IamEnforcer
from reconciler.dev.simulator.requests import RequestLog
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.service import SageMaker
from reconciler.dev.simulator.throttle import Throttle
from reconciler.dev.simulator.world import World

_JSON = "application/json"


class Control:
    def __init__(
        self, world: World, sagemaker: SageMaker, log: RequestLog, throttle: Throttle, iam: IamEnforcer
    ) -> None:
        self._world = world
        self._sagemaker = sagemaker
        self._log = log
        self._throttle = throttle
        self._iam = iam
        self._routes: dict[tuple[str, str], Callable[[Any, dict[str, str]], Any]] = {
            ("POST", "rules"): self._add_rules,
            ("GET", "rules"): lambda _body, _query: world.faults.shown(),
            ("DELETE", "rules"): lambda _body, query: world.faults.clear(query.get("id")),
            ("POST", "rules/release"): self._release,
            ("POST", "clock"): self._set_clock,
            ("POST", "clock/advance"): self._advance,
            ("POST", "throttle"): self._set_throttle,
            ("POST", "seed"): self._seed,
            ("POST", "settings"): lambda body, _query: world.settings.merge(body),
            ("POST", "iam"): lambda body, _query: iam.enforce(body["policy"]),
            ("GET", "iam"): lambda _body, _query: {"policy": iam.document},
            ("GET", "state"): lambda _body, _query: self._state(),
            ("GET", "requests"): lambda _body, query: log.since(int(query.get("since", 0))),
            ("GET", "metrics"): lambda _body, _query: self._metrics(),
            ("POST", "reset"): lambda _body, _query: self.reset(),
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body; a wrong request is 400 with the reason, never a guess."""
        route = self._routes.get((method, path.removeprefix("/_sim/").rstrip("/")))
        if route is None:
            return 404, _JSON, wire.json_body({"error": f"no {method} {path}"})
        try:
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            result = route(wire.parse_json(body), asked)
        except (ValueError, KeyError, TypeError) as problem:
            return 400, _JSON, wire.json_body({"error": f"{type(problem).__name__}: {problem}"})
        if isinstance(result, str):
            return 200, "text/plain; version=0.0.4", result.encode()
        return 200, _JSON, wire.json_body(result if result is not None else {"ok": True})

    def reset(self) -> None:
        self._world.reset()
        self._log.clear()
        self._iam.reset()
        tagging.install(self._world)  # again: another simulator of this process may have taken it over

    def _add_rules(self, body: Any, _query: dict[str, str]) -> Any:
        ids, world = [], self._world
        for raw in body if isinstance(body, list) else [body]:
            with world.lock:
                now = world.clock.now()
                rule = world.faults.add(raw, now)
                if rule.action.get("now"):
                    self._sagemaker.interfere({"name": rule.match.get("name", "*"), **rule.action}, now)
                if rule.action["type"] == "stale_read":
                    world.remember_all(now)
            ids.append(rule.id)
        return {"ids": ids}

    def _release(self, body: Any, _query: dict[str, str]) -> Any:
        return {"released": self._world.faults.release(body.get("id"), drop=body.get("drop", False))}

    def _set_clock(self, body: Any, _query: dict[str, str]) -> Any:
        if body["mode"] not in ("real", "scaled", "manual"):
            raise ValueError(f"unknown mode: {body['mode']}")
        self._world.clock.set(body["mode"], float(body.get("factor", 1.0)))
        return self._clock()

    def _advance(self, body: Any, _query: dict[str, str]) -> Any:
        seconds = float(body["seconds"])
        if seconds < 0:
            raise ValueError("time does not go back")
        self._world.clock.advance(seconds)
        return self._clock()

    def _set_throttle(self, body: Any, _query: dict[str, str]) -> Any:
        self._throttle.configure(enabled=body["enabled"], limits=body.get("limits"), clock=body.get("clock", "wall"))
        return {"enabled": self._throttle.enabled, "limits": self._throttle.limits}

    def _seed(self, body: Any, _query: dict[str, str]) -> Any:
        scope = Scope(body.get("account", DEFAULT_ACCOUNT_ID), body["region"])
        for call in body["calls"]:
            try:
                self._sagemaker.carry_out(scope, call["op"], call["params"])
            except ApiError as refusal:
                raise ValueError(f"{call['op']}: {refusal.message}") from None
        return {"done": len(body["calls"])}

    def _clock(self) -> dict[str, Any]:
        clock = self._world.clock
        return {"mode": clock.mode, "factor": clock.factor, "now": clock.now(), "pending": clock.pending}

    def _state(self) -> dict[str, Any]:
        with self._world.lock:
            self._world.clock.run_due()
            rows = [
                {
                    "kind": row.kind,
                    "account": row.scope.account,
                    "region": row.scope.region,
                    "name": row.name,
                    "arn": row.arn,
                    "status": row.status,
                    "tags": dict(row.tags),
                }
                for row in self._world.store.all()
            ]
        return {"clock": self._clock(), "settings": asdict(self._world.settings), "resources": rows}

    def _metrics(self) -> str:
        with self._world.lock:
            resources = Counter((row.kind, row.status or "none") for row in self._world.store.all())
        lines = list(self._log.metrics())
        lines += ["# HELP simulator_resources Resources by kind and status.", "# TYPE simulator_resources gauge"]
        for (kind, status), count in sorted(resources.items()):
            lines.append(f'simulator_resources{{kind="{kind}",status="{status}"}} {count}')
        lines += ["# HELP simulator_clock_seconds The simulator's clock.", "# TYPE simulator_clock_seconds gauge"]
        return "\n".join([*lines, f"simulator_clock_seconds {self._world.clock.now():.3f}", ""])
