"""The run of a job that has no secondary status: starting, at work, over. Transform and processing jobs share it.

Each of the two is a `Course` of data; the checks and the projectors stay with the kind.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.faults import Action
from reconciler.dev.simulator.kinds.progress import tell_progress
from reconciler.dev.simulator.store import Answer, SimulatedResource
from reconciler.dev.simulator.world import SimulatedCall, SimulatedKind, World

RUNNING = ("InProgress", "Stopping")
_STARTING = "Starting"
_INTERNAL = "InternalServerError: We encountered an internal error. Please try again."


@dataclass
class SimulatedRun:
    """The state of one job."""

    plan: Action
    started: float | None = None
    ended: float | None = None
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Course:
    noun: str
    steps: str
    """The prefix of its durations."""
    work: str
    """The step after Starting, where a rule's outcome strikes unless it says otherwise."""
    write: Callable[[World, SimulatedResource, float, Iterable[str]], None]
    instances: Callable[[Mapping[str, Any]], dict[str, int]]
    """How many of which instance type a request asks for."""
    limit_s: Callable[[SimulatedResource], float | None]

    def create(self, call: SimulatedCall, kind: SimulatedKind) -> SimulatedResource:
        """Once the kind has checked the request and what it refers to."""
        name = call.input[kind.name_field]
        self._check_quota(call, kind)
        tags = {tag["Key"]: tag["Value"] for tag in call.input.get("Tags") or []}
        job = call.world.create(call, kind, "InProgress", SimulatedRun(call.outcome("job_outcome", name, tags)))
        call.world.changed(job, call.now)
        self._schedule(call.world, job, _STARTING, call.now)
        return job

    def refuse_taken(self, call: SimulatedCall, kind: SimulatedKind) -> None:
        name = call.input[kind.name_field]
        if call.world.store.get(call.scope, kind.name, name):
            raise errors.job_name_taken("Job name", "job", call.scope.arn(kind.arn_type, name))

    def stop(self, call: SimulatedCall, kind: SimulatedKind) -> Answer:
        name = call.input[kind.name_field]
        job = call.world.store.get(call.scope, kind.name, name)
        if job is None:
            raise errors.no_job_to_update(name)
        if job.status not in RUNNING:
            raise errors.already_over(self.noun, job.status)
        if job.status == "InProgress":
            self._stop_now(call.world, job, call.now)
        return {}

    def force(self, world: World, job: SimulatedResource, action: Action, at: float) -> None:
        if action["type"] != "job_outcome" or job.status not in RUNNING:
            return
        if action["outcome"] == "stuck":
            job.epoch += 1
        else:
            self._end_as(world, job, {"reason": _INTERNAL, **action}, at)

    def _check_quota(self, call: SimulatedCall, kind: SimulatedKind) -> None:
        for instance_type, count in self.instances(call.input).items():

            def used(of: str = instance_type) -> int:
                jobs = call.world.store.all(call.scope, kind.name)
                return sum(self.instances(job.request).get(of, 0) for job in jobs if job.status in RUNNING)

            call.world.check_quota(f"{instance_type} for {self.noun} usage", count, used)

    def _schedule(self, world: World, job: SimulatedResource, step: str, at: float) -> float:
        seconds: float = job.state.plan.get("durations", {}).get(step, world.duration(f"{self.steps}.{step}"))
        world.later(job, at, seconds, lambda due: self._leave(world, job, step, due))
        return seconds

    def _leave(self, world: World, job: SimulatedResource, step: str, at: float) -> None:
        plan = job.state.plan
        outcome = plan.get("outcome", "complete")
        if step == plan.get("at", self.work) and outcome in ("fail", "stuck", "stopped"):
            if outcome != "stuck":
                self._end_as(world, job, plan, at)
        elif step == _STARTING:
            self._work(world, job, at)
        else:
            self._end(world, job, "Completed", at)

    def _work(self, world: World, job: SimulatedResource, at: float) -> None:
        job.state.started = at
        world.changed(job, at)
        seconds = self._schedule(world, job, self.work, at)
        tell_progress(world, job, at, seconds, lambda due, lines: self.write(world, job, due, lines))
        limit = self.limit_s(job)
        if limit is not None:
            world.later(job, at, limit, lambda due: self._stop_now(world, job, due))

    def _stop_now(self, world: World, job: SimulatedResource, at: float) -> None:
        job.epoch += 1
        job.status = "Stopping"
        world.changed(job, at)
        world.later(job, at, world.duration(f"{self.steps}.stop"), lambda due: self._end(world, job, "Stopped", due))

    def _end_as(self, world: World, job: SimulatedResource, plan: Action, at: float) -> None:
        # What strikes from behind brings its own words; what was planned has them already.
        job.state.plan = {**job.state.plan, **plan}
        match plan["outcome"]:
            case "fail":
                job.state.failure = plan.get("reason", "AlgorithmError: exit code 1")[:1024]
                self._end(world, job, "Failed", at)
            case "stopped":
                self._end(world, job, "Stopped", at)
            case "complete":
                self._end(world, job, "Completed", at)

    def _end(self, world: World, job: SimulatedResource, status: str, at: float) -> None:
        job.epoch += 1
        job.status = status
        job.state.ended = at
        if job.state.started is not None:
            self.write(world, job, at, [job.state.failure or f"{self.noun} {status.lower()}"])
        world.changed(job, at)
