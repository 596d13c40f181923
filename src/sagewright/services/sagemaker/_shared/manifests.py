"""Manifests: documents in S3 that name the objects of an input, ``[{"prefix": "s3://…"}, "key", …]``.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
"""

from __future__ import annotations

import json
import posixpath
from typing import NamedTuple

from sagewright.core.s3_uri import split

MOST_BYTES = 64 << 20


class Listed(NamedTuple):
    """An object that a manifest names, and what its file is called, relative to its input's place."""

    bucket: str
    key: str
    name: str


def parse(document: bytes) -> list[Listed]:
    """The objects a manifest names, each once, in its order. Raises ``ValueError`` that says what is wrong."""
    if len(document) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES >> 20} MiB")
    try:
        entries = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise ValueError("it is not a JSON array with something in it")
    first = entries[0]
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str) or len(first) != 1:
        raise ValueError('its first element is not {"prefix": "s3://…"}')
    bucket, _ = split(prefix)
    if not prefix.partition("://")[2].partition("/")[1]:
        raise ValueError(f"its prefix {prefix!r} ends within the name of the bucket")
    found: dict[str, Listed] = {}
    for number, entry in enumerate(entries[1:], 2):
        if not isinstance(entry, str):
            raise ValueError(f"element {number} is not a string")
        key = split(prefix + entry)[1]
        if not key or key.endswith("/"):
            continue  # a folder
        name = posixpath.normpath(entry.lstrip("/") or posixpath.basename(key))
        if name.startswith("../") or name in ("..", "."):
            raise ValueError(f"element {number}, {entry[:80]!r}, leaves the place of its input")
        found.setdefault(name, Listed(bucket, key, name))
    if not found:
        raise ValueError("it names no objects")
    return list(found.values())
