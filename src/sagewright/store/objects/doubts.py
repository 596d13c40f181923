"""Which blobs this process may leave behind: those being written, and those about to be replaced or deleted.

Their ids are lines of a log, in a directory that is locked for as long as the process lives. A process that is killed
leaves its log without the lock; the next start asks the index about exactly those ids. A line costs one write to an
open file; a file for each doubt would cost as much as the object itself.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_LOG = "log"
_ID = 32
"""Characters of a blob's id."""
_SLACK = 4096
"""Settled lines that a log may have, before it is written anew without them."""


class Doubts:
    """The doubts of one process, under ``root``. Thread-safe."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self._root = root
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._lines = 0
        self._directory, held = _own_directory(root)
        self._held: int | None = held
        self._log = self._new_log()

    def add(self, blobs: Iterable[str]) -> None:
        """The fate of ``blobs`` is open from now on."""
        new = list(blobs)
        with self._lock:
            self._open.update(new)
            self._lines += len(new)
            if self._lines > _SLACK + 2 * len(self._open):
                old, self._log = self._log, self._new_log()
                os.close(old)
            else:
                os.write(self._log, _lines(new))

    def settle(self, blob: str) -> None:
        """The index names ``blob``, or its bytes are gone."""
        with self._lock:
            self._open.discard(blob)

    def sweep(self, resolve: Callable[[Sequence[str]], None]) -> None:
        """Give ``resolve`` the blobs that each killed process left open."""
        for left in self._root.iterdir():
            lock = _lock_directory(left)
            if lock is None:
                continue
            try:
                log = left / _LOG
                blobs = log.read_text().split() if log.exists() else []
                resolve(list({blob for blob in blobs if len(blob) == _ID}))
                shutil.rmtree(left)
            finally:
                os.close(lock)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._open.clear()

    def close(self) -> None:
        """Let go of the directory; what is still open is left to the next start."""
        with self._lock:
            if self._held is None:
                return
            os.close(self._log)
            if not self._open:
                with suppress(OSError):
                    shutil.rmtree(self._directory)
            os.close(self._held)
            self._held = None

    def _new_log(self) -> int:
        """A log of what is open and nothing else, in the old one's place."""
        path = self._directory / f"{_LOG}.new"
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.write(log, _lines(self._open))
        path.rename(self._directory / _LOG)
        self._lines = len(self._open)
        return log


def _lines(blobs: Iterable[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in blobs).encode()


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
