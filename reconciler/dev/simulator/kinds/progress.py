"""What a container writes to its log while it works."""

from collections.abc import Callable, Iterable

from reconciler.dev.simulator.store import SimulatedResource
from reconciler.dev.simulator.world import World

_LINES = 4


def tell_progress(
    world: World, job: SimulatedResource, at: float, seconds: float, write: Callable[[float, Iterable[str]], None]
) -> None:
    """Now that it starts, and at every quarter of the `seconds` it will take."""
    write(at, ["Starting the container"])
    for step in range(1, _LINES):
        done = step / _LINES

        def tell(due: float, done: float = done) -> None:
            write(due, [f"progress {done:.0%}"])

        world.later(job, at, seconds * done, tell)
