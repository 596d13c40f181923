"""HTTP bindings of the REST protocols: which members stand in the path, the query, the headers, the status, the body.

``rest_json`` and ``rest_xml`` add how a body is written. Source: Smithy's specification of HTTP bindings.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.core.errors import SerializationException
from sagewright.wire import scalars
from sagewright.wire.http import Request

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_DATE = re.compile(r"(?:[A-Z][a-z]{2}, )?[^,\s][^,]*")
_LIST_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')


@dataclass(slots=True)
class Bindings:
    """The members of a structure by where they stand: (member name, wire name, shape)."""

    uri: list[tuple[str, str, Shape]] = field(default_factory=list)
    querystring: list[tuple[str, str, Shape]] = field(default_factory=list)
    header: list[tuple[str, str, Shape]] = field(default_factory=list)
    headers: list[tuple[str, str, Shape]] = field(default_factory=list)
    statusCode: list[tuple[str, str, Shape]] = field(default_factory=list)  # noqa: N815 - the model's word
    body: list[tuple[str, str, Shape]] = field(default_factory=list)


@cache
def bindings(shape: StructureShape) -> Bindings:
    """Where the members of ``shape`` stand."""
    found = Bindings()
    for name, member in shape.members.items():
        where = member.serialization
        getattr(found, where.get("location", "body")).append((name, where.get("name", name), member))
    return found


def payload_of(shape: StructureShape) -> tuple[str, Shape] | None:
    """The member that is the whole body, if there is one."""
    name = shape.serialization.get("payload")
    return (name, shape.members[name]) if name else None


def text_payload(body: bytes) -> str:
    """A body that is one string member. Raises ``SerializationException``."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise SerializationException("The request body is not UTF-8.") from None


def parse_bindings(shape: StructureShape, request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
    """The members outside the body. Raises ``SerializationException`` for text that is not of the member's type."""
    where = bindings(shape)
    parsed: dict[str, Any] = {
        name: scalars.from_text(member, labels[wire]) for name, wire, member in where.uri if wire in labels
    }
    if where.querystring and request.query:
        parsed.update(_query_members(where, request))
    for name, wire, member in where.header:
        text = header(request, wire)
        if text is not None:
            parsed[name] = _header_value(member, text)
    for name, prefix, _ in where.headers:
        if found := _header_map(prefix.lower(), request):
            parsed[name] = found
    return parsed


def _query_members(where: Bindings, request: Request) -> dict[str, Any]:
    given: dict[str, list[str]] = {}
    for key, value in request.query:
        given.setdefault(key, []).append(value)
    parsed: dict[str, Any] = {}
    for name, wire, member in where.querystring:
        values = given.get(wire)
        if isinstance(member, MapShape):
            parsed[name] = _query_map(member, given)
        if values is None:
            continue
        if isinstance(member, ListShape):
            parsed[name] = [scalars.from_text(member.member, value) for value in values]
        else:
            parsed[name] = scalars.from_text(member, values[0])
    return parsed


def _query_map(shape: MapShape, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Every parameter, those too that other members are bound to: a server cannot tell them apart."""
    return {key: list(values) if isinstance(shape.value, ListShape) else values[0] for key, values in given.items()}


def header(request: Request, name: str) -> str | None:
    """A request header. Presigned URLs may carry ``x-amz-*`` headers as query parameters instead."""
    name = name.lower()
    text = request.headers.get(name)
    if text is None and request.query and name.startswith("x-amz-"):
        return next((value for key, value in request.query if key.lower() == name), None)
    return text


def _header_value(shape: Shape, text: str) -> Any:
    if not isinstance(shape, ListShape):
        return scalars.from_text(shape, text)
    if shape.member.type_name == "timestamp":
        return [scalars.from_text(shape.member, date) for date in _DATE.findall(text)]
    items = [
        (match[1].replace('\\"', '"') if match[1] is not None else match[2].strip())
        for match in _LIST_ITEM.finditer(text)
        if match[0]
    ]
    return [scalars.from_text(shape.member, item) for item in items]


def _header_map(prefix: str, request: Request) -> dict[str, str]:
    found = {key[len(prefix) :]: value for key, value in request.headers.items() if key.startswith(prefix)}
    for key, value in request.query:
        if key.lower().startswith(prefix):
            found.setdefault(key.lower()[len(prefix) :], value)
    return found


def result_headers(shape: StructureShape, result: Mapping[str, Any]) -> dict[str, str]:
    """The headers a result asks for, names in lower case."""
    where = bindings(shape)
    found = {
        wire.lower(): header_text(_to_header(member, result[name]))
        for name, wire, member in where.header
        if result.get(name) is not None
    }
    for name, prefix, _ in where.headers:
        for key, value in (result.get(name) or {}).items():
            found[header_text(f"{prefix}{key}".lower())] = header_text(str(value))
    return found


def _to_header(shape: Shape, value: Any) -> str:
    if isinstance(shape, ListShape):
        texts = (scalars.to_text(shape.member, item, "rfc822") for item in value)
        return ", ".join(text if shape.member.type_name == "timestamp" else _quoted(text) for text in texts)
    return scalars.to_text(shape, value, "rfc822")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"' if "," in text or '"' in text else text


def header_text(text: str) -> str:
    """``text`` fit for a header: one line, and ASCII in the manner of RFC 2047, which S3 uses too."""
    text = _CONTROL.sub(" ", text)
    if text.isascii():
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def status(shape: StructureShape | None, result: Mapping[str, Any], default: int) -> int:
    """The status a result asks for with its ``statusCode`` member, else ``default``."""
    for name, _, _ in bindings(shape).statusCode if shape else ():
        if result.get(name) is not None:
            return int(result[name])
    return default


def payload_headers(shape: Shape) -> dict[str, str]:
    """The type of a payload that is text, where no header member says another; a blob's is its owner's matter."""
    return {"content-type": "text/plain"} if shape.type_name == "string" else {}


def stream(value: Any) -> Any:
    """A blob or string payload as a response body."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return bytes(value) if isinstance(value, bytearray | memoryview) else value
