"""boto3's exceptions to ours, once (SM-72 to SM-100).

SageMaker answers ValidationException for absent, taken, busy and wrong alike; only the text tells them apart, and
the texts are matched by their stable beginning. Nothing that leaves here carries a request id or a header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from reconciler.core import errors
from reconciler.core.schema.declaration import SECRET_MEMBERS

_ABSENT = (
    "Requested resource not found",
    "Could not find requested job",
    "Could not find job to update",
    "Amazon SageMaker can't find a tuning job",
    "RecordNotFound",
)
_MISSING = re.compile(r'Could not find (model|endpoint configuration|endpoint) "')
_OWN_NOUN = {
    "Model": "model",
    "EndpointConfig": "endpoint configuration",
    "Endpoint": "endpoint",
    "EndpointWeightsAndCapacities": "endpoint",
}
_TAKEN = ("Cannot create already existing",)
_BUSY = ("Cannot update in-progress endpoint",)
_OVER = ("The request was rejected because the",)
_PRECONDITION = ("Could not assume role", "No S3 objects found under S3 URL", "Could not access model data")
_IN_USE_BUT_BUSY = "not in a terminal state"
_NOT_IN_SERVICE = "The status should be in 'InService'"
"""An endpoint that is changing takes no scalable target (SM-140)."""
_SCALED = "scalable target"
_UNSCALED = "application-autoscaling:DeregisterScalableTarget permission"
"""DeleteEndpoint takes scalable targets with it, if the caller may (SM-93)."""

_REGISTERED = "TagResource"
"""Only a new scalable target takes tags along; of one that exists the refusal names the operation that sets them."""

_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
}
_THROTTLED = {
    "ThrottlingException",
    "ThrottledException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
_TRANSIENT = {"InternalFailure", "InternalServiceException", "ServiceUnavailable", "ConcurrentUpdateException"}
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
    mutating = not operation.startswith(("Describe", "List", "Get"))
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
    raise error


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
    text = _QUOTED.sub(rf"Value '{_MASK}' at '\1'", text)
    text = _LOCAL.sub(rf"\1{_MASK}\2", text)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _from_answer(
    error: boto.ClientError, operation: str, mask: Callable[[str], str], *, mutating: bool
) -> errors.ReconcileError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message") or code)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = mask(f"{code}: {message}")
    if code in _THROTTLED:
        return errors.ThrottledError(text)
    if code in _CREDENTIALS:
        return errors.CredentialsError(text)
    if code in _DENIED or _UNSCALED in message:
        return errors.DeniedError(text)
    if _NOT_IN_SERVICE in message:
        return errors.NotInServiceError(text)
    if code == "ObjectNotFoundException" and operation == "PutScalingPolicy":
        return errors.DependencyError(text)  # its scalable target
    if operation == "RegisterScalableTarget" and _REGISTERED in message:
        return errors.ConflictError(text)  # since it was looked for
    if code == "FailedResourceAccessException":
        return errors.PreconditionError(text)  # no right to make the alarms of a policy
    if code in ("InvalidNextTokenException", "PaginationTokenExpiredException"):
        return errors.TransientError(text)
    if code in ("ResourceLimitExceeded", "LimitExceededException"):
        return errors.QuotaError(text)
    if code in ("ResourceNotFound", "ResourceNotFoundException", "ObjectNotFoundException") or message.startswith(
        _ABSENT
    ):
        return errors.NotFoundError(text)
    if missing := _MISSING.match(message):
        return _missing(missing.group(1), operation, text)
    if operation == "UpdateEndpoint" and _SCALED in message.lower():
        return errors.BusyError(text)  # registered since it was looked for: another look takes it off
    if _IN_USE_BUT_BUSY in message or message.startswith(_BUSY):
        return errors.BusyError(text)
    if code == "ResourceInUse" or message.startswith(_TAKEN):
        return errors.ConflictError(text)
    if message.startswith(_OVER) and operation.startswith("Stop"):
        return errors.NotFoundError(text)
    if message.startswith(_PRECONDITION):
        return errors.PreconditionError(text)
    if status >= _SERVER_FAULT or code in _TRANSIENT:
        return errors.LostReplyError(text) if mutating else errors.TransientError(text)
    return errors.TerminalError(text)


def _missing(noun: str, operation: str, text: str) -> errors.ReconcileError:
    # Created moments ago, a dependency may still be "missing" (SM-97): a slow retry, never terminal.
    own = _OWN_NOUN.get(re.sub(r"^(Create|Update|Describe|Delete)", "", operation))
    return errors.NotFoundError(text) if noun == own else errors.DependencyError(text)
