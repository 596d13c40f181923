"""Requests that name every member that is honoured, in the order in which they can be made.

``tests/contract/test_members.py`` carries them out and notes what is read. Objects at S3 URIs are made beforehand.
"""

from __future__ import annotations

from typing import Any

from tests.kit.endpoints import SKLEARN
from tests.kit.jobs import ROLE

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package"
SOURCE = {"S3DataSource": {"S3Uri": "s3://example/model.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}}
CONTAINER = {
    "Image": SKLEARN,
    "ModelDataUrl": "s3://example/model.tar.gz",
    "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
}
SPECIFICATION = {"Containers": [CONTAINER], "SupportedContentTypes": ["text/csv"]}
FURTHER = {"Name": "further", "Containers": [CONTAINER]}
SOURCED = {"Name": "sourced", "Containers": [{"Image": SKLEARN, "ModelDataSource": SOURCE}]}
PACKAGED = ("example/1", "sourced"), ("example/1", "further"), ("example/1", ""), ("example/2", "")


def _model(package: str, specification: str) -> dict[str, Any]:
    container = {"ModelPackageName": f"{ARN}/{package}", "Environment": {"MORE": "1"}}
    return container | ({"InferenceSpecificationName": specification} if specification else {})


EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateModelPackageGroup",
        {
            "ModelPackageGroupName": "example",
            "ModelPackageGroupDescription": "text",
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "CreateModelPackage",
        {
            "ModelPackageGroupName": "example",
            "InferenceSpecification": SPECIFICATION,
            "AdditionalInferenceSpecifications": [FURTHER, SOURCED],
            "ModelApprovalStatus": "Approved",
            "SkipModelValidation": "None",
            "ClientToken": "one",
        },
    ),
    (
        "CreateModelPackage",
        {
            "ModelPackageGroupName": "example",
            "InferenceSpecification": {"Containers": [{"Image": SKLEARN, "ModelDataSource": SOURCE}]},
            "ModelApprovalStatus": "Approved",
        },
    ),
    ("CreateModelPackage", {"ModelPackageGroupName": "example", "SourceUri": f"{ARN}/example/1"}),
    (
        "CreateModelPackage",
        {
            "ModelPackageName": "alone",
            "ClientToken": "two",
            "InferenceSpecification": SPECIFICATION,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "UpdateModelPackage",
        {
            "ModelPackageArn": f"{ARN}/example/3",
            "ModelApprovalStatus": "Rejected",
            "ApprovalDescription": "text",
            "ModelPackageRegistrationType": "Registered",
            "CustomerMetadataProperties": {"k": "v"},
            "CustomerMetadataPropertiesToRemove": ["k"],
            "AdditionalInferenceSpecificationsToAdd": [{"Name": "another", "Containers": [CONTAINER]}],
            "InferenceSpecification": SPECIFICATION,
            "SourceUri": "somewhere",
            "ModelCard": {"ModelCardContent": "{}"},
        },
    ),
    (
        "UpdateModelPackage",
        {
            "ModelPackageArn": f"{ARN}/example/3",
            "AdditionalInferenceSpecificationsToAdd": [SOURCED],
            "InferenceSpecification": {"Containers": SOURCED["Containers"]},
        },
    ),
    *(
        ("CreateModel", {"ModelName": f"packaged-{number}", **container, "ExecutionRoleArn": ROLE})
        for number, container in enumerate(
            [{"PrimaryContainer": _model(*each)} for each in PACKAGED] + [{"Containers": [_model(*PACKAGED[0])]}]
        )
    ),
    (
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "packaged",
            "ProductionVariants": [
                {
                    "VariantName": f"v{number}",
                    "ModelName": f"packaged-{number}",
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                }
                for number in range(len(PACKAGED) + 1)
            ],
        },
    ),
    ("CreateEndpoint", {"EndpointName": "packaged", "EndpointConfigName": "packaged"}),
    (
        "CreateModelCard",
        {
            "ModelCardName": "example",
            "Content": '{"model_overview": {"model_id": "m"}}',
            "ModelCardStatus": "Draft",
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    ("UpdateModelCard", {"ModelCardName": "example", "Content": "{}"}),
    ("UpdateModelCard", {"ModelCardName": "example", "ModelCardStatus": "Approved"}),
]
