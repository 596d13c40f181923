"""Listings, in both versions, with boto3's paginators."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.s3 import refusal

KEYS = ["a", "a b+c", "a/1", "a/2", "b/x/1", "b/y/1", "c", "d/", "\x01control", "\u00fc/\U0001f680"]


@pytest.fixture
def filled(s3: Any, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def names(page: dict[str, Any]) -> list[str]:
    return [entry["Key"] for entry in page.get("Contents", [])]


def prefixes(page: dict[str, Any]) -> list[str]:
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_pages(s3: Any, filled: str, operation: str) -> None:
    paginate = s3.get_paginator(operation).paginate
    pages = list(paginate(Bucket=filled, PaginationConfig={"PageSize": 3}))
    assert [key for page in pages for key in names(page)] == sorted(KEYS)
    assert [page["IsTruncated"] for page in pages] == [True, True, True, False]
    pages = list(paginate(Bucket=filled, Delimiter="/", PaginationConfig={"PageSize": 2}))
    assert [key for page in pages for key in names(page)] == ["\x01control", "a", "a b+c", "c"]
    assert [prefix for page in pages for prefix in prefixes(page)] == ["a/", "b/", "d/", "ü/"]
    assert max(len(names(page)) + len(prefixes(page)) for page in pages) == 2


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_prefix_and_delimiter(s3: Any, filled: str, operation: str) -> None:
    call = getattr(s3, operation)
    assert names(call(Bucket=filled, Prefix="a")) == ["a", "a b+c", "a/1", "a/2"]
    assert prefixes(call(Bucket=filled, Prefix="b/", Delimiter="/")) == ["b/x/", "b/y/"]
    assert names(call(Bucket=filled, Prefix="d/", Delimiter="/")) == ["d/"]
    assert names(call(Bucket=filled, Prefix="ü")) == ["ü/🚀"]
    page = call(Bucket=filled, Prefix="a b+", Delimiter="+c")
    assert (page["Delimiter"], names(page)) == ("+c", ["a b+c"])


def test_entries(s3: Any, filled: str) -> None:
    page = s3.list_objects_v2(Bucket=filled, Prefix="a/1", FetchOwner=True)
    entry = page["Contents"][0]
    head = s3.head_object(Bucket=filled, Key="a/1")
    assert (entry["Size"], entry["ETag"], entry["LastModified"]) == (
        head["ContentLength"],
        head["ETag"],
        head["LastModified"],
    )
    assert (entry["StorageClass"], entry["ChecksumAlgorithm"]) == ("STANDARD", ["CRC32"])
    assert len(entry["Owner"]["ID"]) == 64
    assert (page["KeyCount"], page["MaxKeys"], page["Name"]) == (1, 1000, filled)


def test_start_after_and_markers(s3: Any, filled: str) -> None:
    assert names(s3.list_objects_v2(Bucket=filled, StartAfter="b/y/1", MaxKeys=2)) == ["c", "d/"]
    assert names(s3.list_objects(Bucket=filled, Marker="b/y/1", MaxKeys=2)) == ["c", "d/"]
    assert "NextMarker" not in s3.list_objects(Bucket=filled, MaxKeys=1)
    assert s3.list_objects(Bucket=filled, MaxKeys=3, Delimiter="/")["NextMarker"] == "a b+c"


def test_limits(s3: Any, filled: str) -> None:
    none = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"], names(none)) == (0, False, [])
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=5000)["MaxKeys"] == 1000
    assert refusal(s3.list_objects_v2, Bucket=filled, MaxKeys=-1) == (400, "InvalidArgument")
    for token in ("", "not a token", "////"):
        assert refusal(s3.list_objects_v2, Bucket=filled, ContinuationToken=token) == (400, "InvalidArgument")
    assert refusal(s3.list_objects_v2, Bucket="no-such-bucket-here") == (404, "NoSuchBucket")


def test_empty_bucket(s3: Any, bucket: str) -> None:
    page = s3.list_objects_v2(Bucket=bucket)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)
    assert not page.keys() & {"Contents", "CommonPrefixes", "NextContinuationToken"}
