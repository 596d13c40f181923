"""Members that several operations read from requests, and that several answers have in common."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from sagewright.access.permissions import s3_arn
from sagewright.nouns.operations import Call
from sagewright.services.s3._encryption import kept_encryption
from sagewright.services.s3._errors import (
    AccessControlListNotSupported,
    AccessDenied,
    InvalidArgument,
    KeyTooLong,
    MetadataTooLarge,
    NotImplementedHeader,
)
from sagewright.services.s3._tags import from_header
from sagewright.store.objects import Attributes, Bucket, Checksum, StoredObject
from sagewright.store.objects.errors import NoSuchBucket, NoSuchKey
from sagewright.wire.aws_chunked import codings

MAX_KEY = 1024
NULL_VERSION = "null"
"""The id of the one version that an object of an unversioned bucket has."""
MAX_METADATA = 2048
HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
"""Members of requests and answers that are kept as they come; ``Expires`` is the sixth, kept as text."""

_REFUSED = (
    "CopySourceSSECustomerAlgorithm",
    "CopySourceSSECustomerKey",
    "IfMatchLastModifiedTime",
    "IfMatchSize",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "WebsiteRedirectLocation",
    "WriteOffsetBytes",
)
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


def bucket_of(call: Call, request: dict[str, Any]) -> Bucket:
    """The request's bucket; raises NoSuchBucket, and AccessDenied when it is another account's than expected."""
    return named_bucket(call, request["Bucket"], request.get("ExpectedBucketOwner"))


def named_bucket(call: Call, name: str, expected_owner: str | None) -> Bucket:
    """The bucket ``name``; raises as ``bucket_of`` does."""
    bucket = call.platform.objects.bucket(name)
    if bucket is None:
        raise NoSuchBucket(BucketName=name)
    if bucket.account != call.account or bucket.account != (expected_owner or bucket.account):
        raise AccessDenied
    return bucket


def object_of(call: Call, request: dict[str, Any]) -> StoredObject:
    """The request's object; raises NoSuchBucket, AccessDenied and NoSuchKey."""
    bucket = bucket_of(call, request)
    check_version(request.get("VersionId"))
    stored = call.platform.objects.head(bucket.name, request["Key"])
    if stored is None:
        listing = {"Prefix": request["Key"]}  # only who may list a key learns that it is not there
        call.platform.access.demand(call, "s3:ListBucket", s3_arn(bucket.name), listing)
        raise NoSuchKey(Key=request["Key"])
    return stored


def check_version(version: str | None) -> None:
    """Buckets are not versioned: their objects have the version ``null`` only."""
    if version not in (None, NULL_VERSION):
        raise InvalidArgument("Invalid version id specified", ArgumentName="versionId", ArgumentValue=version)


def check_write(request: dict[str, Any]) -> None:
    """Raises for a key that is too long and for members that would have no effect."""
    size = len(request.get("Key", "").encode())
    if size > MAX_KEY:
        raise KeyTooLong(Size=size, MaxSizeAllowed=MAX_KEY)
    for member in _REFUSED:
        if member in request:
            raise NotImplementedHeader(Header=member)
    if request.get("ACL", "private") not in ("private", "bucket-owner-full-control") or any(
        grant in request for grant in _GRANTS
    ):
        raise AccessControlListNotSupported


def attributes_of(call: Call, request: dict[str, Any]) -> Attributes:
    """The headers and metadata to keep with an object; raises MetadataTooLarge."""
    headers = {member: str(request[member]) for member in HEADERS if member in request}
    encoded = codings(headers.get("ContentEncoding", ""))
    if "aws-chunked" in encoded:  # how the body came, not what it is
        headers["ContentEncoding"] = ", ".join(coding for coding in encoded if coding != "aws-chunked")
    if not headers.get("ContentEncoding"):
        headers.pop("ContentEncoding", None)
    if "Expires" in request:
        headers["Expires"] = call.http.headers.get("expires", "")
    metadata = {_text(name): _text(value) for name, value in request.get("Metadata", {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > MAX_METADATA:
        raise MetadataTooLarge(Size=size, MaxSizeAllowed=MAX_METADATA)
    headers = {"ContentType": "binary/octet-stream", **headers, **kept_encryption(request)}
    return Attributes(headers, metadata, tags_of(call, request))


def tags_of(call: Call, request: dict[str, Any]) -> dict[str, str]:
    """The tags that a write gives its object; raises AccessDenied, InvalidArgument, InvalidTag and BadRequest."""
    if "Tagging" in request:
        call.platform.access.demand(call, "s3:PutObjectTagging", s3_arn(request["Bucket"], request["Key"]), request)
    return from_header(request.get("Tagging", ""))


def etag_of(text: str) -> str:
    """An entity tag without its quotes, as the store keeps it."""
    return text.strip().removeprefix("W/").strip('"')


def quoted(etag: str) -> str:
    """An entity tag as S3 sends it."""
    return f'"{etag}"'


def seconds(time: float) -> int:
    """A time as S3 keeps it: whole seconds, so that a time from an answer can be compared with the object's."""
    return int(time)


def checksum_members(checksum: Checksum) -> dict[str, str]:
    """A checksum as members of an answer: none where it is not known."""
    if not checksum.algorithm:
        return {}
    return {f"Checksum{checksum.algorithm}": checksum.value, "ChecksumType": checksum.type}


def owner(account: str) -> dict[str, str]:
    """The canonical user of an account: 64 hex digits that follow from its number."""
    return {"ID": hashlib.sha256(f"canonical-user:{account}".encode()).hexdigest()}


def to_token(name: str) -> str:
    """The end of a page as an opaque token."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def from_token(token: str) -> str:
    """The name that ``to_token`` encoded; raises InvalidArgument for any other text."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidArgument(
            "The continuation token provided is incorrect", ArgumentName="continuation-token"
        ) from None


def part_marker(request: dict[str, Any]) -> int:
    """The number of the part to list from, which the model calls a string; raises InvalidArgument."""
    text = str(request.get("PartNumberMarker") or 0)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidArgument(
            "Argument part-number-marker must be an integer between 0 and 2147483647",
            ArgumentName="part-number-marker",
            ArgumentValue=text,
        )
    return int(text)


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
