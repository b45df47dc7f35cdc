"""Whether AWS ever answered us: half of what `/readyz` asks. A new version without credentials must not replace the old one.

STS is asked who we are, from the start and ever more slowly, until it answers: a refusal is an answer. Any other call that
AWS answered will do as well, for there are networks with a way to SageMaker and none to STS. Once answered, always ready:
an outage is waited for, and taking the service out of its Service helps nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from reconciler.core.errors import CredentialsError, LostReplyError, ReconcileError, TerminalError, TransientError
from reconciler.core.meters import AwsMeter

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
_NO_ANSWER = frozenset({"InternalError", *(kind.reason for kind in (CredentialsError, LostReplyError, TerminalError, TransientError))})  # fmt: skip
"""Results that may come about without a word of AWS, or by its word that it does not know us. botocore's own refusal of a
request looks like one of the service.
"""
_WAY_OUT = (
    "give the service a role (IRSA or Pod Identity), or variables such as AWS_ACCESS_KEY_ID. They are needed even where every "
    "Namespace names a role, for it is assumed with them"
)


class AwsContact:
    """Implements `AwsMeter`, and passes on to `meter` what it is given."""

    def __init__(self, meter: AwsMeter, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._meter = meter
        self._pause_s = first_pause_s
        self._answered = threading.Event()
        self._stopping = threading.Event()
        self._problem = "AWS: STS was not asked yet"
        self._thread: threading.Thread | None = None

    def start(self, ask: Callable[[], object]) -> None:
        """`ask` calls GetCallerIdentity once, through what this is the meter of."""
        self._thread = threading.Thread(target=self._run, args=(ask,), name="aws-contact", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """A call under way ends by its own time-out, with the process if need be."""
        self._stopping.set()

    def problems(self) -> list[str]:
        return [] if self._answered.is_set() else [self._problem]

    def aws_called(self, service: str, operation: str, result: str, seconds: float) -> None:
        if result not in _NO_ANSWER:
            self._answered.set()
        self._meter.aws_called(service, operation, result, seconds)

    def aws_delayed(self, service: str, operation: str) -> None:
        self._meter.aws_delayed(service, operation)

    def _run(self, ask: Callable[[], object]) -> None:
        while not self._answered.is_set():
            try:
                ask()
            except ReconcileError as error:
                self._report(error)
            except Exception as error:
                log.exception("a bug in asking STS")
                self._problem = f"AWS: STS cannot be asked: {type(error).__name__}"
            if self._answered.is_set() or self._stopping.wait(self._pause_s):
                return
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _report(self, error: ReconcileError) -> None:
        problem = f"AWS: STS: {error}"
        if isinstance(error, CredentialsError):
            problem = f"AWS: {error}; {_WAY_OUT}"
        if problem != self._problem and not self._answered.is_set():
            log.warning("%s", problem)
        self._problem = problem
