"""One request to AWS, counted by a meter with what came of it: whoever sends one does so inside `metered`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from reconciler.core.errors import ReconcileError
from reconciler.core.meters import OK, AwsMeter

_BUG = "InternalError"


@contextlib.contextmanager
def metered(meter: AwsMeter, service: str, operation: str) -> Iterator[None]:
    """The block raises what `translate` made of an error."""
    began, result = time.monotonic(), _BUG
    try:
        yield
        result = OK
    except ReconcileError as error:
        result = type(error).reason  # of the class: a single error may have words of its own
        raise
    finally:
        meter.aws_called(service, operation, result, time.monotonic() - began)
