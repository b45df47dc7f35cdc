"""What to do about a HostingDeployment: one decision per pass.

recorded, observed, desired ──conclusions──> situation ──the first rule that answers──> decision
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconciler.core.decision import Decision, sooner
from reconciler.core.kind import Pass, View
from reconciler.core.records.content import Content
from reconciler.kinds.hosting import actions
from reconciler.kinds.hosting.desired import DesiredHosting
from reconciler.kinds.hosting.observed.endpoint import HostingObserved, look_back
from reconciler.kinds.hosting.records import identity, recorded
from reconciler.kinds.hosting.rules import OPEN_ATTEMPT, RULES, first, reference_missing
from reconciler.kinds.hosting.situation.attempt import settled
from reconciler.kinds.hosting.situation.conclusions import concluded, situation
from reconciler.kinds.hosting.situation.situation import Situation


def decide(this: Pass, seen: HostingObserved) -> Decision:
    s = concluded(situation(this, seen))
    decision = first(RULES, s)
    if this.resource.deleting:
        return decision
    return _with_marks(s, decision.each(lambda shown: _explained(s, shown)))


def follow(view: View, this: Pass) -> Decision | None:
    """The endpoint and what became of an open attempt, by what is recorded: nothing else is wanted."""
    seen = look_back(view, this)
    if seen is None:
        return None
    records = recorded(this)
    content = records.rollout.attempt.requested if records.rollout.attempt else Content()
    want = DesiredHosting(identity(this, records), content, waits="what Git holds is not known")
    s = settled(situation(this, seen, want))
    decision = first((*OPEN_ATTEMPT, reference_missing), s)
    return decision.each(lambda shown: replace(shown, notices=(*s.notices, *shown.notices)))


def _explained(s: Situation, decision: Decision) -> Decision:
    """With what was concluded before, and what people hold against Git or ask for in vain."""
    refused, hold = s.records.rollout.hold_refused, s.records.rollout.hold
    in_vain = f"; not rolled back: {refused.message}" if refused else ""
    return replace(
        decision,
        message=decision.message + in_vain,
        notices=(*s.notices, *decision.notices),
        held=hold is not None,
        look_again=sooner(decision.look_again, _hold_look(s)),
    )


def _hold_look(s: Situation) -> timedelta | None:
    """When a hold may be over, if nothing wakes the object earlier."""
    hold = s.records.rollout.hold
    if hold is None:
        return None
    if s.records.quarantine.of(hold.content):
        return timedelta(0)
    left = hold.left(s.this.now)
    return None if left is None else max(left, timedelta(0))


def _with_marks(s: Situation, decision: Decision) -> Decision:
    """With the tags that mirror the quarantine. First comes what the content needs."""
    calls = (*actions.unmark_released(s), *decision.calls)
    return replace(decision, calls=calls or actions.mark_quarantined(s))
