"""An SQS queue that EventBridge fills, read by long polling with the controller's own credentials."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import botocore.config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

from reconciler.adapters.aws.errors import translate
from reconciler.adapters.aws.metering import metered
from reconciler.adapters.aws.sessions import Sessions
from reconciler.core.errors import CredentialsError, ReconcileError
from reconciler.core.meters import UNMETERED, AwsMeter
from reconciler.core.tenancy import Tenant

_WAIT_S = 20
"""The longest that SQS lets a poll wait: an idle queue then costs 4,320 requests a day."""
_MOST = 10
_HOST = re.compile(r"https?://(?:sqs(?:-fips)?\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.")
_CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=_WAIT_S + 10
)


class Message(NamedTuple):
    body: str
    receipt: str


class EventsQueue:
    """For one thread. Raises only errors of `core.errors`."""

    def __init__(self, loader: Loader, url: str, meter: AwsMeter = UNMETERED) -> None:
        self._meter = meter
        found = _HOST.match(url)
        self._url = url
        self._region = (found[1] or found[2]) if found else None
        self._sessions = Sessions(loader)
        self._client: Any = None

    def receive(self) -> Sequence[Message]:
        """What is there, or what comes within the poll; empty when nothing does."""
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": _MOST, "WaitTimeSeconds": _WAIT_S}
        answer = self._call("ReceiveMessage", asked)
        return [Message(each.get("Body", ""), each["ReceiptHandle"]) for each in answer.get("Messages") or ()]

    def delete(self, messages: Sequence[Message]) -> None:
        """What is not deleted comes again."""
        entries = [{"Id": str(number), "ReceiptHandle": each.receipt} for number, each in enumerate(messages)]
        failed = self._call("DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries}).get("Failed")
        if failed:
            raise ReconcileError(f"{len(failed)} messages were not deleted: {failed[0].get('Code')}")

    def _call(self, operation: str, params: dict[str, Any]) -> Any:
        with metered(self._meter, "sqs", operation):
            return self._sent(operation, params)

    def _sent(self, operation: str, params: dict[str, Any]) -> Any:
        try:
            if self._client is None:
                session = self._sessions.of(Tenant(self._region or ""))
                self._client = session.client("sqs", region_name=self._region, config=_CONFIG)
            return self._client._make_api_call(operation, params)  # noqa: SLF001 - as `clients` does
        except (ClientError, BotoCoreError) as error:
            classed = translate(error, f"Get{operation}")  # nothing it does may not be done twice
            if isinstance(classed, CredentialsError):
                self._sessions.renew(Tenant(self._region or ""))
                self._client = None
            raise classed from None
