"""What Describe says: the request, what AWS answers where the request said nothing, and no member without a model."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.answers import foreign, lacking
from tests.kit.examples import Stage, all_examples
from tests.kit.jobs import ROLE

from sagewright.nouns.declaration import Noun, Refusal, filled
from sagewright.nouns.operations import find
from sagewright.wire.models import output_shape, service_model

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
LEAST: dict[str, dict[str, Any]] = {
    "TrainingJob": {
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://example/model.tar.gz"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://example/out/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    },
    "ProcessingJob": {
        "ProcessingInputs": [
            {
                "InputName": "rows",
                "S3Input": {
                    "S3Uri": "s3://example/model.tar.gz",
                    "LocalPath": "/opt/ml/processing/rows",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": XGBOOST, "ContainerEntrypoint": ["python3"]},
        "RoleArn": ROLE,
    },
    "TransformJob": {
        "ModelName": "example",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://example/model.tar.gz"}}
        },
        "TransformOutput": {"S3OutputPath": "s3://example/out/"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
    "Model": {"PrimaryContainer": {"Image": XGBOOST}, "ExecutionRoleArn": ROLE},
    "EndpointConfig": {
        "ProductionVariants": [
            {"VariantName": "v", "ModelName": "example", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        ]
    },
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("described"))
    for operation, request in all_examples():
        stage.carry_out(operation, request)
    for kind, request in LEAST.items():
        noun = stage.nouns[kind]
        noun.create(stage.call(f"Create{kind}"), {**request, noun.identity.member: "least"})
    return stage


def describe(stage: Stage, kind: str, name: str) -> Any:
    operation = find("sagemaker", f"Describe{kind}")
    assert operation is not None
    return operation.handler(stage.call(f"Describe{kind}"), {stage.nouns[kind].identity.member: name})


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("TrainingJob", "OutputDataConfig.KmsKeyId", ""),
        ("TrainingJob", "OutputDataConfig.CompressionType", "GZIP"),
        ("TrainingJob", "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries", False),
        ("TrainingJob", "AlgorithmSpecification.MetricDefinitions.0.Name", "train:accuracy"),
        ("TrainingJob", "InputDataConfig.0.CompressionType", "None"),
        ("TrainingJob", "InputDataConfig.0.RecordWrapperType", "None"),
        ("TrainingJob", "InputDataConfig.0.DataSource.S3DataSource.S3DataDistributionType", "FullyReplicated"),
        ("TrainingJob", "EnableNetworkIsolation", False),
        ("TrainingJob", "EnableInterContainerTrafficEncryption", False),
        ("TrainingJob", "EnableManagedSpotTraining", False),
        ("TrainingJob", "ProfilingStatus", "Disabled"),
        ("TrainingJob", "ModelArtifacts.S3ModelArtifacts", "s3://example/out/least/output/model.tar.gz"),
        ("ProcessingJob", "ProcessingInputs.0.AppManaged", False),
        ("ProcessingJob", "ProcessingInputs.0.S3Input.S3DataDistributionType", "FullyReplicated"),
        ("ProcessingJob", "ProcessingInputs.0.S3Input.S3CompressionType", "None"),
        ("ProcessingJob", "StoppingCondition.MaxRuntimeInSeconds", 86400),
        ("TransformJob", "TransformInput.CompressionType", "None"),
        ("TransformJob", "TransformInput.SplitType", "None"),
        ("TransformJob", "TransformOutput.AssembleWith", "None"),
        ("TransformJob", "TransformOutput.KmsKeyId", ""),
        ("Model", "PrimaryContainer.Mode", "SingleModel"),
        ("Model", "PrimaryContainer.Environment", {}),
        ("Model", "EnableNetworkIsolation", False),
        ("EndpointConfig", "ProductionVariants.0.InitialVariantWeight", 1.0),
        ("EndpointConfig", "EnableNetworkIsolation", False),
    ],
)
def test_describe_says_what_aws_says_where_the_request_said_nothing(
    stage: Stage, kind: str, path: str, value: Any
) -> None:
    found = describe(stage, kind, "least")
    for part in path.split("."):
        found = found[int(part) if part.isdigit() else part]
    assert found == value


def test_what_a_request_says_is_not_replaced_and_no_structure_is_made_up(stage: Stage) -> None:
    described = describe(stage, "TrainingJob", "example")
    assert described["EnableNetworkIsolation"] is True
    assert described["OutputDataConfig"]["CompressionType"] == "NONE"
    assert [each["Name"] for each in described["AlgorithmSpecification"]["MetricDefinitions"]] == ["loss"]
    assert "ProcessingOutputConfig" not in describe(stage, "ProcessingJob", "least")
    assert "Containers" not in describe(stage, "Model", "least")
    assert filled({"a": [{}, {"b": 2}]}, {"a": [{"b": 1}], "c": {"d": 1}, "e": {}}) == {
        "a": [{"b": 1}, {"b": 2}],
        "e": {},
    }


@pytest.mark.parametrize(
    "kind", ["TrainingJob", "ProcessingJob", "TransformJob", "Model", "EndpointConfig", "Endpoint"]
)
@pytest.mark.parametrize("verb", ["Describe", "List"])
def test_an_answer_has_its_required_members_and_none_that_the_model_lacks(stage: Stage, kind: str, verb: str) -> None:
    noun = stage.nouns[kind]
    if verb == "List":
        operation = find("sagemaker", f"List{kind}s")
        assert operation is not None
        answers = [operation.handler(stage.call(f"List{kind}s"), {})]
        shape = output_shape("sagemaker", f"List{kind}s")
    else:
        names = [each.name for each in stage.platform.resources.list("123456789012", "us-east-1", kind)]
        answers = [describe(stage, noun.kind, name) for name in names]
        shape = output_shape("sagemaker", f"Describe{kind}")
    assert answers
    assert [wrong for answer in answers for wrong in lacking(shape, answer) + foreign(shape, answer)] == []


@pytest.mark.parametrize("kind", ["TrainingJob", "CodeRepository"])
def test_the_list_operation_is_one_of_the_model(kind: str) -> None:
    noun = Noun(kind=kind, path="x/{name}", taken=Refusal(""), missing=Refusal(""))
    assert noun.facts.list_operation in service_model("sagemaker").operation_names
