"""Objects: put, get, head, delete, copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from sagewright.access.permissions import s3_arn
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._body import check_document, received
from sagewright.services.s3._conditions import check_copy_source, check_read, write_guard
from sagewright.services.s3._encryption import kept_encryption, shown_encryption, without_encryption
from sagewright.services.s3._errors import (
    InvalidArgument,
    InvalidPartNumber,
    InvalidRequest,
    MalformedXML,
    NotImplementedHeader,
)
from sagewright.services.s3._ranges import requested_range
from sagewright.services.s3._request import (
    HEADERS,
    NULL_VERSION,
    attributes_of,
    bucket_of,
    check_version,
    check_write,
    checksum_members,
    named_bucket,
    object_of,
    quoted,
    seconds,
    tags_of,
)
from sagewright.store.objects import StoredObject
from sagewright.store.objects.errors import NoSuchKey

MAX_COPY = 5 << 30
"""Bytes that one CopyObject may copy."""
MAX_DELETE = 1000
_OVERRIDES = {f"Response{member}": member for member in (*HEADERS, "Expires")}


@operation("s3", "PutObject")
def put_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = bucket_of(call, request)
    check_write(request)
    attributes, guard = attributes_of(call, request), write_guard(request)
    with received(call, request) as blob:
        stored = call.platform.objects.put(bucket.name, request["Key"], blob, attributes, guard)
    return {
        "ETag": quoted(stored.etag),
        **checksum_members(stored.checksum),
        **shown_encryption(stored.attributes.headers),
    }


@operation("s3", "GetObject")
def get_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    stored = object_of(call, request)
    answer, (offset, length) = _described(stored, request)
    return {"Body": call.platform.objects.body(stored.extent, offset, length), **answer}


@operation("s3", "HeadObject")
def head_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _described(object_of(call, request), request)[0]


def _described(stored: StoredObject, request: dict[str, Any]) -> tuple[dict[str, Any], tuple[int, int]]:
    """The answer to GET and HEAD, and the offset and length of the bytes that it is about."""
    check_read(request, stored)
    extent = _requested_part(stored, request)
    whole = extent is None
    offset, length = extent = extent or (0, stored.size)
    answer: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "ContentLength": length,
        "ETag": quoted(stored.etag),
        "LastModified": seconds(stored.modified),
        "Metadata": stored.attributes.metadata,
        **stored.attributes.headers,
        **shown_encryption(stored.attributes.headers),
    }
    if not whole and length:
        answer["ContentRange"] = f"bytes {offset}-{offset + length - 1}/{stored.size}"
    if "VersionId" in request:
        answer["VersionId"] = NULL_VERSION
    if stored.attributes.tags:
        answer["TagCount"] = len(stored.attributes.tags)
    if "PartNumber" in request and stored.parts:
        answer["PartsCount"] = len(stored.parts)
    if request.get("ChecksumMode") == "ENABLED":
        answer |= _checksum(stored, request, whole=whole)
    return answer | {member: request[name] for name, member in _OVERRIDES.items() if name in request}, extent


def _checksum(stored: StoredObject, request: dict[str, Any], *, whole: bool) -> dict[str, str]:
    """The checksum of the bytes in the answer: the whole object or one part. Other ranges have none."""
    if whole or ("PartNumber" in request and not stored.parts):
        return checksum_members(stored.checksum)
    value = stored.parts[request["PartNumber"] - 1].checksum if "PartNumber" in request else ""
    return checksum_members(dataclasses.replace(stored.checksum, value=value)) if value else {}


def _requested_part(stored: StoredObject, request: dict[str, Any]) -> tuple[int, int] | None:
    """The bytes that ``Range`` or ``PartNumber`` ask for, None for all; raises InvalidRange and InvalidPartNumber."""
    if "PartNumber" in request:
        if "Range" in request:
            raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        sizes, number = [part.size for part in stored.parts] or [stored.size], request["PartNumber"]
        if not 1 <= number <= len(sizes):
            raise InvalidPartNumber(PartNumberRequested=number, ActualPartCount=len(sizes))
        return sum(sizes[: number - 1]), sizes[number - 1]
    return requested_range(request.get("Range", ""), stored.size)


@operation("s3", "DeleteObject")
def delete_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete; a key that does not exist is no error."""
    bucket = bucket_of(call, request)
    check_version(request.get("VersionId"))
    check_write(request)
    call.platform.objects.delete(bucket.name, [request["Key"]], write_guard(request))
    return {}


@operation("s3", "DeleteObjects")
def delete_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete up to 1,000 objects; each that cannot be deleted is an entry of ``Errors``."""
    check_document(call)
    bucket = bucket_of(call, request)
    entries = request.get("Delete", {}).get("Objects", [])
    if not 1 <= len(entries) <= MAX_DELETE or any("Key" not in entry for entry in entries):
        raise MalformedXML
    deleted, errors, at_once = [], [], []
    for entry in entries:
        try:
            version = entry.get("VersionId")
            action = "s3:DeleteObject" if version is None else "s3:DeleteObjectVersion"
            call.platform.access.demand(call, action, s3_arn(bucket.name, entry["Key"]))
            check_version(version)
            if "LastModifiedTime" in entry or "Size" in entry:  # conditions of directory buckets
                raise NotImplementedHeader
            guard = write_guard({"Key": entry["Key"], "IfMatch": entry["ETag"]} if "ETag" in entry else {})
            if guard is None:
                at_once.append(entry["Key"])
            else:
                call.platform.objects.delete(bucket.name, [entry["Key"]], guard)
            deleted.append({"Key": entry["Key"], "VersionId": version})
        except AwsError as error:
            errors.append({"Key": entry["Key"], "Code": error.code, "Message": error.message})
    if at_once:
        call.platform.objects.delete(bucket.name, at_once)
    return {"Deleted": None if request["Delete"].get("Quiet") else deleted, "Errors": errors}


@operation("s3", "CopyObject")
def copy_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = bucket_of(call, request)
    check_write(request)
    source = copy_source(call, request)
    if source.size > MAX_COPY:
        raise InvalidRequest(
            f"The specified copy source is larger than the maximum allowable size for a copy source: {MAX_COPY}"
        )
    replace = request.get("MetadataDirective", "COPY") == "REPLACE"
    changes = replace or "StorageClass" in request or "ServerSideEncryption" in request
    if (source.bucket, source.key) == (bucket.name, request["Key"]) and not changes:
        raise InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
    if replace:
        attributes = attributes_of(call, request)
    else:
        headers = without_encryption(source.attributes.headers) | kept_encryption(request)
        attributes = dataclasses.replace(source.attributes, headers=headers)
    if request.get("TaggingDirective", "COPY") == "REPLACE":
        tags: Mapping[str, str] = tags_of(call, request)
    else:
        tags = _copied_tags(call, request, source)
    attributes = dataclasses.replace(attributes, tags=tags)
    with call.platform.objects.duplicate(source, request.get("ChecksumAlgorithm")) as blob:
        stored = call.platform.objects.put(bucket.name, request["Key"], blob, attributes, write_guard(request))
    result = {"ETag": quoted(stored.etag), "LastModified": seconds(stored.modified)}
    return {
        "CopyObjectResult": result | checksum_members(stored.checksum),
        **shown_encryption(stored.attributes.headers),
    }


def _copied_tags(call: Call, request: dict[str, Any], source: StoredObject) -> Mapping[str, str]:
    """The source's tags; to read and to write them are permissions of their own."""
    if source.attributes.tags:
        call.platform.access.demand(call, "s3:GetObjectTagging", s3_arn(source.bucket, source.key))
        call.platform.access.demand(call, "s3:PutObjectTagging", s3_arn(request["Bucket"], request["Key"]))
    return source.attributes.tags


def copy_source(call: Call, request: dict[str, Any]) -> StoredObject:
    """The object that ``CopySource`` names, if the ``CopySourceIf…`` conditions hold for it.

    Raises InvalidArgument, NoSuchBucket, NoSuchKey, AccessDenied and PreconditionFailed.
    """
    path, _, version = request["CopySource"].partition("?versionId=")
    try:
        name, _, key = unquote_to_bytes(path).decode().removeprefix("/").partition("/")
    except UnicodeDecodeError:
        name = key = ""
    if not name or not key:
        raise InvalidArgument(
            "Invalid copy source object key", ArgumentName="x-amz-copy-source", ArgumentValue=request["CopySource"]
        )
    check_version(version or None)
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    in_its_account = call.platform.access.demand(call, action, s3_arn(name, key))
    bucket = named_bucket(in_its_account, name, request.get("ExpectedSourceBucketOwner"))
    source = call.platform.objects.head(bucket.name, key)
    if source is None:
        raise NoSuchKey(Key=key)
    check_copy_source(request, source)
    return source
