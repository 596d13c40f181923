"""The decoder of aws-chunked bodies against bodies whole, cut and broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.core.errors import AwsError
from sagewright.wire.aws_chunked import AwsChunkedReader, codings, is_aws_chunked
from sagewright.wire.http import BytesReader, fill

HELLO = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"


class Dripping:
    """A body that arrives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._reader, self._step = BytesReader(data), step

    def read(self, size: int = -1) -> bytes:
        return self._reader.read(self._step if size < 0 else min(size, self._step))

    def readinto(self, buffer: memoryview, /) -> int:
        return fill(self, buffer)


def framed(pieces: list[bytes], trailers: dict[str, str]) -> bytes:
    chunks = b"".join(b"%x;chunk-signature=0\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode() + b"\r\n"


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 60), st.integers(1, 60))
def test_any_framing_any_reading(pieces: list[bytes], step: int, size: int) -> None:
    data = b"".join(pieces)
    reader = AwsChunkedReader(Dripping(framed(pieces, {"X-Amz-Checksum-Sha1": "a:b"}), step), len(data))
    assert b"".join(iter(lambda: reader.read(size), b"")) == data
    assert reader.trailers == {"x-amz-checksum-sha1": "a:b"}
    assert reader.read() == b""


@given(st.integers(0, len(HELLO) - 1))
def test_cut_anywhere_is_incomplete(end: int) -> None:
    with pytest.raises(AwsError) as refused:
        AwsChunkedReader(BytesReader(HELLO[:end]), 5).read()
    assert refused.value.code == "IncompleteBody"


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"0" * 20_000,
        b"f" * 17 + b"\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n" + b"a:b\r\n" * 17 + b"\r\n",
        b"0\r\n\r\nmore",
    ],
)
def test_malformed(body: bytes) -> None:
    with pytest.raises(AwsError) as refused:
        AwsChunkedReader(BytesReader(body)).read()
    assert refused.value.code in ("InvalidRequest", "IncompleteBody")
    assert refused.value.status == 400


@pytest.mark.parametrize("length", [4, 6])
def test_announced_length_is_kept(length: int) -> None:
    with pytest.raises(AwsError) as refused:
        AwsChunkedReader(BytesReader(HELLO), length).read()
    assert refused.value.code == "IncompleteBody"


def test_which_requests_have_such_a_body() -> None:
    assert is_aws_chunked({"content-encoding": "gzip, aws-chunked", "x-amz-decoded-content-length": "3"})
    assert not is_aws_chunked({"content-encoding": "aws-chunked"})
    assert is_aws_chunked({"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
    assert not is_aws_chunked({"content-encoding": "gzip", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert codings(" gzip , aws-chunked,") == ["gzip", "aws-chunked"]
