"""The checks by family; this import registers them, in the order in which they run: what costs nothing first."""

from reconciler.dev.conformance.families import (  # noqa: F401 -- each registers its checks
    asking,
    immutable,
    jobs,
    missing,
    models,
    naming,
    rollouts,
    scaling,
)
