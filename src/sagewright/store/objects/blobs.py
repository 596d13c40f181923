"""The bytes of objects: immutable files under random names.

The index says which blobs count; a blob it does not name is garbage. No walk over all files ever looks for garbage:
while a blob's fate is open (being written, about to be replaced), its id stands in this process's log of **doubts**.

    blobs/3f/3f9c…        the bytes
    doubt/<process>/log   "ask the index about 3f9c…", a line each (``doubts``)

Where blobs are **durable**, the bytes and the name of a blob are on the disk (fsync) before the index may name it.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from sagewright.store.objects.doubts import Doubts
from sagewright.store.objects.model import Blob
from sagewright.store.objects.pouring import pour
from sagewright.wire.http import BodyReader

GRACE = 30.0
"""Seconds for which the bytes of a replaced or deleted object stay, for readers that have its path but not yet the
file."""
CHUNK = 1 << 20


class Blobs:
    """The files under ``root``. Thread-safe; several processes of one machine may share ``root``."""

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self._root = root
        self._durable = durable
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._graves: deque[tuple[float, Sequence[str]]] = deque()
        self._digger: threading.Timer | None = None
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        self._doubts = Doubts(root / "doubt")
        if durable:
            _sync_directory(root)
            _sync_directory(root.parent)
        self._closed = False

    def path(self, blob: str) -> Path:
        """Where the bytes of ``blob`` are."""
        return Path(f"{self._root}/blobs/{blob[:2]}/{blob}")

    @contextmanager
    def receive(self, source: BodyReader, algorithms: Sequence[str]) -> Iterator[Blob]:
        """Write ``source`` to its end into a new blob, in constant memory; ``keep`` it inside the block or lose it."""
        with self._new() as (blob, path):
            descriptor = self._create(path)
            try:
                sums = pour(source, algorithms, descriptor)
                self._sync(path, descriptor)
            finally:
                os.close(descriptor)
            yield Blob(blob, path, sums)

    @contextmanager
    def adopt(self, source: Path, algorithms: Sequence[str]) -> Iterator[Blob]:
        """Like ``receive``, from a regular file that is moved in rather than copied where the disk allows.

        It is gone from its old place only after the block.

        Raises ``OSError`` when ``source`` is missing, a symbolic link or not a regular file.
        """
        with open_regular(source) as file:
            with self._new() as (blob, path):
                # A second name first: killed before the index names the blob, the source is there to be adopted again.
                linked = self._link(Path(f"/proc/self/fd/{file.fileno()}"), path)
                if linked:
                    os.fchmod(file.fileno(), 0o444)
                    sums = pour(file, algorithms, None)
                    self._sync(path, file.fileno())
                    yield Blob(blob, path, sums)
            if not linked:
                with self.receive(file, algorithms) as received:
                    yield received
        source.unlink()

    @contextmanager
    def join(self, sources: Sequence[Path]) -> Iterator[tuple[str, Path]]:
        """A new blob with the bytes of ``sources`` one after the other. One source is not copied but linked."""
        with self._new() as (blob, path):
            if len(sources) == 1 and self._link(sources[0], path):
                self._sync(path)
            else:
                descriptor = self._create(path)
                try:
                    for source in sources:
                        _append(source, descriptor)
                    self._sync(path, descriptor)
                finally:
                    os.close(descriptor)
            yield blob, path

    def keep(self, blob: str) -> None:
        """The index names ``blob`` now."""
        with self._lock:
            self._open.discard(blob)
        self._doubts.settle(blob)

    def doubt(self, blobs: Iterable[str]) -> None:
        """The index is about to forget ``blobs``; to be called before it commits."""
        self._doubts.add(blobs)

    def bury(self, blobs: Sequence[str]) -> None:
        """The index has forgotten ``blobs``: delete them after ``GRACE`` seconds."""
        if not blobs:
            return
        with self._lock:
            self._graves.append((time.monotonic() + GRACE, blobs))
            self._set_timer()

    def sweep(self, indexed: Callable[[Sequence[str]], set[str]]) -> int:
        """Delete what killed processes left, and say how many blobs; ``indexed`` tells those that the index names."""
        for trash in self._root.glob("trash-*"):
            shutil.rmtree(trash, ignore_errors=True)
        swept: list[str] = []

        def resolve(blobs: Sequence[str]) -> None:
            garbage = set(blobs) - (indexed(blobs) if blobs else set())
            for blob in garbage:
                self.path(blob).unlink(missing_ok=True)
            swept.extend(garbage)

        self._doubts.sweep(resolve)
        return len(swept)

    def clear(self) -> None:
        """Forget every blob at once; the files go in the background."""
        trash = self._root / f"trash-{uuid.uuid4().hex}"
        with self._lock:
            self._graves.clear()
            (self._root / "blobs").rename(trash)
            (self._root / "blobs").mkdir()
            self._doubts.clear()
        threading.Thread(target=shutil.rmtree, args=(trash, True), name="objects-trash").start()

    def close(self) -> None:
        """Delete what waits for deletion and let go of the directory."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._digger is not None:
                self._digger.cancel()
            self._dig(float("inf"))
            self._doubts.close()

    @contextmanager
    def _new(self) -> Iterator[tuple[str, Path]]:
        blob = uuid.uuid4().hex
        path = self.path(blob)
        self.doubt([blob])
        with self._lock:
            self._open.add(blob)
        try:
            yield blob, path
        except DBAPIError:
            with self._lock:  # the commit may have happened: the doubt stays, for the sweep to resolve
                self._open.discard(blob)
            raise
        finally:
            with self._lock:
                lost = blob in self._open
                self._open.discard(blob)
            if lost:
                path.unlink(missing_ok=True)
                self._doubts.settle(blob)

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

    def _set_timer(self) -> None:
        if self._digger is None and self._graves:
            self._digger = threading.Timer(max(0.0, self._graves[0][0] - time.monotonic()) + 0.1, self._on_timer)
            self._digger.daemon = True
            self._digger.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._digger = None
            if not self._closed:
                self._dig(time.monotonic())
                self._set_timer()

    def _dig(self, now: float) -> None:
        while self._graves and self._graves[0][0] <= now:
            for blob in self._graves.popleft()[1]:
                self.path(blob).unlink(missing_ok=True)
                self._doubts.settle(blob)


def open_regular(path: Path) -> FileIO:
    """Open for reading; raises ``OSError`` for what is missing, a symbolic link (a job may have made it) or no file."""
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"not a regular file: {path}")
    return file


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
