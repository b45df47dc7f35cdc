"""The only place that changes anything in AWS."""

from __future__ import annotations

import logging
from collections.abc import Callable

from reconciler.core.decision import Call, Decision, Reply
from reconciler.core.errors import DeniedError, NotFoundError, ReconcileError, TerminalError
from reconciler.core.kind import Failure
from reconciler.core.tenancy import Tenant
from reconciler.runtime.observe.observer import Aws, Observer

log = logging.getLogger(__name__)


class NotLeadingError(ReconcileError):
    reason = "NotLeading"


def execute(
    decision: Decision, tenant: Tenant, aws: Aws, observer: Observer, may_write: Callable[[], bool]
) -> tuple[tuple[Reply, ...], Failure | None]:
    """Send a decision's calls in order, up to the first that does not go through.

    `may_write` is asked right before each call: a process that was stopped and woken after losing its Lease sends
    nothing. Deleting or stopping what is gone already is done, not failed.
    """
    replies: list[Reply] = []
    for call in decision.calls:
        if not may_write():
            return tuple(replies), Failure(call, NotLeadingError("another replica leads now"))
        log.info("%s because %s", label(call), decision.reason)
        try:
            answer = aws.write(tenant, call)
        except ReconcileError as error:
            done = _is_done_anyway(call, error)
            if not (done and call.best_effort):
                observer.forget(tenant, call)  # whatever came of it
            if not done:
                return tuple(replies), Failure(call, error)
            replies.append(Reply(call, {}, refused=call.best_effort))
            continue
        observer.forget(tenant, call)
        replies.append(Reply(call, answer))
    return tuple(replies), None


def _is_done_anyway(call: Call, error: ReconcileError) -> bool:
    if call.best_effort and isinstance(error, (DeniedError, NotFoundError, TerminalError)):
        log.warning("%s was refused and is left out: %s", label(call), error)
        return True
    return isinstance(error, NotFoundError) and call.operation.startswith(("Delete", "Deregister", "Stop"))


def label(call: Call) -> str:
    """A call for people, by the name of what it is about: `CreateModel m-abc`, `AddTags model/m-abc`."""
    said = {key: value for key, value in call.params.items() if isinstance(value, str)}
    own = [value for key, value in said.items() if key.endswith("Name") and key.removesuffix("Name") in call.operation]
    things = [value for key, value in said.items() if key.endswith(("Name", "ResourceArn", "ResourceARN"))]
    return " ".join([call.operation, *(value.rpartition(":")[2] for value in (own or things)[:1])])
