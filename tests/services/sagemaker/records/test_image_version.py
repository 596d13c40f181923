"""ImageVersion: what every noun promises that is numbered, and its aliases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import IMAGE

Client = Callable[..., Any]


def test_versions_have_numbers_and_names(client: Client) -> None:
    sagemaker, of = client("sagemaker"), {"ImageName": "versioned"}
    sagemaker.create_image(**{**IMAGE, **of})
    for number in (1, 2, 3):
        sagemaker.create_image_version(**of, BaseImage=f"r/i:{number}", ClientToken=f"t{number}")
    sagemaker.update_image_version(**of, Version=2, AliasesToAdd=["stable", "good"], ReleaseNotes="notes")
    described = sagemaker.describe_image_version(**of, Alias="stable")
    assert (described["Version"], described["BaseImage"], described["ReleaseNotes"]) == (2, "r/i:2", "notes")
    assert described["ImageVersionArn"].endswith(":image-version/versioned/2")
    assert described["ImageVersionStatus"] == "CREATED"
    assert sagemaker.describe_image_version(**of)["Version"] == 3
    with pytest.raises(ClientError, match="'stable' is one of version 2"):
        sagemaker.update_image_version(**of, Version=3, AliasesToAdd=["stable"])
    first = sagemaker.list_aliases(**of, MaxResults=1)
    rest = sagemaker.list_aliases(**of, NextToken=first["NextToken"])
    assert first["SageMakerImageVersionAliases"] + rest["SageMakerImageVersionAliases"] == ["good", "stable"]
    assert sagemaker.list_aliases(**of, Version=1)["SageMakerImageVersionAliases"] == []
    sagemaker.update_image_version(**of, Alias="good", AliasesToDelete=["good"])
    sagemaker.delete_image_version(**of, Alias="stable")
    assert [each["Version"] for each in sagemaker.list_image_versions(**of)["ImageVersions"]] == [3, 1]
    ordered = sagemaker.list_image_versions(**of, SortBy="VERSION", SortOrder="ASCENDING")["ImageVersions"]
    assert [each["Version"] for each in ordered] == [1, 3]
    for wrong in ({"Version": 2}, {"Alias": "stable"}, {"Version": 1, "Alias": "x"}):
        with pytest.raises(ClientError, match=r"does not exist|not both"):
            sagemaker.describe_image_version(**of, **wrong)
    with pytest.raises(ClientError, match="You must specify Version or Alias"):
        sagemaker.delete_image_version(**of)


def test_a_token_makes_one_version(client: Callable[..., Any]) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_image(**{**IMAGE, "ImageName": "token"})
    request = {"ImageName": "token", "BaseImage": "registry/image:1"}
    first = sagemaker.create_image_version(**request, ClientToken="a")["ImageVersionArn"]
    assert sagemaker.create_image_version(**request, ClientToken="a")["ImageVersionArn"] == first
    assert sagemaker.create_image_version(**request, ClientToken="b")["ImageVersionArn"] != first
