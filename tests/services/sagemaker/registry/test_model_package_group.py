"""Model package groups: what every noun promises, that they are deleted empty."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestModelPackageGroup(NounCase):
    kind = "ModelPackageGroup"
    example: ClassVar[dict[str, Any]] = {"ModelPackageGroupName": "example", "ModelPackageGroupDescription": "text"}
    filters: ClassVar[Mapping[str, tuple[Any, Any]]] = {"CrossAccountFilterOption": ("SameAccount", "CrossAccount")}


def test_a_group_is_deleted_when_it_is_empty(client: Client) -> None:
    sagemaker, name = client("sagemaker"), f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    specification = {"Containers": [{"Image": SKLEARN}]}
    made = sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=specification)
    with pytest.raises(ClientError, match="still contains model packages") as refusal:
        sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    assert refusal.value.response["Error"]["Code"] == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=made["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    again = sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=specification)
    assert again == {**again, "ModelPackageArn": made["ModelPackageArn"]}, "another group counts anew"


def test_taken_and_missing_are_said_in_words_that_clients_know(client: Client) -> None:
    sagemaker, name = client("sagemaker"), f"group-{uuid.uuid4().hex[:8]}"
    arn = sagemaker.create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    with pytest.raises(ClientError, match=f"ValidationException.*already exists: {arn}"):
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
    assert sagemaker.describe_model_package_group(ModelPackageGroupName=arn)["ModelPackageGroupName"] == name
    with pytest.raises(ClientError, match=r"ValidationException.*does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=f"{name}x")
