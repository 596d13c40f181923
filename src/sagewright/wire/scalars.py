"""Single values as text and numbers, shared by all protocols.

Timestamps are seconds since the epoch as ``float`` inside; results may also hold ``datetime`` or ready text.
"""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

from botocore.model import Shape

from sagewright.core.errors import SerializationException

_LATEST = 253402300800.0  # the year 10000, where datetime ends
_EARLIEST = -62135596800.0
_BITS = {"integer": 31, "long": 63}
_ARTICLE = {"integer": "an Integer", "map": "a Map", "timestamp": "a Date", "blob": "a Blob"}


def cannot_convert(found: str, shape: Shape) -> SerializationException:
    """AWS's words for a value of the wrong type: ``STRING_VALUE can not be converted to an Integer``."""
    wanted = _ARTICLE.get(shape.type_name, f"a {shape.type_name.capitalize()}")
    return SerializationException(f"{found} can not be converted to {wanted}")


def from_text(shape: Shape, text: str) -> Any:
    """The value of a scalar in a header, a query parameter, a form or an XML element.

    Raises ``SerializationException`` when the text is not of the shape's type.
    """
    kind = shape.type_name
    if kind in ("string", "character"):
        if text.isascii() or _is_utf8(text):
            return text
        raise SerializationException("The request is not UTF-8.")
    text = text.strip()
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if kind in _BITS:
            return in_range(shape, int(plain(text)))
        if kind in ("float", "double"):
            return float(plain(text))
    except (ValueError, KeyError):
        raise cannot_convert("STRING_VALUE", shape) from None
    if kind == "timestamp":
        return timestamp(shape, text)
    return blob(shape, text)


def plain(text: str) -> str:
    """``text``, unless only Python would take it for a number: ``1_000``, digits of other scripts."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _is_utf8(text: str) -> bool:
    # Bytes that were not UTF-8 reach us as surrogates.
    return not any("\ud800" <= character <= "\udfff" for character in text)


def in_range(shape: Shape, number: int) -> int:
    """``number`` if it fits the 32 or 64 bits of its shape, else ``SerializationException``."""
    bits = _BITS[shape.type_name]
    if not -(1 << bits) <= number < 1 << bits:
        raise cannot_convert("NUMBER_VALUE", shape)
    return number


def timestamp(shape: Shape, value: str | int | float) -> float:
    """Seconds since the epoch from a number, ISO 8601 or an HTTP date."""
    try:
        seconds = _seconds(value)
    except (ValueError, OverflowError, TypeError):
        raise cannot_convert("STRING_VALUE", shape) from None
    if not _EARLIEST <= seconds < _LATEST:
        raise cannot_convert("NUMBER_VALUE", shape)
    return seconds


def _seconds(value: str | int | float) -> float:
    if not isinstance(value, str):
        return float(value)
    for read in (float, _from_iso, _from_http_date):
        try:
            return read(plain(value))
        except ValueError:
            continue
    raise ValueError(value)


def _from_iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _from_http_date(text: str) -> float:
    moment = parsedate_to_datetime(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def blob(shape: Shape, text: str) -> bytes:
    """The bytes of base64 text."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise cannot_convert("STRING_VALUE", shape) from None


def to_text(shape: Shape, value: Any, default_time: str = "iso8601") -> str:
    """A scalar as it stands in a header or an XML element."""
    kind = shape.type_name
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return time_text(value, shape.serialization.get("timestampFormat", default_time))
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind in ("float", "double"):
        return str(finite(value))
    return str(value)


def epoch(value: float | datetime) -> float:
    """Seconds since the epoch, to the millisecond as AWS sends them."""
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return round(value, 3)


def time_text(value: float | datetime | str, form: str) -> str:
    """A timestamp as ``iso8601``, ``rfc822`` or ``unixTimestamp``; text is taken as it is.

    ``iso8601ms`` always shows milliseconds, as S3 does; ``iso8601`` only where there are some.
    """
    if isinstance(value, str):
        return value
    seconds = epoch(value)
    if form == "rfc822":
        return formatdate(math.floor(seconds), usegmt=True)
    if form.lower() == "unixtimestamp":
        return str(seconds)
    moment = datetime.fromtimestamp(seconds, UTC)
    shown = "milliseconds" if form == "iso8601ms" or moment.microsecond else "seconds"
    return moment.isoformat(timespec=shown).removesuffix("+00:00") + "Z"


def finite(value: float) -> float | str:
    """A float as JSON and XML can carry it: ``NaN`` and the infinities are words."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
