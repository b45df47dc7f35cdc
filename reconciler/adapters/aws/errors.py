"""boto3's exceptions to ours, once (SM-72 to SM-100).

What an answer of a service means is in the table of `core/aws/evidence`; throttling and passing codes are botocore's own. Here
is what a fault of the connection means, and what is masked. Nothing that leaves here carries a request id or a header.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import botocore.endpoint
import botocore.exceptions as boto
import botocore.parsers
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from reconciler.core import errors
from reconciler.core.aws.evidence import TEXT_MAX, classed
from reconciler.core.schema.declaration import SECRET_MEMBERS

_THROTTLED = frozenset(ThrottledRetryableChecker._THROTTLED_ERROR_CODES)  # noqa: SLF001 - the list is not public, and right (SM-83)
_PASSING = frozenset(TransientRetryableChecker._TRANSIENT_ERROR_CODES)  # noqa: SLF001 - the same
_SERVER_FAULT = 500

# Before these nothing was sent; after any other fault of the connection nobody knows whether the request arrived.
_NEVER_SENT = (
    boto.EndpointConnectionError,
    boto.ConnectTimeoutError,
    boto.ProxyConnectionError,
    boto.SSLError,
)

_SECRET_PATH = "|".join(sorted(SECRET_MEMBERS))
_QUOTED = re.compile(rf"Value '(?:[^']|'(?! at '))*' at '([^']*(?:{_SECRET_PATH})[^']*)'", re.IGNORECASE)
_LOCAL = re.compile(rf"(parameter [^,]*(?:{_SECRET_PATH})[^,]*, value: ).*?(, (?:type|valid)|$)", re.IGNORECASE)
_CUT = re.compile(r"(Value '|, value: )(?:(?!' at '|, type|, valid).)*\Z", re.DOTALL)
"""A value whose end was cut off, and with it the path that would tell whether it is secret."""
_MASK = "***"
_SHORTEST_SECRET = 4
"""Shorter values are not looked for in texts: numbers and flags occur in any of them."""


class RequestRejectedError(errors.TerminalError):
    """botocore itself refused the parameters: nothing was sent."""


class RoleNotAssumableError(errors.CredentialsError):
    """The role of a Namespace: its trust policy, or its name, is wrong."""

    reason = "RoleNotAssumable"


def translate(error: Exception, operation: str, params: Mapping[str, Any] | None = None) -> errors.ReconcileError:
    """The class of an error of boto3. `operation` tells a missing remote object from a missing dependency; values of `params` that
    may be secret are masked, for SageMaker and botocore quote what they refuse.
    """
    mutating = is_mutating(operation)
    secrets = _secrets(params or {})
    match error:
        case errors.ReconcileError():
            return error  # classed where it happened: while credentials were refreshed
        case boto.ClientError():
            return _from_answer(error, operation, lambda text: _masked(text, secrets), mutating=mutating)
        case boto.ParamValidationError():
            return RequestRejectedError(_masked(str(error).replace("\n", " "), secrets))
        case boto.NoCredentialsError() | boto.PartialCredentialsError() | boto.TokenRetrievalError():
            return errors.CredentialsError(str(error))
        case boto.NoRegionError() | boto.InvalidRegionError() | boto.UnknownServiceError():
            return errors.TerminalError(str(error))
        case boto.HTTPClientError() | boto.ConnectionError() | ResponseParserError():
            if mutating and not isinstance(error, _NEVER_SENT):
                return errors.LostReplyError(f"{operation}: no reply ({type(error).__name__})")
            return errors.TransientError(f"{operation}: {type(error).__name__}")
        case boto.BotoCoreError():
            return errors.TransientError(f"{operation}: {_masked(str(error), secrets)}")
    if _is_unreadable(error):
        return _nobody_knows(f"{operation}: an answer that cannot be read ({type(error).__name__})", mutating=mutating)
    raise error


def is_answer(error: Exception, translated: errors.ReconcileError) -> bool:
    """Whether the service let the request pass its quota and answered it, if only with "not found" or a refusal. A throttle, a
    fault, bad credentials and a lost connection say nothing of how many requests it takes.
    """
    return isinstance(error, boto.ClientError) and not isinstance(translated, errors.TransientError)


def incomplete(operation: str, missing: str) -> errors.ReconcileError:
    """Of an answer without a member that its operation always has: it may be no answer of the service's at all."""
    return _nobody_knows(f"{operation}: an answer without {missing}", mutating=is_mutating(operation))


def is_mutating(operation: str) -> bool:
    return not operation.startswith(("Describe", "List", "Get"))


def _is_unreadable(error: Exception) -> bool:
    """Whether botocore's parsers fell over the answer, or what takes it from them: they raise whatever garbage makes them stumble
    on.
    """
    modules = [frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return botocore.parsers.__name__ in modules or modules[-1:] == [botocore.endpoint.__name__]


def _secrets(value: Any, *, secret: bool = False) -> set[str]:
    """Every value below a member that may hold secrets."""
    match value:
        case Mapping():
            return {
                found for key, item in value.items() for found in _secrets(item, secret=secret or key in SECRET_MEMBERS)
            }
        case list() | tuple():
            return {found for item in value for found in _secrets(item, secret=secret)}
    return {str(value)} if secret and len(str(value)) >= _SHORTEST_SECRET else set()


def _masked(text: str, secrets: Iterable[str]) -> str:
    """Cut as well: values first, for half of one would not be found any more."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    if len(text) > TEXT_MAX:
        text = _CUT.sub(rf"\1{_MASK}", text[:TEXT_MAX])
    text = _QUOTED.sub(rf"Value '{_MASK}' at '\1'", text)
    return _LOCAL.sub(rf"\1{_MASK}\2", text)


def _from_answer(
    error: boto.ClientError, operation: str, mask: Callable[[str], str], *, mutating: bool
) -> errors.ReconcileError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message") or code)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if not code or code.isdecimal():
        # No answer of the service's own: a proxy on the way wrote the page, and nobody knows what it passed on.
        return _nobody_knows(f"{operation}: HTTP {status or code} without an error code", mutating=mutating)
    text = mask(f"{code}: {message}")
    means = classed(code, message, operation)
    if means is None and code in _THROTTLED:
        means = errors.ThrottledError
    if means is errors.TransientError or (means is None and (code in _PASSING or status >= _SERVER_FAULT)):
        return _nobody_knows(text, mutating=mutating)
    return (means or errors.UnknownRefusalError)(text)


def _nobody_knows(text: str, *, mutating: bool) -> errors.ReconcileError:
    """What it came to: a read is just repeated, what changes something never is."""
    return errors.LostReplyError(text) if mutating else errors.TransientError(text)
