"""Tags that are refused, in every call that takes tags."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN
from tests.kit.jobs import ROLE

WRONG = [
    ([{"Key": "aws:owner", "Value": "v"}], "must not begin with aws:"),
    ([{"Key": "AWS:owner", "Value": "v"}], "must not begin with aws:"),
    ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "tags.2.member.key' is a duplicate"),
    ([{"Key": f"k{number}", "Value": "v"} for number in range(51)], "less than or equal to 50"),
    ([{"Key": "k" * 129, "Value": "v"}], "less than or equal to 128"),
    ([{"Key": "k", "Value": "v" * 257}], "less than or equal to 256"),
]


@pytest.fixture(scope="module")
def model(client: Callable[..., Any]) -> str:
    name = f"tagged-{uuid.uuid4().hex[:8]}"
    made = client("sagemaker").create_model(
        ModelName=name,
        PrimaryContainer={"Image": SKLEARN},
        ExecutionRoleArn=ROLE,
        Tags=[{"Key": "Case", "Value": "1"}, {"Key": "case", "Value": "2"}, {"Key": "sagemaker:x", "Value": "3"}],
    )
    return str(made["ModelArn"])


@pytest.mark.parametrize(("tags", "words"), WRONG)
def test_wrong_tags_are_refused_and_nothing_is_changed(
    client: Callable[..., Any], model: str, tags: list[dict[str, str]], words: str
) -> None:
    it = client("sagemaker")
    before = it.list_tags(ResourceArn=model)["Tags"]
    name = f"untagged-{uuid.uuid4().hex[:8]}"
    for call in (
        lambda: it.add_tags(ResourceArn=model, Tags=tags),
        lambda: it.create_model(ModelName=name, PrimaryContainer={"Image": SKLEARN}, ExecutionRoleArn=ROLE, Tags=tags),
    ):
        with pytest.raises(ClientError, match=words) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert it.list_tags(ResourceArn=model)["Tags"] == before
    assert it.list_models(NameContains=name)["Models"] == []


def test_a_page_of_tags_has_all_that_a_resource_may_have_and_a_token_that_was_never_given_is_refused(
    client: Callable[..., Any],
) -> None:
    it = client("sagemaker")
    name = f"full-{uuid.uuid4().hex[:8]}"
    tags = [{"Key": f"k{number:02}", "Value": "v"} for number in range(50)]
    arn = it.create_model(ModelName=name, PrimaryContainer={"Image": SKLEARN}, ExecutionRoleArn=ROLE, Tags=tags)[
        "ModelArn"
    ]
    for more in ({}, {"MaxResults": 50}, {"MaxResults": 1000}):
        page = it.list_tags(ResourceArn=arn, **more)
        assert page["Tags"] == tags
        assert "NextToken" not in page
    with pytest.raises(ClientError, match="Invalid NextToken") as refused:
        it.list_tags(ResourceArn=arn, NextToken="bm8=")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
