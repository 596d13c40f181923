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
from sagewright.services.s3._ranges import wanted
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
    found = object_of(call, request)
    answer, (offset, length) = _described(found, request)
    return {"Body": call.platform.objects.body(found.extent, offset, length), **answer}


@operation("s3", "HeadObject")
def head_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return _described(object_of(call, request), request)[0]


def _described(found: StoredObject, request: dict[str, Any]) -> tuple[dict[str, Any], tuple[int, int]]:
    """The answer to GET and HEAD, and the part of the object that it is about: offset and length."""
    check_read(request, found)
    part = _part_wanted(found, request)
    whole = part is None
    offset, length = part = part or (0, found.size)
    answer: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "ContentLength": length,
        "ETag": quoted(found.etag),
        "LastModified": seconds(found.modified),
        "Metadata": found.attributes.metadata,
        **found.attributes.headers,
        **shown_encryption(found.attributes.headers),
    }
    if not whole and length:
        answer["ContentRange"] = f"bytes {offset}-{offset + length - 1}/{found.size}"
    if "VersionId" in request:
        answer["VersionId"] = NULL_VERSION
    if found.attributes.tags:
        answer["TagCount"] = len(found.attributes.tags)
    if "PartNumber" in request and found.parts:
        answer["PartsCount"] = len(found.parts)
    if request.get("ChecksumMode") == "ENABLED":
        answer |= _checksum(found, request, whole=whole)
    return answer | {member: request[name] for name, member in _OVERRIDES.items() if name in request}, part


def _checksum(found: StoredObject, request: dict[str, Any], *, whole: bool) -> dict[str, str]:
    """The checksum of what is sent: of the whole, or of the one part; there is none of any other range."""
    if whole or ("PartNumber" in request and not found.parts):
        return checksum_members(found.checksum)
    value = found.parts[request["PartNumber"] - 1].checksum if "PartNumber" in request else ""
    return checksum_members(dataclasses.replace(found.checksum, value=value)) if value else {}


def _part_wanted(found: StoredObject, request: dict[str, Any]) -> tuple[int, int] | None:
    """The bytes that ``Range`` or ``PartNumber`` ask for, None for all; raises InvalidRange and InvalidPartNumber."""
    if "PartNumber" in request:
        if "Range" in request:
            raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        sizes, number = [part.size for part in found.parts] or [found.size], request["PartNumber"]
        if not 1 <= number <= len(sizes):
            raise InvalidPartNumber(PartNumberRequested=number, ActualPartCount=len(sizes))
        return sum(sizes[: number - 1]), sizes[number - 1]
    return wanted(request.get("Range", ""), found.size)


@operation("s3", "DeleteObject")
def delete_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete; a key that is not there is no error."""
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
    wanted = request.get("Delete", {}).get("Objects", [])
    if not 1 <= len(wanted) <= MAX_DELETE or any("Key" not in entry for entry in wanted):
        raise MalformedXML
    deleted, errors, at_once = [], [], []
    for entry in wanted:
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
    found = call.platform.objects.head(bucket.name, key)
    if found is None:
        raise NoSuchKey(Key=key)
    check_copy_source(request, found)
    return found
