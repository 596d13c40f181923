"""Pipeline: what every noun promises, its versions, and that a wrong definition is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.pipelines.examples import DEFINITION, PIPELINE

from sagewright.testing.nouns import NounCase

OTHER = DEFINITION.replace("enough", "more")


class TestPipeline(NounCase):
    kind = "Pipeline"
    example = PIPELINE
    update: ClassVar[dict[str, Any]] = {"PipelineDefinition": OTHER, "PipelineDescription": "another"}
    filters: ClassVar[Mapping[str, tuple[Any, Any]]] = {"PipelineNamePrefix": ("case", "none")}


def make(client: Callable[..., Any], name: str) -> Any:
    sagemaker = client("sagemaker")
    sagemaker.create_pipeline(**{**PIPELINE, "PipelineName": name})
    return sagemaker


def test_each_update_makes_a_version(client: Callable[..., Any]) -> None:
    sagemaker = make(client, "versions")
    arn = sagemaker.describe_pipeline(PipelineName="versions")["PipelineArn"]
    assert sagemaker.update_pipeline(PipelineName="versions", PipelineDefinition=OTHER)["PipelineVersionId"] == 2
    assert sagemaker.describe_pipeline(PipelineName="versions")["PipelineDefinition"] == OTHER
    first = sagemaker.describe_pipeline(PipelineName="versions", PipelineVersionId=1)
    assert (first["PipelineDefinition"], first["PipelineStatus"]) == (DEFINITION, "Active")
    with pytest.raises(ClientError, match="Pipeline version 3 of"):
        sagemaker.describe_pipeline(PipelineName="versions", PipelineVersionId=3)
    sagemaker.update_pipeline_version(PipelineArn=arn, PipelineVersionId=1, PipelineVersionDisplayName="the-first")
    listed = sagemaker.list_pipeline_versions(PipelineName="versions")["PipelineVersionSummaries"]
    assert [each["PipelineVersionId"] for each in listed] == [2, 1]
    assert listed[1]["PipelineVersionDisplayName"] == "the-first"
    page = sagemaker.list_pipeline_versions(PipelineName="versions", MaxResults=1, SortOrder="Ascending")
    assert [each["PipelineVersionId"] for each in page["PipelineVersionSummaries"]] == [1]
    following = sagemaker.list_pipeline_versions(
        PipelineName="versions", MaxResults=1, SortOrder="Ascending", NextToken=page["NextToken"]
    )
    assert [each["PipelineVersionId"] for each in following["PipelineVersionSummaries"]] == [2]
    assert "NextToken" not in following


def test_versions_go_with_their_pipeline(client: Callable[..., Any]) -> None:
    sagemaker = make(client, "gone")
    sagemaker.update_pipeline(PipelineName="gone", PipelineDefinition=OTHER)
    sagemaker.delete_pipeline(PipelineName="gone")
    make(client, "gone")
    assert len(sagemaker.list_pipeline_versions(PipelineName="gone")["PipelineVersionSummaries"]) == 1


def test_the_same_request_with_the_same_token_is_answered_again(client: Callable[..., Any]) -> None:
    sagemaker = make(client, "again")
    again = sagemaker.create_pipeline(**{**PIPELINE, "PipelineName": "again"})
    assert again["PipelineArn"].endswith(":pipeline/again")
    with pytest.raises(ClientError, match="already exists") as refusal:
        sagemaker.create_pipeline(**{**PIPELINE, "PipelineName": "again", "ClientRequestToken": "1" * 32})
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ("{}", "Version has to be"),
        (json.dumps({"Version": "2020-12-01", "Steps": [], "Loop": 1}), "unknown property 'Loop'"),
        (DEFINITION.replace('"Arguments"', '"DependsOn": ["Nothing"], "Arguments"'), "step 'Stop': DependsOn names"),
    ],
)
def test_wrong_definitions_are_refused(client: Callable[..., Any], definition: str, sentence: str) -> None:
    sagemaker = client("sagemaker")
    with pytest.raises(ClientError, match=sentence.replace("step", "Step")) as refusal:
        sagemaker.create_pipeline(**{**PIPELINE, "PipelineName": "wrong", "PipelineDefinition": definition})
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert "Unable to parse pipeline definition." in str(refusal.value)


def test_a_definition_may_lie_in_s3(client: Callable[..., Any]) -> None:
    sagemaker, s3 = client("sagemaker"), client("s3")
    s3.create_bucket(Bucket="definitions")
    s3.put_object(Bucket="definitions", Key="p.json", Body=OTHER.encode())
    request = {member: value for member, value in PIPELINE.items() if member != "PipelineDefinition"}
    where = {"Bucket": "definitions", "ObjectKey": "p.json"}
    sagemaker.create_pipeline(**{**request, "PipelineName": "far", "PipelineDefinitionS3Location": where})
    assert sagemaker.describe_pipeline(PipelineName="far")["PipelineDefinition"] == OTHER
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.update_pipeline(PipelineName="far", PipelineDefinitionS3Location={**where, "ObjectKey": "no"})
    with pytest.raises(ClientError, match="not both"):
        sagemaker.update_pipeline(PipelineName="far", PipelineDefinition=OTHER, PipelineDefinitionS3Location=where)
    with pytest.raises(ClientError, match="You must specify"):
        sagemaker.create_pipeline(**{**request, "PipelineName": "none"})
