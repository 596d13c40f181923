"""Frames: what router and model server say to each other over one unix socket, many requests in flight.

A frame, all integers big-endian::

    u32 length   of all that follows
    u32 id       chosen by the router; an answer carries the id of its request
    u16 code     request: PING, INVOKE, INVOKE_STREAM or CANCEL; answer: an HTTP status, or PART
    u16 size     of the headers in bytes
    headers      UTF-8 lines ``name: value`` joined by LF, names in lower case
    body         the rest

INVOKE_STREAM asks for the answer as it comes to be: any number of PARTs, each with the headers, then a frame with the
status and what is left. CANCEL says that nobody waits for the answer to the request of that id any more.

Frames, not HTTP: all requests of one turn of the router's loop leave in one write and reach the model server in one
read, which is what makes its batches; and an answer needs no order.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final  # Python 3.7 has none

PING: Final = 0
INVOKE: Final = 1
INVOKE_STREAM: Final = 2
CANCEL: Final = 3

PART: Final = 100

CONTENT_TYPE: Final = "content-type"
ACCEPT: Final = "accept"
CUSTOM_ATTRIBUTES: Final = "x-amzn-sagemaker-custom-attributes"
INFERENCE_ID: Final = "x-amzn-sagemaker-inference-id"

MAX_LENGTH: Final = 128 * 1024 * 1024
"""Largest ``length`` accepted: above the largest payload SageMaker documents (100 MB, batch transform)."""

_PREFIX: Final = struct.Struct("!IIHH")
_LENGTH_SIZE: Final = 4
_LEAST: Final = _PREFIX.size - _LENGTH_SIZE


class FrameError(ValueError):
    """The bytes are no frame; the connection they came from is of no more use."""


class Frame(NamedTuple):
    """One message. ``head`` are the encoded headers, see ``decode_headers``."""

    id: int
    code: int
    head: bytes
    body: bytes


def encode(frame_id: int, code: int, head: bytes = b"", body: bytes = b"") -> bytes:
    """One frame as bytes. Raises ``FrameError`` when it is too long to be sent."""
    length = _LEAST + len(head) + len(body)
    if length > MAX_LENGTH or len(head) > 0xFFFF:
        raise FrameError(f"a frame of {length} bytes with {len(head)} bytes of headers is too long")
    return _PREFIX.pack(length, frame_id, code, len(head)) + head + body


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """Headers as bytes. Raises ``FrameError`` for a line break, which would forge another header."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any("\n" in line for line in lines):
        raise FrameError("a header holds a line break")
    return "\n".join(lines).encode()


@lru_cache(maxsize=1024)
def decode_headers(head: bytes) -> Mapping[str, str]:
    """Bytes as headers; a line without a colon is dropped. Cached: a client sends the same few over and over."""
    pairs = (line.partition(":") for line in head.decode(errors="replace").split("\n"))
    return MappingProxyType({name.strip().lower(): value.strip() for name, colon, value in pairs if colon})


class Splitter:
    """Cuts a byte stream into frames, however the stream was cut into reads."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes. Raises ``FrameError`` when the stream cannot be frames."""
        source: bytes | bytearray = data
        if self._rest:
            self._rest += data
            source = self._rest
        frames, offset = _cut(source)
        if source is self._rest:
            del self._rest[:offset]
        elif offset < len(source):
            self._rest += memoryview(source)[offset:]
        return frames


def _cut(source: bytes | bytearray) -> tuple[list[Frame], int]:
    """All whole frames of ``source`` and where they end."""
    frames: list[Frame] = []
    offset, size, least = 0, len(source), _PREFIX.size
    while size - offset >= least:
        length, frame_id, code, head_size = _PREFIX.unpack_from(source, offset)
        if length > MAX_LENGTH or length < _LEAST + head_size:
            raise FrameError(f"a frame of {length} bytes with {head_size} bytes of headers")
        end = offset + _LENGTH_SIZE + length
        if end > size:
            break
        head_end = offset + least + head_size
        frames.append(Frame(frame_id, code, bytes(source[offset + least : head_end]), bytes(source[head_end:end])))
        offset = end
    return frames, offset
