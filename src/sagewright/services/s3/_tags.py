"""Tags of objects and buckets, from a header or a document, held to S3's rules.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import regex

from sagewright.services.s3._errors import BadRequest, InvalidArgument, InvalidTag

OBJECT_TAGS = 10
BUCKET_TAGS = 50
TAGS = "tags"
"""The bucket setting."""
_TEXT = regex.compile(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")


def from_header(text: str) -> dict[str, str]:
    """The tags that ``x-amz-tagging`` gives an object; raises InvalidArgument, InvalidTag and BadRequest."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        pairs = [("", ""), ("", "")]
    if len({name for name, _ in pairs}) != len(pairs):
        raise InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        )
    return checked(pairs, OBJECT_TAGS)


def from_document(document: Mapping[str, Any], limit: int) -> dict[str, str]:
    """The tags of a ``Tagging`` member; raises InvalidTag and BadRequest."""
    return checked([(tag["Key"], tag["Value"]) for tag in document.get("TagSet", [])], limit)


def checked(pairs: Iterable[tuple[str, str]], limit: int) -> dict[str, str]:
    """Tags from pairs that keep to the rules, at most ``limit`` of them."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key.lower().startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        if not 1 <= len(key) <= 128 or not _TEXT.fullmatch(key):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256 or not _TEXT.fullmatch(value):
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        tags[key] = value
    if len(tags) > limit:
        raise BadRequest(f"{'Object' if limit == OBJECT_TAGS else 'Bucket'} tags cannot be greater than {limit}")
    return tags


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a member of an answer, in order of their keys."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
