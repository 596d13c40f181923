"""A tuning job's rows as the search sees them, and its training jobs as requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.domain.tuning.decision import NewChild
from sagewright.domain.tuning.document import read_plan
from sagewright.domain.tuning.job import Child, Phase, TuningJob
from sagewright.store.resources import Resource

OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter that tells a training job by which metric it is compared."""

PHASES = {"succeeded": Phase.COMPLETED, "failed": Phase.FAILED, "stopped": Phase.STOPPED, "stopping": Phase.STOPPING}
PASSED = (
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "VpcConfig",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)
"""Members of a definition that its training jobs have as they are."""

Curves = Mapping[str, Sequence[float]]
"""The values of the objective metric in order of time, by training job."""


def definitions_of(spec: Json) -> list[Json]:
    """The definitions of training jobs in a request, be it one or several."""
    return [spec["TrainingJobDefinition"]] if "TrainingJobDefinition" in spec else spec["TrainingJobDefinitions"]


def tuning_job(resource: Resource, refused: str | None = None) -> TuningJob:
    """Read a tuning job from its row."""
    stopping = resource.phase == "stopping" or resource.wished == "stopped"
    return TuningJob(resource.name, resource.id, read_plan(resource.spec), resource.created, stopping, refused)


def child(job: TuningJob, row: Resource, curves: Curves) -> Child | None:
    """Read a training job from its row; None for a child of another kind."""
    made = job.child_of(row.name)
    if made is None:
        return None
    number, definition = made
    wanted = job.plan.definitions[definition]
    given = row.spec.get("HyperParameters", {})
    metric: Json = next(
        (each for each in row.status.get("FinalMetricDataList", ()) if each["MetricName"] == wanted.metric), {}
    )
    phase = PHASES.get(row.shown or row.phase, Phase.RUNNING)
    return Child(
        name=row.name,
        number=number,
        definition=definition,
        point={each.name: given[each.name] for each in wanted.space.parameters},
        phase=phase,
        objective=metric.get("Value"),
        curve=curves.get(row.name, ()),
        ended=row.status.get("TrainingEndTime", row.modified) if phase.ended else None,
        retryable=str(row.status.get("FailureReason", "")).startswith("InternalServerError"),
    )


def children(job: TuningJob, rows: Sequence[Resource], curves: Curves | None = None) -> list[Child]:
    """Read the training jobs of a tuning job."""
    return [each for row in rows if (each := child(job, row, curves or {})) is not None]


def resources_of(definition: Json) -> Json:
    """The ResourceConfig of a definition's training jobs. Raises ValidationException when it has none, or two.

    Of several InstanceConfigs it is the first: they are in the order in which the caller prefers them, and here each
    type of instance is to be had.
    """
    own, several = definition.get("ResourceConfig"), definition.get("HyperParameterTuningResourceConfig")
    if (own is None) == (several is None):
        raise ValidationException(
            "You must specify one of ResourceConfig and HyperParameterTuningResourceConfig in each training job "
            "definition."
        )
    if several is None:
        return dict(own or {})
    chosen = next(iter(several.get("InstanceConfigs", ())), several)
    found = {name: chosen[name] for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB") if name in chosen}
    if "VolumeKmsKeyId" in several:
        found["VolumeKmsKeyId"] = several["VolumeKmsKeyId"]
    return found


def request_for(resource: Resource, job: TuningJob, new: NewChild) -> Json:
    """Make the CreateTrainingJob request of a new training job."""
    definition = definitions_of(resource.spec)[new.definition]
    algorithm = definition["AlgorithmSpecification"]
    return {
        "TrainingJobName": new.name,
        "HyperParameters": {
            **definition.get("StaticHyperParameters", {}),
            **new.point,
            OBJECTIVE: job.plan.definitions[new.definition].metric,
        },
        "AlgorithmSpecification": {
            name: algorithm[name]
            for name in ("TrainingImage", "AlgorithmName", "TrainingInputMode", "MetricDefinitions")
            if name in algorithm
        },
        "ResourceConfig": resources_of(definition),
        **{name: definition[name] for name in PASSED if name in definition},
    }


def summary(job: TuningJob, row: Resource, seen: Child) -> Json:
    """What Describe's BestTrainingJob and the list say of a training job."""
    wanted = job.plan.definitions[seen.definition]
    status = "Succeeded" if seen.result is not None else "Failed" if seen.phase.ended else "Pending"
    said: Json = {
        "TrainingJobName": row.name,
        "TrainingJobArn": row.arn,
        "CreationTime": row.created,
        "TrainingJobStatus": seen.phase.value,
        "TunedHyperParameters": dict(seen.point),
        "ObjectiveStatus": status,
    }
    if wanted.name is not None:
        said["TrainingJobDefinitionName"] = wanted.name
    for name in ("TrainingStartTime", "TrainingEndTime", "FailureReason"):
        if row.status.get(name) is not None:
            said[name] = row.status[name]
    if seen.result is not None:
        said["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": wanted.goal.value,
            "MetricName": wanted.metric,
            "Value": seen.result,
        }
    return said
