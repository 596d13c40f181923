"""Manifests as users write them, well and badly."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from sagewright.services.sagemaker._shared import manifests
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
    b"[" * 100_000: "its first element",
    b"[{" * 100_000: "not JSON",
    b'[{"a":' * 100_000: "not JSON|first element",
    b"[": "its first element",
    b"[1]": "its first element",
    b'[{"prefix": "s3://b/"}, "a"': "not JSON",
    b'[{"prefix": "s3://b/"}, "a': "not JSON",
    b'[{"prefix": "s3://b/"} "a"]': "not JSON",
    b'[{"prefix": "s3://b/"}, "a"] "b"': "not JSON",
    b'[{"prefix": "s3://b/"}, "a",]': "element 3 is not a string",
    b'[{"prefix": "s3://b/"}, "\\ud800"]': "cannot be the key of an object",
    b'[{"prefix": "s3://b/\\udfff/"}, "a"]': "cannot be the key of an object",
    b'[{"prefix": "s3://b/"}, "a\\u0000b"]': "cannot be the key of an object",
    b"{}": "not a JSON array",
    b"[]": "not a JSON array",
    b'"s3://b/k"': "not a JSON array",
    b'["s3://bucket/a"]': "its first element",
    b'[{"prefix": 1}, "a"]': "its first element",
    b'[{"prefix": "s3://b/", "more": 1}, "a"]': "its first element",
    b'{"source-ref": "s3://b/k"}\n{"source-ref": "s3://b/k"}': "not a JSON array",
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


def test_blanks_and_encodings_are_json_s() -> None:
    text = ' [ {"prefix" : "s3://b/"} ,\r\n\t"a" , "\\u00e4\\ud83d\\ude00" ]\n'
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert [each.key for each in parse(text.encode(encoding))] == ["a", "ä\U0001f600"]


@pytest.mark.parametrize("filling", [b"{},", b"[],", b'{"a":[1]},', b"1.5,", b"[[],["])
def test_what_cannot_be_a_manifest_takes_no_memory(filling: bytes) -> None:
    document = b'[{"prefix":"s3://b/"},' + filling * 300_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="element 2 is not a string"):
            parse(document)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(document) + (1 << 16)
    finally:
        tracemalloc.stop()


def test_a_manifest_names_a_million_objects_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_OBJECTS", 3)
    assert len(parsed({"prefix": "s3://b/"}, "1", "2", "3")) == 3
    with pytest.raises(ValueError, match="more than 3 objects"):
        parsed({"prefix": "s3://b/"}, "1", "2", "3", "4")
