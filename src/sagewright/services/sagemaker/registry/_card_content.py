"""The content of a model card: one JSON object, with the sections of AWS's schema.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-cards-json-schema.html
"""

from __future__ import annotations

import json
from typing import Any

from sagewright.core import Json
from sagewright.core.errors import ValidationException

SECTIONS = (
    *("model_overview", "intended_uses", "business_details", "training_details", "evaluation_details"),
    *("additional_information", "model_package_details"),
)


def require_content(text: str | None) -> None:
    """Raises ValidationException for a content that is no JSON object, or has sections that the schema lacks."""
    if text is None:
        return
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"The content of the model card is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValidationException("The content of the model card has to be a JSON object.")
    unknown = sorted(content.keys() - set(SECTIONS))
    if unknown:
        raise ValidationException(
            f"The content of the model card has an unknown section {unknown[0]!r}; there are {', '.join(SECTIONS)}."
        )
    for section, value in content.items():
        if not isinstance(value, list if section == "evaluation_details" else dict):
            kind = "a list" if section == "evaluation_details" else "an object"
            raise ValidationException(f"The section {section!r} of the model card's content has to be {kind}.")


def found_in(text: str) -> Json:
    """What Search knows of a card: the model it is about, its risk, and the group of a package it is about."""
    content: dict[str, dict[str, Any]] = json.loads(text)
    package = content.get("model_package_details", {})
    found = {
        "ModelId": content.get("model_overview", {}).get("model_id") or package.get("model_package_arn"),
        "RiskRating": content.get("intended_uses", {}).get("risk_rating"),
        "ModelPackageGroupName": package.get("model_package_group_name"),
    }
    return {name: value for name, value in found.items() if isinstance(value, str)}


_METADATA = (
    *(("model_overview", "model_id"), ("model_overview", "model_name"), ("intended_uses", "risk_rating")),
    *(("model_package_details", "model_package_group_name"), ("model_package_details", "model_package_arn")),
)


def metadata_only(text: str) -> str:
    """The content without all that IncludedData MetadataOnly leaves out."""
    content: dict[str, dict[str, Any]] = json.loads(text)
    kept: dict[str, dict[str, Any]] = {}
    for section, name in _METADATA:
        if name in content.get(section, {}):
            kept.setdefault(section, {})[name] = content[section][name]
    return json.dumps(kept)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
