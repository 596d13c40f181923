"""Artifacts: one for each source."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.lineage import artifact, refused

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def sagemaker(server: ServerProcess, client: Any) -> Any:
    return client("sagemaker")


def test_there_is_one_artifact_of_a_source(sagemaker: Any) -> None:
    first = artifact(sagemaker, "s3://one/x", ArtifactName="n", Properties={"a": "1"})
    assert artifact(sagemaker, "s3://one/x", "Other") == first
    described = sagemaker.describe_artifact(ArtifactArn=first)
    assert (described["ArtifactType"], described["ArtifactName"]) == ("DataSet", "n")
    assert described["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:")
    (found,) = sagemaker.list_artifacts(SourceUri="s3://one/x")["ArtifactSummaries"]
    assert found["ArtifactArn"] == first
    assert sagemaker.delete_artifact(Source={"SourceUri": "s3://one/x"})["ArtifactArn"] == first
    assert refused(sagemaker.describe_artifact, ArtifactArn=first)[0] == "ResourceNotFound"


def test_properties_are_merged_and_removed(sagemaker: Any) -> None:
    arn = artifact(sagemaker, "s3://one/properties", Properties={"a": "1", "b": "2"})
    sagemaker.update_artifact(ArtifactArn=arn, Properties={"b": "3", "c": "4"}, PropertiesToRemove=["a"])
    assert sagemaker.describe_artifact(ArtifactArn=arn)["Properties"] == {"b": "3", "c": "4"}
    many = {str(n): "v" for n in range(29)}
    assert refused(sagemaker.update_artifact, ArtifactArn=arn, Properties=many)[0] == "ValidationException"
