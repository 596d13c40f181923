"""The fate of blobs: immutable bytes under random names, in a ``Storage`` (``files``, ``remote``).

The index says which blobs count; a blob it does not name is garbage. No walk over all of them looks for garbage: while
a blob's fate is open (being written, about to be replaced), its id stands in this process's log of **doubts**.
"""

from __future__ import annotations

import os
import stat
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from sagewright.store.objects.delayed_delete import OUTAGES, DelayedDelete
from sagewright.store.objects.doubts import Doubts
from sagewright.store.objects.model import Blob, Extent, Sums
from sagewright.wire.http import BodyReader, FileBody

CHUNK = 1 << 20


class Storage(Protocol):
    """Where the bytes of blobs are: files of this machine, or an S3 elsewhere. Thread-safe; every method may block.

    A blob is written once. What cannot be done now raises an error that ``outages.outage`` knows.
    """

    def write(self, blob: str, source: BodyReader, algorithms: Sequence[str]) -> Sums:
        """Make the bytes of ``source``, to its end, those of a new blob; in constant memory."""
        ...

    def adopt(self, blob: str, source: Path, algorithms: Sequence[str]) -> Sums:
        """Like ``write``, from a regular file, which may be moved. Raises ``OSError`` for a link and for no file."""
        ...

    def join(self, blob: str, sources: Sequence[Extent]) -> None:
        """Make a new blob of others, one after the other, and leave them. Raises ``FileNotFoundError``: one is gone."""
        ...

    def body(self, extent: Extent, offset: int, length: int) -> FileBody | Iterator[bytes]:
        """Part of a blob, to be sent or read. Raises ``FileNotFoundError`` when its bytes are gone."""
        ...

    def files(self, extents: Sequence[Extent]) -> Sequence[Path]:
        """A file for each, never to be written to. Raises ``Coming`` while they are being made or fetched."""
        ...

    def remove(self, blobs: Sequence[str], *, torn: bool = False) -> None:
        """Delete blobs; those that are not there are no error. ``torn``: and what a killed writer left of them."""
        ...

    def clear(self) -> None:
        """Delete every blob."""
        ...

    def orphans(self, seconds: float) -> Iterator[Sequence[str]]:
        """The blobs older than that, some at a time, where a machine may have been lost with its doubts."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Blobs:
    """What becomes of blobs: who may vanish, and when. Thread-safe; several processes may share ``root``."""

    def __init__(self, root: Path, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._deletions = DelayedDelete(self._delete)
        root.mkdir(parents=True, exist_ok=True)
        self._doubts = Doubts(root / "doubt")

    @contextmanager
    def receive(self, source: BodyReader, algorithms: Sequence[str]) -> Iterator[Blob]:
        """Write ``source`` to its end into a new blob, in constant memory; ``keep`` it inside the block or lose it."""
        with self._new() as blob:
            yield Blob(blob, self._storage.write(blob, source, algorithms))

    @contextmanager
    def adopt(self, source: Path, algorithms: Sequence[str]) -> Iterator[Blob]:
        """Like ``receive``, from a regular file that is given away, and not copied where the storage allows.

        Raises ``OSError`` when ``source`` is missing, a symbolic link or not a regular file.
        """
        with self._new() as blob:
            yield Blob(blob, self._storage.adopt(blob, source, algorithms))
        source.unlink(missing_ok=True)

    @contextmanager
    def join(self, sources: Sequence[Extent]) -> Iterator[str]:
        """A new blob with the bytes of ``sources`` one after the other. Raises ``FileNotFoundError``."""
        with self._new() as blob:
            self._storage.join(blob, sources)
            yield blob

    def keep(self, blob: str) -> None:
        """The index names ``blob`` now."""
        with self._lock:
            self._open.discard(blob)
        self._doubts.settle(blob)

    def doubt(self, blobs: Iterable[str]) -> None:
        """The index is about to forget ``blobs``; to be called before it commits."""
        self._doubts.add(blobs)

    def delete_later(self, blobs: Sequence[str]) -> None:
        """The index has forgotten ``blobs``: delete them after ``GRACE`` seconds."""
        self._deletions.delete_later(blobs)

    def sweep(self, indexed: Callable[[Sequence[str]], set[str]]) -> int:
        """Delete what killed processes left, and say how many blobs; ``indexed`` tells those that the index names."""
        swept = 0

        def resolve(blobs: Sequence[str]) -> None:
            nonlocal swept
            garbage = set(blobs) - (indexed(blobs) if blobs else set())
            self._storage.remove(list(garbage), torn=True)
            swept += len(garbage)

        self._doubts.sweep(resolve)
        return swept

    def sweep_orphans(self, indexed: Callable[[Sequence[str]], set[str]], seconds: float) -> int:
        """Delete blobs older than ``seconds`` that the index does not name, and say how many: those of lost machines.

        A blob of that age is never still being written, and one being replaced was named until just now.
        """
        swept = 0
        for blobs in self._storage.orphans(seconds):
            garbage = set(blobs) - indexed(blobs)
            self._storage.remove(list(garbage))
            swept += len(garbage)
        return swept

    def clear(self) -> None:
        """Forget every blob at once; the bytes go in the background."""
        self._deletions.clear()
        with self._lock:
            self._doubts.clear()
        self._storage.clear()

    def close(self) -> None:
        """Delete what waits for deletion and let go of the directory."""
        self._deletions.close()  # the doubts of what cannot be deleted stay, for the next start
        self._doubts.close()

    @contextmanager
    def _new(self) -> Iterator[str]:
        blob = uuid.uuid4().hex
        self.doubt([blob])
        with self._lock:
            self._open.add(blob)
        try:
            yield blob
        except DBAPIError:
            with self._lock:  # the commit may have happened: the doubt stays, for the sweep to resolve
                self._open.discard(blob)
            raise
        finally:
            with self._lock:
                lost = blob in self._open
                self._open.discard(blob)
            if lost:
                self._drop(blob)

    def _drop(self, blob: str) -> None:
        try:
            self._storage.remove([blob])
        except OUTAGES:  # what is told is the error that led here
            self.delete_later([blob])
        else:
            self._doubts.settle(blob)

    def _delete(self, blobs: Sequence[str]) -> None:
        self._storage.remove(blobs)
        for blob in blobs:
            self._doubts.settle(blob)


def open_regular(path: Path) -> FileIO:
    """Open for reading; raises ``OSError`` for what is missing, a symbolic link (a job may have made it) or no file."""
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"not a regular file: {path}")
    return file
