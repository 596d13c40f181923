"""Multipart uploads, by hand and as boto3's transfer manager does them."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from tests.kit.s3 import refusal

MIB = 1 << 20
PART = os.urandom(5 * MIB)


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def uploaded(s3: Any, bucket: str, pieces: list[bytes], **options: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An upload of ``pieces``: what names it, and its parts."""
    created = s3.create_multipart_upload(Bucket=bucket, Key="k", **options)
    here = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    parts = []
    for number, piece in enumerate(pieces, 1):
        part = s3.upload_part(**here, PartNumber=number, Body=piece)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return here, parts


@pytest.mark.parametrize("transfer", ["upload_file", "upload_fileobj"])
def test_transfer_manager(s3: Any, bucket: str, tmp_path: Path, transfer: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    data = PART * 2 + b"tail"
    source.write_bytes(data)
    small = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    if transfer == "upload_file":
        s3.upload_file(str(source), bucket, "k", Config=small, ExtraArgs={"Metadata": {"m": "1"}})
    else:
        with source.open("rb") as file:
            s3.upload_fileobj(file, bucket, "k", Config=small, ExtraArgs={"Metadata": {"m": "1"}})
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    digests = b"".join(hashlib.md5(data[start : start + 5 * MIB]).digest() for start in range(0, len(data), 5 * MIB))
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (head["Metadata"], head["ContentLength"]) == ({"m": "1"}, len(data))
    assert (head["ChecksumType"], head["ChecksumCRC32"][-2:]) == ("COMPOSITE", "-3")
    s3.download_file(bucket, "k", str(target), Config=small)
    assert target.read_bytes() == data
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=small)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data


def test_by_hand(s3: Any, bucket: str) -> None:
    here, parts = uploaded(s3, bucket, [b"replaced", b"tail"], ContentType="text/csv")
    parts[0]["ETag"] = s3.upload_part(**here, PartNumber=1, Body=PART)["ETag"]
    listed = s3.list_parts(**here)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, len(PART)), (2, 4)]
    assert not listed["IsTruncated"]
    pages = list(s3.get_paginator("list_parts").paginate(**here, PaginationConfig={"PageSize": 1}))
    assert [page["Parts"][0]["ETag"] for page in pages] == [part["ETag"] for part in parts]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    done = s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
    assert (done["Bucket"], done["Key"], done["ChecksumType"]) == (bucket, "k", "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentType"], got["ETag"], got["Body"].read()) == ("text/csv", done["ETag"], PART + b"tail")
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (b"tail", 2)
    assert second["ContentRange"] == f"bytes {len(PART)}-{len(PART) + 3}/{len(PART) + 4}"
    assert refusal(s3.get_object, Bucket=bucket, Key="k", PartNumber=3) == (416, "InvalidPartNumber")
    assert refusal(s3.list_parts, **here) == (404, "NoSuchUpload")


def test_checksum_of_the_whole(s3: Any, bucket: str) -> None:
    pieces = [PART, b"tail"]
    here, parts = uploaded(s3, bucket, pieces, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    whole = crc32(b"".join(pieces))
    complete = {**here, "MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT"}
    assert refusal(s3.complete_multipart_upload, **complete, ChecksumCRC32=crc32(b"other")) == (400, "BadDigest")
    assert refusal(s3.complete_multipart_upload, **complete, MpuObjectSize=1) == (400, "InvalidRequest")
    done = s3.complete_multipart_upload(**complete, ChecksumCRC32=whole, MpuObjectSize=len(PART) + 4)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (whole, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["ChecksumCRC32"] == whole
    assert got["Body"].read() == PART + b"tail"


def test_composite_checksum(s3: Any, bucket: str) -> None:
    pieces = [PART, b"tail"]
    here, parts = uploaded(s3, bucket, pieces, ChecksumAlgorithm="SHA256")
    digests = [hashlib.sha256(piece).digest() for piece in pieces]
    for part, digest in zip(parts, digests, strict=True):
        part["ChecksumSHA256"] = base64.b64encode(digest).decode()
    wrong = [parts[0], parts[1] | {"ChecksumSHA256": parts[0]["ChecksumSHA256"]}]
    complete = s3.complete_multipart_upload
    assert refusal(complete, **here, MultipartUpload={"Parts": wrong}) == (400, "InvalidPart")
    done = complete(**here, MultipartUpload={"Parts": parts})
    expected = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (f"{expected}-2", "COMPOSITE")


def test_refusals(s3: Any, bucket: str) -> None:
    here, parts = uploaded(s3, bucket, [b"small", b"tail"])
    complete = s3.complete_multipart_upload
    for chosen, code in (
        ([], "MalformedXML"),
        (parts[::-1], "InvalidPartOrder"),
        ([parts[0] | {"ETag": '"0"'}], "InvalidPart"),
        ([{"PartNumber": 7, "ETag": parts[0]["ETag"]}], "InvalidPart"),
        (parts, "EntityTooSmall"),
    ):
        assert refusal(complete, **here, MultipartUpload={"Parts": chosen}) == (400, code)
    for number in (0, 10_001):
        assert refusal(s3.upload_part, **here, PartNumber=number, Body=b"x") == (400, "InvalidArgument")
    assert refusal(
        s3.create_multipart_upload, Bucket=bucket, Key="k", ChecksumAlgorithm="SHA1", ChecksumType="FULL_OBJECT"
    ) == (400, "InvalidRequest")
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    assert refusal(complete, **here, MultipartUpload={"Parts": parts[:1]}, IfNoneMatch="*") == (
        412,
        "PreconditionFailed",
    )
    complete(**here, MultipartUpload={"Parts": parts[1:]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"tail"


def test_abort(s3: Any, bucket: str) -> None:
    here, _ = uploaded(s3, bucket, [b"x"])
    s3.abort_multipart_upload(**here)
    for call, more in (
        (s3.upload_part, {"PartNumber": 1, "Body": b"x"}),
        (s3.list_parts, {}),
        (s3.abort_multipart_upload, {}),
    ):
        assert refusal(call, **here, **more) == (404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def test_copied_parts(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=PART + b"tail")
    here, _ = uploaded(s3, bucket, [])
    source = {"Bucket": bucket, "Key": "source"}
    ranges = [f"bytes=0-{5 * MIB - 1}", f"bytes={5 * MIB}-{5 * MIB + 3}"]
    parts = []
    for number, text in enumerate(ranges, 1):
        copied = s3.upload_part_copy(**here, PartNumber=number, CopySource=source, CopySourceRange=text)
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    for text in ("bytes=0-", "bytes=5-2", f"bytes=0-{5 * MIB + 4}"):
        assert refusal(s3.upload_part_copy, **here, PartNumber=9, CopySource=source, CopySourceRange=text) == (
            400,
            "InvalidArgument",
        )
    s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == PART + b"tail"


def test_list_uploads(s3: Any, bucket: str) -> None:
    keys = ["a", "a", "b/1", "b/2", "c d+e", "\u00fc"]
    ids = {s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]: key for key in keys}
    paginate = s3.get_paginator("list_multipart_uploads").paginate
    pages = list(paginate(Bucket=bucket, PaginationConfig={"PageSize": 1}))
    found = [(upload["UploadId"], upload["Key"]) for page in pages for upload in page["Uploads"]]
    assert [key for _, key in found] == sorted(keys)
    assert dict(found) == ids
    folded = list(paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}))
    assert [prefix["Prefix"] for page in folded for prefix in page.get("CommonPrefixes", [])] == ["b/"]
    assert sum(len(page.get("Uploads", [])) for page in folded) == 4
    assert [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket, Prefix="b")["Uploads"]] == [
        "b/1",
        "b/2",
    ]


def test_completing_twice_says_the_same(s3: Any, bucket: str) -> None:
    """A client that lost the answer asks again, and must not be told that its upload failed."""
    upload: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    finish = {**upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    first, second = (s3.complete_multipart_upload(**finish) for _ in range(2))
    del first["ResponseMetadata"], second["ResponseMetadata"]
    assert first == second
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    assert refusal(s3.complete_multipart_upload, **finish) == (404, "NoSuchUpload")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"newer"


def test_a_part_is_read_with_its_own_checksum_and_the_count_of_parts(s3: Any, bucket: str) -> None:
    pieces = [PART, b"tail"]
    here, parts = uploaded(s3, bucket, pieces, ChecksumAlgorithm="CRC32")
    for part, piece in zip(parts, pieces, strict=True):
        part["ChecksumCRC32"] = crc32(piece)
    whole = s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
    assert (whole["ChecksumType"], whole["ChecksumCRC32"][-2:]) == ("COMPOSITE", "-2")
    at = {"Bucket": bucket, "Key": "k"}
    for number, piece in enumerate(pieces, 1):
        got = s3.get_object(**at, PartNumber=number, ChecksumMode="ENABLED")
        head = s3.head_object(**at, PartNumber=number, ChecksumMode="ENABLED")
        assert got["Body"].read() == piece
        for answer in (got, head):
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert (answer["PartsCount"], answer["ContentLength"], answer["ETag"]) == (2, len(piece), whole["ETag"])
            assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (crc32(piece), "COMPOSITE")
    assert refusal(s3.get_object, **at, PartNumber=3) == (416, "InvalidPartNumber")
    assert "ChecksumCRC32" not in s3.get_object(**at, Range="bytes=0-3", ChecksumMode="ENABLED")


def test_an_object_that_came_whole_is_its_one_part(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1, ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ChecksumCRC32"]) == (b"whole", crc32(b"whole"))
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert "PartsCount" not in got
    assert refusal(s3.get_object, Bucket=bucket, Key="k", PartNumber=2) == (416, "InvalidPartNumber")


def test_bytes_that_are_copied_into_a_part_are_there(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    here = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}
    copy = {**here, "CopySource": {"Bucket": bucket, "Key": "source"}}
    for asked in ("bytes=0-10", "bytes=10-12", "bytes=5-4", "bytes=-3", "bytes=3-", "0-3", "bytes=0-3,5-6", "hello"):
        assert refusal(s3.upload_part_copy, **copy, CopySourceRange=asked) == (400, "InvalidArgument"), asked
    part = s3.upload_part_copy(**copy, CopySourceRange="bytes=2-4")["CopyPartResult"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"234"
