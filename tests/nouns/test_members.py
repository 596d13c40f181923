"""Members that no code reads: refused by name, or without effect and the log says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN
from tests.kit.jobs import PYTHON, ROLE, Jobs

from sagewright.nouns import members
from sagewright.nouns.members import Members, members_of, register


@pytest.fixture(scope="module")
def jobs(client: Callable[..., Any]) -> Jobs:
    bucket = f"members-{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=bucket)
    return Jobs(client("sagemaker"), client("s3"), client("logs"), bucket)


@pytest.mark.parametrize(
    ("request_members", "member"),
    [
        ({"EnableManagedSpotTraining": True}, "EnableManagedSpotTraining"),
        (
            {
                "MlflowConfig": {
                    "MlflowResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-ABCDEFGHIJKL"
                }
            },
            "MlflowConfig",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": PYTHON, "TrainingInputMode": "Pipe"}},
            "AlgorithmSpecification.TrainingInputMode Pipe",
        ),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b/k"},
                        },
                    }
                ]
            },
            "InputDataConfig[0].DataSource.S3DataSource.S3DataType AugmentedManifestFile",
        ),
    ],
)
def test_what_would_change_the_result_is_refused_by_name(jobs: Jobs, request_members: Any, member: str) -> None:
    with pytest.raises(ClientError) as refused:
        jobs.start("print('never')", **request_members)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(f"{member} is not supported yet")


def test_a_list_refuses_the_filter_that_it_does_not_know(client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="WarmPoolStatusEquals is not supported yet"):
        client("sagemaker").list_training_jobs(WarmPoolStatusEquals="InUse")


def test_what_has_no_effect_is_in_the_log_of_the_job(jobs: Jobs) -> None:
    job = jobs.run(
        "print('trained')",
        OutputDataConfig={"S3OutputPath": f"s3://{jobs.bucket}/out", "KmsKeyId": "alias/mine"},
        DebugHookConfig={"S3OutputPath": f"s3://{jobs.bucket}/debug"},
        VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        EnableInterContainerTrafficEncryption=False,
    )
    lines = jobs.log(job["TrainingJobName"])
    said = [line for line in lines if line.startswith("[sagewright] ")]
    assert [line.split()[1] for line in said[:3]] == ["OutputDataConfig.KmsKeyId", "VpcConfig", "DebugHookConfig"]
    assert all("has no effect here: " in line for line in said[:3])
    assert lines[:3] == said[:3]
    assert not any("TrafficEncryption" in line for line in lines)
    assert job["OutputDataConfig"]["KmsKeyId"] == "alias/mine"
    assert job["TrainingJobStatus"] == "Completed"


def test_a_path_goes_through_lists_and_false_counts_as_absent() -> None:
    table = Members(refused={"Channels[].Mode=Pipe|Odd": "use File.", "Spot=true": "", "Plan": ""})
    table.check({"Channels": [{"Mode": "File"}, {}], "Spot": False, "Plan": {}})
    with pytest.raises(Exception, match=r"^Channels\[1\]\.Mode Pipe is not supported yet: use File\.$"):
        table.check({"Channels": [{"Mode": "File"}, {"Mode": "Pipe"}]})
    with pytest.raises(Exception, match=r"^Spot is not supported yet\.$"):
        table.check({"Spot": True})


def test_an_operation_has_one_table(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_tables", {})
    table = tmp_path / "members.toml"
    table.write_text('[OfATest.refused]\n"A" = ""\n')
    register("sagemaker", table)
    assert members_of("sagemaker", "OfATest").refused == {"A": ""}
    with pytest.raises(ValueError, match="two tables"):
        register("sagemaker", table)


def test_an_endpoint_configuration_refuses_what_no_endpoint_would_do(jobs: Jobs) -> None:
    name = f"m-{uuid.uuid4().hex[:8]}"
    jobs.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": SKLEARN}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    with pytest.raises(ClientError, match=r"ProductionVariants\[0\]\.ManagedInstanceScaling is not supported yet"):
        jobs.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "ManagedInstanceScaling": {"Status": "ENABLED"}}]
        )
    jobs.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}}],
        DataCaptureConfig={
            "EnableCapture": False,
            "InitialSamplingPercentage": 10,
            "DestinationS3Uri": "s3://b/k",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
