"""The rules of SageMaker's tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sagewright.core.errors import ValidationException

RESERVED = "aws:"
LIMIT = 50
"""Tags of one resource."""


def tag_set(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The tags of a request by key. Raises ValidationException for a key that comes twice or is AWS's own."""
    found: dict[str, str] = {}
    for number, tag in enumerate(tags, 1):
        key = tag["Key"]
        if key.lower().startswith(RESERVED):
            raise ValidationException(
                f"Value {key!r} at 'tags.{number}.member.key' is reserved: keys must not begin with {RESERVED}"
            )
        if key in found:
            raise ValidationException(
                f"Value {key!r} at 'tags.{number}.member.key' is a duplicate: keys must be unique."
            )
        found[key] = tag["Value"]
    return found
