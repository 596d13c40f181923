"""Event streams in answers: ``application/vnd.amazon.eventstream``, one framed message an event.

A result holds a stream as an iterable of events, each a mapping of one event's name to its members:
``{"PayloadPart": {"Bytes": b"…"}}``. An ``AwsError`` raised while iterating becomes the stream's last message.
Source: "Amazon event stream encoding" in the Smithy specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

from botocore.model import Shape, StructureShape

from sagewright.core.errors import AwsError
from sagewright.wire import json_body
from sagewright.wire.http import Response

_STRING = 7


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths, their CRC, string headers, payload, CRC of everything."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack("!I", crc32(prelude)) + packed + payload
    return message + struct.pack("!I", crc32(message))


def response(shape: StructureShape, result: Mapping[str, Any], member: str, *, initial: bool = False) -> Response:
    """The answer whose body is the stream ``member`` of ``shape``; RPC protocols send their result as first event."""
    body = events(shape.members[member], result.get(member) or ())
    if initial:
        rest = {name: value for name, value in result.items() if name != member}
        body = _with_initial(json_body.dump(json_body.writer(shape)(rest)), body)
    return Response(200, {"content-type": "application/vnd.amazon.eventstream"}, body)


def events(shape: Shape, items: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The frames of ``items``, whose names are members of the stream's shape."""
    try:
        for item in items:
            for name, members in item.items():
                yield _event(name, shape.members[name], members)  # type: ignore[attr-defined]
    except AwsError as error:
        headers = {":message-type": "exception", ":exception-type": error.code, ":content-type": "application/json"}
        yield frame(headers, json_body.dump({"Message": error.message, **error.members}))


def _with_initial(payload: bytes, body: Iterator[bytes]) -> Iterator[bytes]:
    headers = {":message-type": "event", ":event-type": "initial-response", ":content-type": "application/json"}
    yield frame(headers, payload)
    yield from body


def _event(name: str, shape: StructureShape, members: Mapping[str, Any]) -> bytes:
    headers = {":message-type": "event", ":event-type": name}
    blob = next((key for key, member in shape.members.items() if member.serialization.get("eventpayload")), None)
    if blob is not None and shape.members[blob].type_name == "blob":
        return frame({**headers, ":content-type": "application/octet-stream"}, members.get(blob, b""))
    return frame({**headers, ":content-type": "application/json"}, json_body.dump(json_body.writer(shape)(members)))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _STRING, len(text)) + text
