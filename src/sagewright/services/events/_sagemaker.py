"""SageMaker's events: what changed, in the words in which AWS tells EventBridge.

https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
A detail is what Describe says, times in milliseconds. AWS may send several events for a change of state, and so do we
where a server forgot what it told: a change that moves no status is told when the status is another than the last one.
"""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.engine.calls import SAGEMAKER, Calls
from sagewright.engine.role_objects import WorkRole
from sagewright.nouns.declaration import all_nouns
from sagewright.services.events._delivery import event_of, iso
from sagewright.store.changes import ChangeRecord
from sagewright.wire.models import output_shape

SOURCE = "aws.sagemaker"
EXECUTION = "PipelineExecution"
EXECUTION_CHANGE = "SageMaker Model Building Pipeline Execution Status Change"
STEP_CHANGE = "SageMaker Model Building Pipeline Execution Step Status Change"
REMEMBERED = 10_000
"""Resources and steps whose last status is kept in memory, so that each status is told once."""
STATUSES = ("SecondaryStatus", "ModelApprovalStatus")
"""Members that say more of a status than the status does."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind of resource is described and what its events are called; ``by`` says how Describe names it."""

    event: str
    member: str
    status: str
    by: Callable[[ChangeRecord], str] = lambda record: record.name
    word: Callable[[str], str] = str


def _shouted(word: str) -> str:
    """``InService`` as ``IN_SERVICE``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()


def _arn(record: ChangeRecord) -> str:
    return record.arn


KINDS: Mapping[str, _Kind] = {
    "TrainingJob": _Kind("SageMaker Training Job State Change", "TrainingJobName", "TrainingJobStatus"),
    "ProcessingJob": _Kind("SageMaker Processing Job State Change", "ProcessingJobName", "ProcessingJobStatus"),
    "TransformJob": _Kind("SageMaker Transform Job State Change", "TransformJobName", "TransformJobStatus"),
    "HyperParameterTuningJob": _Kind(
        "SageMaker HyperParameter Tuning Job State Change",
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobStatus",
    ),
    "Endpoint": _Kind("SageMaker Endpoint State Change", "EndpointName", "EndpointStatus", word=_shouted),
    "ModelPackage": _Kind("SageMaker Model Package State Change", "ModelPackageName", "ModelPackageStatus", by=_arn),
    EXECUTION: _Kind(EXECUTION_CHANGE, "PipelineExecutionArn", "PipelineExecutionStatus", by=_arn),
}


@dataclass
class SageMakerEvents:
    """Makes the events of changes. The last status of each resource, and of each step, is kept in memory."""

    calls: Calls
    _told: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def of(self, record: ChangeRecord) -> Iterator[Json]:
        """The events of a change. What is gone meanwhile is told nothing of."""
        kind = KINDS.get(record.kind)
        if kind is None or record.verb == "deleted":
            return
        described = self._describe(record, f"Describe{record.kind}", {kind.member: kind.by(record)})
        if described is None:
            return
        status = _word(record.kind, record.after)
        if status and kind.status in described:
            described[kind.status] = status
        if record.kind == EXECUTION:
            yield from self._of_execution(record, described)
            return
        words = " ".join(str(described.get(name, "")) for name in (kind.status, *STATUSES))
        if self._before(record.resource, words) == words and record.verb == "updated":
            return
        if kind.status in described:
            described[kind.status] = kind.word(described[kind.status])
        yield _event(record, kind.event, described, [record.arn])

    def _before(self, name: str, status: str) -> str:
        """Remember a status; returns the one before, empty where none is known."""
        before = self._told.pop(name, "")
        self._told[name] = status
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return before

    def _describe(self, record: ChangeRecord, operation: str, request: Json) -> Json | None:
        caller = WorkRole(SAGEMAKER, record.account, record.region, record.arn)
        try:
            answer = self.calls.call(caller, "sagemaker", operation, request)
        except AwsError:
            return None
        found: Json = plain(answer, output_shape("sagemaker", operation))
        return found

    def _of_execution(self, record: ChangeRecord, described: Json) -> Iterator[Json]:
        pipeline = record.arn.partition("/execution/")[0]
        arns = {"pipelineArn": pipeline, "pipelineExecutionArn": record.arn}
        request = {"PipelineExecutionArn": record.arn, "MaxResults": 100, "SortOrder": "Ascending"}
        answer = self._describe(record, "ListPipelineExecutionSteps", request) or {}
        for step in answer.get("PipelineExecutionSteps", ()):
            name, status = f"{record.resource} {step['StepName']}", step.get("StepStatus", "")
            before = self._before(name, status)
            if before == status:
                continue
            detail = {
                "metadata": _lowered(step.get("Metadata", {})),
                **_present({"stepStartTime": _time(step.get("StartTime")), "stepEndTime": _time(step.get("EndTime"))}),
                **{"stepName": step["StepName"], "stepType": step.get("StepType", "")},
                **{"previousStepStatus": before or "Starting", "currentStepStatus": status},
                **arns,
            }
            yield _event(
                record, STEP_CHANGE, detail, [pipeline, record.arn], f"{name} {step.get('StartTime')} {status}"
            )
        if record.verb == "updated":
            return
        ended = described["PipelineExecutionStatus"] not in ("Executing", "Stopping")
        known = {
            "pipelineExecutionDescription": described.get("PipelineExecutionDescription"),
            "pipelineExecutionDisplayName": described.get("PipelineExecutionDisplayName"),
            "currentPipelineExecutionStatus": described["PipelineExecutionStatus"],
            "previousPipelineExecutionStatus": _word(EXECUTION, record.before) or None,
            "executionStartTime": _time(described.get("CreationTime")),
            "executionEndTime": _time(described.get("LastModifiedTime")) if ended else None,
        }
        yield _event(record, EXECUTION_CHANGE, {**_present(known), **arns}, [pipeline, record.arn])


def _event(record: ChangeRecord, kind: str, detail: Json, resources: list[str], name: str = "") -> Json:
    """The event of a change. The same change makes the same id."""
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, name or f"{record.resource} {tuple(record.position)}")
    place = (record.account, record.region)
    return event_of(str(identifier), SOURCE, kind, detail, place=place, at=record.at, resources=resources)


def _word(kind: str, phase: str) -> str:
    """AWS's word for a phase of a kind, empty where there is none."""
    return next((noun.words.get(phase, "") for noun in all_nouns() if noun.kind == kind), "")


def _present(document: Mapping[str, Any]) -> Json:
    return {name: value for name, value in document.items() if value is not None}


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else iso(milliseconds / 1000)


def _lowered(metadata: Json) -> Json:
    """``{"TrainingJob": {"Arn": …}}`` as ``{"trainingJob": {"arn": …}}``."""
    return {
        f"{name[:1].lower()}{name[1:]}": _lowered(value) if isinstance(value, dict) else value
        for name, value in metadata.items()
    }


def plain(value: Any, shape: Shape) -> Any:
    """An answer as JSON, with what its shape has; times are milliseconds since the epoch."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        return {
            name: plain(item, members[name]) for name, item in value.items() if name in members and item is not None
        }
    if isinstance(shape, ListShape):
        return [plain(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {name: plain(item, shape.value) for name, item in value.items()}
    if shape.type_name == "timestamp":
        return round((value.timestamp() if isinstance(value, datetime) else float(value)) * 1000)
    return value
