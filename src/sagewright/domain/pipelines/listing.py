"""What an execution's lists show: its steps, and the values of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.domain.pipelines import kinds
from sagewright.domain.pipelines.definition import Definition, Step
from sagewright.domain.pipelines.execution import StepRun
from sagewright.domain.pipelines.parameters import Value, to_text


def steps(definition: Definition, runs: Mapping[str, StepRun], *, newest_first: bool = True) -> list[dict[str, Any]]:
    """One document a step that has begun, in the order in which they began. Times are seconds since the epoch."""
    order = {name: position for position, name in enumerate(definition.steps)}
    begun = sorted(runs, key=lambda name: (runs[name].began, order[name]), reverse=newest_first)
    return [_step(definition.steps[name], runs[name]) for name in begun]


def _step(step: Step, run: StepRun) -> dict[str, Any]:
    document: dict[str, Any] = {
        "StepName": step.name,
        "StepDisplayName": step.display_name,
        "StepDescription": step.description,
        "StartTime": run.began,
        "EndTime": run.ended,
        "StepStatus": run.status,
        "FailureReason": run.failure if run.status == "Failed" else None,
        "Metadata": _metadata(step, run) or None,
        "AttemptCount": run.attempt
        if step.type in kinds.KINDS and not (run.cached_from or run.selected_from)
        else None,
        "CacheHitResult": {"SourcePipelineExecutionArn": run.cached_from} if run.cached_from else None,
        "SelectiveExecutionResult": {"SourcePipelineExecutionArn": run.selected_from} if run.selected_from else None,
    }
    return {member: value for member, value in document.items() if value is not None}


def _metadata(step: Step, run: StepRun) -> dict[str, Any]:
    if step.type == kinds.CONDITION:
        return {} if run.outcome is None else {"Condition": {"Outcome": str(run.outcome)}}
    if step.type == kinds.FAIL:
        return {"Fail": {"ErrorMessage": run.message or ""}}
    kind = kinds.KINDS.get(step.type)
    return {} if kind is None or run.arn is None else {kind.metadata: {"Arn": run.arn}}


def parameters(values: Mapping[str, Value]) -> list[dict[str, str]]:
    """The values of an execution's parameters as they are listed."""
    return [{"Name": name, "Value": to_text(value)} for name, value in values.items()]
