"""A local cache of blobs that are elsewhere: files that never go stale, for blobs never change.

    cache/3f/3f9c…      the bytes, whole: a file is given its name when it is complete
    cache/drafts/…      being fetched; what a killed process left is found by its age

The time a file was last read, which we set, says until when it is spoken for: those of long ago go first when the cache
is larger than it may be, and none goes that was asked for within ``QUIET`` seconds. Several processes may share it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagewright.store.disk_reserve import require_room
from sagewright.store.objects.blobs import open_regular

QUIET = 60.0
"""Seconds for which a file stays that was asked for: who asked opens or links it meanwhile."""
FRESH = 20.0
"""A file asked for within these seconds is not marked again."""
OLD_DRAFT = 3600.0


class Cache:
    """Up to about ``limit`` bytes of blobs below ``root``. Thread-safe."""

    def __init__(self, root: Path, limit: int) -> None:
        self._root, self._limit = root, limit
        (root / "drafts").mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._lock_file = (root / "lock").open("a")
        self._size = 0
        self._evict()

    def welcomes(self, size: int) -> bool:
        """Whether a file of that many bytes may be kept just because it passed: an eighth of the whole at most."""
        return size <= self._limit // 8

    def find(self, blob: str, hold: float = 0.0) -> Path | None:
        """The file of ``blob``, which stays for ``hold`` and ``QUIET`` seconds; None when it is not here."""
        path = self._path(blob)
        now = time.time()
        with self._locked():
            try:
                status = path.stat()
                if status.st_atime < now + hold - FRESH:
                    os.utime(path, (now + hold, status.st_mtime))
            except FileNotFoundError:
                return None
        return path

    def fill(self, blob: str, pieces: Iterable[bytes]) -> None:
        """Make ``pieces`` the file of ``blob``. Raises ``OSError`` when the disk is full."""
        with self._draft(blob) as descriptor:
            for piece in pieces:
                _write(descriptor, piece)

    def passing(self, blob: str, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
        """``pieces``, which become the file of ``blob`` if all ``size`` bytes pass; a full disk stops nothing."""
        draft = self._draft(blob)
        try:
            descriptor = draft.__enter__()
        except OSError:
            yield from pieces
            return
        passed, error = 0, OSError("not all of it passed")
        try:
            for piece in pieces:
                if passed >= 0:
                    try:
                        _write(descriptor, piece)
                        passed += len(piece)
                    except OSError:
                        passed = -1
                yield piece
        finally:
            with suppress(OSError):
                if passed == size:
                    draft.__exit__(None, None, None)
                else:
                    draft.__exit__(OSError, error, None)

    def adopt(self, blob: str, source: Path) -> None:
        """Keep a file that becomes ``blob`` and that its owner gives away, where the disk lets it be linked."""
        draft = self._root / "drafts" / uuid.uuid4().hex
        with suppress(OSError):
            draft.hardlink_to(source)
            with open_regular(draft) as file:
                os.fchmod(file.fileno(), 0o444)
            self._publish(blob, draft)

    def remove(self, blobs: Iterable[str]) -> None:
        """Forget them."""
        for blob in blobs:
            self._path(blob).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all of them."""
        for child in self._root.iterdir():
            if child.is_dir() and child.name != "drafts":
                shutil.rmtree(child, ignore_errors=True)

    def close(self) -> None:
        """Let go of the directory."""
        self._lock_file.close()

    def _path(self, blob: str) -> Path:
        return Path(f"{self._root}/{blob[:2]}/{blob}")

    @contextmanager
    def _draft(self, blob: str) -> Iterator[int]:
        """A new file, which gets its name at the end of the block."""
        draft = self._root / "drafts" / uuid.uuid4().hex
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            self._publish(blob, draft)
        finally:
            draft.unlink(missing_ok=True)

    def _publish(self, blob: str, draft: Path) -> None:
        path = self._path(blob)
        path.parent.mkdir(exist_ok=True)
        os.utime(draft)
        draft.rename(path)
        with self._lock:
            self._size += path.stat().st_size
            full = self._size > self._limit
        if full:
            self._evict()

    def _evict(self) -> None:
        """Count what is there, and delete what was not asked for in the longest time until a tenth is free."""
        now = time.time()
        for draft in (self._root / "drafts").iterdir():
            with suppress(FileNotFoundError):
                if draft.stat().st_mtime < now - OLD_DRAFT:
                    draft.unlink()
        files: list[tuple[float, int, Path]] = []
        for directory in self._root.iterdir():
            if len(directory.name) == 2:
                for path in directory.iterdir():
                    with suppress(FileNotFoundError):
                        status = path.stat()
                        files.append((status.st_atime, status.st_size, path))
        size = sum(each for _, each, _ in files)
        if size > self._limit:
            for _, bytes_, path in sorted(files):
                if size <= self._limit * 9 // 10:
                    break
                with self._locked(), suppress(FileNotFoundError):
                    if path.stat().st_atime < now - QUIET:
                        path.unlink()
                        size -= bytes_
        with self._lock:
            self._size = size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody asks for a file and nobody deletes one meanwhile, in any process."""
        with self._lock:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)


def _write(descriptor: int, data: bytes) -> None:
    require_room(descriptor)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
