"""Pipeline: a definition of steps, with every version that it had.

A create or an update is checked whole (``domain.pipelines``), so what starts can only fail by what its steps do. Each
update makes a version, a row below the pipeline's; Describe shows the latest, or the one that is asked for.
"""

from __future__ import annotations

from typing import Any

from sagewright.access.role_sessions import objects_as
from sagewright.core import Json
from sagewright.core.errors import ResourceNotFound, ValidationException
from sagewright.domain.pipelines import graph
from sagewright.domain.pipelines.definition import MOST_BYTES, DefinitionError
from sagewright.engine.lifecycle import RUN
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.identity import Given
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.shape import Shape
from sagewright.nouns.tags import tag_set
from sagewright.nouns.verbs import answer, declare
from sagewright.store.resources import AlreadyExists, Query, Resource, Stale

VERSION, EXECUTION = "PipelineVersion", "PipelineExecution"
VERSION_ID = "PipelineVersionId"
_DEFINED = ("PipelineDefinition", "PipelineDefinitionS3Location")
_NAMED = ("PipelineVersionDisplayName", "PipelineVersionDescription")
_ATTEMPTS = 20
"""To update what other callers update at the same time."""


def defined(call: Call, request: Json, role: str) -> str | None:
    """The definition that a request brings, in it or in S3, read as the pipeline's role; None where it brings none.

    Raises ValidationException: there are two, it cannot be read, or it is wrong.
    """
    given = [member for member in _DEFINED if request.get(member)]
    if not given:
        return None
    if len(given) > 1:
        raise ValidationException(f"You can specify {' or '.join(_DEFINED)}, not both.")
    text = request["PipelineDefinition"] if given == ["PipelineDefinition"] else _read(call, request[given[0]], role)
    try:
        graph.parse(text)
    except DefinitionError as error:
        raise ValidationException(str(error)) from None
    return str(text)


def _read(call: Call, where: Json, role: str) -> str:
    bucket, key = where["Bucket"], where["ObjectKey"]
    content = objects_as(call, role, NOUN.arn(call, "*")).read(bucket, key, MOST_BYTES + 1)
    if content is None:
        raise ValidationException(f"The pipeline definition s3://{bucket}/{key} does not exist.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValidationException(f"The pipeline definition s3://{bucket}/{key} is not text.") from None


NOUN = declare(
    Noun(
        kind="Pipeline",
        path="pipeline/{name}",
        identity=Given("PipelineName"),
        taken=Refusal(
            "Pipeline names must be unique within an AWS account and region. "
            "Pipeline with name ({name}) already exists: {arn}."
        ),
        missing=Refusal("Pipeline '{arn}' does not exist.", ResourceNotFound),
        shape=Shape(
            summary={"LastExecutionTime": "LastRunTime"},
            filters={"PipelineNamePrefix": "PipelineName"},
        ),
        status={"PipelineStatus": "Active", VERSION_ID: 1},
    ),
    own=("Create", "Describe", "Update", "Delete"),
)


@operation("sagemaker", "CreatePipeline")
def create(call: Call, request: Json) -> Result:
    """Stores the definition as version 1. The same request with the same token is answered once more."""
    text = defined(call, request, request["RoleArn"])
    if text is None:
        raise ValidationException(f"You must specify {' or '.join(_DEFINED)}.")
    spec = {"PipelineDisplayName": request["PipelineName"]}
    spec |= {member: value for member, value in request.items() if member not in _DEFINED}
    spec["PipelineDefinition"] = text
    before = call.platform.resources.get(call.account, call.region, NOUN.kind, request["PipelineName"])
    if before is not None and _is_same(call, before, spec):
        return {"PipelineArn": before.arn}
    made = NOUN.create(call, spec)
    _remember(call, made, 1)
    return {"PipelineArn": made.arn}


def _is_same(call: Call, before: Resource, spec: Json) -> bool:
    """Whether a pipeline was made by this request, token and tags included."""
    wanted = {member: value for member, value in spec.items() if member not in ("Tags", "PipelineName")}
    return before.spec == wanted and call.platform.tags.of(before.arn) == tag_set(spec.get("Tags", ()))


@operation("sagemaker", "UpdatePipeline")
def update(call: Call, request: Json) -> Result:
    """Makes the next version of what the request says and the latest version said."""
    for _ in range(_ATTEMPTS):
        resource = NOUN.find(call, request)
        changes = {member: value for member, value in request.items() if member not in ("PipelineName", *_DEFINED)}
        text = defined(call, request, request.get("RoleArn") or resource.spec["RoleArn"])
        if text is not None:
            changes["PipelineDefinition"] = text
        number = int(resource.status[VERSION_ID]) + 1
        try:
            status = {**resource.status, VERSION_ID: number}
            made = call.platform.resources.update(resource, spec={**resource.spec, **changes}, status=status)
        except Stale:
            continue
        _remember(call, made, number)
        return {"PipelineArn": made.arn, VERSION_ID: number}
    raise _conflict(resource)


def _conflict(resource: Resource) -> ValidationException:
    return ValidationException(
        f"{resource.arn} is being updated by other callers. Try again.", code="ConflictException"
    )


def _remember(call: Call, pipeline: Resource, number: int) -> None:
    """Keeps a version as a row below its pipeline. One that is there already stays."""
    spec = {member: value for member, value in pipeline.spec.items() if member != "ClientRequestToken"}
    try:
        call.platform.resources.create(
            account=pipeline.account,
            region=pipeline.region,
            kind=VERSION,
            name=f"{pipeline.name}/{number}",
            arn=f"{pipeline.arn}/version/{number}",
            spec=spec,
            status={VERSION_ID: number},
            run={},
            phase="ready",
            due=None,
            parent=pipeline.id,
            tag_set={},
            events=(),
        )
    except AlreadyExists:
        return


def version(call: Call, pipeline: Resource, number: int) -> Resource:
    """A version of a pipeline. Raises ResourceNotFound."""
    name = f"{pipeline.name}/{number}"
    found = call.platform.resources.get(pipeline.account, pipeline.region, VERSION, name)
    if found is None or found.parent != pipeline.id:
        raise ResourceNotFound(f"Pipeline version {number} of '{pipeline.arn}' does not exist.")
    return found


@operation("sagemaker", "DescribePipeline")
def describe(call: Call, request: Json) -> Result:
    """The latest version, or the one that is asked for by number."""
    pipeline = NOUN.find(call, request)
    kept = version(call, pipeline, request.get(VERSION_ID) or int(pipeline.status[VERSION_ID]))
    full = {**NOUN.full(call, pipeline), **kept.spec, **kept.status}
    latest = call.platform.resources.children(pipeline.id, Query(limit=1, specs=False), kind=EXECUTION)
    if latest:
        full["LastRunTime"] = latest[0].created
    return {member: value for member, value in full.items() if member in NOUN.facts.described}


@operation("sagemaker", "DeletePipeline")
def delete(call: Call, request: Json) -> Result:
    """Deletes the pipeline with its versions and executions; refused while one runs."""
    pipeline = NOUN.find(call, request)
    counts = call.platform.resources.phase_counts(pipeline.id)
    if any(kind == EXECUTION and not RUN.final(phase) for kind, phase in counts):
        text = f"Pipeline '{pipeline.arn}' has executions that run: stop them before deleting it."
        raise ValidationException(text, code="ConflictException")
    said = answer(NOUN, "Delete", call, pipeline)
    call.platform.resources.delete(pipeline, below=(VERSION, EXECUTION))
    return said


@operation("sagemaker", "UpdatePipelineVersion")
def update_version(call: Call, request: Json) -> Result:
    """Gives a version a name or a description of its own."""
    pipeline = NOUN.find(call, request["PipelineArn"])
    changes = {member: request[member] for member in _NAMED if member in request}
    for _ in range(_ATTEMPTS):
        kept = version(call, pipeline, request[VERSION_ID])
        try:
            call.platform.resources.update(kept, status={**kept.status, **changes})
        except Stale:
            continue
        return {"PipelineArn": pipeline.arn, VERSION_ID: request[VERSION_ID]}
    raise _conflict(pipeline)


@operation("sagemaker", "ListPipelineVersions")
def list_versions(call: Call, request: Json) -> Result:
    """The versions of a pipeline, the latest first unless the request says otherwise."""
    pipeline = NOUN.find(call, request)
    descending = request.get("SortOrder", "Descending") == "Descending"
    kept = call.platform.resources.children(pipeline.id, Query(limit=1_000_000, specs=False), kind=VERSION)
    rows = sorted((each for each in kept if _between(each, request)), key=_number, reverse=descending)
    first = _position(request)
    last = first + int(request.get("MaxResults", 100))
    said: dict[str, Any] = {"PipelineVersionSummaries": [_summary(pipeline, each) for each in rows[first:last]]}
    if last < len(rows):
        said["NextToken"] = str(last)
    return said


def _position(request: Json) -> int:
    token = str(request.get("NextToken", "0"))
    if not token.isdecimal() or len(token) > 9:
        raise ValidationException("NextToken is not one that this operation gave.")
    return int(token)


def _between(row: Resource, request: Json) -> bool:
    after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
    return (after is None or row.created > after) and (before is None or row.created < before)


def _number(row: Resource) -> int:
    return int(row.status[VERSION_ID])


def _summary(pipeline: Resource, row: Resource) -> Json:
    named = {member: row.status[member] for member in _NAMED if row.status.get(member)}
    return {"PipelineArn": pipeline.arn, VERSION_ID: row.status[VERSION_ID], "CreationTime": row.created, **named}
