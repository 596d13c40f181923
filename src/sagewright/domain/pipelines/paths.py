"""Paths into documents as pipelines write them: ``Outputs['train'].S3Output.S3Uri``, ``Summaries[0]``, ``$.a.b``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of them."""

Token = str | int

_PART = re.compile(r"""\.?(?P<name>[^.\[\]'"]+)|\[(?P<index>-?\d+)\]|\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]""")
_KEYS = ("OutputName", "InputName", "MetricName", "ChannelName", "VariantName", "Name", "Key")
"""The members by which an element of a list is named, where a path asks a list for a name."""


def tokens(path: str) -> tuple[Token, ...]:
    """The steps of a path: names as strings, positions as integers. Raises ``ValueError`` where it is no path."""
    text = path[1:] if path.startswith("$") else path
    found: list[Token] = []
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or (at and text[at] not in ".["):
            raise ValueError(f"{path!r} is not a path")
        found.append(_token(part))
        at = part.end()
    if not found:
        raise ValueError(f"{path!r} is not a path")
    return tuple(found)


def _token(part: re.Match[str]) -> Token:
    if part["index"] is not None:
        return int(part["index"])
    return str(part["name"] if part["name"] is not None else part["key"])


def look_up(document: Json, path: str | Sequence[Token]) -> Json:
    """The value at the path. Raises ``LookupError``, whose text names the first part that is not there."""
    value = document
    for token in tokens(path) if isinstance(path, str) else path:
        value = _child(value, token)
    return value


def _child(value: Json, token: Token) -> Json:
    if isinstance(value, Mapping):
        if str(token) in value:
            return value[str(token)]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if isinstance(token, int):
            if -len(value) <= token < len(value):
                return value[token]
        else:
            for element in value:
                if isinstance(element, Mapping) and token in (element.get(key) for key in _KEYS):
                    return element
    raise LookupError(f"[{token}]" if isinstance(token, int) else token)
