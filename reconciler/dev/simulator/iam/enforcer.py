"""Refuses what the policy does not allow, in AWS's words (SM-91).

It holds for every caller but whoever signs with a key id that begins with `console`: that is a person in the console, with
every right, so that a test or the demo can do behind the reconciler's back what the reconciler may not.
"""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.dev.simulator import errors
from reconciler.dev.simulator.iam.policy import IamPolicy
from reconciler.dev.simulator.iam.rights import Fields, needed
from reconciler.dev.simulator.service import Arrival
from reconciler.dev.simulator.world import World

PERSON = "console"


class IamEnforcer:
    """Without a policy everybody may do everything; `document` is the one that a reset comes back to."""

    def __init__(
        self, world: World, caller_arn: Callable[[str, str], str], document: Mapping[str, Any] | None = None
    ) -> None:
        self._world = world
        self._caller_arn = caller_arn
        """(account, access key) -> the ARN of who signs with it."""
        self._given = document
        self.document = document
        self._policy: IamPolicy | None = None
        self.enforce(document)

    def enforce(self, document: Mapping[str, Any] | None) -> None:
        """From now on, None: nothing. Raises ValueError for a policy that is not understood."""
        self._policy = IamPolicy.parse(document) if document else None
        self.document = document

    def reset(self) -> None:
        self.enforce(self._given)

    def check(self, arrival: Arrival, fields: Callable[[], Fields]) -> None:
        """Raises ApiError for the first right that is lacking. `fields` reads the request: only a policy asks for that."""
        if self._policy is None or arrival.access_key.lower().startswith(PERSON):
            return
        with self._world.lock:
            requests = list(needed(self._world, arrival, fields()))
        for request in requests:
            verdict = self._policy.verdict(request)
            if verdict != "allowed":
                who = self._caller_arn(arrival.scope.account, arrival.access_key)
                explicit = verdict == "denied"
                raise errors.access_denied(arrival.service, who, request.action, request.resource, explicit=explicit)
