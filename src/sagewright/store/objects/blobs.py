"""The bytes of objects: immutable files under random names.

The index says which blobs count; a blob it does not name is garbage. No walk over all files ever looks for garbage:
while a blob's fate is open (being written, about to be replaced), its id stands as an empty file in this process's
**doubt** directory. A process that is killed leaves its doubts behind, without the lock it held on them; the next
start asks the index about exactly those ids.

    blobs/3f/3f9c…         the bytes
    doubt/<process>/3f9c…  "ask the index about 3f9c…"; the directory is locked for as long as the process lives
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from sagewright.store.objects import checksums
from sagewright.store.objects.model import Blob, Sums
from sagewright.store.room import require_room
from sagewright.wire.http import BodyReader

GRACE = 30.0
"""Seconds for which the bytes of a replaced or deleted object stay, for readers that have its path but not yet the
file."""
CHUNK = 1 << 20


class Blobs:
    """The files under ``root``. Thread-safe; several processes of one machine may share ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._graves: deque[tuple[float, Sequence[str]]] = deque()
        self._digger: threading.Timer | None = None
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        (root / "doubt").mkdir(exist_ok=True)
        self._doubt, held = _own_directory(root / "doubt")
        self._held: int | None = held

    def path(self, blob: str) -> Path:
        """Where the bytes of ``blob`` are."""
        return Path(f"{self._root}/blobs/{blob[:2]}/{blob}")

    @contextmanager
    def receive(self, source: BodyReader, algorithms: Sequence[str]) -> Iterator[Blob]:
        """Write ``source`` to its end into a new blob, in constant memory; ``keep`` it inside the block or lose it."""
        with self._new() as (blob, path):
            descriptor = _create(path)
            try:
                sums = _pour(source, algorithms, descriptor)
            finally:
                os.close(descriptor)
            yield Blob(blob, path, sums)

    @contextmanager
    def adopt(self, source: Path, algorithms: Sequence[str]) -> Iterator[Blob]:
        """Like ``receive``, from a regular file that is moved in rather than copied where the disk allows.

        Raises ``OSError`` when ``source`` is missing, a symbolic link or not a regular file.
        """
        with open_regular(source) as file:
            if source.stat().st_dev == self._root.stat().st_dev:
                sums = _pour(file, algorithms, None)
                with self._new() as (blob, path):
                    path.parent.mkdir(exist_ok=True)
                    os.fchmod(file.fileno(), 0o444)
                    source.rename(path)
                    yield Blob(blob, path, sums)
                return
            with self.receive(file, algorithms) as received:
                yield received
            source.unlink()

    @contextmanager
    def join(self, sources: Sequence[Path]) -> Iterator[tuple[str, Path]]:
        """A new blob with the bytes of ``sources`` one after the other. One source is not copied but linked."""
        with self._new() as (blob, path):
            if len(sources) != 1 or not _link(sources[0], path):
                descriptor = _create(path)
                try:
                    for source in sources:
                        _append(source, descriptor)
                finally:
                    os.close(descriptor)
            yield blob, path

    def keep(self, blob: str) -> None:
        """The index names ``blob`` now."""
        with self._lock:
            self._open.discard(blob)
        self._settle(blob)

    def doubt(self, blobs: Iterable[str]) -> None:
        """The index is about to forget ``blobs``; to be called before it commits."""
        for blob in blobs:
            (self._doubt / blob).touch()

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
        swept = 0
        for left in (self._root / "doubt").iterdir():
            lock = _lock_directory(left)
            if lock is None:
                continue
            try:
                blobs = [entry.name for entry in left.iterdir()]
                garbage = set(blobs) - (indexed(blobs) if blobs else set())
                for blob in garbage:
                    self.path(blob).unlink(missing_ok=True)
                shutil.rmtree(left)
            finally:
                os.close(lock)
            swept += len(garbage)
        return swept

    def clear(self) -> None:
        """Forget every blob at once; the files go in the background."""
        trash = self._root / f"trash-{uuid.uuid4().hex}"
        with self._lock:
            self._graves.clear()
            (self._root / "blobs").rename(trash)
            (self._root / "blobs").mkdir()
            for entry in self._doubt.iterdir():
                entry.unlink(missing_ok=True)
        threading.Thread(target=shutil.rmtree, args=(trash, True), name="objects-trash").start()

    def close(self) -> None:
        """Delete what waits for deletion and let go of the directory."""
        with self._lock:
            if self._held is None:
                return
            if self._digger is not None:
                self._digger.cancel()
            self._dig(float("inf"))
            with suppress(OSError):
                self._doubt.rmdir()
            os.close(self._held)
            self._held = None

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
                self._settle(blob)

    def _settle(self, blob: str) -> None:
        (self._doubt / blob).unlink(missing_ok=True)

    def _set_timer(self) -> None:
        if self._digger is None and self._graves:
            self._digger = threading.Timer(max(0.0, self._graves[0][0] - time.monotonic()) + 0.1, self._on_timer)
            self._digger.daemon = True
            self._digger.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._digger = None
            if self._held is not None:
                self._dig(time.monotonic())
                self._set_timer()

    def _dig(self, now: float) -> None:
        while self._graves and self._graves[0][0] <= now:
            for blob in self._graves.popleft()[1]:
                self.path(blob).unlink(missing_ok=True)
                self._settle(blob)


def open_regular(path: Path) -> FileIO:
    """Open for reading; raises ``OSError`` for what is missing, a symbolic link (a job may have made it) or no file."""
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"not a regular file: {path}")
    return file


def _own_directory(parent: Path) -> tuple[Path, int]:
    """A new directory under ``parent`` and the descriptor that holds its lock; locked before others can see it."""
    name = uuid.uuid4().hex
    hidden = parent.parent / f"new-{name}"
    hidden.mkdir()
    descriptor = _lock_directory(hidden)
    if descriptor is None:
        raise OSError(f"cannot lock {hidden}")
    return hidden.rename(parent / name), descriptor


def _lock_directory(path: Path) -> int | None:
    """A descriptor that holds an exclusive lock on the directory; None when it is locked, or gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o444)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        return os.open(path, flags, 0o444)


def _pour(source: BodyReader, algorithms: Sequence[str], descriptor: int | None) -> Sums:
    """Read ``source`` to its end, into the file ``descriptor`` when there is one."""
    md5 = hashlib.md5(usedforsecurity=False)
    hashers = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
    size = 0
    while chunk := source.read(CHUNK):
        md5.update(chunk)
        for hasher in hashers.values():
            hasher.update(chunk)
        if descriptor is not None:
            require_room(descriptor)
            _write(descriptor, chunk)
        size += len(chunk)
    values = {algorithm: checksums.encode(hasher.digest()) for algorithm, hasher in hashers.items()}
    return Sums(size, md5.hexdigest(), values)


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def _link(source: Path, target: Path) -> bool:
    """A second name for the same bytes; False where the file system has no more of them to give."""
    target.parent.mkdir(exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _append(source: Path, descriptor: int) -> None:
    with source.open("rb", buffering=0) as file, open(descriptor, "wb", closefd=False) as target:
        try:
            while os.copy_file_range(file.fileno(), descriptor, 1 << 30):  # in the kernel; shared blocks on some disks
                pass
        except OSError:
            shutil.copyfileobj(file, target, CHUNK)
