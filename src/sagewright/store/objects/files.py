"""Blobs as files of this machine, never written again once they are whole.

    blobs/3f/3f9c…        the bytes
    doubt/<process>/log   "ask the index about 3f9c…", a line each (``doubts``)

Where they are **durable**, the bytes and the name of a blob are on the disk (fsync) before the index may name it.
"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from sagewright.store.objects.blobs import CHUNK, open_regular
from sagewright.store.objects.model import Extent, Sums
from sagewright.store.objects.pouring import pour
from sagewright.wire.http import BodyReader, FileSlice


class Files:
    """The files under ``root``: a ``Storage``. Several processes of one machine may share ``root``."""

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self._root = root
        self._durable = durable
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        for trash in root.glob("trash-*"):
            shutil.rmtree(trash, ignore_errors=True)
        if durable:
            _sync_directory(root)
            _sync_directory(root.parent)

    def path(self, blob: str) -> Path:
        """Where the bytes of ``blob`` are."""
        return Path(f"{self._root}/blobs/{blob[:2]}/{blob}")

    def write(self, blob: str, source: BodyReader, algorithms: Sequence[str]) -> Sums:
        path = self.path(blob)
        descriptor = self._create(path)
        try:
            sums = pour(source, algorithms, descriptor)
            self._sync(path, descriptor)
        finally:
            os.close(descriptor)
        return sums

    def adopt(self, blob: str, source: Path, algorithms: Sequence[str]) -> Sums:
        path = self.path(blob)
        with open_regular(source) as file:
            # A second name, not a move: killed before the index names the blob, the source can be adopted again.
            if not self._link(Path(f"/proc/self/fd/{file.fileno()}"), path):
                return self.write(blob, file, algorithms)
            os.fchmod(file.fileno(), 0o444)
            sums = pour(file, algorithms, None)
            self._sync(path, file.fileno())
            return sums

    def join(self, blob: str, sources: Sequence[Extent]) -> None:
        """One source is not copied but linked."""
        path = self.path(blob)
        if len(sources) == 1 and self._link(self.path(sources[0].blob), path):
            self._sync(path)
            return
        descriptor = self._create(path)
        try:
            for source in sources:
                _append(self.path(source.blob), descriptor)
            self._sync(path, descriptor)
        finally:
            os.close(descriptor)

    def body(self, extent: Extent, offset: int, length: int) -> FileSlice:
        return FileSlice(self.path(extent.blob), offset, length)

    def files(self, extents: Sequence[Extent]) -> Sequence[Path]:
        return [self.path(extent.blob) for extent in extents]

    def remove(self, blobs: Sequence[str], *, torn: bool = False) -> None:
        del torn
        for blob in blobs:
            self.path(blob).unlink(missing_ok=True)

    def clear(self) -> None:
        trash = self._root / f"trash-{uuid.uuid4().hex}"
        (self._root / "blobs").rename(trash)
        (self._root / "blobs").mkdir()
        threading.Thread(target=shutil.rmtree, args=(trash, True), name="objects-trash").start()

    def strays(self, seconds: float) -> Iterator[Sequence[str]]:
        """None: the doubts are on the same disk, and are lost with it."""
        del seconds
        return iter(())

    def close(self) -> None:
        """Nothing is held."""

    def _create(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            return os.open(path, flags, 0o444)
        except FileNotFoundError:
            self._make_parent(path)
            return os.open(path, flags, 0o444)

    def _link(self, source: Path, target: Path) -> bool:
        """A second name for the same bytes; False where the file system has no more of them to give."""
        self._make_parent(target)
        try:
            target.hardlink_to(source)
        except OSError:
            return False
        return True

    def _make_parent(self, path: Path) -> None:
        """The directory that a new file is to be in."""
        try:
            path.parent.mkdir()
        except FileExistsError:
            return
        if self._durable:
            _sync_directory(path.parent.parent)

    def _sync(self, path: Path, descriptor: int | None = None) -> None:
        """Bring a new file's bytes, and then its name, to the disk."""
        if not self._durable:
            return
        if descriptor is not None:
            os.fdatasync(descriptor)
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append(source: Path, descriptor: int) -> None:
    with source.open("rb", buffering=0) as file, open(descriptor, "wb", closefd=False) as target:
        try:
            while os.copy_file_range(file.fileno(), descriptor, 1 << 30):  # in the kernel; shared blocks on some disks
                pass
        except OSError:
            shutil.copyfileobj(file, target, CHUNK)
