"""Server-side encryption in requests and answers: S3 always names one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.s3 import refusal

KEY = "arn:aws:kms:us-east-1:123456789012:key/0"
MEMBERS = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")


def of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in MEMBERS if name in answer}


def test_every_answer_about_an_object_names_the_default(s3: Any, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "k"}
    upload = here | {"UploadId": s3.create_multipart_upload(**here)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    answers = [
        part,
        s3.complete_multipart_upload(**upload, MultipartUpload=parts),
        s3.put_object(**here, Body=b"x"),
        s3.get_object(**here),
        s3.head_object(**here),
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=here),
        other := s3.create_multipart_upload(**here),
        s3.upload_part_copy(**here, UploadId=other["UploadId"], PartNumber=1, CopySource=here),
    ]
    assert [of(answer) for answer in answers] == [{"ServerSideEncryption": "AES256"}] * len(answers)


def test_keys_that_are_asked_for_are_kept_and_shown(s3: Any, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "k"}
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY, "BucketKeyEnabled": True}
    assert of(s3.put_object(**here, Body=b"x", **asked)) == asked
    assert of(s3.head_object(**here)) == of(s3.get_object(**here)) == asked
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=here)
    assert of(s3.head_object(Bucket=bucket, Key="copy")) == {"ServerSideEncryption": "AES256"}, "a copy inherits none"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=here, **asked)
    assert of(s3.head_object(Bucket=bucket, Key="copy")) == asked
    upload = here | {"UploadId": s3.create_multipart_upload(**here, **asked)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert of(part) == of(s3.complete_multipart_upload(**upload, MultipartUpload=parts)) == asked
    assert of(s3.head_object(**here)) == asked


@pytest.mark.parametrize(
    "asked",
    [
        {"ServerSideEncryption": "rot13"},
        {"SSEKMSKeyId": KEY},
        {"ServerSideEncryption": "AES256", "SSEKMSKeyId": KEY},
    ],
)
def test_what_makes_no_sense_is_refused(s3: Any, bucket: str, asked: dict[str, Any]) -> None:
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **asked) == (400, "InvalidArgument")
