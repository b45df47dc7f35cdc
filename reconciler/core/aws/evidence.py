"""What the services are known to mean by a refusal: one table of error codes and texts, each row with the fact that it rests on.

SageMaker answers ValidationException for absent, taken, busy and wrong alike; only the text tells them apart (SM-72). So the
first row that knows an answer classes it. **What no row knows is not known**: it is neither refused for good nor passing, and
is tried again ever more slowly (`UnknownRefusalError`). Refused for good is only what is listed here as that.

Pure; texts are cut before they are matched, and no pattern looks further than a line's length. The AWS adapter asks
`classed`; throttling and faults of a connection are botocore's to know, and stand there. `is_passing` is asked of the
FailureReason of an endpoint.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from reconciler.core import errors
from reconciler.core.errors import ReconcileError

__all__ = ["TABLE", "TEXT_MAX", "Evidence", "classed", "is_passing"]

TEXT_MAX = 4096
"""Characters of an answer's text that are looked at; SageMaker's own texts are a quarter of that."""


class Evidence(NamedTuple):
    """One row. What is left empty fits everything."""

    row: str
    """The fact in docs/sagemaker-facts.md."""
    means: type[ReconcileError]
    codes: frozenset[str] = frozenset()
    text: str = ""
    """A pattern, searched for."""
    of: str = ""
    """A pattern of operations, matched in full."""

    def knows(self, code: str, text: str, operation: str) -> bool:
        if self.codes and code not in self.codes:
            return False
        if self.of and not re.fullmatch(self.of, operation):
            return False
        return not self.text or re.search(self.text, text) is not None


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


_OWN = "(Create|Update|Describe|Delete)"
_PASSING = (
    # Somebody acts outside the spec: a role, its trust, an image, an artefact, an alarm that does not exist yet.
    Evidence("SM-87", errors.PreconditionError, text=r"\ACould not assume role"),
    Evidence(
        "SM-88", errors.PreconditionError, text=r"execution role ARN .{0,300}is invalid. Please ensure that the role"
    ),
    Evidence("SM-86", errors.PreconditionError, text=r"\ANo S3 objects found under S3 URL"),
    Evidence("SM-89", errors.PreconditionError, text=r"Could not (find|access) model data"),
    Evidence("SM-90", errors.PreconditionError, text=r"\bRole .{1,300} cannot pull "),
    Evidence("SM-90", errors.PreconditionError, text=r"does not grant ecr:"),
    Evidence("SM-171", errors.PreconditionError, text=r"\AFailed to download model data for container "),
    Evidence("SM-172", errors.PreconditionError, text=r"make sure all images included in the model for .{1,300} exist"),
    Evidence("SM-173", errors.PreconditionError, text=r"\AThe image .{1,600} does not exist"),
    Evidence("SM-142", errors.PreconditionError, text=r"\AUnable to assume IAM role", of="RegisterScalableTarget"),
    Evidence("SM-154", errors.PreconditionError, codes=_codes("FailedResourceAccessException")),
    Evidence(
        "SM-129",
        errors.PreconditionError,
        text=r"(?i)(could not find|no such|missing) .{0,60}\balarm|\balarm.{0,300}\b(not exist|not found|not be found)",
        of="(Create|Update)Endpoint",
    ),
)

TABLE: tuple[Evidence, ...] = (
    # Who asks.
    Evidence(
        "SM-92",
        errors.CredentialsError,
        _codes(
            "ExpiredToken ExpiredTokenException UnrecognizedClientException InvalidClientTokenId "
            "InvalidSignatureException RequestExpired SignatureDoesNotMatch"
        ),
    ),
    Evidence(
        "SM-91", errors.DeniedError, _codes("AccessDeniedException AccessDenied UnauthorizedOperation NotAuthorized")
    ),
    Evidence("SM-93", errors.DeniedError, text="application-autoscaling:DeregisterScalableTarget permission"),
    # For good: the shape of the request, and texts known to be so.
    Evidence(
        "SM-84",
        errors.TerminalError,
        _codes("ValidationException ValidationError"),
        r"\A\d{1,4} validation errors? detected",
    ),
    Evidence(
        "SM-169", errors.TerminalError, _codes("InvalidParameterCombination InvalidParameterValue MissingParameter")
    ),
    Evidence("SM-94", errors.TerminalError, text="ManagedInstanceScaling is only supported"),
    Evidence("SM-141", errors.TerminalError, text="cannot register a variant with ", of="RegisterScalableTarget"),
    Evidence("SM-144", errors.TerminalError, text="Tag values cannot be empty or blank"),
    # Scaling.
    Evidence("SM-140", errors.NotInServiceError, text="The status should be in 'InService'"),
    Evidence("SM-145", errors.DependencyError, _codes("ObjectNotFoundException"), of="PutScalingPolicy"),
    Evidence("SM-143", errors.ConflictError, text=r"\bTagResource\b", of="RegisterScalableTarget"),
    # Limits.
    Evidence("SM-81", errors.QuotaError, _codes("ResourceLimitExceeded")),
    Evidence("SM-153", errors.QuotaError, _codes("LimitExceededException")),
    # There or not.
    Evidence(
        "SM-76", errors.NotFoundError, _codes("ResourceNotFound ResourceNotFoundException ObjectNotFoundException")
    ),
    Evidence("SM-73", errors.NotFoundError, text=r"\ARequested resource not found"),
    Evidence("SM-74", errors.NotFoundError, text=r"\ACould not find requested job"),
    Evidence("SM-75", errors.NotFoundError, text=r"\ACould not find job to update"),
    Evidence("SM-76", errors.NotFoundError, text=r"\A(Amazon SageMaker can't find a tuning job|RecordNotFound)"),
    Evidence("SM-77", errors.NotFoundError, text=r'\ACould not find model "', of=f"{_OWN}Model"),
    Evidence(
        "SM-77", errors.NotFoundError, text=r'\ACould not find endpoint configuration "', of=f"{_OWN}EndpointConfig"
    ),
    Evidence(
        "SM-77",
        errors.NotFoundError,
        text=r'\ACould not find endpoint "',
        of=f"{_OWN}Endpoint|UpdateEndpointWeightsAndCapacities",
    ),
    # Made moments ago, what a call builds on may still be "missing".
    Evidence("SM-97", errors.DependencyError, text=r'\ACould not find (model|endpoint configuration|endpoint) "'),
    # It is changing, it is taken, it is over.
    Evidence("SM-152", errors.BusyError, text=r"(?i)scalable target", of="UpdateEndpoint"),
    Evidence("SM-32", errors.BusyError, text="not in a terminal state"),
    Evidence("SM-80", errors.BusyError, text=r"\ACannot update in-progress endpoint"),
    Evidence("SM-79", errors.ConflictError, _codes("ResourceInUse")),
    Evidence("SM-78", errors.ConflictError, text=r"\ACannot create already existing"),
    Evidence("SM-30", errors.NotFoundError, text=r"\AThe request was rejected because the", of="Stop.{1,60}"),
    *_PASSING,
    # Faults of the service.
    Evidence(
        "SM-153",
        errors.TransientError,
        _codes("ConcurrentUpdateException InvalidNextTokenException PaginationTokenExpiredException"),
    ),
    Evidence(
        "SM-170",
        errors.TransientError,
        _codes(
            "InternalFailure InternalServiceException InternalServerError ServiceUnavailable ServiceUnavailableException"
        ),
    ),
)

_FAULTS = re.compile(
    r"\A(Request to service failed|InternalServerError|CapacityError|Unable to provision)|InsufficientInstanceCapacity"
)
"""FailureReasons that speak of the service (SM-33, SM-114, SM-116)."""


def classed(code: str, message: str, operation: str) -> type[ReconcileError] | None:
    """The class of an answer with this code and text; None where nothing is known of it."""
    text = message[:TEXT_MAX]
    return next((known.means for known in TABLE if known.knows(code, text, operation)), None)


def is_passing(failure: str) -> bool:
    """Whether an endpoint's FailureReason speaks of the service, or of a role, image or artefact that is not there (yet),
    and not of its content: worth another try, bounded.
    """
    text = failure[:TEXT_MAX]
    return bool(_FAULTS.search(text)) or any(
        known.knows("", text, "") for known in _PASSING if not (known.codes or known.of)
    )
