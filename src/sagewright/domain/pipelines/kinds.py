"""Step types as data: what a step of each type makes, how that is observed, and which of its words mean what.

A new step type that makes a resource is a row here. What a type's cache key is made of stands in ``caching``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Progress = Literal["running", "stopping", "succeeded", "failed", "stopped"]

_JOB_WORDS: Mapping[str, Progress] = MappingProxyType(
    {"Completed": "succeeded", "Failed": "failed", "Stopped": "stopped", "Stopping": "stopping"}
)


@dataclass(frozen=True)
class Kind:
    """What a step of one type makes: SageMaker's ``Create<noun>``, seen by ``Describe<noun>``.

    ``name`` is the member that names it, and ``longest`` how long that may be; ``named`` says that the name is the
    user's own as it stands, not the beginning of one. ``status`` is the member of Describe that tells how far it is;
    without one it is there as soon as it is made. ``metadata`` is its member in the list of steps.
    """

    noun: str
    name: str
    arn: str
    metadata: str
    longest: int = 63
    named: bool = False
    status: str | None = None
    words: Mapping[str, Progress] = field(default_factory=lambda: _JOB_WORDS)
    stops: bool = False
    experiment: bool = False
    retries: bool = True

    @property
    def create(self) -> str:
        return f"Create{self.noun}"

    @property
    def describe(self) -> str:
        return f"Describe{self.noun}"

    @property
    def stop(self) -> str:
        return f"Stop{self.noun}"


def _job(noun: str, metadata: str, **more: Any) -> Kind:
    return Kind(noun, f"{noun}Name", f"{noun}Arn", metadata, status=f"{noun}Status", stops=True, **more)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "Training": _job("TrainingJob", "TrainingJob", experiment=True),
        "Processing": _job("ProcessingJob", "ProcessingJob", experiment=True),
        "Transform": _job("TransformJob", "TransformJob", experiment=True),
        "Tuning": _job("HyperParameterTuningJob", "TuningJob", longest=32),
        "Model": Kind("Model", "ModelName", "ModelArn", "Model"),
        "RegisterModel": Kind(
            "ModelPackage",
            "ModelPackageName",
            "ModelPackageArn",
            "RegisterModel",
            status="ModelPackageStatus",
            words=MappingProxyType({"Completed": "succeeded", "Failed": "failed"}),
        ),
        "EndpointConfig": Kind(
            "EndpointConfig", "EndpointConfigName", "EndpointConfigArn", "EndpointConfig", named=True
        ),
        "Endpoint": Kind(
            "Endpoint",
            "EndpointName",
            "EndpointArn",
            "Endpoint",
            named=True,
            status="EndpointStatus",
            words=MappingProxyType({"InService": "succeeded", "Failed": "failed", "OutOfService": "failed"}),
            retries=False,
        ),
    }
)
CONDITION, FAIL = "Condition", "Fail"
RUNNABLE = frozenset({*KINDS, CONDITION, FAIL})
"""The types whose steps can run; a step of any other type fails when its turn comes."""


@dataclass(frozen=True)
class Question:
    """One call whose answer is part of what a step's properties show; ``member`` is what to take of it, None all."""

    operation: str
    request: Mapping[str, Any] = field(default_factory=dict)
    member: str | None = None


def questions(step_type: str, name: str, arguments: Mapping[str, Any]) -> Sequence[Question]:
    """Says how to observe what a step made: Describe, and for a tuning job its training jobs, the best one first."""
    kind = KINDS[step_type]
    asked = [Question(kind.describe, {kind.name: name})]
    if step_type == "Tuning":
        config = arguments.get("HyperParameterTuningJobConfig") or {}
        objective = config.get("HyperParameterTuningJobObjective") or {}
        order = "Ascending" if objective.get("Type") == "Minimize" else "Descending"
        request = {kind.name: name, "SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 100}
        asked.append(Question("ListTrainingJobsForHyperParameterTuningJob", request, "TrainingJobSummaries"))
    return asked


def progress(step_type: str, document: Mapping[str, Any]) -> Progress:
    """How far the thing is that a Describe answer shows."""
    kind = KINDS[step_type]
    if kind.status is None:
        return "succeeded"
    return kind.words.get(str(document.get(kind.status)), "running")


def failure_reason(document: Mapping[str, Any]) -> str:
    """Why it failed, in the words of its Describe answer."""
    return str(document.get("FailureReason") or "")
