"""PipelineExecution: a pipeline that runs, with the values of its parameters."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from sagewright.core import Json
from sagewright.core.errors import ResourceNotFound, ValidationException
from sagewright.domain.pipelines import graph, listing, parameters, selection
from sagewright.domain.pipelines.decisions import Pipeline
from sagewright.engine.lifecycle import RUN
from sagewright.engine.parents import ParentController
from sagewright.nouns.declaration import Noun, Refusal, require
from sagewright.nouns.identity import Generated
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.shape import Passes, Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker.pipelines import _execution
from sagewright.services.sagemaker.pipelines._execution import KIND, STEPS, runs_of
from sagewright.services.sagemaker.pipelines.pipeline import NOUN as PIPELINE
from sagewright.services.sagemaker.pipelines.pipeline import VERSION_ID, version
from sagewright.store.resources import AlreadyExists, Resource, Stale

_ATTEMPTS = 20
_TAKEN_OVER = ("PipelineExecutionDisplayName", "PipelineExecutionDescription", "SelectiveExecutionConfig")


def _of_pipeline(call: Call, value: str) -> Passes:
    """The executions of one pipeline."""
    pipeline = require(call, PIPELINE.kind, value)
    return lambda resource: resource.parent == pipeline.id


class _Started(Generated):
    """Named by the server when its pipeline is started: a Start makes it, and names the pipeline."""

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        if not operation.startswith("Start"):
            super().check(kind, operation, inputs)


NOUN = declare(
    Noun(
        kind=KIND,
        path="pipeline/{name}",
        identity=_Started("PipelineExecutionArn"),
        taken=Refusal("Pipeline execution '{arn}' already exists."),
        missing=Refusal("Pipeline execution with ARN '{arn}' does not exist.", ResourceNotFound),
        words={
            "pending": "Executing",
            "starting": "Executing",
            "running": "Executing",
            "interrupted": "Executing",
            "saving": "Executing",
            "stopping": "Stopping",
            "stopped": "Stopped",
            "succeeded": "Succeeded",
            "failed": "Failed",
        },
        lifecycle=RUN,
        controller=lambda tools: ParentController(_execution.parent_kind(), tools),
        shape=Shape(
            summary={"StartTime": "CreationTime", "PipelineExecutionFailureReason": "FailureReason"},
            filters={"PipelineName": _of_pipeline},
        ),
    ),
    ended=Refusal("The pipeline execution '{arn}' is in status {status} and cannot be stopped."),
    own=("Start", "Update"),
)


@operation("sagemaker", "StartPipelineExecution")
def start(call: Call, request: Json) -> Result:
    """Starts the latest version, or the one that is asked for. The same token starts once."""
    pipeline = require(call, PIPELINE.kind, request["PipelineName"])
    kept = version(call, pipeline, request.get(VERSION_ID) or int(pipeline.status[VERSION_ID]))
    spec: Json = {name: request[name] for name in _TAKEN_OVER if name in request}
    spec |= {
        "PipelineName": pipeline.name,
        "PipelineArn": pipeline.arn,
        "PipelineDefinition": kept.spec["PipelineDefinition"],
        "RoleArn": request.get("RoleArn") or kept.spec["RoleArn"],
        VERSION_ID: kept.status[VERSION_ID],
    }
    limit = request.get("ParallelismConfiguration") or kept.spec.get("ParallelismConfiguration")
    if limit:
        spec["ParallelismConfiguration"] = limit
    definition = Pipeline(*graph.parse(spec["PipelineDefinition"]))
    given = [(each["Name"], each["Value"]) for each in request.get("PipelineParameters", ())]
    try:
        spec["Values"] = parameters.values(definition.definition.parameters, given)
        steps = _borrowed(call, definition, pipeline, spec)
    except ValueError as error:
        raise ValidationException(f"Unable to start the pipeline execution: {error}.") from None
    digest = hashlib.sha256(f"{pipeline.id}\n{request['ClientRequestToken']}".encode()).digest()
    name = f"{pipeline.name}/execution/{base64.b32encode(digest).decode().lower()[:12]}"
    return {"PipelineExecutionArn": _create(call, pipeline, name, spec, {STEPS: steps} if steps else {}).arn}


def _create(call: Call, pipeline: Resource, name: str, spec: Json, notes: Json) -> Resource:
    try:
        made = call.platform.resources.create(
            account=call.account,
            region=call.region,
            kind=KIND,
            name=name,
            arn=NOUN.arn(call, name),
            spec=spec,
            status={},
            run=notes,
            phase=RUN.first,
            due=call.platform.clock.now(),
            parent=pipeline.id,
            tag_set={},
            events=(),
        )
    except AlreadyExists as error:
        return error.existing
    call.platform.hint(made.id)
    return made


def _borrowed(call: Call, definition: Pipeline, pipeline: Resource, spec: Json) -> Json:
    """The steps that a selective execution takes of its source. Raises ``ValueError``."""
    config = spec.get("SelectiveExecutionConfig")
    if not config:
        return {}
    selected = selection.select(definition, [each["StepName"] for each in config["SelectedSteps"]])
    source = config.get("SourcePipelineExecutionArn")
    if source is None:
        if selection.needs_source(definition, selected):
            needed = ", ".join(sorted(selection.taken_over(definition, selected)))
            raise ValueError(f"the selected steps depend on {needed}, so SourcePipelineExecutionArn has to be given")
        return {}
    found = NOUN.find(call, source)
    if found.parent != pipeline.id or not selection.source_allowed(NOUN.word(found)):
        raise ValueError(f"{source} is no execution of this pipeline that has ended")
    taken = selection.borrow(definition, selected, source, runs_of(found))
    return {name: run.to_json() for name, run in taken.items()}


@operation("sagemaker", "UpdatePipelineExecution")
def update(call: Call, request: Json) -> Result:
    """Changes what an execution is called, and how many of its steps may run at once."""
    for _ in range(_ATTEMPTS):
        resource = NOUN.find(call, request)
        changes = {name: value for name, value in request.items() if name != "PipelineExecutionArn"}
        try:
            call.platform.resources.update(resource, spec={**resource.spec, **changes})
        except Stale:
            continue
        call.platform.resources.poke(resource.id)
        return {"PipelineExecutionArn": resource.arn}
    raise ValidationException(f"{resource.arn} is changing. Try again.", code="ConflictException")


@operation("sagemaker", "ListPipelineExecutionSteps")
def list_steps(call: Call, request: Json) -> Result:
    """The steps that have begun, the newest first unless the request says otherwise."""
    resource = NOUN.find(call, request)
    newest_first = request.get("SortOrder", "Descending") == "Descending"
    definition = _execution.pipeline_of(resource).definition
    return _page(
        request, "PipelineExecutionSteps", listing.steps(definition, runs_of(resource), newest_first=newest_first)
    )


@operation("sagemaker", "ListPipelineParametersForExecution")
def list_parameters(call: Call, request: Json) -> Result:
    """The values that an execution was started with, defaults too."""
    resource = NOUN.find(call, request)
    return _page(request, "PipelineParameters", listing.parameters(resource.spec["Values"]))


@operation("sagemaker", "DescribePipelineDefinitionForExecution")
def describe_definition(call: Call, request: Json) -> Result:
    """The definition that an execution was started with."""
    resource = NOUN.find(call, request)
    return {"PipelineDefinition": resource.spec["PipelineDefinition"], "CreationTime": resource.created}


def _page(request: Json, member: str, items: Sequence[Any]) -> Json:
    token = str(request.get("NextToken", "0"))
    if not token.isdecimal() or len(token) > 9:
        raise ValidationException("NextToken is not one that this operation gave.")
    first = int(token)
    last = first + int(request.get("MaxResults", 100))
    said: Json = {member: list(items[first:last])}
    if last < len(items):
        said["NextToken"] = str(last)
    return said
