"""Manifests: documents in S3 that name the objects of an input, ``[{"prefix": "s3://…"}, "key", …]``.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from sagewright.core.s3_uri import split

MOST_BYTES = 64 << 20
MOST_OBJECTS = 1_000_000
_MOST_FIRST = 4096
"""Characters of the first element, which alone is an object."""
_BLANK = re.compile(r"[ \t\n\r]*")
_JSON = json.JSONDecoder()


class Listed(NamedTuple):
    """An object that a manifest names, and what its file is called, relative to its input's place."""

    bucket: str
    key: str
    name: str


def parse(document: bytes) -> list[Listed]:
    """The objects a manifest names, each once, in its order. Raises ``ValueError`` that says what is wrong."""
    if len(document) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES >> 20} MiB")
    entries = _elements(document)
    first = next(entries, None)
    if first is None:
        raise ValueError("it is not a JSON array with something in it")
    prefix = first.get("prefix") if isinstance(first, dict) and len(first) == 1 else None
    if not isinstance(prefix, str):
        raise ValueError('its first element is not {"prefix": "s3://…"}')
    bucket, _ = split(prefix)
    if not prefix.partition("://")[2].partition("/")[1]:
        raise ValueError(f"its prefix {prefix!r} ends within the name of the bucket")
    found: dict[str, Listed] = {}
    for number, entry in enumerate(entries, 2):
        if not isinstance(entry, str):
            raise ValueError(f"element {number} is not a string")
        if number > MOST_OBJECTS + 1:
            raise ValueError(f"it names more than {MOST_OBJECTS} objects")
        key = split(prefix + entry)[1]
        if "\0" in key or not _is_text(key):
            raise ValueError(f"element {number}, {entry[:80]!r}, cannot be the key of an object")
        if not key or key.endswith("/"):
            continue  # a folder
        name = posixpath.normpath(entry.lstrip("/") or posixpath.basename(key))
        if name.startswith("../") or name in ("..", "."):
            raise ValueError(f"element {number}, {entry[:80]!r}, leaves the place of its input")
        found.setdefault(name, Listed(bucket, key, name))
    if not found:
        raise ValueError("it names no objects")
    return list(found.values())


def _elements(document: bytes) -> Iterator[object]:
    """The elements of a JSON array one by one: its strings, a small first object, and {} for each other one.

    What else may be in a document would take many times its size in memory.
    """
    try:
        text = document.decode(json.detect_encoding(document))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    at = _after_blanks(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError("it is not a JSON array" if text[at : at + 1] in ("{", '"') else "it is not JSON")
    at, number = _after_blanks(text, at + 1), 0
    if text[at : at + 1] == "]":
        return
    while not number or text[at : at + 1] == ",":
        at, number = at if not number else _after_blanks(text, at + 1), number + 1
        element, at = _element(text, at, number)
        yield element
        at = _after_blanks(text, at)
    if text[at : at + 1] != "]":
        raise ValueError(f"it is not JSON: there is neither ',' nor ']' after element {number}")
    if _after_blanks(text, at + 1) < len(text):
        raise ValueError("it is not JSON: something follows the array")


def _element(text: str, at: int, number: int) -> tuple[object, int]:
    """The element that begins at a place in ``text``, and where it ends."""
    begins = text[at : at + 1]
    try:
        if begins == '"':
            return _JSON.raw_decode(text, at)
        if begins == "{" and number == 1:
            element, length = _JSON.raw_decode(text[at : at + _MOST_FIRST])
            return element, at + length
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    return {}, at


def _after_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
