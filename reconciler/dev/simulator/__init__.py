"""A simulator of Amazon SageMaker: its API, its life cycles on a virtual clock, its errors, and faults on demand.

What it claims about the service is in `docs/sagemaker-facts.md`: this package cites its rows, as (SM-12).
It knows nothing of the reconciler, and only `reconciler.dev` and tests use it. A new kind is one file in `kinds/`.
"""

from reconciler.dev.simulator.server import Simulator, serve

__all__ = ["Simulator", "serve"]
