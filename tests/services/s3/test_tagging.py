"""Tags of objects and buckets."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from tests.kit.s3 import raw, refusal

from sagewright.testing.server import ServerProcess

TAGS = [{"Key": "colour", "Value": "grün"}, {"Key": "empty", "Value": ""}]


def tags(s3: Any, bucket: str, key: str = "k") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def test_put_get_delete(s3: Any, bucket: str) -> None:
    before = s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"m": "1"})
    assert tags(s3, bucket) == {}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": TAGS})
    assert tags(s3, bucket) == {"colour": "grün", "empty": ""}
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ETag"], head["Metadata"], head["TagCount"]) == (before["ETag"], {"m": "1"}, 2)
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "new", "Value": "1"}]})
    assert tags(s3, bucket) == {"new": "1"}
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags(s3, bucket) == {}
    assert "TagCount" not in s3.get_object(Bucket=bucket, Key="k")


def test_tags_come_with_writes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=%2B%20x")
    assert tags(s3, bucket) == {"a": "1", "b": "+ x"}
    source = f"{bucket}/k"
    s3.copy_object(Bucket=bucket, Key="copied", CopySource=source, MetadataDirective="REPLACE")
    s3.copy_object(Bucket=bucket, Key="changed", CopySource=source, TaggingDirective="REPLACE", Tagging="c=3")
    s3.copy_object(Bucket=bucket, Key="bare", CopySource=source, TaggingDirective="REPLACE")
    assert [tags(s3, bucket, key) for key in ("copied", "changed", "bare")] == [tags(s3, bucket), {"c": "3"}, {}]
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Tagging="d=4")["UploadId"]
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert tags(s3, bucket, "parts") == {"d": "4"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    assert tags(s3, bucket) == {}


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a=1&a=2", "InvalidArgument"),
        ("=1", "InvalidTag"),
        ("aws:a=1", "InvalidTag"),
        ("a%21=1", "InvalidTag"),
        ("k" * 129 + "=1", "InvalidTag"),
        ("k=" + "v" * 257, "InvalidTag"),
        ("&".join(f"k{number}=v" for number in range(11)), "BadRequest"),
    ],
)
def test_bad_tags(s3: Any, bucket: str, header: str, code: str) -> None:
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Tagging=header) == (400, code)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_refusals(server: ServerProcess, s3: Any, bucket: str) -> None:
    twice = {"TagSet": [{"Key": "a", "Value": "1"}] * 2}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refusal(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice) == (400, "InvalidTag")
    assert refusal(s3.put_object_tagging, Bucket=bucket, Key="none", Tagging={"TagSet": TAGS}) == (404, "NoSuchKey")
    assert refusal(s3.get_object_tagging, Bucket=bucket, Key="none") == (404, "NoSuchKey")
    document = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    path = f"/{bucket}/k?tagging"
    assert b"InvalidRequest" in raw(server, "PUT", path, document).data
    assert b"BadDigest" in raw(server, "PUT", path, document, {"x-amz-checksum-crc32": "AAAAAA=="}).data
    nameless = document.replace(b"<Key>a", b"<Key>")
    digest = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(nameless).to_bytes(4)).decode()}
    assert b"InvalidTag" in raw(server, "PUT", path, nameless, digest).data
    assert tags(s3, bucket) == {}


def test_buckets_have_tags(s3: Any, bucket: str) -> None:
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")
    born = f"{bucket}-2"
    s3.create_bucket(Bucket=born, CreateBucketConfiguration={"Tags": TAGS})
    assert s3.get_bucket_tagging(Bucket=born)["TagSet"] == TAGS
    s3.delete_bucket(Bucket=born)
    s3.create_bucket(Bucket=born)
    assert refusal(s3.get_bucket_tagging, Bucket=born) == (404, "NoSuchTagSet")
