"""Listings of objects: ListObjects and ListObjectsV2, two forms of one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._errors import InvalidArgument
from sagewright.services.s3._request import bucket_of, from_token, owner, quoted, seconds, to_token
from sagewright.store.objects import Bucket, ObjectInfo, Page

MAX_KEYS = 1000


@operation("s3", "ListObjectsV2")
def list_objects_v2(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page that continues at an opaque token."""
    bucket, encode = bucket_of(call, request), encoder(request)
    token = request.get("ContinuationToken")
    if token == "":
        raise InvalidArgument("The continuation token provided is incorrect", ArgumentName="continuation-token")
    keys = page(call, request, from_token(token) if token else request.get("StartAfter", ""))
    return {
        **_described(request, keys, bucket, with_owner=request.get("FetchOwner", False)),
        "KeyCount": len(keys.objects) + len(keys.common_prefixes),
        "ContinuationToken": token,
        "NextContinuationToken": to_token(keys.next) if keys.next is not None else None,
        "StartAfter": encode(request["StartAfter"]) if "StartAfter" in request else None,
    }


@operation("s3", "ListObjects")
def list_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page that continues at a key; with a delimiter, at ``NextMarker``."""
    bucket, encode = bucket_of(call, request), encoder(request)
    marker = request.get("Marker", "")
    keys = page(call, request, marker)
    return {
        **_described(request, keys, bucket, with_owner=True),
        "Marker": encode(marker),
        "NextMarker": encode(keys.next) if keys.next is not None and request.get("Delimiter") else None,
    }


def encoder(request: dict[str, Any]) -> Callable[[str], str]:
    """How keys are written: as they are, or percent-encoded when the client asked for what XML can hold."""
    return _quoted if request.get("EncodingType") == "url" else str


def common_prefixes(prefixes: tuple[str, ...], encode: Callable[[str], str]) -> list[dict[str, str]] | None:
    """``CommonPrefixes`` of an answer."""
    return [{"Prefix": encode(prefix)} for prefix in prefixes] or None


def limited(request: dict[str, Any], member: str) -> int:
    """How many entries a page may have; raises InvalidArgument for less than none."""
    limit: int = request.get(member, MAX_KEYS)
    if limit < 0:
        name = "-".join((member[:3], member[3:])).lower()
        raise InvalidArgument(
            f"Argument {member[0].lower()}{member[1:]} must be an integer between 0 and 2147483647",
            ArgumentName=name,
            ArgumentValue=limit,
        )
    return min(limit, MAX_KEYS)


def page(call: Call, request: dict[str, Any], start_after: str) -> Page:
    """The page of a bucket's keys that a request's members ask for."""
    return call.platform.objects.list(
        request["Bucket"],
        prefix=request.get("Prefix", ""),
        delimiter=request.get("Delimiter", ""),
        start_after=start_after,
        limit=limited(request, "MaxKeys"),
    )


def _described(request: dict[str, Any], keys: Page, bucket: Bucket, *, with_owner: bool) -> dict[str, Any]:
    encode = encoder(request)
    shared = {"StorageClass": "STANDARD"} | ({"Owner": owner(bucket.account)} if with_owner else {})
    return {
        "Name": bucket.name,
        "Prefix": encode(request.get("Prefix", "")),
        "Delimiter": encode(request["Delimiter"]) if request.get("Delimiter") else None,
        "MaxKeys": limited(request, "MaxKeys"),
        "EncodingType": request.get("EncodingType"),
        "IsTruncated": keys.next is not None,
        "Contents": [entry(info, encode) | shared for info in keys.objects] or None,
        "CommonPrefixes": common_prefixes(keys.common_prefixes, encode),
    }


def entry(info: ObjectInfo, encode: Callable[[str], str]) -> dict[str, Any]:
    """What every listing says of an object."""
    return {
        "Key": encode(info.key),
        "LastModified": seconds(info.modified),
        "ETag": quoted(info.etag),
        "Size": info.size,
        "ChecksumAlgorithm": [info.checksum.algorithm] if info.checksum.algorithm else None,
        "ChecksumType": info.checksum.type if info.checksum.algorithm else None,
    }


def _quoted(text: str) -> str:
    return quote(text, safe="/*")
