"""Readers of blobs, as ``BodyReader``: of parts of files, and of pieces that come from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import FileIO

from sagewright.store.objects.blobs import CHUNK
from sagewright.wire.http import BodyReader, FileBody, fill


class FileReader:
    """A ``BodyReader`` over parts of files, one open at a time."""

    def __init__(self, body: FileBody) -> None:
        self._slices = iter(body.slices)
        self._file: FileIO | None = None
        self._left = 0

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        while not self._left:
            part = next(self._slices, None)
            if part is None:
                return b""
            self.close()
            self._file = FileIO(str(part.path))
            self._file.seek(part.offset)
            self._left = part.length
        assert self._file is not None
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as there are bytes."""
        return fill(self, buffer)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


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
def reading(body: FileBody | Iterator[bytes]) -> Iterator[BodyReader]:
    """A reader of what ``Storage.body`` gave. Raises ``FileNotFoundError`` when the bytes are gone."""
    if isinstance(body, FileBody):
        with closing(FileReader(body)) as reader:
            yield reader
        return
    try:
        yield Pieces(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
