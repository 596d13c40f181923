"""The rules of tags, in the header of a write and in the document of an operation of their own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.s3 import raw, refusal

from sagewright.testing.server import ServerProcess


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("foo=bar&bar", {"foo": "bar", "bar": ""}),
        ("foo=", {"foo": ""}),
        ("a%20b=c+d", {"a b": "c d"}),
        ("", {}),
    ],
)
def test_a_header_is_read_as_a_query_is(
    server: ServerProcess, s3: Any, bucket: str, header: str, tags: dict[str, str]
) -> None:
    assert raw(server, "PUT", f"/{bucket}/k", b"x", {"x-amz-tagging": header}).status == 200
    found = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in found} == tags


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([("k", "v")] * 2, "InvalidTag"),
        ([("aws:k", "v")], "InvalidTag"),
        ([("k" * 129, "v")], "InvalidTag"),
        ([("k", "v" * 257)], "InvalidTag"),
        ([("a?", "v")], "InvalidTag"),
        ([(str(number), "v") for number in range(11)], "BadRequest"),
    ],
)
def test_what_breaks_the_rules_is_refused(s3: Any, bucket: str, tags: list[tuple[str, str]], code: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="kept=1")
    document = {"TagSet": [{"Key": key, "Value": value} for key, value in tags]}
    assert refusal(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=document) == (400, code)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "kept", "Value": "1"}]
