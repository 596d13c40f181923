"""Event streams in answers: ``application/vnd.amazon.eventstream``, one framed message an event.

A result holds a stream as an iterable of events, each a mapping of one event's name to its members:
``{"PayloadPart": {"Bytes": b"…"}}``. An ``AwsError`` raised while iterating becomes the stream's last message.
What is the payload is the model's to say (no answer in AWS's models has headers of an event's own), how a structure is
written is the protocol's.
Source: "Amazon event stream encoding" in the Smithy specification.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from botocore.model import Shape, StructureShape

from sagewright.core.errors import AwsError
from sagewright.wire import json_body
from sagewright.wire.http import Response

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING, _LONGEST = 7, 32767


@dataclass(frozen=True, slots=True)
class Writer:
    """How a protocol writes structures: the type of its documents, and (shape, value, name) to bytes."""

    content_type: str
    dump: Callable[[Shape, Mapping[str, Any], str], bytes]


JSON = Writer("application/json", lambda shape, value, _: json_body.dump(json_body.writer(shape)(value)))


def response(
    shape: StructureShape, result: Mapping[str, Any], member: str, writer: Writer = JSON, *, initial: bool = False
) -> Response:
    """The answer whose body is the stream ``member`` of ``shape``; RPC protocols send their result as first event."""
    body = events(shape.members[member], result.get(member) or (), writer)
    if initial:
        rest = {name: value for name, value in result.items() if name != member}
        body = _with_initial(writer, writer.dump(shape, rest, shape.name), body)
    return Response(200, {"content-type": CONTENT_TYPE}, body)


def events(shape: Shape, items: Iterable[Mapping[str, Any]], writer: Writer = JSON) -> Iterator[bytes]:
    """The frames of ``items``, whose names are members of the stream's shape."""
    try:
        for item in items:
            for name, members in item.items():
                yield _event(name, _members(shape)[name], members, writer)
    except AwsError as error:
        yield _failure(shape, error, writer)


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths, their CRC, headers, payload, CRC of everything."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack("!I", crc32(prelude)) + packed + payload
    return message + struct.pack("!I", crc32(message))


def _with_initial(writer: Writer, payload: bytes, body: Iterator[bytes]) -> Iterator[bytes]:
    headers = {":message-type": "event", ":event-type": "initial-response", ":content-type": writer.content_type}
    yield frame(headers, payload)
    yield from body


def _event(name: str, shape: Shape, members: Mapping[str, Any], writer: Writer) -> bytes:
    headers = {":message-type": "event", ":event-type": name}
    known = _members(shape)
    if not known:
        return frame(headers, b"")
    payload = next((key for key, item in known.items() if item.serialization.get("eventpayload")), None)
    if payload is None:
        return frame({**headers, ":content-type": writer.content_type}, writer.dump(shape, members, name))
    member, value = known[payload], members.get(payload)
    if member.type_name == "blob":
        return frame({**headers, ":content-type": "application/octet-stream"}, value or b"")
    if member.type_name == "string":
        return frame({**headers, ":content-type": "text/plain"}, (value or "").encode("utf-8", "replace"))
    return frame({**headers, ":content-type": writer.content_type}, writer.dump(member, value or {}, member.name))


def _failure(shape: Shape, error: AwsError, writer: Writer) -> bytes:
    """An exception if the stream's shape has it, else an error, which the shape need not know."""
    modelled = _members(shape).get(error.code)
    if modelled is None:
        return frame({":message-type": "error", ":error-code": error.code, ":error-message": error.message}, b"")
    headers = {":message-type": "exception", ":exception-type": error.code, ":content-type": writer.content_type}
    spelling = next((name for name in _members(modelled) if name.lower() == "message"), None)
    members = {**error.members, **({spelling: error.message} if spelling else {})}
    return frame(headers, writer.dump(modelled, members, modelled.name))


def _members(shape: Shape) -> Mapping[str, Shape]:
    return shape.members if isinstance(shape, StructureShape) else {}


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode("utf-8", "replace")[:_LONGEST]
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _STRING, len(text)) + text
