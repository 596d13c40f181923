"""Constraint messages, word for word."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ServiceModel, Shape

from sagewright.core.errors import AwsError, ValidationException
from sagewright.wire import codec
from sagewright.wire.models import service_model
from sagewright.wire.routing import Route
from sagewright.wire.validation import validate


def input_shape(operation: str, service: str = "sagemaker") -> Shape:
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


def job(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "churn-1",
        "AlgorithmSpecification": {"TrainingImage": "xgboost:1", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/SagewrightExecutionRole",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def message(shape: Shape, value: Any) -> str:
    with pytest.raises(ValidationException) as caught:
        validate(shape, value)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return caught.value.message


def test_a_valid_job_is_valid() -> None:
    validate(input_shape("CreateTrainingJob"), job())


NAME_PATTERN = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"TrainingJobName": "-bad"},
            f"Value '-bad' at 'trainingJobName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {NAME_PATTERN}",
        ),
        (
            {"TrainingJobName": "a\n"},
            f"Value 'a\n' at 'trainingJobName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {NAME_PATTERN}",
        ),
        ({"RoleArn": None}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": -1, "VolumeSizeInGB": 10}},
            "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
        ),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "Carrier"}},
            "Value 'Carrier' at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Pipe, File, FastFile]",
        ),
        (
            {"InputDataConfig": []},
            "Value '[]' at 'inputDataConfig' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            {"InputDataConfig": [{"ChannelName": "train"}]},
            "Value null at 'inputDataConfig.1.member.dataSource' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}]},
            "Value '' at 'tags.2.member.key' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            {"Tags": [None]},
            "Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"VpcConfig": {"SecurityGroupIds": ["sg 1"], "Subnets": ["subnet-1"]}},
            "Value '[sg 1]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 32, "
            "Member must have length greater than or equal to 0, "
            "Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]",
        ),
        (
            {"HyperParameters": {"a": "b" * 2501}},
            f"Value '{{a={'b' * 2501}"[:2055] + "' at 'hyperParameters' failed to satisfy constraint: "
            "Map value must satisfy constraint: [Member must have length less than or equal to 2500, "
            "Member must have length greater than or equal to 0, "
            "Member must satisfy regular expression pattern: .*]",
        ),
    ],
)
def test_one_broken_constraint(changes: dict[str, Any], expected: str) -> None:
    assert message(input_shape("CreateTrainingJob"), job(**changes)) == f"1 validation error detected: {expected}"


def test_several_are_counted_and_joined() -> None:
    found = message(input_shape("CreateTrainingJob"), {"TrainingJobName": "x"})
    assert found == (
        "2 validation errors detected: "
        "Value null at 'roleArn' failed to satisfy constraint: Member must not be null; "
        "Value null at 'outputDataConfig' failed to satisfy constraint: Member must not be null"
    )


def test_length_is_reported_before_the_pattern() -> None:
    found = message(input_shape("DescribeTrainingJob"), {"TrainingJobName": "x" * 64 + "!"})
    assert found.startswith("2 validation errors detected: ")
    assert "Member must have length less than or equal to 63; Value" in found


def test_unknown_members_are_ignored() -> None:
    validate(input_shape("DescribeTrainingJob"), {"TrainingJobName": "x", "Other": 1})


def test_a_union_has_exactly_one_member() -> None:
    shape = service_model("sagemaker").shape_for("MetricSpecification")
    for value in ({}, {"Predefined": {}, "Customized": {}}):
        assert "Member must have exactly one member set" in message(shape, value)
    validate(shape, {"Predefined": {}})


def test_map_values_that_are_structures_have_paths() -> None:
    found = message(
        ServiceModel(
            {
                "metadata": {},
                "shapes": {
                    "In": {"type": "structure", "members": {"Things": {"shape": "Map"}}},
                    "Map": {"type": "map", "key": {"shape": "Key"}, "value": {"shape": "Thing"}},
                    "Key": {"type": "string", "max": 3},
                    "Thing": {"type": "structure", "required": ["Size"], "members": {"Size": {"shape": "Size"}}},
                    "Size": {"type": "integer", "max": 5},
                },
            }
        ).shape_for("In"),
        {"Things": {"a": {"Size": 6}, "long-key": {}}},
    )
    assert found == (
        "3 validation errors detected: "
        "Value '{a={Size=6}, long-key={}}' at 'things' failed to satisfy constraint: "
        "Map keys must satisfy constraint: [Member must have length less than or equal to 3]; "
        "Value '6' at 'things.a.member.size' failed to satisfy constraint: "
        "Member must have value less than or equal to 5; "
        "Value null at 'things.long-key.member.size' failed to satisfy constraint: Member must not be null"
    )


def test_a_sensitive_value_is_not_repeated() -> None:
    found = message(input_shape("CreateLoginProfile", "iam"), {"UserName": "u", "Password": "hunter\x01"})
    assert found == (
        "1 validation error detected: Value at 'password' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+"
    )


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("sagemaker", "DescribeModel", {"ModelName": "!"}, "ValidationException"),
        ("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "!", "Body": b""}, "ValidationError"),
        ("iam", "GetRole", {"RoleName": "!?"}, "ValidationError"),
        ("logs", "GetLogEvents", {"logGroupName": "", "logStreamName": "s"}, "InvalidParameterException"),
        ("s3", "PutObjectAcl", {"Bucket": "b", "Key": "k", "ACL": "nobody"}, "InvalidArgument"),
    ],
)
def test_each_service_has_its_own_code(service: str, operation: str, parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        codec.check(Route(service, service_model(service).operation_model(operation)), parameters)
    assert caught.value.code == code


def test_a_pattern_that_explodes_is_cut_off() -> None:
    shape = ServiceModel({"metadata": {}, "shapes": {"S": {"type": "string", "pattern": "(a|aa|a?)+b"}}}).shape_for("S")
    assert "regular expression" in message(shape, "a" * 60)
