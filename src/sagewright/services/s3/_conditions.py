"""Conditional requests: RFC 9110 section 13 as S3 reads it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from sagewright.services.s3._errors import NotImplementedHeader, NotModified, PreconditionFailed
from sagewright.services.s3._request import etag_of, quoted, seconds
from sagewright.store.objects import Guard, ObjectInfo, StoredObject
from sagewright.store.objects.errors import NoSuchKey


def check_read(request: dict[str, Any], stored: StoredObject) -> None:
    """Raises PreconditionFailed (412) or NotModified (304) as the conditions of a GET or HEAD say.

    NotModified carries the headers that RFC 9110 (15.4.5) wants of it.
    """
    failed = _failed(request, stored, "")
    if failed in ("If-None-Match", "If-Modified-Since"):
        headers = stored.attributes.headers
        raise NotModified(
            {
                "etag": quoted(stored.etag),
                "last-modified": formatdate(seconds(stored.modified), usegmt=True),
                **({"cache-control": headers["CacheControl"]} if "CacheControl" in headers else {}),
                **({"expires": headers["Expires"]} if "Expires" in headers else {}),
            }
        )
    if failed:
        raise PreconditionFailed(Condition=failed)


def check_copy_source(request: dict[str, Any], source: ObjectInfo) -> None:
    """Raises PreconditionFailed as the ``CopySourceIf…`` members say."""
    failed = _failed(request, source, "CopySource")
    if failed:
        raise PreconditionFailed(Condition=f"x-amz-copy-source-{failed}")


def write_guard(request: dict[str, Any]) -> Guard | None:
    """The check of a write's ``IfMatch`` and ``IfNoneMatch``, to be called inside its transaction."""
    if_match, if_none_match = request.get("IfMatch"), request.get("IfNoneMatch")
    if if_none_match not in (None, "*"):
        raise NotImplementedHeader(Header="If-None-Match")
    if if_match is None and if_none_match is None:
        return None

    def guard(old: StoredObject | None) -> None:
        if if_none_match is not None and old is not None:
            raise PreconditionFailed(Condition="If-None-Match")
        if if_match is not None and old is None:
            raise NoSuchKey(Key=request["Key"])
        if if_match is not None and old is not None and not _matches(if_match, old):
            raise PreconditionFailed(Condition="If-Match")

    return guard


def _failed(request: dict[str, Any], info: ObjectInfo, prefix: str) -> str | None:
    """The header whose condition does not hold. A condition on the entity tag overrides the one on the date."""
    match, none_match = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfNoneMatch")
    unmodified, modified = request.get(f"{prefix}IfUnmodifiedSince"), request.get(f"{prefix}IfModifiedSince")
    if match is not None:
        if not _matches(match, info):
            return "If-Match"
    elif unmodified is not None and seconds(info.modified) > unmodified:
        return "If-Unmodified-Since"
    if none_match is not None:
        if _matches(none_match, info):
            return "If-None-Match"
    elif modified is not None and seconds(info.modified) <= modified:
        return "If-Modified-Since"
    return None


def _matches(tags: str, info: ObjectInfo) -> bool:
    return tags.strip() == "*" or info.etag in [etag_of(tag) for tag in tags.split(",")]
