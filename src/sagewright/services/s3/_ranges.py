"""Numbers and ranges of bytes in requests, however many digits they have."""

from __future__ import annotations

import re
import sys

from sagewright.services.s3._errors import InvalidArgument, InvalidRange

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_DIGITS = 18
"""Digits that are read: beyond them every number is larger than any object."""


def number(digits: str) -> int:
    """The number that the digits say; one that no object can reach is ``sys.maxsize``."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else sys.maxsize


def requested_range(text: str, size: int) -> tuple[int, int] | None:
    """Offset and length of the bytes that a ``Range`` header asks of an object of ``size`` bytes, None for all.

    A range that is not of the form of RFC 9110, or several of them, is ignored, as S3 does. Raises InvalidRange.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        return None
    first, last = number(match[1]), number(match[2])
    if match[1] and match[2] and first > last:
        return None
    if match[1]:
        begin, end = first, min(last if match[2] else size, size - 1)
    else:
        begin, end = max(0, size - last), size - 1
    if begin > end:
        raise InvalidRange(RangeRequested=text, ActualObjectSize=size)
    return begin, end - begin + 1


def copied_range(text: str | None, size: int) -> tuple[int, int]:
    """Offset and length of the range that UploadPartCopy copies from ``size`` bytes; raises InvalidArgument."""
    if text is None:
        return 0, size
    match = _RANGE.fullmatch(text)
    if match is None or not match[1] or not match[2] or number(match[1]) > number(match[2]):
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    first, last = number(match[1]), number(match[2])
    if last >= size:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    return first, last - first + 1
