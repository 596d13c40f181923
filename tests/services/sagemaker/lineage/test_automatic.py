"""What a job, a package and an endpoint leave in the lineage, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.services.sagemaker.lineage._automatic import AUTOMATIC

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TRAINING: dict[str, Any] = {
    "TrainingJobName": "t",
    "TrainingJobArn": f"{ARN}training-job/t",
    "TrainingJobStatus": "Completed",
    "AlgorithmSpecification": {"TrainingImage": IMAGE},
    "InputDataConfig": [
        {"ChannelName": name, "DataSource": {"S3DataSource": {"S3Uri": f"s3://b/{name}/"}}} for name in ("train", "val")
    ],
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/out/t/output/model.tar.gz"},
}


def told(kind: str, document: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(source, word, destination) of each association; artifacts by their source, the rest by name."""

    def known(entity: Any) -> str:
        return str(entity.source if entity.kind == "Artifact" else entity.name)

    found = AUTOMATIC[kind](document)
    return {(known(each.source), each.type, known(each.destination)) for each in found}


def test_a_training_job_has_inputs_and_a_model() -> None:
    job = "t-aws-training-job"
    assert told("TrainingJob", TRAINING) == {
        (IMAGE, "ContributedTo", job),
        ("s3://b/train/", "ContributedTo", job),
        ("s3://b/val/", "ContributedTo", job),
        (job, "Produced", "s3://b/out/t/output/model.tar.gz"),
    }


@pytest.mark.parametrize("status", ["InProgress", "Failed", "Stopped"])
def test_a_job_that_is_not_completed_has_no_model(status: str) -> None:
    found = AUTOMATIC["TrainingJob"]({**TRAINING, "TrainingJobStatus": status})
    assert {each.destination.kind for each in found} == {"TrialComponent"}
    assert {each.destination.status for each in found} == {status}


def test_a_processing_job_has_each_source_once() -> None:
    document = {
        "ProcessingJobName": "p",
        "ProcessingJobArn": f"{ARN}processing-job/p",
        "ProcessingJobStatus": "Completed",
        "AppSpecification": {"ImageUri": IMAGE},
        "ProcessingInputs": [{"InputName": n, "S3Input": {"S3Uri": "s3://b/raw"}} for n in ("a", "b")],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/clean"}}]},
    }
    job = "p-aws-processing-job"
    assert told("ProcessingJob", document) == {
        (IMAGE, "ContributedTo", job),
        ("s3://b/raw", "ContributedTo", job),
        (job, "Produced", "s3://b/clean"),
    }


def test_a_transform_job_uses_its_model() -> None:
    document = {
        "TransformJobName": "x",
        "TransformJobArn": f"{ARN}transform-job/x",
        "TransformJobStatus": "Completed",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3Uri": "s3://b/in"}}},
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        "Model": {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}},
    }
    job = "x-aws-transform-job"
    assert told("TransformJob", document) == {
        ("s3://b/in", "ContributedTo", job),
        (IMAGE, "ContributedTo", job),
        ("s3://b/model.tar.gz", "ContributedTo", job),
        (job, "Produced", "s3://b/out"),
    }


def test_a_version_of_a_group_has_an_approval_and_a_context() -> None:
    package = f"{ARN}model-package/g/3"
    document = {
        "ModelPackageArn": package,
        "ModelPackageGroupName": "g",
        "ModelPackageVersion": 3,
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}]},
    }
    assert told("ModelPackage", document) == {
        (IMAGE, "ContributedTo", package),
        ("s3://b/model.tar.gz", "ContributedTo", package),
        ("g-3-Approved-aws-model-package", "ContributedTo", package),
        (package, "AssociatedWith", "g-aws-model-package-group"),
    }
    context = AUTOMATIC["ModelPackage"](document)[-1].destination
    assert context.source == f"{ARN}model-package-group/g"


def test_a_package_without_a_group_has_its_containers_alone() -> None:
    document = {
        "ModelPackageArn": f"{ARN}model-package/alone",
        "InferenceSpecification": {"Containers": [{"Image": IMAGE}]},
    }
    assert told("ModelPackage", document) == {(IMAGE, "ContributedTo", document["ModelPackageArn"])}


def test_an_endpoint_leads_from_its_models_to_its_context() -> None:
    document = {
        "EndpointName": "e",
        "EndpointArn": f"{ARN}endpoint/e",
        "EndpointConfigName": "c",
        "EndpointStatus": "InService",
        "Models": [
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}},
            {"Containers": [{"ModelPackageName": f"{ARN}model-package/g/3"}]},
        ],
    }
    deployment = "e-c-aws-endpoint"
    assert told("Endpoint", document) == {
        (IMAGE, "ContributedTo", deployment),
        ("s3://b/model.tar.gz", "ContributedTo", deployment),
        (f"{ARN}model-package/g/3", "ContributedTo", deployment),
        (deployment, "AssociatedWith", "e-aws-endpoint"),
    }
