"""Heads of HTTP messages: from received bytes to a ``Request``, from a ``Response`` to bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

import httptools

from sagewright.wire.http import BodyReader, FileBody, Request, Response

MAX_PARAMETERS = 1000
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}
_CLEAN = str.maketrans({"\r": " ", "\n": " ", "\0": " "})
_date: tuple[int, str] = (0, "")


class BadHead(ValueError):
    """The request line or the headers make no sense together."""


def request(method: str, target: bytes, headers: dict[str, str], body: BodyReader, client: str) -> Request:
    """The request that these parts make. Raises ``BadHead``."""
    if not target.startswith(b"/"):
        target = _origin_form(target)
    try:
        path, _, query = target.decode("ascii").partition("?")
    except UnicodeDecodeError:
        path, _, query = target.decode("utf-8", "surrogateescape").partition("?")
    try:
        parameters = (
            parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_PARAMETERS)
            if query
            else []
        )
    except ValueError as error:
        raise BadHead("too many query parameters") from error
    decoded = unquote(path, errors="surrogateescape") if "%" in path else path
    return Request(method, path, query, decoded, parameters, headers, body, client)


def _origin_form(target: bytes) -> bytes:
    """``/path?query`` of a target in absolute form (RFC 9112, 3.2.2)."""
    if target == b"*":
        return b"/*"
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise BadHead("the request target is not a URL") from error
    return bytes(url.path or b"/") + (b"?" + url.query if url.query else b"")


def has_body(method: str, status: int) -> bool:
    """Whether a response to ``method`` with ``status`` carries bytes (RFC 9110, 6.4.1)."""
    return method != "HEAD" and status >= 200 and status not in (204, 304)


def length(response: Response) -> int | None:
    """Bytes of the response's body, or None for an iterable that declares no content-length."""
    if isinstance(response.body, bytes):
        return len(response.body)
    if isinstance(response.body, FileBody):
        return response.body.length
    declared = next((value for name, value in response.headers.items() if name.lower() == "content-length"), None)
    return int(declared) if declared is not None else None


def response_head(response: Response, size: int | None, *, close: bool, chunked: bool) -> bytes:
    """Status line and headers. Line breaks in values become blanks, so that no value can add a header."""
    lines = [_STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} Status"]
    declared = False
    for name, value in response.headers.items():
        low = name.lower()
        if low in ("connection", "transfer-encoding"):
            continue
        declared = declared or low == "content-length"
        line = f"{name}: {value}"
        lines.append(line if line.isprintable() else line.translate(_CLEAN))
    if chunked:
        lines.append("transfer-encoding: chunked")
    elif not declared and size is not None and response.status >= 200 and response.status != 204:
        lines.append(f"content-length: {size}")
    lines.append(f"date: {_now()}\r\nconnection: close\r\n\r\n" if close else f"date: {_now()}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _now() -> str:
    global _date  # noqa: PLW0603 - one cached line for the whole process, replaced as a whole
    second = int(time.time())
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True))
    return _date[1]
