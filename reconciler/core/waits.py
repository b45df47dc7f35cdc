"""Whether an object waits for a person who acts outside its spec: a role, a quota, credentials, an alarm that is not there.

It is tried again by itself, so it is not Stalled; nothing moves before somebody does something, so it is not at work either.
`kubectl sagemaker` and the counts of a GitSync say so.
"""

from __future__ import annotations

from reconciler.core.conditions import READY, STALLED, find
from reconciler.core.errors import CredentialsError, PreconditionError, QuotaError
from reconciler.core.values import Status

__all__ = ["waits_for_a_person"]

_REASONS = frozenset(error.reason for error in (CredentialsError, PreconditionError, QuotaError))


def waits_for_a_person(status: Status) -> bool:
    """By the conditions alone."""
    conditions = status.get("conditions") or ()
    ready, stalled = find(conditions, READY) or {}, find(conditions, STALLED) or {}
    return ready.get("status") == "False" and ready.get("reason") in _REASONS and stalled.get("status") != "True"
