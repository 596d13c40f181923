"""Jobs and packages write their lineage by themselves."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs


def sources_of(sagemaker: Any, **which: str) -> list[str]:
    """The URIs of the artifacts at the other end of an entity's associations."""
    end = "SourceArn" if "DestinationArn" in which else "DestinationArn"
    listed = sagemaker.list_associations(**which)["AssociationSummaries"]
    artifacts = [each[end] for each in listed if ":artifact/" in each[end]]
    return sorted(sagemaker.describe_artifact(ArtifactArn=each)["Source"]["SourceUri"] for each in artifacts)


def test_a_training_job_leads_from_its_image_to_its_model(client: Callable[..., Any], jobs: Jobs) -> None:
    sagemaker = client("sagemaker")
    job = jobs.run("print(1)")
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    (artifact,) = eventually(
        lambda: sagemaker.list_artifacts(SourceUri=model)["ArtifactSummaries"], what=lambda: "no artifact of the model"
    )
    component = job["TrainingJobArn"].replace(
        f":training-job/{job['TrainingJobName']}",
        f":experiment-trial-component/{job['TrainingJobName']}-aws-training-job",
    )
    eventually(lambda: sources_of(sagemaker, SourceArn=component) == [model], what=lambda: "no association")
    image = job["AlgorithmSpecification"]["TrainingImage"]
    assert image in sources_of(sagemaker, DestinationArn=component)
    answer = sagemaker.query_lineage(StartArns=[artifact["ArtifactArn"]], Direction="Ascendants")
    assert {each["LineageType"] for each in answer["Vertices"]} == {"TrialComponent", "Artifact"}
    assert {each["Type"] for each in answer["Vertices"]} >= {"TrainingJob", "Image"}


def test_a_version_leads_from_its_container_to_its_group(client: Callable[..., Any], jobs: Jobs) -> None:
    sagemaker, group = client("sagemaker"), f"g-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    container = {"Image": jobs.image, "ModelDataUrl": "s3://somewhere/else/model.tar.gz"}
    package = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        SkipModelValidation="All",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    (artifact,) = eventually(
        lambda: sagemaker.list_artifacts(SourceUri=package)["ArtifactSummaries"], what=lambda: "no artifact"
    )
    arn = artifact["ArtifactArn"]

    def types() -> set[str]:
        answer = sagemaker.query_lineage(StartArns=[arn])
        return {each["Type"] for each in answer["Vertices"]}

    eventually(lambda: types() >= {"Image", "Model", "Approval", "ModelGroup"}, what=lambda: str(types()))
    of_group = package.rpartition("/")[0].replace(":model-package/", ":model-package-group/")
    (context,) = sagemaker.list_contexts(SourceUri=of_group)["ContextSummaries"]
    assert context["ContextType"] == "ModelGroup"
