"""S3 URIs in requests: ``s3://bucket/key``, and the ``https://`` URLs under which AWS serves the same object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-\d"
_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?"
    rf"(?:s3(?:-fips|-accelerate)?(?:\.dualstack)?(?:\.{_REGION})?|s3-{_REGION}|s3-external-1)"
    r"\.amazonaws\.com(?:\.cn)?"
)


def split(uri: str) -> tuple[str, str]:
    """``s3://bucket/a/b`` → (``bucket``, ``a/b``), and so for its ``https://`` URL, whose path is percent-encoded.

    Raises ``ValueError`` for anything else.
    """
    found = _split_https(uri) if uri.startswith("https://") else _split_s3(uri)
    if found is None or not found[0]:
        raise ValueError(f"not an S3 URI: {uri!r}")
    return found


def is_s3(uri: str) -> bool:
    """Whether ``split`` understands the text."""
    try:
        split(uri)
    except ValueError:
        return False
    return True


def _split_s3(uri: str) -> tuple[str, str] | None:
    if not uri.startswith("s3://"):
        return None
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _split_https(uri: str) -> tuple[str, str] | None:
    try:
        url = urlsplit(uri)
        plain = url.port in (None, 443) and url.username is None and not url.query and not url.fragment
        path = unquote(url.path, errors="strict").removeprefix("/")
    except ValueError:
        return None
    host = _HOST.fullmatch(url.hostname or "")
    if host is None or not plain:
        return None
    if host["bucket"] is not None:
        return host["bucket"], path
    bucket, _, key = path.partition("/")
    return bucket, key
