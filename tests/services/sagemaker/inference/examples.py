"""Requests that name every member that is honoured, in the order in which they can be made.

``tests/contract/test_members.py`` carries them out and notes what is read. Objects at S3 URIs are made beforehand.
"""

from __future__ import annotations

from typing import Any

from tests.kit.endpoints import SKLEARN
from tests.kit.jobs import ROLE

EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateModel",
        {
            "ModelName": "example",
            "PrimaryContainer": {
                "Image": SKLEARN,
                "ModelDataUrl": "s3://example/model.tar.gz",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            },
            "ExecutionRoleArn": ROLE,
            "EnableNetworkIsolation": True,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "CreateModel",
        {
            "ModelName": "of-a-list",
            "Containers": [
                {
                    "Image": SKLEARN,
                    "ModelDataUrl": "s3://example/model.tar.gz",
                    "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
                }
            ],
            "ExecutionRoleArn": ROLE,
        },
    ),
    *(
        (
            "CreateModel",
            {
                "ModelName": name,
                **members(
                    {
                        "Image": SKLEARN,
                        "ModelDataSource": {
                            "S3DataSource": {
                                "S3Uri": "s3://example/model.tar.gz",
                                "S3DataType": "S3Object",
                                "CompressionType": "Gzip",
                            }
                        },
                    }
                ),
                "ExecutionRoleArn": ROLE,
            },
        )
        for name, members in (
            ("of-a-source", lambda container: {"PrimaryContainer": container}),
            ("of-a-source-in-a-list", lambda container: {"Containers": [container]}),
        )
    ),
    (
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "example",
            "ProductionVariants": [
                {
                    "VariantName": "first",
                    "ModelName": "example",
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "InitialVariantWeight": 0.5,
                    "VolumeSizeInGB": 2,
                    "ContainerStartupHealthCheckTimeoutInSeconds": 60,
                },
                {
                    "VariantName": "second",
                    "ModelName": "of-a-list",
                    "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
                },
                *(
                    {
                        "VariantName": model,
                        "ModelName": model,
                        "InitialInstanceCount": 1,
                        "InstanceType": "ml.m5.large",
                    }
                    for model in ("of-a-source", "of-a-source-in-a-list")
                ),
            ],
            "EnableNetworkIsolation": True,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "CreateEndpoint",
        {
            "EndpointName": "example",
            "EndpointConfigName": "example",
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    ("UpdateEndpoint", {"EndpointName": "example", "EndpointConfigName": "example", "RetainDeploymentConfig": True}),
]
