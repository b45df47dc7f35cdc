"""A simulator of Amazon SageMaker: its API, its life cycles on a virtual clock, its errors, and faults on demand.

Everything it claims about the service is in the project's API facts; section numbers in this package refer to them.
It knows nothing of the reconciler, and only `reconciler.dev` and tests use it. A new kind is one file in `kinds/`.
"""

from reconciler.dev.simulator.server import Simulator, serve

__all__ = ["Simulator", "serve"]
