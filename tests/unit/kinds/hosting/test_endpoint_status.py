"""The archived operator's status of an endpoint: declared once, for the CRD and for what is filled in."""

from __future__ import annotations

from botocore.model import ServiceModel, Shape

from reconciler.core.schema.shapes import List, Structure
from reconciler.kinds.hosting.endpoint_status import ENDPOINT_STATUS, KEPT, described
from reconciler.kinds.hosting_deployment import SCHEMA
from tests.support.lab import LOADER


def _unknown(structure: Structure, answer: Shape) -> list[str]:
    """Members that the API's answer does not have under the name that they are read by."""
    found = []
    for field in structure.fields:
        member = answer.members.get(field.api) if field.api else None
        if field.api and member is None:
            found.append(field.api)
        if member is not None and isinstance(field.shape, List) and isinstance(field.shape.item, Structure):
            found += _unknown(field.shape.item, member.member)
    return found


def test_sagemaker_answers_every_member_that_is_read_of_it() -> None:
    model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"))
    answer = model.operation_model("DescribeEndpoint").output_shape
    assert answer is not None
    assert _unknown(ENDPOINT_STATUS, answer) == []


def test_what_is_declared_is_what_the_crd_has_and_what_stays() -> None:
    declared = [field.key for field in ENDPOINT_STATUS.fields]
    assert [field.key for field in SCHEMA.status.fields][: len(declared)] == declared
    assert set(declared) - set(KEPT) == {"lastCheckTime"}, "written for every kind in one place"


def test_an_answer_is_written_in_the_resources_spelling_and_what_it_lacks_goes() -> None:
    variant = {"VariantName": "all", "CurrentWeight": 1.0, "DeployedImages": [{"SpecifiedImage": "a:1"}]}
    found = described({"EndpointName": "e", "EndpointArn": "arn", "ProductionVariants": [variant], "NewerMember": 1})
    assert found == {
        "endpointConfigName": None,
        "endpointStatus": None,
        "endpointArn": "arn",
        "creationTime": None,
        "lastModifiedTime": None,
        "failureReason": None,
        "productionVariants": [
            {"variantName": "all", "currentWeight": 1, "deployedImages": [{"specifiedImage": "a:1"}]}
        ],
    }
