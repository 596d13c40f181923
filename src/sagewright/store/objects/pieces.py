"""Blobs in pieces: what a multipart upload brought stays in the files it came in, each under a second name.

    pieces/3f/3f9c…/0000000000800000    the bytes of the blob from this offset on

So CompleteMultipartUpload takes as long for a terabyte as for a megabyte. A blob becomes one file when somebody needs
a file, such as a job for its inputs (``Files.files``).
"""

from __future__ import annotations

import errno
import os
import shutil
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from sagewright.store.objects.model import Extent
from sagewright.wire.http import FileBody, FileSlice


class Pieces:
    """The directory ``root``, with a directory for each blob that is in pieces."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: WeakSet[FileBody] = WeakSet()
        self._lock = Lock()
        root.mkdir(parents=True, exist_ok=True)

    def path(self, blob: str) -> Path:
        """Where the pieces of ``blob`` are."""
        return Path(f"{self._root}/{blob[:2]}/{blob}")

    def make(self, blob: str, files: Sequence[FileSlice]) -> Path:
        """Whole files become the pieces of ``blob``, and stay. Raises ``FileNotFoundError`` when one is gone."""
        directory, offset = self.path(blob), 0
        directory.mkdir(parents=True)
        for file in files:
            piece = directory / f"{offset:016x}"
            try:
                piece.hardlink_to(file.path)
            except FileNotFoundError:
                raise
            except OSError:  # the file system has no more names for it
                shutil.copyfile(file.path, piece)
                with piece.open("rb") as copy:
                    os.fsync(copy.fileno())
            offset += file.length
        return directory

    def body(self, extent: Extent, offset: int, length: int) -> FileBody:
        """Part of a blob. Raises ``FileNotFoundError`` when it is not in pieces."""
        directory = self.path(extent.blob)
        names = sorted(path.name for path in directory.iterdir() if not path.suffix)
        begins = [int(name, 16) for name in names]
        end, slices = offset + length, []
        for number in range(max(0, bisect_right(begins, offset) - 1), len(names)):
            if begins[number] >= end:
                break
            after = begins[number + 1] if number + 1 < len(names) else extent.size
            first, last = max(offset, begins[number]), min(end, after)
            slices.append(FileSlice(directory / names[number], first - begins[number], last - first))
        body = FileBody(tuple(slices))
        with self._lock:
            self._read.add(body)
        return body

    def draft(self, blob: str, name: str) -> Path:
        """Where a process may write the blob as one file: it goes with the pieces."""
        return self.path(blob) / f"{name}.draft"

    def remove(self, blobs: Sequence[str]) -> None:
        """Delete the pieces, where there are any. Raises ``OSError`` (EBUSY) once all are gone but those being read.

        A file that is open outlives its name, but a slow reader of pieces has not opened the last of them.
        """
        with self._lock:
            busy = {part.path.parent.name for body in self._read for part in body.slices}
        for blob in blobs:
            if blob not in busy:
                with suppress(FileNotFoundError):
                    shutil.rmtree(self.path(blob))
        if left := busy.intersection(blobs):
            raise OSError(errno.EBUSY, f"{len(left)} are being read")
