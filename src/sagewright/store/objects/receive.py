"""Bytes on their way into a blob: received, hashed and written block by block, in constant memory.

MD5 costs more than all the rest together, so it is computed in a thread beside, while the next block is received.
That is for few bodies: many at once keep all cores busy anyway, and each does without changing threads.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle

from sagewright.store.disk_reserve import require_room
from sagewright.store.objects import checksums
from sagewright.store.objects.model import Sums
from sagewright.wire.http import BodyReader

BLOCK = 256 * 1024
BLOCKS = 4
"""Of a body. One is filled while others wait to be hashed, so that neither side wakes the other for each."""
_WORTH_A_THREAD = 64 * 1024
_CORES = len(os.sched_getaffinity(0))
_pool = ThreadPoolExecutor(_CORES, thread_name_prefix="md5")
_spare: deque[bytearray] = deque(maxlen=4 * BLOCKS)
"""Blocks to use again; fresh ones have to be mapped page by page."""


def copy_and_hash(source: BodyReader, algorithms: Sequence[str], descriptor: int | None) -> Sums:
    """Read ``source`` to its end, into the file ``descriptor`` when there is one."""
    md5 = hashlib.md5(usedforsecurity=False)
    hashers = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
    size = 0
    with _blocks() as blocks, _Beside(md5.update) as md5_of:
        for block in cycle(blocks):
            md5_of.leave(len(blocks) - 1)
            filled = block[: source.readinto(block)]
            if not filled:
                break
            with _load as load:
                md5_of.start(filled, beside=len(filled) >= _WORTH_A_THREAD and 2 * load <= _CORES)
                for hasher in hashers.values():
                    hasher.update(filled)
                if descriptor is not None:
                    require_room(descriptor)
                    _write(descriptor, filled)
            size += len(filled)
    values = {algorithm: checksums.encode(hasher.digest()) for algorithm, hasher in hashers.items()}
    return Sums(size, md5.hexdigest(), values)


@contextmanager
def _blocks() -> Iterator[Sequence[memoryview]]:
    """Blocks, given back when nobody uses them any more."""
    taken = [_block() for _ in range(BLOCKS)]
    try:
        yield [memoryview(block) for block in taken]
    finally:
        _spare.extend(taken)


def _block() -> bytearray:
    try:
        return _spare.pop()
    except IndexError:
        return bytearray(BLOCK)


class _Beside:
    """``step``, of one block after the other, in a thread beside the caller. Leaving waits for the last."""

    def __init__(self, step: Callable[[memoryview], None]) -> None:
        self._step = step
        self._changed = threading.Condition()
        self._todo: deque[memoryview] = deque()
        self._running = False

    def __enter__(self) -> _Beside:
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave(0)

    def start(self, block: memoryview, *, beside: bool) -> None:
        """The step of ``block``, ``beside`` the caller or at once."""
        if not beside:
            self.leave(0)
            self._step(block)
            return
        with self._changed:
            self._todo.append(block)
            if self._running:
                return
            self._running = True
        _pool.submit(self._drain)

    def leave(self, count: int) -> None:
        """Wait until the steps of at most ``count`` blocks are still to be done."""
        if len(self._todo) <= count:
            return
        with self._changed:
            self._changed.wait_for(lambda: len(self._todo) <= count)

    def _drain(self) -> None:
        while True:
            self._step(self._todo[0])
            with self._changed:
                self._todo.popleft()
                self._changed.notify()
                if not self._todo:
                    self._running = False
                    return


class _Load:
    """How many blocks are being hashed and written just now: bodies that wait for slow clients do not count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0

    def __enter__(self) -> int:
        with self._lock:
            self._blocks += 1
            return self._blocks

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._blocks -= 1


_load = _Load()


def _write(descriptor: int, data: memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])
