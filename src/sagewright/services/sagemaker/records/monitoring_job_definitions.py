"""The four kinds of monitoring job definitions: what a monitoring schedule would run, on record."""

from __future__ import annotations

from functools import partial

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.listing import list_resources
from sagewright.nouns.operations import Call, Operation, Result, add
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare

KINDS = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
    "ModelExplainability": "model-explainability-job-definition",
}
PROCESSING = "/opt/ml/processing/"


def check(kind: str, _call: Call, request: Json) -> None:
    """One input, and paths that a processing job has."""
    given = request[f"{kind}JobInput"]
    inputs = [given[name] for name in ("EndpointInput", "BatchTransformInput") if name in given]
    if len(inputs) != 1:
        raise ValidationException(f"{kind}JobInput needs either an EndpointInput or a BatchTransformInput.")
    outputs = [each["S3Output"] for each in request[f"{kind}JobOutputConfig"]["MonitoringOutputs"]]
    for each in (*inputs, *outputs):
        if not each["LocalPath"].startswith(PROCESSING):
            raise ValidationException(f"The LocalPath {each['LocalPath']!r} has to begin with {PROCESSING}.")


def list_definitions(noun: Noun, call: Call, request: Json) -> Result:
    """A page of definitions, each with the name of its endpoint, which is empty where the input is of a transform."""
    page: Json = {**list_resources(noun, call, request)}
    summaries = page["JobDefinitionSummaries"]
    return {**page, "JobDefinitionSummaries": [{"EndpointName": "", **each} for each in summaries]}


def _declare(kind: str, folder: str) -> Noun:
    of_endpoint = f"{kind}JobInput.EndpointInput.EndpointName"
    noun = declare(
        Noun(
            kind=f"{kind}JobDefinition",
            path=f"{folder}/{{name}}",
            taken=Refusal("Job definition already exists: {arn}", ResourceInUse),
            missing=Refusal("Could not find job definition {arn}.", ResourceNotFound),
            check=partial(check, kind),
            shape=Shape(
                summary={
                    "MonitoringJobDefinitionName": "JobDefinitionName",
                    "MonitoringJobDefinitionArn": "JobDefinitionArn",
                    "EndpointName": of_endpoint,
                },
                filters={"EndpointName": of_endpoint},
            ),
        ),
        own=("List",),
    )
    add(Operation(noun.service, noun.facts.list_operation, partial(list_definitions, noun)))
    return noun


NOUNS = {kind: _declare(kind, folder) for kind, folder in KINDS.items()}
