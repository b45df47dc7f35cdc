"""What may happen in a walk: each step is a function of the world and of chance that does one thing and says in a line what."""

from tests.walk.steps import cluster, console, faults, git, processes
from tests.walk.steps.step import Step

STEPS: tuple[Step, ...] = (*git.STEPS, *cluster.STEPS, *console.STEPS, *faults.STEPS, *processes.STEPS)
"""All of them, in an order that is part of what a seed means."""
