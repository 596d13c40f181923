"""Versions of a bucket that was never versioned: each object is the one version of its key, named ``null``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from tests.kit.principals import Person, allow
from tests.kit.s3 import refusal

from sagewright.testing.server import ServerProcess

KEYS = ["a", "a b+c", "a/1", "a/2", "b/x", "c"]


def fill(s3: Any, bucket: str) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def test_every_object_is_its_keys_latest_version(s3: Any, bucket: str) -> None:
    fill(s3, bucket)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [entry["Key"] for entry in listed["Versions"]] == KEYS
    head, entry = s3.head_object(Bucket=bucket, Key="a/1"), listed["Versions"][2]
    assert (entry["ETag"], entry["Size"], entry["LastModified"]) == (
        head["ETag"],
        head["ContentLength"],
        head["LastModified"],
    )
    assert (entry["VersionId"], entry["IsLatest"], entry["StorageClass"]) == ("null", True, "STANDARD")
    assert entry["ChecksumAlgorithm"] == ["CRC32"]
    assert entry["Owner"]["ID"]
    assert "DeleteMarkers" not in listed
    assert (listed["Name"], listed["IsTruncated"], listed["MaxKeys"]) == (bucket, False, 1000)


def test_versions_come_in_pages_and_fold(s3: Any, bucket: str) -> None:
    fill(s3, bucket)
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))
    assert [entry["Key"] for page in pages for entry in page.get("Versions", ())] == KEYS
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert (pages[0]["NextKeyMarker"], pages[0]["NextVersionIdMarker"]) == ("a b+c", "null")
    folded = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [entry["Key"] for entry in folded["Versions"]] == ["a", "a b+c", "c"]
    assert [entry["Prefix"] for entry in folded["CommonPrefixes"]] == ["a/", "b/"]
    page = s3.list_object_versions(Bucket=bucket, Delimiter="/", MaxKeys=3)
    assert (page["NextKeyMarker"], page.get("NextVersionIdMarker")) == ("a/", None)
    assert s3.list_object_versions(Bucket=bucket, Prefix="a/", KeyMarker="a/1")["Versions"][0]["Key"] == "a/2"
    refused = refusal(s3.list_object_versions, Bucket=bucket, VersionIdMarker="null")
    assert refused == (400, "InvalidArgument")
    assert refusal(s3.list_object_versions, Bucket=bucket, MaxKeys=-1) == (400, "InvalidArgument")


def test_code_that_empties_a_bucket_by_its_versions(s3: Any, bucket: str, server: ServerProcess) -> None:
    fill(s3, bucket)
    resource = boto3.resource("s3", **server.client_options())
    answers = resource.Bucket(bucket).object_versions.delete()
    assert [(each["Key"], each["VersionId"]) for each in answers[0]["Deleted"]] == [(key, "null") for key in KEYS]
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def test_a_version_that_is_asked_for_is_named_in_the_answer(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for call in (s3.get_object, s3.head_object):
        assert call(Bucket=bucket, Key="k", VersionId="null")["VersionId"] == "null"
        assert "VersionId" not in call(Bucket=bucket, Key="k")


def test_listing_versions_is_an_action_of_its_own(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    reader = Person(client).may(allow("s3:ListBucket")).client("s3")
    assert refusal(reader.list_object_versions, Bucket=bucket) == (403, "AccessDenied")
    lister = Person(client).may(allow("s3:ListBucketVersions")).client("s3")
    assert "Versions" not in lister.list_object_versions(Bucket=bucket)
