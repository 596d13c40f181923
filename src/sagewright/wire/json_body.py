"""JSON bodies by shape, shared by the json and rest-json protocols.

``reader`` and ``writer`` compile a shape once into a function; structures compile a member when it first appears, so
recursive shapes end and unused ones cost nothing.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.core.errors import SerializationException
from sagewright.wire import scalars
from sagewright.wire.scalars import cannot_convert

MAX_DEPTH = 64
"""Levels of nesting in a body; the deepest request of SageMaker's model without recursion has 13."""


_encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def load(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, ``{}`` when it is empty. Raises ``SerializationException`` for anything else."""
    if not body:
        return {}
    try:
        value = _decode(body)
    except (ValueError, RecursionError):
        raise SerializationException("Unexpected token received from parser") from None
    if not isinstance(value, dict):
        raise SerializationException("Start of structure or map expected")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    return value


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    try:
        return _encode(value)
    except (TypeError, UnicodeEncodeError):  # half a character, as headers may have brought in
        return _encoder.encode(value).encode("utf-8", "replace")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise SerializationException("The request is nested too deeply")


Reader = Callable[[Any], Any]


@cache
def reader(shape: Shape) -> Reader:
    """A function from a JSON value to the Python value of ``shape``.

    Unknown members and nulls in structures are dropped; other nulls stay for the validation to name.
    It raises ``SerializationException`` for a value of the wrong JSON type.
    """
    if isinstance(shape, StructureShape):
        return _as_it_is if shape.is_document_type else _structure_reader(shape)
    if isinstance(shape, ListShape):
        return _list_reader(shape)
    if isinstance(shape, MapShape):
        return _map_reader(shape)
    return _SCALAR_READERS[shape.type_name](shape)


def _as_it_is(value: Any) -> Any:
    return value


class _Members(dict[str, tuple[str, Reader]]):
    """A structure's members in the body: by their name on one side, the name on the other and the function there."""

    def __init__(self, shape: StructureShape, compiled: Callable[[Shape], Reader], *, by_wire_name: bool) -> None:
        super().__init__()
        self._compiled = compiled
        self._shapes: dict[str, tuple[str, Shape]] = {}
        for name, member in shape.members.items():
            if "location" not in member.serialization:
                wire_name = member.serialization.get("name", name)
                self._shapes[wire_name if by_wire_name else name] = (name if by_wire_name else wire_name, member)

    def __missing__(self, name: str) -> tuple[str, Reader]:
        found = self._shapes.get(name)
        if found is None:
            return _NO_MEMBER  # and not kept: anything may be sent
        made = self[name] = (found[0], self._compiled(found[1]))
        return made


_NO_MEMBER = ("", _as_it_is)


def _structure_reader(shape: StructureShape) -> Reader:
    members = _Members(shape, reader, by_wire_name=True)

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _collection_expected("structure", value)
        parsed = {}
        for wire_name, item in value.items():
            name, read_item = members[wire_name]
            if name and item is not None:
                parsed[name] = read_item(item)
        return parsed

    return read


def _list_reader(shape: ListShape) -> Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _collection_expected("list", value)
        read_item = reader(shape.member)
        return [None if item is None else read_item(item) for item in value]

    return read


def _map_reader(shape: MapShape) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _collection_expected("map", value)
        read_item = reader(shape.value)
        return {key: None if item is None else read_item(item) for key, item in value.items()}

    return read


def _collection_expected(wanted: str, value: Any) -> SerializationException:
    if isinstance(value, list):
        return SerializationException("Start of list found where not expected")
    if isinstance(value, dict):
        return SerializationException("Start of structure or map found where not expected.")
    return SerializationException(f"Expected {wanted} or null")


def _wrong(shape: Shape, value: Any) -> SerializationException:
    if isinstance(value, dict | list):
        return _collection_expected("", value)
    if isinstance(value, bool):
        return cannot_convert("TRUE_VALUE" if value else "FALSE_VALUE", shape)
    return cannot_convert("STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE", shape)


def _string_reader(shape: Shape) -> Reader:
    def read(value: Any) -> str:
        if isinstance(value, str):
            return value
        raise _wrong(shape, value)

    return read


def _boolean_reader(shape: Shape) -> Reader:
    def read(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise _wrong(shape, value)

    return read


def _integer_reader(shape: Shape) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return scalars.in_range(shape, value)
        raise _wrong(shape, value)

    return read


def _float_reader(shape: Shape) -> Reader:
    words = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

    def read(value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                return float(value)
        if isinstance(value, str) and value in words:
            return words[value]
        raise _wrong(shape, value)

    return read


def _timestamp_reader(shape: Shape) -> Reader:
    def read(value: Any) -> float:
        if isinstance(value, bool | dict | list):
            raise _wrong(shape, value)
        return scalars.timestamp(shape, value)

    return read


def _blob_reader(shape: Shape) -> Reader:
    def read(value: Any) -> bytes:
        if isinstance(value, bytes):  # as CBOR has them
            return value
        if isinstance(value, str):
            return scalars.blob(shape, value)
        raise _wrong(shape, value)

    return read


_SCALAR_READERS: Mapping[str, Callable[[Shape], Reader]] = {
    "string": _string_reader,
    "character": _string_reader,
    "boolean": _boolean_reader,
    "integer": _integer_reader,
    "long": _integer_reader,
    "float": _float_reader,
    "double": _float_reader,
    "timestamp": _timestamp_reader,
    "blob": _blob_reader,
}


@cache
def writer(shape: Shape) -> Callable[[Any], Any]:
    """A function from the Python value of ``shape`` to what ``dump`` takes. None is left out of structures."""
    if isinstance(shape, StructureShape):
        return _as_it_is if shape.is_document_type else _structure_writer(shape)
    if isinstance(shape, ListShape):
        return _list_writer(shape)
    if isinstance(shape, MapShape):
        return _map_writer(shape)
    if shape.type_name == "timestamp":
        return _timestamp_writer(shape)
    return _SCALAR_WRITERS.get(shape.type_name, _as_it_is)


def _structure_writer(shape: StructureShape) -> Callable[[Any], Any]:
    members = _Members(shape, writer, by_wire_name=False)

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        written = {}
        for name, item in value.items():
            wire_name, write_item = members[name]
            if wire_name and item is not None:
                written[wire_name] = item if write_item is _as_it_is else write_item(item)
        return written

    return write


def _list_writer(shape: ListShape) -> Callable[[Any], Any]:
    def write(value: Iterable[Any]) -> list[Any]:
        write_item = writer(shape.member)
        return [None if item is None else write_item(item) for item in value]

    return write


def _map_writer(shape: MapShape) -> Callable[[Any], Any]:
    def write(value: Mapping[Any, Any]) -> dict[str, Any]:
        write_item = writer(shape.value)
        return {str(key): write_item(item) for key, item in value.items() if item is not None}

    return write


def _timestamp_writer(shape: Shape) -> Callable[[Any], Any]:
    form = shape.serialization.get("timestampFormat", "unixTimestamp")
    if form.lower() != "unixtimestamp":
        return lambda value: scalars.time_text(value, form)
    return _epoch_or_text


def _epoch_or_text(value: float | datetime | str) -> float | str:
    if type(value) is float:  # nearly always, and a list has many
        return round(value, 3)
    return value if isinstance(value, str) else scalars.epoch(value)


_SCALAR_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "blob": lambda value: base64.b64encode(value).decode(),
    "float": scalars.finite,
    "double": scalars.finite,
}
