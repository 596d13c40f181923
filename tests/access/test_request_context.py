"""What conditions look at: tags of objects, of those that are there and of those that a request gives."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.kit.principals import Person, allow
from tests.kit.s3 import refusal


@pytest.fixture
def bucket(client: Callable[..., Any]) -> Iterator[str]:
    s3, name = client("s3"), f"tags-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=name)
    for key, tagging in (("open", "team=a"), ("closed", "team=b"), ("plain", "")):
        s3.put_object(Bucket=name, Key=key, Body=b"x", Tagging=tagging)
    yield name
    for key in ("open", "closed", "plain", "new"):
        s3.delete_object(Bucket=name, Key=key)
    s3.delete_bucket(Bucket=name)


def test_tags_that_an_object_has(client: Callable[..., Any], bucket: str) -> None:
    tagged = {"StringEquals": {"s3:ExistingObjectTag/team": "a"}}
    s3 = Person(client).may(allow("s3:GetObject", Condition=tagged)).client("s3")
    assert s3.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    for key in ("closed", "plain", "none"):
        assert refusal(s3.get_object, Bucket=bucket, Key=key) == (403, "AccessDenied")
    client("s3").put_object_tagging(Bucket=bucket, Key="open", Tagging={"TagSet": []})
    assert refusal(s3.get_object, Bucket=bucket, Key="open") == (403, "AccessDenied"), "it is asked each time"


def test_tags_that_a_request_gives(client: Callable[..., Any], bucket: str) -> None:
    given = {"StringEquals": {"s3:RequestObjectTag/team": "a"}}
    only = {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team"]}}
    s3 = Person(client).may(allow("s3:PutObject", "s3:PutObjectTagging", Condition={**given, **only})).client("s3")
    s3.put_object(Bucket=bucket, Key="new", Body=b"x", Tagging="team=a")
    for tagging in ("team=b", "team=a&other=1"):
        assert refusal(s3.put_object, Bucket=bucket, Key="new", Body=b"x", Tagging=tagging) == (403, "AccessDenied")
    assert refusal(s3.put_object, Bucket=bucket, Key="new", Body=b"x") == (403, "AccessDenied")
    for value, allowed in (("a", True), ("b", False)):
        tagging = {"TagSet": [{"Key": "team", "Value": value}]}
        if allowed:
            s3.put_object_tagging(Bucket=bucket, Key="new", Tagging=tagging)
        else:
            assert refusal(s3.put_object_tagging, Bucket=bucket, Key="new", Tagging=tagging)[0] == 403
