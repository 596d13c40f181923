"""What several operations read alike: a bucket's owner, codings of a body, who may learn that a key is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.principals import ACCOUNT, Person, allow
from tests.kit.s3 import refusal

OTHER = "111111111111"


def test_a_bucket_of_another_owner_than_expected_is_refused(s3: Any, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**here, Body=b"x", ExpectedBucketOwner=ACCOUNT)
    upload = s3.create_multipart_upload(**here)["UploadId"]
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (s3.put_object, {**here, "Body": b"y"}),
        (s3.get_object, here),
        (s3.head_object, here),
        (s3.delete_object, here),
        (s3.delete_objects, {"Bucket": bucket, "Delete": {"Objects": [{"Key": "k"}]}}),
        (s3.list_objects_v2, {"Bucket": bucket}),
        (s3.list_object_versions, {"Bucket": bucket}),
        (s3.head_bucket, {"Bucket": bucket}),
        (s3.delete_bucket, {"Bucket": bucket}),
        (s3.get_public_access_block, {"Bucket": bucket}),
        (s3.copy_object, {**here, "CopySource": here, "MetadataDirective": "REPLACE"}),
        (s3.upload_part, {**here, "UploadId": upload, "PartNumber": 1, "Body": b"x"}),
        (s3.complete_multipart_upload, {**here, "UploadId": upload, "MultipartUpload": {"Parts": []}}),
        (s3.get_object_attributes, {**here, "ObjectAttributes": ["ETag"]}),
        (s3.get_object_tagging, here),
    ]
    for call, members in calls:
        assert refusal(call, **members, ExpectedBucketOwner=OTHER)[0] == 403, call
    copy = {**here, "Key": "copy", "CopySource": here}
    assert refusal(s3.copy_object, **copy, ExpectedSourceBucketOwner=OTHER) == (403, "AccessDenied")
    s3.copy_object(**copy, ExpectedSourceBucketOwner=ACCOUNT, ExpectedBucketOwner=ACCOUNT)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate, gzip"),
        ("gzip,br", "gzip,br"),
        ("gzip, aws-chunked", "gzip"),
        ("aws-chunked,deflate,gzip", "deflate, gzip"),
        ("aws-chunked", None),
        ("aws-chunked, aws-chunked", None),
    ],
)
def test_codings_are_kept_but_for_how_the_body_came(s3: Any, bucket: str, given: str, kept: str | None) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentEncoding=given)
    assert s3.head_object(Bucket=bucket, Key="k").get("ContentEncoding") == kept


def test_who_may_not_list_a_key_does_not_learn_that_it_is_missing(
    s3: Any, bucket: str, client: Callable[..., Any]
) -> None:
    below = {"StringLike": {"s3:prefix": "public/*"}}
    person = Person(client).may(allow("s3:GetObject"), allow("s3:ListBucket", Condition=below))
    theirs = person.client("s3")
    for call in (theirs.head_object, theirs.get_object):
        assert refusal(call, Bucket=bucket, Key="public/none")[0] == 404
        assert refusal(call, Bucket=bucket, Key="private/none")[0] == 403


def test_attributes_of_an_object_need_the_right_to_read_it(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    asked = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ETag"]}
    some = Person(client).may(allow("s3:GetObjectAttributes")).client("s3")
    assert refusal(some.get_object_attributes, **asked) == (403, "AccessDenied")
    both = Person(client).may(allow("s3:GetObjectAttributes", "s3:GetObject")).client("s3")
    assert both.get_object_attributes(**asked)["ETag"]
    assert refusal(both.get_object_attributes, **asked, VersionId="null") == (403, "AccessDenied")
