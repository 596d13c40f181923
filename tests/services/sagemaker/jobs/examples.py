"""Requests that name every member that is honoured, in the order in which they can be made.

``tests/contract/test_members.py`` carries them out and notes what is read. Objects at S3 URIs are made beforehand.
"""

from __future__ import annotations

from typing import Any

from tests.kit.jobs import PYTHON, ROLE

TAGS = [{"Key": "k", "Value": "v"}]

EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateTrainingJob",
        {
            "TrainingJobName": "example",
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": "s3://example/sourcedir.tar.gz",
            },
            "AlgorithmSpecification": {
                "TrainingImage": PYTHON,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
                "ContainerEntrypoint": ["python3"],
                "ContainerArguments": ["-V"],
            },
            "RoleArn": ROLE,
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": "s3://example/data/rows.csv",
                            "S3DataDistributionType": "ShardedByS3Key",
                        }
                    },
                    "ContentType": "text/csv",
                    "RecordWrapperType": "None",
                    "InputMode": "File",
                }
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://example/out/", "CompressionType": "NONE"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "EnableNetworkIsolation": True,
            "Environment": {"A": "b"},
            "Tags": TAGS,
        },
    ),
    (
        "CreateProcessingJob",
        {
            "ProcessingJobName": "example",
            "ProcessingInputs": [
                {
                    "InputName": "rows",
                    "AppManaged": False,
                    "S3Input": {
                        "S3Uri": "s3://example/data/rows.csv",
                        "LocalPath": "/opt/ml/processing/rows",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                        "S3DataDistributionType": "FullyReplicated",
                        "S3CompressionType": "None",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "AppManaged": False,
                        "S3Output": {
                            "S3Uri": "s3://example/out/",
                            "LocalPath": "/opt/ml/processing/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "AppSpecification": {
                "ImageUri": PYTHON,
                "ContainerEntrypoint": ["python3"],
                "ContainerArguments": ["-V"],
            },
            "Environment": {"A": "b"},
            "NetworkConfig": {"EnableNetworkIsolation": True},
            "RoleArn": ROLE,
            "Tags": TAGS,
        },
    ),
    (
        "CreateTransformJob",
        {
            "TransformJobName": "example",
            "ModelName": "example",
            "MaxConcurrentTransforms": 2,
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": 60},
            "MaxPayloadInMB": 1,
            "BatchStrategy": "SingleRecord",
            "Environment": {"A": "b"},
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://example/data/rows.csv"}},
                "ContentType": "text/csv",
                "CompressionType": "None",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": "s3://example/out/", "Accept": "text/csv", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            "DataProcessing": {"InputFilter": "$[1:]", "OutputFilter": "$[0]", "JoinSource": "Input"},
            "Tags": TAGS,
        },
    ),
]
