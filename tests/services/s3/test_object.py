"""Objects: what boto3 puts is what it gets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.kit.s3 import raw, refusal

from sagewright.testing.objects import ODD_KEYS
from sagewright.testing.server import ServerProcess

DATA = bytes(range(256)) * 40


def body(answer: dict[str, Any]) -> bytes:
    data: bytes = answer["Body"].read()
    return data


def test_put_get_head_delete(s3: Any, bucket: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    put = s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    etag = f'"{hashlib.md5(DATA).hexdigest()}"'
    assert put["ETag"] == etag
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body(got) == DATA
    head = s3.head_object(Bucket=bucket, Key="k")
    for answer in (got, head):
        assert (answer["ETag"], answer["ContentLength"], answer["AcceptRanges"]) == (etag, len(DATA), "bytes")
        assert answer["ContentType"] == "binary/octet-stream"
        assert before <= answer["LastModified"] <= datetime.now(UTC)
        assert answer["Metadata"] == {}
        assert not answer.keys() & {"VersionId", "ContentRange", "PartsCount", "DeleteMarker"}
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_missing_bucket(s3: Any) -> None:
    for call in (s3.put_object, s3.get_object, s3.delete_object):
        assert refusal(call, Bucket="no-such-bucket-here", Key="k") == (404, "NoSuchBucket")


def test_errors_carry_what_aws_carries(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="none")
    error = caught.value.response["Error"]
    assert (error["Key"], error["Message"]) == ("none", "The specified key does not exist.")
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket="no-such-bucket-here")
    assert caught.value.response["Error"]["BucketName"] == "no-such-bucket-here"


def test_empty_and_text_and_stream_bodies(s3: Any, bucket: str, tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(DATA)
    with (tmp_path / "file").open("rb") as file:
        for key, data, expected in (("empty", b"", b""), ("text", "grün", "grün".encode()), ("file", file, DATA)):
            s3.put_object(Bucket=bucket, Key=key, Body=data)
            assert body(s3.get_object(Bucket=bucket, Key=key)) == expected


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_odd_keys(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.put_object(Bucket=bucket, Key=f"{key}"[:1000] + "/other", Body=b"other")
    assert body(s3.get_object(Bucket=bucket, Key=key)) == key.encode()
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert key in listed
    assert len(listed) == 2
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert body(s3.get_object(Bucket=bucket, Key="copy")) == key.encode()
    s3.delete_object(Bucket=bucket, Key=key)
    assert refusal(s3.head_object, Bucket=bucket, Key=key) == (404, "404")


def test_keys_have_an_end(s3: Any, bucket: str) -> None:
    assert refusal(s3.put_object, Bucket=bucket, Key="é" * 512 + "x") == (400, "KeyTooLongError")
    assert refusal(s3.create_multipart_upload, Bucket=bucket, Key="k" * 1025)[0] == 400


def test_headers_and_metadata_come_back(s3: Any, bucket: str) -> None:
    kept = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="a.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/csv",
        "Metadata": {"owner": "me", "dash-ed": "a, b"},
    }
    expires = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=expires, **kept)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert {name: head[name] for name in kept} == kept
    assert head["ExpiresString"] == "Mon, 03 Feb 2031 04:05:06 GMT"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert {name: head[name] for name in kept} == kept


def test_metadata_beyond_ascii_and_beyond_size(server: ServerProcess, s3: Any, bucket: str) -> None:
    answer = raw(server, "PUT", f"/{bucket}/k", b"x", {"x-amz-meta-colour": "=?UTF-8?B?Z3LDvG4=?="})
    assert answer.status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"colour": "=?UTF-8?B?Z3LDvG4=?="}
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Metadata={"m": "x" * 2048}) == (400, "MetadataTooLarge")


def test_response_overrides(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/csv")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/plain", ResponseContentDisposition="inline")
    assert (got["ContentType"], got["ContentDisposition"]) == ("text/plain", "inline")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=5-", 5, 99),
        ("bytes=-7", 93, 99),
        ("bytes=-1000", 0, 99),
        ("bytes=90-1000", 90, 99),
    ],
)
def test_range(s3: Any, bucket: str, asked: str, first: int, last: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=DATA[:100])
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{last}/100"
    assert body(got) == DATA[first : last + 1]
    head = s3.head_object(Bucket=bucket, Key="k", Range=asked)
    assert (head["ResponseMetadata"]["HTTPStatusCode"], head["ContentLength"]) == (206, last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=a-b", "bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,3-4"])
def test_range_that_is_none_is_ignored(s3: Any, bucket: str, asked: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=DATA[:100])
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert body(got) == DATA[:100]


def test_range_beyond_the_end(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=5-") == (416, "InvalidRange")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=-0") == (416, "InvalidRange")
    assert refusal(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-") == (416, "InvalidRange")
    assert refusal(s3.head_object, Bucket=bucket, Key="k", Range="bytes=9-") == (416, "416")


def test_conditional_reads(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    changed = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    past, here = changed - timedelta(hours=1), {"Bucket": bucket, "Key": "k"}
    for fine in (
        {"IfMatch": etag},
        {"IfMatch": f'"other", {etag}'},
        {"IfMatch": "*"},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": past},
        {"IfUnmodifiedSince": changed},
        {"IfMatch": etag, "IfUnmodifiedSince": past},
    ):
        assert body(s3.get_object(**here, **fine)) == b"x"
    for failed in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": past}):
        assert refusal(s3.get_object, **here, **failed) == (412, "PreconditionFailed")
        assert refusal(s3.head_object, **here, **failed) == (412, "412")
    for same in ({"IfNoneMatch": etag}, {"IfNoneMatch": etag, "IfModifiedSince": past}, {"IfModifiedSince": changed}):
        assert refusal(s3.get_object, **here, **same)[0] == 304
        assert refusal(s3.head_object, **here, **same) == (304, "304")


def test_conditional_writes(s3: Any, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "k"}
    assert refusal(s3.put_object, **here, Body=b"0", IfMatch='"any"') == (404, "NoSuchKey")
    etag = s3.put_object(**here, Body=b"1", IfNoneMatch="*")["ETag"]
    assert refusal(s3.put_object, **here, Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(s3.put_object, **here, Body=b"2", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refusal(s3.put_object, **here, Body=b"2", IfNoneMatch=etag) == (501, "NotImplemented")
    assert refusal(s3.delete_object, **here, IfMatch='"other"') == (412, "PreconditionFailed")
    assert body(s3.get_object(**here)) == b"1"
    s3.put_object(**here, Body=b"2", IfMatch=etag)
    assert body(s3.get_object(**here)) == b"2"


def test_copy(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=DATA, ContentType="text/csv", Metadata={"a": "1"})
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"/{bucket}/k")["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="c")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"a": "1"})
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/c", MetadataDirective="REPLACE", Metadata={"b": "2"})
    got = s3.get_object(Bucket=bucket, Key="c")
    assert (got["ContentType"], got["Metadata"], body(got)) == ("binary/octet-stream", {"b": "2"}, DATA)
    s3.delete_object(Bucket=bucket, Key="k")
    assert body(s3.get_object(Bucket=bucket, Key="c")) == DATA


def test_copy_refusals(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    here = {"Bucket": bucket, "Key": "c"}
    assert refusal(s3.copy_object, **here, CopySource=f"{bucket}/none") == (404, "NoSuchKey")
    assert refusal(s3.copy_object, **here, CopySource="no-such-bucket-here/k") == (404, "NoSuchBucket")
    assert refusal(s3.copy_object, **here, CopySource="nonsense") == (400, "InvalidArgument")
    assert refusal(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/k") == (400, "InvalidRequest")
    for failed in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}):
        assert refusal(s3.copy_object, **here, CopySource=f"{bucket}/k", **failed) == (412, "PreconditionFailed")


def test_delete_objects(s3: Any, bucket: str) -> None:
    etag = ""
    for key in ("a", "b", "c", "d"):
        etag = s3.put_object(Bucket=bucket, Key=key, Body=b"x")["ETag"]
    wanted = [
        {"Key": "a"},
        {"Key": "none"},
        {"Key": "b", "VersionId": "v1"},
        {"Key": "c", "ETag": '"other"'},
        {"Key": "d", "ETag": etag},
    ]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
    assert {entry["Key"] for entry in answer["Deleted"]} == {"a", "none", "d"}
    assert {entry["Key"]: entry["Code"] for entry in answer["Errors"]} == {
        "b": "InvalidArgument",
        "c": "PreconditionFailed",
    }
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert not quiet.keys() & {"Deleted", "Errors"}
    many = [{"Key": str(number)} for number in range(1001)]
    assert refusal(s3.delete_objects, Bucket=bucket, Delete={"Objects": many}) == (400, "MalformedXML")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256", "CRC32C", "CRC64NVME"])
def test_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=DATA, ChecksumAlgorithm=algorithm)
    assert put["ChecksumType"] == "FULL_OBJECT"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[member] == put[member]
    assert body(got) == DATA  # boto3 checks it against the checksum
    copy = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")["CopyObjectResult"]
    assert copy[member] == put[member]
    size = len(base64.b64decode(put[member]))
    wrong = {member: base64.b64encode(b"\0" * size).decode()}
    assert refusal(s3.put_object, Bucket=bucket, Key="bad", Body=DATA, **wrong) == (400, "BadDigest")
    assert refusal(s3.put_object, Bucket=bucket, Key="bad", Body=DATA, **{member: "AA=="}) == (400, "InvalidRequest")
    assert refusal(s3.head_object, Bucket=bucket, Key="bad") == (404, "404")


def test_checksum_of_a_client_that_asks_for_none(client: Callable[..., Any], bucket: str) -> None:
    quiet = client("s3", config=Config(request_checksum_calculation="when_required"))
    put = quiet.put_object(Bucket=bucket, Key="k", Body=b"123456789")
    assert put["ChecksumCRC64NVME"] == base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()
    part = quiet.get_object(Bucket=bucket, Key="k", Range="bytes=0-3", ChecksumMode="ENABLED")
    assert not [name for name in part if name.startswith("Checksum")]


def test_content_md5(s3: Any, bucket: str) -> None:
    right = base64.b64encode(hashlib.md5(DATA).digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=DATA, ContentMD5=right)
    assert refusal(s3.put_object, Bucket=bucket, Key="bad", Body=b"x", ContentMD5=right) == (400, "BadDigest")
    assert refusal(s3.put_object, Bucket=bucket, Key="bad", Body=b"x", ContentMD5="!") == (400, "InvalidDigest")
    assert refusal(s3.head_object, Bucket=bucket, Key="bad") == (404, "404")


@pytest.mark.parametrize("version", [None, "s3v4"])  # boto3's own choice for a custom endpoint is SigV2
def test_presigned(client: Callable[..., Any], bucket: str, version: str | None) -> None:
    s3 = client("s3", config=Config(signature_version=version))
    here = {"Bucket": bucket, "Key": "a b+ü/c"}
    url = s3.generate_presigned_url("put_object", here)
    answer = urllib3.request("PUT", url, body=b"signed")
    assert answer.status == 200, answer.data
    url = s3.generate_presigned_url("get_object", here | {"ResponseContentType": "text/plain"})
    answer = urllib3.request("GET", url)
    assert (answer.data, answer.headers["content-type"]) == (b"signed", "text/plain")


def test_what_would_change_the_meaning_is_refused(s3: Any, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    for arguments in ({"WebsiteRedirectLocation": "/x"}, {"ObjectLockMode": "GOVERNANCE"}):
        assert refusal(s3.put_object, **here, **arguments) == (501, "NotImplemented")
    assert refusal(s3.put_object, **here, ACL="public-read") == (400, "AccessControlListNotSupported")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId="v1") == (400, "InvalidArgument")
