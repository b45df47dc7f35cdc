"""boto3's exceptions to ours, once (facts of the SageMaker API, section 2).

SageMaker answers ValidationException for absent, taken, busy and wrong alike; only the text tells them apart, and
the texts are matched by their stable beginning. Nothing that leaves here carries a request id or a header.
"""

from __future__ import annotations

import re

import botocore.exceptions as boto

from reconciler.core import errors

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

_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
}
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
_TRANSIENT = {"InternalFailure", "InternalServiceException", "ServiceUnavailable", "ConcurrentUpdateException"}
_SERVER_FAULT = 500

# After these the request may have reached the service: nobody knows whether it was carried out.
_MAYBE_RECEIVED = (boto.ReadTimeoutError, boto.ConnectionClosedError, boto.ResponseStreamingError)


class RequestRejectedError(errors.TerminalError):
    """botocore itself refused the parameters: nothing was sent."""


def translate(error: Exception, operation: str) -> errors.ReconcileError:
    """The class of an error of boto3. `operation` tells a missing thing from a missing dependency."""
    mutating = not operation.startswith(("Describe", "List", "Get"))
    match error:
        case boto.ClientError():
            return _from_answer(error, operation, mutating=mutating)
        case boto.ParamValidationError():
            return RequestRejectedError(str(error).replace("\n", " "))
        case boto.NoCredentialsError() | boto.PartialCredentialsError() | boto.TokenRetrievalError():
            return errors.CredentialsError(str(error))
        case boto.NoRegionError() | boto.InvalidRegionError() | boto.UnknownServiceError():
            return errors.TerminalError(str(error))
        case _ if isinstance(error, _MAYBE_RECEIVED) and mutating:
            return errors.LostReplyError(f"{operation}: no reply ({type(error).__name__})")
        case boto.HTTPClientError() | boto.ConnectionError():
            return errors.TransientError(f"{operation}: {type(error).__name__}")
        case boto.BotoCoreError():
            return errors.TransientError(f"{operation}: {error}")
    raise error


def _from_answer(error: boto.ClientError, operation: str, *, mutating: bool) -> errors.ReconcileError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message") or code)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"{code}: {message}"
    if code in _THROTTLED:
        return errors.ThrottledError(text)
    if code in _CREDENTIALS:
        return errors.CredentialsError(text)
    if code in _DENIED:
        return errors.DeniedError(text)
    if code == "ResourceLimitExceeded" or code == "LimitExceededException":
        return errors.QuotaError(text)
    if code in ("ResourceNotFound", "ResourceNotFoundException", "ObjectNotFoundException") or message.startswith(
        _ABSENT
    ):
        return errors.NotFoundError(text)
    if missing := _MISSING.match(message):
        return _missing(missing.group(1), operation, text)
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
    # Created moments ago, a dependency may still be "missing" (facts, section 2): a slow retry, never terminal.
    own = _OWN_NOUN.get(re.sub(r"^(Create|Update|Describe|Delete)", "", operation))
    return errors.NotFoundError(text) if noun == own else errors.DependencyError(text)
