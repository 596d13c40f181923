"""Buckets as boto3 and the SDKs' default-bucket flows use them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.kit.s3 import raw, refusal

from sagewright.testing.server import ServerProcess


def new() -> str:
    return f"test-{uuid.uuid4().hex}"


def test_life(s3: Any) -> None:
    name = new()
    assert refusal(s3.head_bucket, Bucket=name) == (404, "404")
    assert refusal(s3.delete_bucket, Bucket=name) == (404, "NoSuchBucket")
    assert s3.create_bucket(Bucket=name)["Location"] == f"/{name}"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"")
    assert refusal(s3.delete_bucket, Bucket=name) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    s3.get_waiter("bucket_not_exists").wait(Bucket=name, WaiterConfig={"Delay": 1, "MaxAttempts": 1})


def test_other_regions(client: Callable[..., Any]) -> None:
    europe, name = client("s3", "eu-west-1"), new()
    assert refusal(europe.create_bucket, Bucket=name) == (400, "IllegalLocationConstraintException")
    where = {"LocationConstraint": "eu-west-1"}
    assert refusal(
        europe.create_bucket, Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    ) == (400, "IllegalLocationConstraintException")
    europe.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    assert europe.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    assert europe.head_bucket(Bucket=name)["BucketRegion"] == "eu-west-1"
    assert refusal(europe.create_bucket, Bucket=name, CreateBucketConfiguration=where) == (
        409,
        "BucketAlreadyOwnedByYou",
    )


def test_constraints_seen_from_us_east_1(s3: Any) -> None:
    for constraint in ("us-east-1", "nowhere"):
        where = {"LocationConstraint": constraint}
        assert refusal(s3.create_bucket, Bucket=new(), CreateBucketConfiguration=where) == (
            400,
            "InvalidLocationConstraint",
        )
    name = new()
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "EU"})
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"


def test_making_it_twice_in_us_east_1_keeps_it(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    s3.create_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "-dash", "dash-", "1.2.3.4", "a..b", "xn--a", "x" * 64])
def test_invalid_names(server: ServerProcess, name: str) -> None:
    answer = raw(server, "PUT", f"/{name}")
    assert answer.status == 400
    assert b"<Code>InvalidBucketName</Code>" in answer.data


def test_list_buckets(s3: Any) -> None:
    prefix = f"list-{uuid.uuid4().hex[:8]}-"
    names = [f"{prefix}{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    everything = s3.list_buckets()
    assert set(names) <= {found["Name"] for found in everything["Buckets"]}
    assert len(everything["Owner"]["ID"]) == 64
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(page["Buckets"]) for page in pages] == [2, 2, 1]
    found = [item for page in pages for item in page["Buckets"]]
    assert [item["Name"] for item in found] == names
    assert abs(found[0]["CreationDate"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert s3.list_buckets(Prefix=prefix, BucketRegion="eu-west-1")["Buckets"] == []
    assert refusal(s3.list_buckets, ContinuationToken="no token!") == (400, "InvalidArgument")


def test_expected_owner(s3: Any, bucket: str) -> None:
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="123456789012")
    assert refusal(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner="999999999999") == (403, "403")
    assert refusal(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="999999999999") == (403, "AccessDenied")


def test_what_would_not_be_kept_is_refused(s3: Any, bucket: str) -> None:
    assert refusal(s3.create_bucket, Bucket=new(), ObjectLockEnabledForBucket=True) == (501, "NotImplemented")
    assert refusal(s3.create_bucket, Bucket=new(), ACL="public-read") == (400, "AccessControlListNotSupported")
