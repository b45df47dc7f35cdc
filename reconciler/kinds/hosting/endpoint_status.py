"""What the archived operator wrote into a HostingDeployment's status, each member once: for the CRD, for what is filled in from
an answer of DescribeEndpoint (members with an `api` name), and for what stays where the endpoint was not looked at.
"""

from __future__ import annotations

from reconciler.core.schema.shapes import Field, Shape, Structure, to_resource
from reconciler.core.schema.status import integer, many, number, pairs, string, time
from reconciler.core.values import Answer, Json
from reconciler.kinds.shared import ADDITIONAL, LAST_CHECK_TIME


def _answered(api: str, shape: Shape, meaning: str) -> Field:
    """A member that is as DescribeEndpoint says, under its own name in camel case."""
    return Field(f"{api[0].lower()}{api[1:]}", shape, api=api, meaning=meaning)


def _unanswered(key: str, shape: Shape, meaning: str) -> Field:
    return Field(key, shape, meaning=meaning)


_IMAGE = Structure(
    (
        _answered("ResolutionTime", time(), "When SageMaker looked up the digest."),
        _answered("ResolvedImage", string(), "The image by its digest."),
        _answered("SpecifiedImage", string(), "The image as the spec names it."),
    )
)
_VARIANT = Structure(
    (
        _answered("VariantName", string(), "Its name in the spec."),
        _answered("CurrentInstanceCount", integer(), "Instances that it has."),
        _answered("DesiredInstanceCount", integer(), "Instances that SageMaker is to bring it to."),
        _answered("CurrentWeight", number(), "Its share of the traffic, relative to the other variants."),
        _answered("DesiredWeight", number(), "The share that SageMaker is to bring it to."),
        _answered("DeployedImages", many(_IMAGE), "The images of its containers."),
    )
)
_CHECKED = _unanswered("lastCheckTime", *LAST_CHECK_TIME)

ENDPOINT_STATUS = Structure(
    (
        _unanswered("endpointName", string(), "SageMaker's name of the endpoint."),
        _answered("EndpointConfigName", string(), "The configuration that the endpoint serves from."),
        _unanswered("endpointUrl", string(), "Where it is invoked."),
        _answered("EndpointStatus", string(), "SageMaker's status of the endpoint, or how far this service is."),
        _answered("EndpointArn", string(), "Its ARN."),
        _answered("CreationTime", time(), "When SageMaker made it."),
        _answered("LastModifiedTime", time(), "When it changed last in SageMaker."),
        _CHECKED,
        _answered(
            "FailureReason", string(), "What SageMaker says of a failed create or update; stays until the next one."
        ),
        _unanswered("additional", *ADDITIONAL),
        _unanswered("modelNames", pairs(), "SageMaker's names of the models, by their names in the spec."),
        _answered("ProductionVariants", many(_VARIANT), "What SageMaker says of each production variant."),
    )
)
KEPT = tuple(field.key for field in ENDPOINT_STATUS.fields if field is not _CHECKED)
"""Keys that stay as they were where nothing else is known; `core/status` writes the time of the last check."""


def described(found: Answer) -> dict[str, Json]:
    """The members that DescribeEndpoint answers; None where it says nothing."""
    silent = {field.key: None for field in ENDPOINT_STATUS.fields if field.api}
    return {**silent, **to_resource(ENDPOINT_STATUS, found)}
