"""The lineage that a job, a model package or an endpoint leaves by itself: what went in, what came out.

https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-auto-creation.html. Pure functions from a document as
Describe answers it to entities and associations. Artifacts of S3 are known by URI, not by content, as AWS's are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sagewright.core import Json

Kind = Literal["Artifact", "Action", "Context", "TrialComponent"]


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of the lineage. An artifact is known by its ``source``, everything else by its ``name``.

    ``source`` is a URI or an ARN; ``source_type`` says of what kind that is.
    """

    kind: Kind
    type: str
    source: str
    name: str = ""
    source_type: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Association:
    """``source`` has to do with ``destination``, in one of AWS's five words."""

    source: Entity
    destination: Entity
    type: str


def training_job(document: Json) -> list[Association]:
    """The image, channels and checkpoints of a training job, and its model once it has one."""
    job = _component(document, "TrainingJob", "aws-training-job")
    algorithm = document.get("AlgorithmSpecification", {})
    found = _inputs(job, _images(algorithm.get("TrainingImage")))
    found += _inputs(job, _s3_sources("DataSet", document.get("InputDataConfig", ())))
    checkpoint = document.get("CheckpointConfig", {}).get("S3Uri")
    found += _outputs(job, _artifacts("Checkpoint", checkpoint))
    if document.get("TrainingJobStatus") == "Completed":
        found += _outputs(job, _artifacts("Model", document.get("ModelArtifacts", {}).get("S3ModelArtifacts")))
    return found


def processing_job(document: Json) -> list[Association]:
    """The image, inputs and outputs of a processing job."""
    job = _component(document, "ProcessingJob", "aws-processing-job")
    inputs = [each.get("S3Input", {}).get("S3Uri") for each in document.get("ProcessingInputs", ())]
    outputs = document.get("ProcessingOutputConfig", {}).get("Outputs", ())
    found = _inputs(job, _images(document.get("AppSpecification", {}).get("ImageUri")))
    found += _inputs(job, _artifacts("DataSet", *inputs))
    if document.get("ProcessingJobStatus") == "Completed":
        found += _outputs(job, _artifacts("DataSet", *(each.get("S3Output", {}).get("S3Uri") for each in outputs)))
    return found


def transform_job(document: Json) -> list[Association]:
    """The input and the output of a transform job; ``Model`` is the description of its model, where there is one."""
    job = _component(document, "TransformJob", "aws-transform-job")
    found = _inputs(job, [*_s3_sources("DataSet", [document.get("TransformInput", {})])])
    found += _inputs(job, _of_containers(_containers(document.get("Model", {}))))
    if document.get("TransformJobStatus") == "Completed":
        found += _outputs(job, _artifacts("DataSet", document.get("TransformOutput", {}).get("S3OutputPath")))
    return found


def model_package(document: Json) -> list[Association]:
    """A version of a group: its images and models, its approval, and the context of the group.

    A package without a group has no context and no approval.
    """
    arn = document["ModelPackageArn"]
    package = Entity("Artifact", "ModelPackage", arn)
    containers = document.get("InferenceSpecification", {}).get("Containers", ())
    found = _inputs(package, _of_containers(containers))
    group = document.get("ModelPackageGroupName")
    if group:
        word = document.get("ModelApprovalStatus", "PendingManualApproval")
        version = document.get("ModelPackageVersion", 0)
        name = f"{group}-{version}-{word[:20]}-aws-model-package"
        approval = Entity("Action", "Approval", arn, name, "ARN", word)
        found.append(Association(approval, package, "ContributedTo"))
        found.append(Association(package, _group(arn, group), "AssociatedWith"))
    return found


def endpoint(document: Json) -> list[Association]:
    """An endpoint: the deployment of its configuration, and what was deployed.

    ``Models`` are the descriptions of the models that its variants name.
    """
    arn, name = document["EndpointArn"], document["EndpointName"]
    status = {"InService": "Completed", "Failed": "Failed"}.get(document["EndpointStatus"], "InProgress")
    deployment = Entity(
        "Action", "ModelDeployment", arn, f"{name}-{document['EndpointConfigName']}-aws-endpoint", "ARN", status
    )
    context = Entity("Context", "Endpoint", arn, f"{name}-aws-endpoint", "ARN")
    found = [Association(deployment, context, "AssociatedWith")]
    for model in document.get("Models", ()):
        found += _inputs(deployment, _of_containers(_containers(model)))
    return found


AUTOMATIC: Mapping[str, Callable[[Json], list[Association]]] = {
    "TrainingJob": training_job,
    "ProcessingJob": processing_job,
    "TransformJob": transform_job,
    "ModelPackage": model_package,
    "Endpoint": endpoint,
}
"""For each kind that leaves lineage, what it leaves: of a later document, the same and perhaps more."""


def _component(document: Json, kind: str, suffix: str) -> Entity:
    name = f"{document[f'{kind}Name']}-{suffix}"
    status = {"Completed": "Completed", "Failed": "Failed", "Stopped": "Stopped", "Stopping": "Stopping"}
    word = status.get(document.get(f"{kind}Status", ""), "InProgress")
    return Entity("TrialComponent", kind, document[f"{kind}Arn"], name, f"SageMaker{kind}", word)


def _group(package_arn: str, group: str) -> Entity:
    stem = package_arn.partition(":model-package/")[0]
    return Entity(
        "Context", "ModelGroup", f"{stem}:model-package-group/{group}", f"{group}-aws-model-package-group", "ARN"
    )


def _containers(model: Json) -> list[Json]:
    """All containers of a model's description."""
    primary = model.get("PrimaryContainer")
    return [*([primary] if primary else ()), *model.get("Containers", ())]


def _of_containers(containers: Iterable[Json]) -> list[Entity]:
    """The images, models and packages of containers."""
    found: list[Entity] = []
    for each in containers:
        found += _images(each.get("Image"))
        data = each.get("ModelDataUrl") or each.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
        found += _artifacts("Model", data)
        found += _artifacts("ModelPackage", each.get("ModelPackageName"))
    return found


def _images(image: str | None) -> list[Entity]:
    return _artifacts("Image", image)


def _s3_sources(kind: str, channels: Iterable[Json]) -> list[Entity]:
    sources = (each.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri") for each in channels)
    return _artifacts(kind, *sources)


def _artifacts(kind: str, *sources: str | None) -> list[Entity]:
    """An artifact for each source that there is, once, in order."""
    return [Entity("Artifact", kind, source) for source in dict.fromkeys(filter(None, sources))]


def _inputs(to: Entity, sources: Iterable[Entity]) -> list[Association]:
    return [Association(source, to, "ContributedTo") for source in sources]


def _outputs(of: Entity, results: Iterable[Entity]) -> list[Association]:
    return [Association(of, result, "Produced") for result in results]
