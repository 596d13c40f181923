"""Hypothesis strategies for the values of a shape, and what they become on the other side."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import strategies as st

_DEPTH = 3
_TELLS_EMPTY = ("json", "rest-json", "smithy-rpc-v2-cbor")
_HEADER = st.text("abcXYZ019-_./ ", min_size=1, max_size=12).map(str.strip).filter(bool)
_HEADER_ITEM = st.text('abc",; ', min_size=1, max_size=8).map(str.strip).filter(bool)
_VISIBLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
_XML = st.text(_VISIBLE, max_size=8)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
_SECONDS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_MILLISECONDS = st.integers(0, 4_000_000_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | _TEXT, lambda inner: st.lists(inner, max_size=2))


def values(shape: Shape, protocol: str, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of ``shape`` that its protocol can carry."""
    if isinstance(shape, StructureShape):
        return _structures(shape, protocol, depth)
    if isinstance(shape, ListShape):
        if shape.serialization.get("location") == "header":
            return st.lists(_HEADER_ITEM, min_size=1, max_size=3)
        least = 0 if protocol in _TELLS_EMPTY and "location" not in shape.serialization else 1
        return st.lists(values(shape.member, protocol, depth + 1), min_size=least, max_size=2)
    if isinstance(shape, MapShape):
        if "location" in shape.serialization:
            return st.dictionaries(st.text("abcd-", min_size=1, max_size=6), _HEADER, max_size=2)
        keys = values(shape.key, protocol, depth + 1)
        least = 0 if protocol in _TELLS_EMPTY else 1
        return st.dictionaries(keys, values(shape.value, protocol, depth + 1), min_size=least, max_size=2)
    return _scalars(shape, protocol)


def _structures(shape: StructureShape, protocol: str, depth: int) -> st.SearchStrategy[Any]:
    if shape.is_document_type:
        return st.dictionaries(_TEXT, _JSON, max_size=2)
    members = dict(shape.members)
    if shape.is_tagged_union:
        flat = [name for name, member in members.items() if not _deepens(member)]
        names = flat if depth > _DEPTH and flat else list(members)
        return st.sampled_from(names).flatmap(
            lambda name: st.fixed_dictionaries({name: values(members[name], protocol, depth + 1)})
        )
    if depth > _DEPTH:
        members = {name: member for name, member in members.items() if not _deepens(member)}
    always = {
        name: values(member, protocol, depth + 1)
        for name, member in members.items()
        if member.serialization.get("location") == "uri"
        or member.serialization.get("hostLabel")
        or member.serialization.get("eventpayload")
        or name == shape.serialization.get("payload")
    }
    if not always and members and protocol in ("query", "rest-xml"):
        # An empty structure is no structure in these protocols.
        first = next(iter(members))
        always = {first: values(members[first], protocol, depth + 1)}
    chosen = st.lists(st.sampled_from(sorted(members.keys() - always.keys()) or [None]), max_size=6, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            {**always, **{name: values(members[name], protocol, depth + 1) for name in names if name is not None}}
        )
    )


def _deepens(shape: Shape) -> bool:
    return isinstance(shape, StructureShape | ListShape | MapShape)


def _scalars(shape: Shape, protocol: str) -> st.SearchStrategy[Any]:
    kind, where = shape.type_name, shape.serialization.get("location")
    form = shape.serialization.get("timestampFormat")
    if kind in ("string", "character"):
        if shape.serialization.get("hostLabel"):
            return st.text("abc", min_size=1, max_size=3)
        if where in ("header", "headers") or shape.serialization.get("xmlAttribute"):
            return _HEADER
        if where == "uri":
            return _XML.filter(bool)
        return _XML if protocol in ("query", "rest-xml") else _TEXT
    if kind == "integer":
        return st.integers(100, 599) if where == "statusCode" else st.integers(-(2**31), 2**31 - 1)
    return {
        "boolean": st.booleans(),
        "long": st.integers(-(2**63), 2**63 - 1),
        "float": _FLOAT,
        "double": _FLOAT,
        "timestamp": _SECONDS if where == "header" or form == "rfc822" else _MILLISECONDS,
        "blob": st.binary(max_size=8),
    }[kind]


def plain(value: Any) -> Any:
    """``value`` with timestamps as seconds: what ``parse`` gives for what botocore was given."""
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
