"""Blobs as files of this machine, never written again once they are whole.

    blobs/3f/3f9c…        the bytes
    pieces/3f/3f9c…/…     the bytes of a multipart upload, until somebody needs them as one file (``pieces``)
    doubt/<process>/log   "ask the index about 3f9c…", a line each (``doubts``)

Where they are **durable**, the bytes and the name of a blob are on the disk (fsync) before the index may name it.
"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from sagewright.store.disk_reserve import require_room
from sagewright.store.objects.background import BackgroundWork
from sagewright.store.objects.blobs import CHUNK, open_regular
from sagewright.store.objects.delayed_delete import DelayedDelete
from sagewright.store.objects.model import Extent, Sums
from sagewright.store.objects.pieces import Pieces
from sagewright.store.objects.receive import copy_and_hash
from sagewright.store.outages import Away, Coming
from sagewright.wire.http import BodyReader, FileBody, FileSlice

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Files:
    """The files under ``root``: a ``Storage``. Several processes of one machine may share ``root``."""

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self._root = root
        self._durable = durable
        self._merges = BackgroundWork(1, "objects-merge")
        self._closed = threading.Event()
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        self._pieces = Pieces(root / "pieces")
        self._deletions = DelayedDelete(self._pieces.remove)
        for trash in root.glob("trash-*"):
            shutil.rmtree(trash, ignore_errors=True)
        if durable:
            _sync_directory(root)
            _sync_directory(root.parent)

    def path(self, blob: str) -> Path:
        """Where the bytes of ``blob`` are, when they are one file."""
        return Path(f"{self._root}/blobs/{blob[:2]}/{blob}")

    def write(self, blob: str, source: BodyReader, algorithms: Sequence[str]) -> Sums:
        path = self.path(blob)
        descriptor = self._create(path)
        try:
            sums = copy_and_hash(source, algorithms, descriptor)
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
            sums = copy_and_hash(file, algorithms, None)
            self._sync(path, file.fileno())
            return sums

    def join(self, blob: str, sources: Sequence[Extent]) -> None:
        """Their files get second names: no byte is copied."""
        files = [file for source in sources for file in self.body(source, 0, source.size).slices]
        full = [file for file in files if file.length] or files[:1]
        if len(full) == 1 and self._link(full[0].path, self.path(blob)):
            self._sync(self.path(blob))
            return
        directory = self._pieces.make(blob, full)
        if self._durable:
            for each in (directory, directory.parent, directory.parent.parent):
                _sync_directory(each)

    def body(self, extent: Extent, offset: int, length: int) -> FileBody:
        path = self.path(extent.blob)
        if path.exists():
            return FileBody((FileSlice(path, offset, length),))
        try:
            return self._pieces.body(extent, offset, length)
        except FileNotFoundError:
            self._require_root()
            raise

    def files(self, extents: Sequence[Extent]) -> Sequence[Path]:
        """The first time that the file of a multipart upload is asked for, it is put together from its pieces."""
        paths = [self.path(extent.blob) for extent in extents]
        merges = {
            extent.blob: partial(self._merge, extent)
            for extent, path in zip(extents, paths, strict=True)
            if not path.exists()
        }
        if merges:
            self._merges.wait_for(merges, "files are being put together from the parts they were uploaded in")
        return paths

    def remove(self, blobs: Sequence[str], *, torn: bool = False) -> None:
        del torn
        try:
            self._pieces.remove(blobs)  # first, so that no merge can still end
        finally:
            for blob in blobs:
                self.path(blob).unlink(missing_ok=True)

    def clear(self) -> None:
        trash = self._root / f"trash-{uuid.uuid4().hex}"
        trash.mkdir()
        for name in ("blobs", "pieces"):
            (self._root / name).rename(trash / name)
            (self._root / name).mkdir()
        threading.Thread(target=shutil.rmtree, args=(trash, True), name="objects-trash").start()

    def orphans(self, seconds: float) -> Iterator[Sequence[str]]:
        """None: the doubts are on the same disk, and are lost with it."""
        del seconds
        return iter(())

    def close(self) -> None:
        """Delete what waits for deletion."""
        self._closed.set()
        self._merges.close()
        self._deletions.close()

    def _merge(self, extent: Extent) -> None:
        """Make one file of pieces, which stay for ``GRACE`` seconds: until then readers may have their names.

        Killed before they go, they stay as long as the blob.
        """
        path, draft = self.path(extent.blob), self._pieces.draft(extent.blob, uuid.uuid4().hex)
        if path.exists():
            return
        pieces = self._pieces.body(extent, 0, extent.size).slices
        descriptor = os.open(draft, _NEW, 0o444)
        try:
            for piece in pieces:
                if self._closed.is_set():
                    raise Coming("the server ends; the next one begins anew")
                require_room(descriptor)
                _append(piece.path, descriptor)
            if self._durable:
                os.fdatasync(descriptor)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        self._make_parent(path)
        draft.rename(path)
        self._sync(path)
        self._deletions.delete_later([extent.blob])

    def _create(self, path: Path) -> int:
        try:
            return os.open(path, _NEW, 0o444)
        except FileNotFoundError:
            self._make_parent(path)
            return os.open(path, _NEW, 0o444)

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
        except FileNotFoundError:
            self._require_root()
            raise
        if self._durable:
            _sync_directory(path.parent.parent)

    def _require_root(self) -> None:
        """Raises ``Away`` where all blobs are gone at once: the directory was moved, or its disk is not mounted."""
        if not (self._root / "blobs").is_dir():
            raise Away(f"The server's directory of objects, {self._root}, is not there.")

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
