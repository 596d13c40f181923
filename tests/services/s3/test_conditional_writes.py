"""If-Match and If-None-Match on every write that takes them, and deletes that must arrive whole."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.s3 import raw, refusal

from sagewright.testing.server import ServerProcess

Write = Callable[..., Any]


@pytest.fixture(params=["put", "copy", "complete"])
def write(request: pytest.FixtureRequest, s3: Any, bucket: str) -> Write:
    """Writes ``k`` in one of the ways there are, under the conditions given."""
    s3.put_object(Bucket=bucket, Key="source", Body=b"source")
    here = {"Bucket": bucket, "Key": "k"}

    def put(**conditions: str) -> Any:
        return s3.put_object(**here, Body=b"new", **conditions)

    def copy(**conditions: str) -> Any:
        return s3.copy_object(**here, CopySource=f"{bucket}/source", **conditions)

    def complete(**conditions: str) -> Any:
        upload = s3.create_multipart_upload(**here)["UploadId"]
        etag = s3.upload_part(**here, UploadId=upload, PartNumber=1, Body=b"new")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        return s3.complete_multipart_upload(**here, UploadId=upload, MultipartUpload=parts, **conditions)

    return {"put": put, "copy": copy, "complete": complete}[request.param]


def test_conditions(s3: Any, bucket: str, write: Write) -> None:
    assert refusal(write, IfMatch='"0"') == (404, "NoSuchKey")
    write(IfNoneMatch="*")
    assert refusal(write, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(write, IfMatch='"0"') == (412, "PreconditionFailed")
    write(IfMatch=s3.head_object(Bucket=bucket, Key="k")["ETag"])
    assert refusal(write, IfNoneMatch='"0"') == (501, "NotImplemented")


def test_deletes(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert refusal(s3.delete_object, Bucket=bucket, Key="k", IfMatch='"0"') == (412, "PreconditionFailed")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": "0"}, {"Key": "k", "Size": 1}]})
    assert [error["Code"] for error in answer["Errors"]] == ["PreconditionFailed", "NotImplemented"]
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_one_of_many_creators_wins(s3: Any, bucket: str) -> None:
    won: list[int] = []
    lost: list[str] = []

    def create(number: int) -> None:
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=str(number).encode(), IfNoneMatch="*")
        except s3.exceptions.ClientError as error:
            lost.append(error.response["Error"]["Code"])
        else:
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == ["PreconditionFailed"] * 7
    assert [str(number).encode() for number in won] == [s3.get_object(Bucket=bucket, Key="lock")["Body"].read()]


def test_delete_objects_must_come_with_a_digest(server: ServerProcess, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    document = b"<Delete><Object><Key>k</Key></Object></Delete>"
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    right = base64.b64encode(hashlib.md5(document).digest()).decode()
    for headers, code in (
        ({}, b"InvalidRequest"),
        ({"content-md5": wrong}, b"BadDigest"),
        ({"content-md5": "short"}, b"InvalidDigest"),
        ({"x-amz-checksum-sha1": "AAAA"}, b"InvalidRequest"),
        ({"x-amz-checksum-crc32c": "AAAAAA=="}, b"BadDigest"),
    ):
        answer = raw(server, "POST", f"/{bucket}?delete", document, headers)
        assert (answer.status, code in answer.data) == (400, True), answer.data
    s3.head_object(Bucket=bucket, Key="k")
    assert raw(server, "POST", f"/{bucket}?delete", document, {"content-md5": right}).status == 200
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")
