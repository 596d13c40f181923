"""``Content-Encoding: aws-chunked``: how SDKs send a body whose checksum they learn only while they send it.

    5\\r\\nhello\\r\\n0\\r\\nx-amz-checksum-crc32:NhCmhg==\\r\\n\\r\\n

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html. Signatures of chunks are not
checked here; the gateway admits only bodies without them (STREAMING-UNSIGNED-PAYLOAD-TRAILER).
"""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.core.errors import AwsError
from sagewright.wire.http import BodyReader

_MAX_LINE = 8192
_MAX_TRAILERS = 16
_READ = 1 << 16


def is_aws_chunked(headers: Mapping[str, str]) -> bool:
    """Whether a request with these (lower-case) headers has such a body."""
    return headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in codings(
        headers.get("content-encoding", "")
    )


def codings(content_encoding: str) -> list[str]:
    """The codings a ``Content-Encoding`` header names."""
    return [coding.strip() for coding in content_encoding.split(",") if coding.strip()]


class AwsChunkedReader:
    """The decoded body. ``trailers`` (lower-case names) are complete once ``read`` has returned ``b""``.

    ``length`` is what ``x-amz-decoded-content-length`` announces, in bytes. Reading raises ``AwsError`` IncompleteBody
    when the body ends early or is not that long, InvalidRequest when it is not in this form.
    """

    def __init__(self, source: BodyReader, length: int | None = None) -> None:
        self.trailers: dict[str, str] = {}
        self._source = source
        self._length = length
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
        return data

    def _next_chunk(self) -> None:
        if self._begun and self._line():
            raise _malformed("a chunk is longer than it says")
        self._begun = True
        text = self._line().partition(b";")[0].strip()
        if not text or text.strip(b"0123456789abcdefABCDEF") or len(text) > 16:
            raise _malformed("a chunk does not begin with its size")
        self._left = int(text, 16)
        if self._length is not None and self._seen + self._left > self._length:
            raise _incomplete()
        if self._left == 0:
            self._end()

    def _end(self) -> None:
        while line := self._line():
            name, colon, value = line.decode("latin-1").partition(":")
            name = name.strip().lower()
            if not colon or name in self.trailers or len(self.trailers) == _MAX_TRAILERS:
                raise _malformed("a trailer is not a header")
            self.trailers[name] = value.strip()
        if self._buffer or self._source.read(1):
            raise _malformed("bytes follow the last chunk")
        if self._length is not None and self._seen != self._length:
            raise _incomplete()
        self._ended = True

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
