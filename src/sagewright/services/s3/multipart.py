"""Multipart uploads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._body import check_checksum, received
from sagewright.services.s3._conditions import write_guard
from sagewright.services.s3._encryption import shown_encryption
from sagewright.services.s3._errors import BadDigest, EntityTooLarge, InvalidArgument, InvalidRequest, MalformedXML
from sagewright.services.s3._ranges import copied_range
from sagewright.services.s3._request import (
    attributes_of,
    bucket_of,
    check_write,
    checksum_members,
    etag_of,
    owner,
    part_marker,
    quoted,
    seconds,
)
from sagewright.services.s3.listing import common_prefixes, encoder, limited
from sagewright.services.s3.object import MAX_COPY, copy_source
from sagewright.store.objects import Part, StoredObject, Upload, checksums
from sagewright.store.objects.errors import NoSuchUpload
from sagewright.store.objects.uploads import Choice

MAX_PARTS = 10_000


@operation("s3", "CreateMultipartUpload")
def create_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = bucket_of(call, request)
    check_write(request)
    algorithm, kind = request.get("ChecksumAlgorithm", ""), request.get("ChecksumType", "")
    if kind and not algorithm:
        raise InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        )
    if kind and kind not in checksums.multipart_types(algorithm):
        raise InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    upload = call.platform.objects.uploads.create(
        bucket.name, request["Key"], attributes_of(call, request), algorithm or checksums.DEFAULT, kind
    )
    answer: dict[str, Any] = {"Bucket": bucket.name, "Key": upload.key, "UploadId": upload.id}
    answer |= shown_encryption(upload.attributes.headers)
    return answer | ({"ChecksumAlgorithm": algorithm, "ChecksumType": upload.checksum_type} if algorithm else {})


@operation("s3", "UploadPart")
def upload_part(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    upload = _upload_of(call, request)
    number = _part_number(request)
    with received(call, request, keep=upload.algorithm) as blob:
        part = call.platform.objects.uploads.put_part(upload, number, blob)
    return {
        "ETag": quoted(part.etag),
        f"Checksum{upload.algorithm}": part.checksum,
        **shown_encryption(upload.attributes.headers),
    }


@operation("s3", "UploadPartCopy")
def upload_part_copy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    upload = _upload_of(call, request)
    number = _part_number(request)
    source = copy_source(call, request)
    first, length = copied_range(request.get("CopySourceRange"), source.size)
    if length > MAX_COPY:
        raise EntityTooLarge(ProposedSize=length, MaxSizeAllowed=MAX_COPY)
    objects = call.platform.objects
    with objects.reader(source.extent, first, length) as some, objects.receive(some, upload.algorithm) as blob:
        part = objects.uploads.put_part(upload, number, blob)
    result = {"ETag": quoted(part.etag), "LastModified": seconds(part.modified)}
    return {
        "CopyPartResult": result | {f"Checksum{upload.algorithm}": part.checksum},
        **shown_encryption(upload.attributes.headers),
    }


@operation("s3", "CompleteMultipartUpload")
def complete_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Create the object. A repeated call, as after a lost answer, gets the same answer while the object exists."""
    try:
        return _completed(call, _complete(call, request))
    except NoSuchUpload:
        stored = call.platform.objects.head(request["Bucket"], request["Key"])
        if stored is None or stored.upload != request["UploadId"]:
            raise
        return _completed(call, stored)


def _complete(call: Call, request: dict[str, Any]) -> StoredObject:
    upload = _upload_of(call, request)
    parts = request.get("MultipartUpload", {}).get("Parts", [])
    if not 1 <= len(parts) <= MAX_PARTS or any("ETag" not in part or "PartNumber" not in part for part in parts):
        raise MalformedXML
    choices = [
        Choice(part["PartNumber"], etag_of(part["ETag"]), part.get(f"Checksum{upload.algorithm}")) for part in parts
    ]

    def check(planned: StoredObject) -> None:
        if request.get("ChecksumType", upload.checksum_type) != upload.checksum_type:
            raise BadDigest("The checksum type does not match that of the upload.")
        if request.get("MpuObjectSize", planned.size) != planned.size:
            raise InvalidRequest("The provided 'x-amz-mp-object-size' header does not match what was computed.")
        sent = request.get(f"Checksum{upload.algorithm}")
        if sent is not None:
            check_checksum(upload.algorithm, sent, planned.checksum.value)

    return call.platform.objects.uploads.complete(upload, choices, write_guard(request), check)


def _completed(call: Call, stored: StoredObject) -> dict[str, Any]:
    origin = f"{'https' if call.http.secure else 'http'}://{call.http.headers.get('host', '')}"
    return {
        "Location": f"{origin}/{stored.bucket}/{quote(stored.key)}",
        "Bucket": stored.bucket,
        "Key": stored.key,
        "ETag": quoted(stored.etag),
        **checksum_members(stored.checksum),
        **shown_encryption(stored.attributes.headers),
    }


@operation("s3", "AbortMultipartUpload")
def abort_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    call.platform.objects.uploads.abort(_upload_of(call, request))
    return {}


@operation("s3", "ListParts")
def list_parts(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    upload = _upload_of(call, request)
    limit, marker = limited(request, "MaxParts"), part_marker(request)
    parts = call.platform.objects.uploads.parts(upload, marker, limit + 1)
    page = parts[:limit]
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else None,
        "MaxParts": limit,
        "IsTruncated": bool(limit) and len(parts) > limit,
        "Parts": [_part(upload, part) for part in page] or None,
        "StorageClass": "STANDARD",
        "ChecksumAlgorithm": upload.algorithm,
        "ChecksumType": upload.checksum_type,
        **_owners(call),
    }


@operation("s3", "ListMultipartUploads")
def list_multipart_uploads(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket, encode = bucket_of(call, request), encoder(request)
    limit, prefix, delimiter = limited(request, "MaxUploads"), request.get("Prefix", ""), request.get("Delimiter", "")
    all_uploads = call.platform.objects.uploads.list(bucket.name)
    entries = _folded(_after(all_uploads, request), prefix, delimiter, request.get("KeyMarker", ""))
    page = entries[:limit]
    uploads = [upload for _, upload in page if upload is not None]
    truncated = bool(limit) and len(entries) > limit
    last, last_upload = page[-1] if truncated else (None, None)
    return {
        "Bucket": bucket.name,
        "KeyMarker": encode(request.get("KeyMarker", "")),
        "UploadIdMarker": request.get("UploadIdMarker", ""),
        "NextKeyMarker": encode(last) if last is not None else None,
        "NextUploadIdMarker": last_upload.id if last_upload else None,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) if delimiter else None,
        "MaxUploads": limit,
        "EncodingType": request.get("EncodingType"),
        "IsTruncated": truncated,
        "Uploads": [
            {
                "Key": encode(upload.key),
                "UploadId": upload.id,
                "Initiated": seconds(upload.created),
                "StorageClass": "STANDARD",
                "ChecksumAlgorithm": upload.algorithm,
                "ChecksumType": upload.checksum_type,
                **_owners(call),
            }
            for upload in uploads
        ]
        or None,
        "CommonPrefixes": common_prefixes(tuple(name for name, upload in page if upload is None), encode),
    }


def _upload_of(call: Call, request: dict[str, Any]) -> Upload:
    bucket = bucket_of(call, request)
    check_write(request)
    return call.platform.objects.uploads.get(bucket.name, request["Key"], request["UploadId"])


def _part_number(request: dict[str, Any]) -> int:
    number: int = request["PartNumber"]
    if not 1 <= number <= MAX_PARTS:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    return number


def _part(upload: Upload, part: Part) -> dict[str, Any]:
    return {
        "PartNumber": part.number,
        "LastModified": seconds(part.modified),
        "ETag": quoted(part.etag),
        "Size": part.size,
        f"Checksum{upload.algorithm}": part.checksum,
    }


def _owners(call: Call) -> dict[str, Any]:
    return {
        "Initiator": {"ID": call.principal.arn, "DisplayName": call.principal.arn.rpartition("/")[2]},
        "Owner": owner(call.account),
    }


def _after(uploads: Sequence[Upload], request: dict[str, Any]) -> list[Upload]:
    """The uploads behind the markers: of the marked key itself only those behind the marked upload."""
    key, upload_id = request.get("KeyMarker", ""), request.get("UploadIdMarker", "")
    if not upload_id:
        return [upload for upload in uploads if upload.key > key]
    same = [upload for upload in uploads if upload.key == key]
    index = next((position for position, upload in enumerate(same) if upload.id == upload_id), len(same))
    return same[index + 1 :] + [upload for upload in uploads if upload.key > key]


def _folded(uploads: Sequence[Upload], prefix: str, delimiter: str, marker: str) -> list[tuple[str, Upload | None]]:
    """Uploads under their keys, those that share a common prefix folded into one entry without an upload."""
    entries: dict[tuple[str, str], tuple[str, Upload | None]] = {}
    for upload in uploads:
        if not upload.key.startswith(prefix):
            continue
        end = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        common = upload.key[: end + len(delimiter)] if end >= 0 else ""
        if not common:
            entries[upload.key, upload.id] = (upload.key, upload)
        elif common > marker:
            entries[common, ""] = (common, None)
    return list(entries.values())
