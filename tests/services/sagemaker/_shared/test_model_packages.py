"""A package as a model's container: what it says, and what the model says on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.kit.examples import Stage

from sagewright.core.errors import ValidationException
from sagewright.services.sagemaker._shared.model_packages import expanded, package_arn

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    container = {"Image": "i", "ModelDataUrl": "s3://b/k", "Environment": {"A": "1", "B": "2"}, "Framework": "X"}
    further = [{"Name": "small", "Containers": [{"Image": "small"}]}]
    spec = {"InferenceSpecification": {"Containers": [container]}, "AdditionalInferenceSpecifications": further}
    made.platform.resources.create(
        account="123456789012", region="us-east-1", kind="ModelPackage", name="g/1", arn=ARN, spec=spec
    )
    return made


def expand(stage: Stage, **container: Any) -> list[dict[str, Any]]:
    return expanded([container], stage.platform.resources, "123456789012", "us-east-1")


def test_a_container_is_the_packages_with_its_own_variables_on_top(stage: Stage) -> None:
    plain = {"Image": "i", "ModelDataUrl": "s3://b/k", "Environment": {"A": "1", "B": "3", "C": "4"}}
    assert expand(stage, ModelPackageName=ARN, Environment={"B": "3", "C": "4"}) == [plain]
    assert expand(stage, ModelPackageName="g/1", InferenceSpecificationName="small") == [{"Image": "small"}]
    assert expand(stage, Image="own") == [{"Image": "own"}]


@pytest.mark.parametrize("container", [{"ModelPackageName": "g/2"}, {"ModelPackageName": ARN.replace("g/1", "h/1")}])
def test_a_package_that_is_not_there_is_named(stage: Stage, container: dict[str, Any]) -> None:
    with pytest.raises(ValidationException, match="Could not find model package"):
        expand(stage, **container)


def test_a_specification_that_is_not_there_is_named(stage: Stage) -> None:
    with pytest.raises(ValidationException, match="has no AdditionalInferenceSpecification 'large'"):
        expand(stage, ModelPackageName=ARN, InferenceSpecificationName="large")


def test_names_and_arns_are_the_same() -> None:
    assert package_arn("123456789012", "us-east-1", "g/1") == ARN == package_arn("1", "eu", ARN)
