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


def check_read(request: dict[str, Any], found: StoredObject) -> None:
    """Raises PreconditionFailed (412) or NotModified (304) as the conditions of a GET or HEAD say.

    NotModified carries the headers that RFC 9110 (15.4.5) wants of it.
    """
    failed = _failed(request, found, "")
    if failed in ("If-None-Match", "If-Modified-Since"):
        kept = found.attributes.headers
        raise NotModified(
            {
                "etag": quoted(found.etag),
                "last-modified": formatdate(seconds(found.modified), usegmt=True),
                **({"cache-control": kept["CacheControl"]} if "CacheControl" in kept else {}),
                **({"expires": kept["Expires"]} if "Expires" in kept else {}),
            }
        )
    if failed:
        raise PreconditionFailed(Condition=failed)


def check_copy_source(request: dict[str, Any], found: ObjectInfo) -> None:
    """Raises PreconditionFailed as the ``CopySourceIf…`` members say."""
    failed = _failed(request, found, "CopySource")
    if failed:
        raise PreconditionFailed(Condition=f"x-amz-copy-source-{failed}")


def write_guard(request: dict[str, Any]) -> Guard | None:
    """What ``IfMatch`` and ``IfNoneMatch`` of a write forbid: to be asked inside its transaction."""
    wanted, unwanted = request.get("IfMatch"), request.get("IfNoneMatch")
    if unwanted not in (None, "*"):
        raise NotImplementedHeader(Header="If-None-Match")
    if wanted is None and unwanted is None:
        return None

    def guard(old: StoredObject | None) -> None:
        if unwanted is not None and old is not None:
            raise PreconditionFailed(Condition="If-None-Match")
        if wanted is not None and old is None:
            raise NoSuchKey(Key=request["Key"])
        if wanted is not None and old is not None and not _matches(wanted, old):
            raise PreconditionFailed(Condition="If-Match")

    return guard


def _failed(request: dict[str, Any], found: ObjectInfo, prefix: str) -> str | None:
    """The header whose condition does not hold; an entity tag's word counts more than a date's."""
    match, none_match = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfNoneMatch")
    unmodified, modified = request.get(f"{prefix}IfUnmodifiedSince"), request.get(f"{prefix}IfModifiedSince")
    if match is not None:
        if not _matches(match, found):
            return "If-Match"
    elif unmodified is not None and seconds(found.modified) > unmodified:
        return "If-Unmodified-Since"
    if none_match is not None:
        if _matches(none_match, found):
            return "If-None-Match"
    elif modified is not None and seconds(found.modified) <= modified:
        return "If-Modified-Since"
    return None


def _matches(tags: str, found: ObjectInfo) -> bool:
    return tags.strip() == "*" or found.etag in [etag_of(tag) for tag in tags.split(",")]
