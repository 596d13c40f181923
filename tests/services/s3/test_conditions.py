"""Conditions: what a 304 carries, and which condition counts more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.s3 import refusal


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_what_was_not_modified_is_named(s3: Any, bucket: str, operation: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", CacheControl="max-age=9")
    head = s3.head_object(Bucket=bucket, Key="k")
    later = datetime.now(UTC) + timedelta(minutes=1)
    for condition in ({"IfNoneMatch": head["ETag"]}, {"IfModifiedSince": later}, {"IfNoneMatch": "*"}):
        with pytest.raises(ClientError) as caught:
            getattr(s3, operation)(Bucket=bucket, Key="k", **condition)
        answer = caught.value.response["ResponseMetadata"]
        assert answer["HTTPStatusCode"] == 304
        headers = answer["HTTPHeaders"]
        assert (headers["etag"], headers["cache-control"]) == (head["ETag"], "max-age=9")
        assert headers["last-modified"] == head["ResponseMetadata"]["HTTPHeaders"]["last-modified"]


def test_an_entity_tag_counts_more_than_a_date(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    early, late = datetime(2001, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(minutes=1)
    here = {"Bucket": bucket, "Key": "k"}
    assert s3.get_object(**here, IfMatch=etag, IfUnmodifiedSince=early)["ETag"] == etag
    assert s3.get_object(**here, IfNoneMatch='"other"', IfModifiedSince=late)["ETag"] == etag
    assert refusal(s3.get_object, **here, IfMatch='"other"', IfUnmodifiedSince=late) == (412, "PreconditionFailed")
    assert refusal(s3.get_object, **here, IfNoneMatch=etag, IfModifiedSince=early) == (304, "304")


def test_writes_that_must_meet_what_is_there(s3: Any, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "k"}
    assert refusal(s3.put_object, **here, Body=b"x", IfMatch="*") == (404, "NoSuchKey")
    etag = s3.put_object(**here, Body=b"x", IfNoneMatch="*")["ETag"]
    assert refusal(s3.put_object, **here, Body=b"x", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(s3.put_object, **here, Body=b"x", IfNoneMatch=etag) == (501, "NotImplemented")
    assert refusal(s3.put_object, **here, Body=b"y", IfMatch='"other"') == (412, "PreconditionFailed")
    s3.put_object(**here, Body=b"y", IfMatch="*")
    upload = here | {"UploadId": s3.create_multipart_upload(**here)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"z")
    whole = {**upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
    assert refusal(s3.complete_multipart_upload, **whole, IfMatch=etag) == (412, "PreconditionFailed")
    now = s3.head_object(**here)["ETag"]
    s3.complete_multipart_upload(**whole, IfMatch=now)
    assert refusal(s3.delete_object, **here, IfMatch=now) == (412, "PreconditionFailed")
    s3.delete_object(**here, IfMatch=s3.head_object(**here)["ETag"])
