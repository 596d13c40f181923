"""What an update makes of a package, and which new packages contradict themselves."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.core.errors import ValidationException
from sagewright.services.sagemaker.registry._specification import is_copied, require_consistent, updated

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
SPECIFICATION = {"Containers": [{"Image": "i"}]}


def test_an_update_adds_replaces_and_takes_away() -> None:
    spec = {"CustomerMetadataProperties": {"a": "1"}, "ModelApprovalStatus": "Approved", "Domain": "d"}
    assert updated(spec, {}) == spec
    assert updated(spec, {"CustomerMetadataPropertiesToRemove": ["a", "b"]}) == {
        "ModelApprovalStatus": "Approved",
        "Domain": "d",
    }
    assert updated(spec, {"CustomerMetadataProperties": {"b": "2"}, "ModelApprovalStatus": "Rejected"}) == {
        "CustomerMetadataProperties": {"a": "1", "b": "2"},
        "ModelApprovalStatus": "Rejected",
        "Domain": "d",
    }


def test_a_package_holds_so_much_and_no_more() -> None:
    full: dict[str, Any] = {"AdditionalInferenceSpecifications": [{"Name": str(number)} for number in range(15)]}
    with pytest.raises(ValidationException, match="15 AdditionalInferenceSpecifications at most"):
        updated(full, {"AdditionalInferenceSpecificationsToAdd": [{"Name": "x"}]})
    with pytest.raises(ValidationException, match="50 CustomerMetadataProperties at most"):
        updated({}, {"CustomerMetadataProperties": {str(number): "x" for number in range(51)}})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "either a ModelPackageGroupName"),
        ({"ModelPackageGroupName": "g", "ModelPackageName": "n"}, "either a ModelPackageGroupName"),
        ({"ModelPackageGroupName": "g"}, "You must specify an InferenceSpecification"),
        ({"ModelPackageName": "n", "SourceUri": "somewhere"}, "You must specify an InferenceSpecification"),
        (
            {"ModelPackageGroupName": "g", "SourceUri": f"{ARN}:model/m", "InferenceSpecification": SPECIFICATION},
            "from which it is taken",
        ),
        (
            {
                "ModelPackageGroupName": "g",
                "InferenceSpecification": SPECIFICATION,
                "ModelCard": {"ModelCardContent": "{"},
            },
            "is not JSON",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        require_consistent(request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"ModelPackageGroupName": "g", "InferenceSpecification": SPECIFICATION},
        {"ModelPackageGroupName": "g", "ModelPackageRegistrationType": "Logged"},
        {"ModelPackageGroupName": "g", "SourceUri": "somewhere"},
        {"ModelPackageName": "n", "InferenceSpecification": SPECIFICATION, "Tags": [{"Key": "k", "Value": "v"}]},
    ],
)
def test_what_agrees_is_accepted(request_: dict[str, Any]) -> None:
    require_consistent(request_)


def test_a_source_is_copied_where_it_is_a_model_or_a_package() -> None:
    assert is_copied(f"{ARN}:model/m")
    assert is_copied(f"{ARN}:model-package/g/1")
    assert not is_copied(f"{ARN}:model-package-group/g")
    assert not is_copied("s3://bucket/model")
