"""Model cards: what every noun promises, and versions that stay."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


def content(name: str, **more: Any) -> str:
    return json.dumps({"model_overview": {"model_name": name, "model_id": f"id-{name}"}, **more})


class TestModelCard(NounCase):
    kind = "ModelCard"
    example: ClassVar[dict[str, Any]] = {"ModelCardName": "example", "Content": "{}", "ModelCardStatus": "Draft"}
    update: ClassVar[dict[str, Any]] = {"ModelCardStatus": "PendingReview"}


def test_a_new_content_is_a_version_and_a_new_status_is_none(client: Client) -> None:
    sagemaker, name = client("sagemaker"), {"ModelCardName": f"card-{uuid.uuid4().hex[:8]}"}
    sagemaker.create_model_card(**name, Content=content("one"), ModelCardStatus="Draft")
    sagemaker.update_model_card(**name, ModelCardStatus="Approved")
    for text in ("two", "three"):
        sagemaker.update_model_card(**name, Content=content(text))
    sagemaker.update_model_card(**name, ModelCardStatus="Archived")
    described = sagemaker.describe_model_card(**name)
    assert (described["ModelCardVersion"], described["Content"]) == (3, content("three"))
    first = sagemaker.describe_model_card(**name, ModelCardVersion=1)
    assert (first["Content"], first["ModelCardStatus"]) == (content("one"), "Approved")
    metadata = sagemaker.describe_model_card(**name, ModelCardVersion=2, IncludedData="MetadataOnly")["Content"]
    assert json.loads(metadata)["model_overview"]["model_name"] == "two"
    with pytest.raises(ClientError, match="has no version 4") as missing:
        sagemaker.describe_model_card(**name, ModelCardVersion=4)
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"

    def versions(**request: Any) -> list[int]:
        listed = sagemaker.list_model_card_versions(**name, **request)
        return [each["ModelCardVersion"] for each in listed["ModelCardVersionSummaryList"]]

    assert versions() == [3, 2, 1]
    assert versions(SortBy="Version", SortOrder="Ascending") == [1, 2, 3]
    assert versions(ModelCardStatus="Approved") == [2, 1]
    assert versions(CreationTimeBefore=datetime(2020, 1, 1, tzinfo=UTC)) == []
    assert versions(CreationTimeAfter=datetime(2020, 1, 1, tzinfo=UTC)) == [3, 2, 1]
    page = sagemaker.list_model_card_versions(**name, MaxResults=2)
    assert versions(NextToken=page["NextToken"]) == [1]
    sagemaker.delete_model_card(**name)
    sagemaker.create_model_card(**name, Content=content("new"), ModelCardStatus="Draft")
    assert versions() == [1]


def test_callers_at_once_make_a_version_each_or_are_told(client: Client) -> None:
    sagemaker, name = client("sagemaker"), {"ModelCardName": f"card-{uuid.uuid4().hex[:8]}"}
    sagemaker.create_model_card(**name, Content=content("0"), ModelCardStatus="Draft")

    def update(number: int) -> str:
        try:
            sagemaker.update_model_card(**name, Content=content(str(number)))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "done"

    with ThreadPoolExecutor(8) as several:
        ends = Counter(several.map(update, range(1, 17)))
    done = ends["done"]
    assert done + ends["ConflictException"] == 16
    assert done
    listed = sagemaker.list_model_card_versions(**name)["ModelCardVersionSummaryList"]
    assert [each["ModelCardVersion"] for each in listed] == list(range(done + 1, 0, -1))
    texts = {sagemaker.describe_model_card(**name, ModelCardVersion=number)["Content"] for number in range(1, done + 2)}
    assert len(texts) == done + 1


def test_cards_are_found_by_their_model(client: Client) -> None:
    sagemaker, name = client("sagemaker"), f"card-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_card(ModelCardName=name, Content=content(name), ModelCardStatus="Draft")
    sought = {"Name": "ModelId", "Operator": "Equals", "Value": f"id-{name}"}
    found = sagemaker.search(Resource="ModelCard", SearchExpression={"Filters": [sought]})["Results"]
    assert [each["ModelCard"]["ModelCardName"] for each in found] == [name]


def test_content_and_status_are_not_changed_in_one_call_and_content_is_json(client: Client) -> None:
    sagemaker, name = client("sagemaker"), {"ModelCardName": f"card-{uuid.uuid4().hex[:8]}"}
    with pytest.raises(ClientError, match="is not JSON"):
        sagemaker.create_model_card(**name, Content="{", ModelCardStatus="Draft")
    sagemaker.create_model_card(**name, Content="{}", ModelCardStatus="Draft")
    with pytest.raises(ClientError, match="cannot be updated in one call"):
        sagemaker.update_model_card(**name, Content="{}", ModelCardStatus="Approved")
    with pytest.raises(ClientError, match="unknown section"):
        sagemaker.update_model_card(**name, Content='{"x": {}}')
    with pytest.raises(ClientError, match="already exists") as taken:
        sagemaker.create_model_card(**name, Content="{}", ModelCardStatus="Draft")
    assert taken.value.response["Error"]["Code"] == "ConflictException"
