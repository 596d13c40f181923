"""An object on its way here: written by one, read by any number of others while it arrives."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Condition

from sagewright.wire.http import BodyReader, fill

PIECE = 1 << 20
STALLED_SECONDS = 60.0


class Fetch:
    """The bytes of one object as far as they are here, in a file without a name: what breaks off leaves nothing."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed with the last reader
        self._changed = Condition()
        self._ended = False
        self._error: Exception | None = None
        self.written = 0
        """How many bytes there are."""

    def write(self, data: bytes) -> None:
        """Add the next bytes."""
        self._file.write(data)
        self._file.flush()
        with self._changed:
            self.written += len(data)
            self._changed.notify_all()

    def end(self, error: Exception | None = None) -> None:
        """Say that no more bytes come, because of ``error`` unless these are all."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def wait(self) -> None:
        """Return at the end. Raises the error that ended it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended)
        if self._error is not None:
            raise self._error

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        """Some of the bytes, piece by piece, as they arrive. Raises the error that ended it, and ``TimeoutError``."""
        while length > 0:
            with self._changed:
                if not self._changed.wait_for(lambda at=offset: self._ended or self.written > at, STALLED_SECONDS):  # type: ignore[misc]
                    raise TimeoutError("an object of a public sample bucket does not arrive")
            if self.written <= offset:
                raise self._error or EOFError("an object of a public sample bucket is shorter than it was said to be")
            piece = os.pread(self._file.fileno(), min(PIECE, length, self.written - offset), offset)
            offset, length = offset + len(piece), length - len(piece)
            yield piece


class Copying:
    """A ``BodyReader`` that gives all it reads to a fetch as well."""

    def __init__(self, source: BodyReader, fetch: Fetch) -> None:
        self._source, self._fetch = source, fetch

    def read(self, size: int = -1) -> bytes:
        """As ``BodyReader.read``."""
        data = self._source.read(size)
        self._fetch.write(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``."""
        return fill(self, buffer)
