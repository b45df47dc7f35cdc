"""A random walk over the bench: pushes, faults, alarms, reverts, people's annotations, restarts, and somebody at the console.

Everything is drawn from one seed, so a walk that fails is walked again by its number. What happened is only told to the
bench and to the simulator, whose records are then reconciled by `ledger.py`; here is kept what neither of them knows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from reconciler.core.conditions import stamp
from reconciler.core.resource import Key
from reconciler.runtime.observe.sweep import Paces
from tests.support.lab import PREFIX, CrashError, Lab, hosting, job
from tests.support.manifests import canary

OURS, CONSOLE = "testing", "console"
"""Access keys: the simulator's record tells by them who called."""

_ALARM = "walk-5xx"
_GUARDED = canary(_ALARM, 120)
_INTERNAL = "Request to service failed. Please try again."
_SENDS = ("CreateModel", "CreateEndpointConfig", "UpdateEndpoint", "CreateTrainingJob", "AddTags")
_READS = ("Describe*", "List*", "DescribeEndpoint")
_CONTENTS = 5
"""So many are in fashion at a time, ..."""
_FASHION = 12
"""... and every so many pushes one goes out of it."""


@dataclass
class Git:
    """What Git holds for one object, and what people wrote on it in the cluster."""

    image: int = 0
    tags: int = 0
    guarded: bool = False
    people: dict[str, str] = field(default_factory=dict)


@dataclass
class Walk:
    lab: Lab
    random: Random
    objects: dict[Key, Git] = field(default_factory=dict)
    interrupted: list[datetime] = field(default_factory=list)
    """When a process died, or went on without the Lease: a request it had recorded was not sent then."""
    retried: set[str] = field(default_factory=set)
    """Contents that somebody asked to be tried again."""
    tagged: dict[Key, list[dict[str, str]]] = field(default_factory=dict)
    """User tags of each push."""
    lost: dict[Key, list[tuple[int, datetime]]] = field(default_factory=dict)
    """When an object was lost with its status, and how many statuses had been written by then."""
    pushes: int = 0

    def start(self) -> None:
        self._watch("OK")
        for name, mode in (("corrected", "Correct"), ("warned", "Warn")):
            self._begin(Key("HostingDeployment", "team", name), {"drift-mode": mode})
        for name in ("train", "tune"):
            self._begin(Key("TrainingJob", "team", name), {"on-change": "Run"})

    def go(self, pushes: int, *, losses: bool = False) -> None:
        """So many pushes with what goes on between them; then the trouble ends and every object gets sound content."""
        disturb: list[Callable[[], None]] = [
            *(self._fault,) * 6, *(self._outcome,) * 5, self._alarm, self._retry, self._hold, self._unhold,
            *(self._die,) * 2, self._restart, self._lose_the_lease, *(self._console,) * 3, *((self._burn,) * 3 if losses else ()),
        ]  # fmt: skip
        for _ in range(pushes):
            self._push(self.random.choice([*self._of("HostingDeployment") * 3, *self._of("TrainingJob")]))
            if self.random.random() < 0.6:
                self.random.choice(disturb)()
            self._time_goes_by()
        self._recover()

    # pushes

    def _begin(self, key: Key, people: Mapping[str, str]) -> None:
        self.objects[key] = Git(people=dict(people))
        self._apply(key)

    def _push(self, key: Key) -> None:
        git = self.objects[key]
        match self.random.random():
            case draw if draw < 0.8:
                # Contents come and go: what was condemned once would otherwise leave nothing to roll out.
                git.image = self.pushes // _FASHION + self.random.randrange(_CONTENTS)
            case draw if draw < 0.85:
                git.tags = self.random.randrange(4)
            case _:
                git.guarded = not git.guarded
        self._apply(key)

    def _apply(self, key: Key) -> None:
        self.pushes += 1
        git = self.objects[key]
        tags = [{"key": f"team-{number}", "value": str(git.tags)} for number in range(git.tags)]
        self.tagged.setdefault(key, []).append({tag["key"]: tag["value"] for tag in tags})
        if key.kind == "TrainingJob":
            content = {"hyperParameters": [{"name": "rounds", "value": str(git.image)}]}
            manifest = job(key.name, key.namespace, tags=tags, **content)
        else:
            guards: dict[str, Any] = {"deploymentConfig": _GUARDED} if git.guarded else {}
            manifest = hosting(key.name, key.namespace, f"lab:{git.image}", tags=tags, revisionHistoryLimit=3, **guards)
            manifest["spec"]["productionVariants"][0]["initialInstanceCount"] = 2
        commit = f"{self.pushes:040x}"
        said = {"revision": f"main@sha1:{commit}", "commit": commit, "author": "Ada", **git.people}
        manifest["metadata"]["annotations"] = {PREFIX + name: value for name, value in said.items()}
        self.lab.cluster.apply(manifest)

    def _of(self, kind: str) -> list[Key]:
        return [key for key in self.objects if key.kind == kind]

    def _endpoint(self) -> tuple[Key, Mapping[str, Any]]:
        key = self.random.choice(self._of("HostingDeployment"))
        return key, self.lab.status(key)

    # what goes wrong

    def _fault(self) -> None:
        sends, reads = self.random.choice(_SENDS), self.random.choice(_READS)
        op, action = self.random.choice(
            [
                (sends, {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}),
                (reads, {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded"}),
                (reads, {"type": "error", "code": "InternalFailure", "message": "later", "status": 500}),
                (sends, {"type": "error", "code": "InternalFailure", "message": "later", "status": 500}),
                (sends, {"type": "error", "code": "ValidationException", "message": "no good"}),
                (sends, {"type": "drop_before"}),
                (sends, {"type": "drop_after"}),
                (reads, {"type": "stale_read", "seconds": 30}),
            ]
        )
        match = {"op": op, "access_key": OURS, "count": self.random.randint(1, 3)}
        self.lab.simulator.rules({"match": match, "action": action})

    def _outcome(self) -> None:
        """How the next rollout, or job, ends."""
        key, status = self._endpoint()
        op, action = self.random.choice(
            [
                *[("UpdateEndpoint", {"type": "endpoint_outcome", "outcome": "rollback", "reason": reason, "after": 60})
                  for reason in ("", "bad image", _INTERNAL, _INTERNAL)],
                ("UpdateEndpoint", {"type": "endpoint_outcome", "outcome": "rollback_failed", "reason": "both", "after": 60}),
                ("CreateEndpoint", {"type": "endpoint_outcome", "outcome": "fail", "reason": "bad image"}),
                ("CreateTrainingJob", {"type": "job_outcome", "outcome": "fail", "at": "Training", "reason": "bad data"}),
            ]
        )  # fmt: skip
        self.lab.simulator.rules({"match": {"op": op, "count": 1}, "action": action})
        if self.random.random() < 0.3:
            patching = {"type": "system_updating", "seconds": 100, "now": True}
            self.lab.simulator.rules({"match": {"name": status.get("endpointName", key.name)}, "action": patching})

    def _alarm(self) -> None:
        self._watch("ALARM")
        self._time_goes_by()
        self._watch("OK")

    def _watch(self, state: str) -> None:
        client = self.lab.simulator.client("cloudwatch", access_key=CONSOLE)
        client.put_metric_alarm(
            AlarmName=_ALARM, MetricName="Invocation5XXErrors", Namespace="AWS/SageMaker", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        client.set_alarm_state(AlarmName=_ALARM, StateValue=state, StateReason="walk")

    def _die(self) -> None:
        self.lab.boundaries.die_at = len(self.lab.boundaries.passed) + self.random.randrange(8)

    def _restart(self) -> None:
        self.lab.begin()

    def _lose_the_lease(self) -> None:
        """The process goes on without the Lease for a while; then another one leads."""
        self.lab.around.leading = False
        self._time_goes_by()
        self.interrupted.append(self.lab.clock.now())
        self.lab.around.leading = True
        self.lab.begin()

    def _burn(self) -> None:
        """The object is lost with its status, and comes back from Git."""
        key = self.random.choice(list(self.objects))
        self.lab.cluster.forget(key)
        self.lost.setdefault(key, []).append((len(self.lab.cluster.written), self.lab.clock.now()))
        self.lab.begin()
        self._apply(key)

    def _time_goes_by(self) -> None:
        """A while in which the process may die; the next one begins where it fell."""
        seconds, step_s = self.random.choice([(10, 10), (60, 30), (180, 60), (400, 100), (900, 300)])
        before = self.lab.clock.now()
        try:
            self.lab.run(seconds, step_s=step_s)
        except CrashError:
            self.interrupted.append(self.lab.clock.now())
            self.lab.begin()
            self.lab.run(seconds, step_s=step_s)
        if not self.lab.around.leading:
            steps = int((self.lab.clock.now() - before).total_seconds())
            self.interrupted += [before + timedelta(seconds=second) for second in range(steps)]

    # people

    def _retry(self) -> None:
        key, status = self._endpoint()
        known = [entry["hash"] for entry in status.get("quarantine") or ()]
        token = self.random.choice([*known, "another-hash"])
        self.retried.add(token)
        self._annotate(key, retry=token)

    def _hold(self) -> None:
        key, status = self._endpoint()
        ids = [str(entry["id"]) for entry in status.get("history") or ()]
        until = stamp(self.lab.clock.now() + timedelta(minutes=self.random.choice([5, 60])))
        self._annotate(
            key,
            rollback_to=self.random.choice([*ids, "99"]),
            rollback_until=self.random.choice([None, until]),
        )

    def _unhold(self) -> None:
        for key in self._of("HostingDeployment"):
            self._annotate(key, rollback_to=None, rollback_until=None)

    def _annotate(self, key: Key, **annotations: str | None) -> None:
        people = self.objects[key].people
        for name, value in annotations.items():
            people.pop(name.replace("_", "-"), None)
            if value is not None:
                people[name.replace("_", "-")] = value
        self.lab.cluster.annotate(key, **annotations)

    def _console(self) -> None:
        """Somebody tries something with plain boto3; what SageMaker refuses, it refuses."""
        client: Any = self.lab.simulator.client(access_key=CONSOLE)
        key, status = self._endpoint()
        name, live = status.get("endpointName", ""), status.get("endpointConfigName")
        asked = ((status.get("rollout") or {}).get("requested") or {}).get("endpointConfigName")
        idle = [one for one in status.get("configs") or () if one["name"] not in (live, asked)]
        with contextlib.suppress(ClientError):
            match self.random.randrange(6):
                case 0 if idle:
                    client.update_endpoint(EndpointName=name, EndpointConfigName=self.random.choice(idle)["name"])
                case 1 if idle:
                    client.delete_endpoint_config(EndpointConfigName=self.random.choice(idle)["name"])
                case 2 if idle:
                    for model in self.random.choice(idle)["models"]:
                        client.delete_model(ModelName=model)
                case 3 if key.name == "warned":
                    weights = [{"VariantName": "variant-model-0", "DesiredWeight": self.random.random()}]
                    client.update_endpoint_weights_and_capacities(
                        EndpointName=name, DesiredWeightsAndCapacities=weights
                    )
                case 4 if key.name == "corrected":
                    client.delete_endpoint(EndpointName=name)
                case 5:
                    run = self.lab.status(self.random.choice(self._of("TrainingJob"))).get("run") or {}
                    client.stop_training_job(TrainingJobName=run.get("name", "none"))

    # the end

    def _recover(self) -> None:
        """The trouble ends: every object gets content that it never had, and is to reach it."""
        self.lab.simulator.clear_rules()
        self._unhold()
        self.lab.boundaries.die_at = None
        self.lab.run(1800, step_s=60)
        for key, git in self.objects.items():
            git.image = self.pushes
            self._apply(key)
        self.lab.run(7200, until=lambda: all(self._is_done(key) for key in self.objects), step_s=60)
        self.lab.run(300, step_s=100)  # what nobody needs any more is collected

    def _is_done(self, key: Key) -> bool:
        metadata = self.lab.cluster.objects[key]["metadata"]
        return self.lab.is_ready(key) and self.lab.status(key)["observedGeneration"] == metadata["generation"]


def walked(lab: Lab, seed: int, pushes: int, *, losses: bool = False) -> Walk:
    # A step of the walk is minutes: at the usual pace each would list everything that is settled.
    lab.paces = Paces(slow_s=600.0)
    lab.begin()
    walk = Walk(lab, Random(seed))  # noqa: S311 - it must repeat, not be secret
    walk.start()
    walk.go(pushes, losses=losses)
    return walk
