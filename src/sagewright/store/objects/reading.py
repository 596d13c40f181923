"""Readers of blobs, as ``BodyReader``: of part of a file, and of pieces that come from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from sagewright.wire.http import BodyReader, FileSlice, fill


class FileRange:
    """A ``BodyReader`` over ``length`` bytes of an open file from ``offset`` on."""

    def __init__(self, file: FileIO, offset: int, length: int) -> None:
        file.seek(offset)
        self._file, self._left = file, length

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end of the range."""
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as the range goes."""
        return fill(self, buffer)


class Pieces:
    """A ``BodyReader`` over an iterator of bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end."""
        if size < 0:
            data, self._rest = b"".join((self._rest, *self._pieces)), b""
            return data
        if not self._rest:
            self._rest = next((piece for piece in self._pieces if piece), b"")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as there are bytes."""
        return fill(self, buffer)


@contextmanager
def reading(body: FileSlice | Iterator[bytes]) -> Iterator[BodyReader]:
    """A reader of what ``Storage.body`` gave."""
    if isinstance(body, FileSlice):
        with FileIO(str(body.path)) as file:
            yield FileRange(file, body.offset, body.length)
        return
    try:
        yield Pieces(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
