"""A look at SageMaker and what is decided of it, for every kind alike: the kind's own part, and the tags of what it recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from reconciler.core import tags, takeover
from reconciler.core.decision import Decision
from reconciler.core.kind import Kind, Observed, Pass, View
from reconciler.core.tags import TagsSeen

__all__ = ["Look", "decide", "look"]


@dataclass(frozen=True)
class Look(Generic[Observed]):
    """What one look of a pass found."""

    seen: Observed
    tags: TagsSeen


def look(kind: Kind[Observed], view: View, this: Pass, before: Look[Observed] | None = None) -> Look[Observed]:
    """Raises what `View` raises. `before`: the look of this pass that its calls were decided on."""
    this = takeover.begun(this)
    owners = kind.owners(before.seen) if before else {}
    return Look(kind.observe(view, this), tags.look(view, this, owners, before.tags if before else TagsSeen()))


def decide(kind: Kind[Observed], this: Pass, found: Look[Observed]) -> Decision:
    """Pure. What goes out, and in `unsent` what is shown when it may not."""
    this = takeover.begun(this)
    decision = takeover.remembering(kind.decide(this, found.seen), this)
    return tags.with_tags(decision, this, kind.owners(found.seen), found.tags)
