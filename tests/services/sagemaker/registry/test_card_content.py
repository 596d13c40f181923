"""What a model card's content may be, and what is known of it."""

from __future__ import annotations

import json

import pytest

from sagewright.core.errors import ValidationException
from sagewright.services.sagemaker.registry._card_content import found_in, metadata_only, require_content

CARD = {
    "model_overview": {"model_id": "m", "model_name": "n", "model_owner": "o"},
    "intended_uses": {"risk_rating": "High", "purpose_of_model": "p"},
    "model_package_details": {"model_package_group_name": "g", "model_package_arn": "arn", "domain": "d"},
    "evaluation_details": [{"name": "e"}],
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"intended_uses": NaN}', "NaN is no number"),
        ("[]", "has to be a JSON object"),
        ('{"model_overwiev": {}}', "unknown section 'model_overwiev'"),
        ('{"model_overview": []}', "'model_overview' of the model card's content has to be an object"),
        ('{"evaluation_details": {}}', "'evaluation_details' of the model card's content has to be a list"),
    ],
)
def test_what_is_no_content_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        require_content(text)


def test_a_content_is_found_by_its_model_its_risk_and_its_group() -> None:
    require_content(json.dumps(CARD))
    assert found_in(json.dumps(CARD)) == {"ModelId": "m", "RiskRating": "High", "ModelPackageGroupName": "g"}
    package = {"model_package_details": CARD["model_package_details"]}
    assert found_in(json.dumps(package)) == {"ModelId": "arn", "ModelPackageGroupName": "g"}
    assert found_in("{}") == {}


def test_metadata_are_what_encryption_would_leave_readable() -> None:
    assert json.loads(metadata_only(json.dumps(CARD))) == {
        "model_overview": {"model_id": "m", "model_name": "n"},
        "intended_uses": {"risk_rating": "High"},
        "model_package_details": {"model_package_group_name": "g", "model_package_arn": "arn"},
    }
