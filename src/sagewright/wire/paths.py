"""Request paths of the REST protocols: templates such as ``/endpoints/{EndpointName}``, and S3's buckets and keys.

Everything is read from ``raw_path``, because decoding first would lose the difference between ``/`` and ``%2F``.
An S3 key is opaque: ``//``, ``..``, ``+`` and a trailing ``/`` are part of it, and nothing is ever normalised.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import unquote_to_bytes

from sagewright.core.errors import AwsError
from sagewright.wire.http import Request

_VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.(?:localhost|s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com)")


@cache
def template_pattern(template: str) -> re.Pattern[str]:
    """A pattern with one group per label; the query part of the template is left out."""
    path = template.partition("?")[0]
    parts = re.split(r"\{(\w+\+?)\}", path)
    literals, labels = parts[::2], parts[1::2]
    pattern = re.escape(literals[0])
    for label, literal in zip(labels, literals[1:], strict=True):
        name = label.removesuffix("+")
        pattern += f"(?P<{name}>{'[^/]+' if name == label else '.+'})" + re.escape(literal)
    return re.compile(pattern)


def labels(template: str, request: Request) -> dict[str, str]:
    """The labels of ``template`` in the request's path, decoded. Empty when the path does not match."""
    match = template_pattern(template).fullmatch(request.raw_path)
    return {name: decode(text) for name, text in match.groupdict().items()} if match else {}


def s3_labels(request: Request) -> dict[str, str]:
    """``Bucket`` and ``Key`` as far as the request names them, path style or virtual host style."""
    path = request.raw_path.removeprefix("/")
    host = request.headers.get("host", "").partition(":")[0]
    virtual = _VIRTUAL_HOST.fullmatch(host)
    bucket, key = (virtual["bucket"], path) if virtual else (path.partition("/")[0], path.partition("/")[2])
    return {name: decode(text) for name, text in (("Bucket", bucket), ("Key", key)) if text}


def decode(text: str) -> str:
    """Percent-decode once. Raises ``InvalidURI`` when the bytes are not UTF-8."""
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        raise AwsError("Couldn't parse the specified URI.", code="InvalidURI") from None
