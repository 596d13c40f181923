"""Buckets."""

from __future__ import annotations

import re
from typing import Any

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._errors import (
    BucketAlreadyOwnedByYou,
    IllegalLocationConstraint,
    InvalidBucketName,
    InvalidLocationConstraint,
    NotImplementedHeader,
)
from sagewright.services.s3._request import bucket_of, check_write, from_token, owner, seconds, to_token
from sagewright.services.s3._tags import BUCKET_TAGS, TAGS, from_document
from sagewright.services.s3.policy import forget_policy
from sagewright.store.objects.errors import BucketExists

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED = re.compile(r"(xn--|sthree-|amzn-s3-demo-).*|.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d")
CLASSIC = "us-east-1"
"""The region that has no location constraint, and where making a bucket twice is no error."""
MAX_BUCKETS = 10_000


@operation("s3", "CreateBucket")
def create_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a bucket in the region that the request is signed for, as its constraint must say."""
    name: str = request["Bucket"]
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if not _NAME.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name) or _RESERVED.fullmatch(name):
        raise InvalidBucketName(BucketName=name)
    check_write(request)
    configuration = request.get("CreateBucketConfiguration", {})
    if request.get("ObjectLockEnabledForBucket"):
        raise NotImplementedHeader
    tags = from_document({"TagSet": configuration.get("Tags", [])}, BUCKET_TAGS)
    region = _region(call.region, configuration.get("LocationConstraint"))
    try:
        call.platform.objects.create_bucket(name, call.account, region, {TAGS: tags} if tags else {})
    except BucketExists as error:
        if error.bucket.account != call.account:
            raise
        if not error.bucket.region == region == CLASSIC:
            raise BucketAlreadyOwnedByYou(BucketName=name) from None
    return {"Location": f"/{name}"}


def _region(called: str, constraint: str | None) -> str:
    if not constraint:
        if called != CLASSIC:
            raise IllegalLocationConstraint
        return CLASSIC
    region = "eu-west-1" if constraint == "EU" else constraint
    if region == CLASSIC or not _REGION.fullmatch(region):
        raise InvalidLocationConstraint(LocationConstraint=constraint)
    if called not in (CLASSIC, region):
        raise IllegalLocationConstraint(
            f"The {constraint} location constraint is incompatible for the region specific endpoint this request was "
            "sent to."
        )
    return region


@operation("s3", "HeadBucket")
def head_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"BucketRegion": bucket_of(call, request).region}


@operation("s3", "DeleteBucket")
def delete_bucket(call: Call, request: dict[str, Any]) -> None:
    name = bucket_of(call, request).name
    call.platform.objects.delete_bucket(name)
    forget_policy(call, name)


@operation("s3", "ListBuckets")
def list_buckets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    prefix, region, limit = request.get("Prefix", ""), request.get("BucketRegion"), request.get("MaxBuckets")
    after = from_token(request.get("ContinuationToken", ""))
    matching = [
        bucket
        for bucket in call.platform.objects.buckets(call.account)
        if bucket.name.startswith(prefix) and bucket.region == (region or bucket.region) and bucket.name > after
    ]
    buckets = matching[: limit or MAX_BUCKETS]
    return {
        "Buckets": [
            {"Name": bucket.name, "CreationDate": seconds(bucket.created), "BucketRegion": bucket.region}
            for bucket in buckets
        ],
        "Owner": owner(call.account),
        "Prefix": prefix or None,
        "ContinuationToken": to_token(buckets[-1].name) if len(buckets) < len(matching) else None,
    }


@operation("s3", "GetBucketLocation")
def get_bucket_location(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    region = bucket_of(call, request).region
    return {"LocationConstraint": None if region == CLASSIC else region}
