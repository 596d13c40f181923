"""Tags of objects and buckets."""

from __future__ import annotations

from typing import Any

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._body import check_document
from sagewright.services.s3._errors import NoSuchTagSet
from sagewright.services.s3._request import bucket_of, check_version, object_of
from sagewright.services.s3._tags import BUCKET_TAGS, OBJECT_TAGS, TAGS, from_document, tag_set


@operation("s3", "PutObjectTagging")
def put_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace all tags of an object."""
    check_document(call)
    tags = from_document(request["Tagging"], OBJECT_TAGS)
    _retag(call, request, tags)
    return {}


@operation("s3", "GetObjectTagging")
def get_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"TagSet": tag_set(object_of(call, request).attributes.tags)}


@operation("s3", "DeleteObjectTagging")
def delete_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _retag(call, request, {})
    return {}


def _retag(call: Call, request: dict[str, Any], tags: dict[str, str]) -> None:
    bucket = bucket_of(call, request)
    check_version(request.get("VersionId"))
    call.platform.objects.retag(bucket.name, request["Key"], tags)


@operation("s3", "PutBucketTagging")
def put_bucket_tagging(call: Call, request: dict[str, Any]) -> None:
    """Replace all tags of a bucket."""
    check_document(call)
    bucket = bucket_of(call, request)
    call.platform.objects.configure(bucket.name, TAGS, from_document(request["Tagging"], BUCKET_TAGS))


@operation("s3", "GetBucketTagging")
def get_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = bucket_of(call, request)
    if not bucket.settings.get(TAGS):
        raise NoSuchTagSet(BucketName=bucket.name)
    return {"TagSet": tag_set(bucket.settings[TAGS])}


@operation("s3", "DeleteBucketTagging")
def delete_bucket_tagging(call: Call, request: dict[str, Any]) -> None:
    call.platform.objects.configure(bucket_of(call, request).name, TAGS, None)
