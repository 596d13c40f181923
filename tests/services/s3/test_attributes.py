"""GetObjectAttributes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from tests.kit.s3 import refusal

from sagewright.store.objects.uploads import MIN_PART

ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


def test_of_a_single_put(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    found = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=ALL)
    assert (found["ETag"], found["ObjectSize"], found["StorageClass"]) == (put["ETag"].strip('"'), 5, "STANDARD")
    digest = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    assert found["Checksum"] == {"ChecksumSHA256": digest, "ChecksumType": "FULL_OBJECT"}
    assert "ObjectParts" not in found
    some = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert set(some) - {"ResponseMetadata"} == {"ObjectSize", "LastModified"}


def test_of_parts(s3: Any, bucket: str) -> None:
    upload: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, ChecksumAlgorithm="SHA1")["UploadId"]
    parts = []
    for number, body in ((1, b"1" * MIN_PART), (2, b"2" * MIN_PART), (5, b"5")):
        sent = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA1")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA1": sent["ChecksumSHA1"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    ask: dict[str, Any] = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ObjectParts"]}
    first = s3.get_object_attributes(**ask, MaxParts=2)["ObjectParts"]
    assert (first["TotalPartsCount"], first["IsTruncated"], first["MaxParts"]) == (3, True, 2)
    rest = s3.get_object_attributes(**ask, PartNumberMarker=int(first["NextPartNumberMarker"]))["ObjectParts"]
    assert rest["IsTruncated"] is False
    shown = first["Parts"] + rest["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in shown] == [(1, MIN_PART), (2, MIN_PART), (5, 1)]
    assert [part["ChecksumSHA1"] for part in shown] == [part["ChecksumSHA1"] for part in parts]


def test_refusals(s3: Any, bucket: str) -> None:
    ask = {"Bucket": bucket, "Key": "none"}
    assert refusal(s3.get_object_attributes, **ask, ObjectAttributes=["ETag"]) == (404, "NoSuchKey")
    assert refusal(s3.get_object_attributes, **ask, ObjectAttributes=["Colour"]) == (400, "InvalidArgument")
