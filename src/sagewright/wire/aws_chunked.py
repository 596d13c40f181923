"""``Content-Encoding: aws-chunked``: how SDKs send a body whose checksum they learn only while they send it.

    5\\r\\nhello\\r\\n0\\r\\nx-amz-checksum-crc32:NhCmhg==\\r\\n\\r\\n

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html. Where chunks are signed
(``5;chunk-signature=…``), a ``ChunkProof`` of the gateway's checks each before the next one begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sagewright.core.errors import AwsError
from sagewright.wire.http import BodyReader, ChunkProof

_MAX_LINE = 8192
_MAX_TRAILERS = 16
_READ = 1 << 16
_CHUNK_SIGNATURE = b"chunk-signature="
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


def is_aws_chunked(headers: Mapping[str, str]) -> bool:
    """Whether a request with these (lower-case) headers has such a body."""
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        return True
    # The coding alone is no sign of it: clients name it for bodies that come as they are.
    return "x-amz-decoded-content-length" in headers and "aws-chunked" in codings(headers.get("content-encoding", ""))


def codings(content_encoding: str) -> list[str]:
    """The codings a ``Content-Encoding`` header names."""
    return [coding.strip() for coding in content_encoding.split(",") if coding.strip()]


class AwsChunkedReader:
    """The decoded body. ``trailers`` (lower-case names) are complete once ``read`` has returned ``b""``.

    ``length`` is what ``x-amz-decoded-content-length`` announces, in bytes. Reading raises ``AwsError`` IncompleteBody
    when the body ends early or is not that long, InvalidRequest when it is not in this form, and what ``proof`` raises
    when a chunk is not what its sender signed.
    """

    def __init__(self, source: BodyReader, length: int | None = None, proof: ChunkProof | None = None) -> None:
        self.trailers: dict[str, str] = {}
        self._source = source
        self._length = length
        self._proof = proof
        self._hash = hashlib.sha256()
        self._signature = ""
        self._buffer = b""
        self._left = 0
        self._seen = 0
        self._begun = self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` decoded bytes, ``b""`` at the end; all that is left when ``size`` is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_READ), b""))
        if self._left == 0 and not self._ended and size:
            self._next_chunk()
        data = self._take(min(size, self._left))
        self._left -= len(data)
        self._seen += len(data)
        if self._proof is not None:
            self._hash.update(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``, and as ``read``; only what came with a chunk's head is copied."""
        filled = 0
        while filled < len(buffer):
            if self._left == 0 and not self._ended:
                self._next_chunk()
            room = buffer[filled : filled + self._left]
            if not room:
                break
            waiting = self._buffer[: len(room)]
            self._buffer = self._buffer[len(waiting) :]
            room[: len(waiting)] = waiting
            if self._source.readinto(room[len(waiting) :]) < len(room) - len(waiting):
                raise _incomplete()
            self._left -= len(room)
            self._seen += len(room)
            if self._proof is not None:
                self._hash.update(room)
            filled += len(room)
        return filled

    def _next_chunk(self) -> None:
        if self._begun:
            if self._line():
                raise _malformed("a chunk is longer than it says")
            self._prove()
        self._begun = True
        text, _, extension = map(bytes.strip, self._line().partition(b";"))
        if not text or text.strip(b"0123456789abcdefABCDEF") or len(text) > 16:
            raise _malformed("a chunk does not begin with its size")
        self._left = int(text, 16)
        self._signature = extension.removeprefix(_CHUNK_SIGNATURE).decode("latin-1")
        if self._length is not None and self._seen + self._left > self._length:
            raise _incomplete()
        if self._left == 0:
            self._prove()
            self._end()

    def _prove(self) -> None:
        if self._proof is not None:
            self._proof.chunk(self._signature, self._hash.hexdigest())
            self._hash = hashlib.sha256()

    def _end(self) -> None:
        while line := self._line():
            name, colon, value = line.decode("latin-1").partition(":")
            name = name.strip().lower()
            if not colon or name in self.trailers or len(self.trailers) == _MAX_TRAILERS:
                raise _malformed("a trailer is not a header")
            self.trailers[name] = value.strip()
        if self._proof is not None:
            self._prove_trailers(self._proof)
        if self._buffer or self._source.read(1):
            raise _malformed("bytes follow the last chunk")
        if self._length is not None and self._seen != self._length:
            raise _incomplete()
        self._ended = True

    def _prove_trailers(self, proof: ChunkProof) -> None:
        if not proof.signs_trailers:
            if self.trailers:
                raise _malformed("trailers follow that were not announced")
            return
        signature = self.trailers.pop(_TRAILER_SIGNATURE, "")
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(self.trailers.items()))
        proof.trailers(signature, hashlib.sha256(lines.encode("latin-1")).hexdigest())

    def _take(self, size: int) -> bytes:
        if size == 0:
            return b""
        if self._buffer:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        data = self._source.read(size)
        if not data:
            raise _incomplete()
        return data

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE:
                raise _malformed("a line is too long")
            more = self._source.read(_MAX_LINE)
            if not more:
                raise _incomplete()
            self._buffer += more
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.removesuffix(b"\r")


def _malformed(why: str) -> AwsError:
    return AwsError(f"The body is not well-formed aws-chunked data: {why}", code="InvalidRequest")


def _incomplete() -> AwsError:
    return AwsError(
        "You did not provide the number of bytes specified by the Content-Length HTTP header", code="IncompleteBody"
    )
