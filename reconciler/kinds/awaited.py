"""Models that a request names by SageMaker's own name and that are not there: waited for like a reference, by the kinds whose
request SageMaker refuses then. Deciding is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from reconciler.core.conditions import READY, find
from reconciler.core.decision import Pace, Watch
from reconciler.core.errors import DeniedError
from reconciler.core.kind import Pass, View
from reconciler.core.references import NOT_READY, Resolved
from reconciler.core.schema.shapes import to_request
from reconciler.core.values import JsonObject

AGAIN = timedelta(minutes=1)

Needs = Callable[[JsonObject], Collection[str]]
"""The models that a create request names."""


def lacking(view: View, this: Pass, refs: Resolved, create: str, needs: Needs) -> tuple[str, ...]:
    """Looked at once the service has refused a request for the want of something, and for as long as that is waited for."""
    ready = find(this.past.get("conditions") or (), READY) or {}
    if refs.waits or this.resource.deleting or not (this.doubt or ready.get("reason") == NOT_READY):
        return ()
    try:
        names = sorted(needs(to_request(this.shape, refs.spec, create)))
        return tuple(name for name in names if view.describe("Model", name, fresh=True) is None)
    except DeniedError:
        return ()  # then the request itself is what tells


def why(names: Collection[str]) -> str:
    return f"SageMaker has no model {', '.join(names)} yet"


def watches(names: Collection[str]) -> tuple[Watch, ...]:
    return tuple(Watch("Model", name, Pace.SLOW) for name in names)
