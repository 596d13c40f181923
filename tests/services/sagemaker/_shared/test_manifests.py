"""Manifests as users write them, well and badly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright.services.sagemaker._shared.manifests import parse


def parsed(*entries: Any) -> dict[str, str]:
    return {each.name: f"s3://{each.bucket}/{each.key}" for each in parse(json.dumps(entries).encode())}


def test_a_manifest_names_objects_below_its_prefix() -> None:
    assert parsed({"prefix": "s3://bucket/some/prefix/"}, "relative/path/1", "2", "2") == {
        "relative/path/1": "s3://bucket/some/prefix/relative/path/1",
        "2": "s3://bucket/some/prefix/2",
    }


def test_a_suffix_is_appended_as_it_is() -> None:
    assert parsed({"prefix": "s3://bucket/data/part-"}, "1.csv", "2/x.csv") == {
        "1.csv": "s3://bucket/data/part-1.csv",
        "2/x.csv": "s3://bucket/data/part-2/x.csv",
    }
    assert parsed({"prefix": "s3://bucket/"}, "a//b") == {"a/b": "s3://bucket/a//b"}
    assert parsed({"prefix": "s3://bucket/a/b.csv"}, "") == {"b.csv": "s3://bucket/a/b.csv"}


def test_folders_are_no_files() -> None:
    assert parsed({"prefix": "s3://bucket/"}, "folder/", "folder/x") == {"folder/x": "s3://bucket/folder/x"}


BAD: dict[bytes, str] = {
    b"": "not JSON",
    b"a,b\n1,2\n": "not JSON",
    b"\xff\xfe": "not JSON",
    b"[" * 100_000: "not JSON",
    b"{}": "not a JSON array",
    b"[]": "not a JSON array",
    b'"s3://b/k"': "not a JSON array",
    b'["s3://bucket/a"]': "its first element",
    b'[{"prefix": 1}, "a"]': "its first element",
    b'[{"prefix": "s3://b/", "more": 1}, "a"]': "its first element",
    b'{"source-ref": "s3://b/k"}\n{"source-ref": "s3://b/k"}': "not JSON",
    b'[{"prefix": "file:///etc/"}, "passwd"]': "not an S3 URI",
    b'[{"prefix": "s3://"}, "b/k"]': "S3 URI|bucket",
    b'[{"prefix": "s3://buck"}, "et/k"]': "within the name of the bucket",
    b'[{"prefix": "s3://b/"}, {"a": 1}]': "element 2 is not a string",
    b'[{"prefix": "s3://b/"}, "ok", null]': "element 3 is not a string",
    b'[{"prefix": "s3://b/"}]': "names no objects",
    b'[{"prefix": "s3://b/"}, "folder/"]': "names no objects",
    b'[{"prefix": "s3://b/a/"}, "../../x"]': "leaves the place of its input",
    b'[{"prefix": "s3://b/a/"}, ".."]': "leaves the place of its input",
    b'[{"prefix": "s3://b/a/"}, "x/../.."]': "leaves the place of its input",
}


@pytest.mark.parametrize("document", BAD)
def test_what_is_no_manifest_is_refused_with_a_reason(document: bytes) -> None:
    with pytest.raises(ValueError, match=BAD[document]):
        parse(document)
