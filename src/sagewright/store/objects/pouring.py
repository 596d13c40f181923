"""Bytes on their way into a blob: received, hashed and written block by block, in constant memory.

MD5 costs more than all the rest together, so while it is computed in a thread beside, the next block is received.
Who finds no core free for that computes it in its own thread: many bodies at once keep all cores busy anyway.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle

from sagewright.store.objects import checksums
from sagewright.store.objects.model import Sums
from sagewright.store.room import require_room
from sagewright.wire.http import BodyReader

BLOCK = 512 * 1024
"""Bytes of a block. Each body has two of them: one is filled while the other is hashed."""
_WORTH_A_THREAD = 64 * 1024
_HELPERS = max(1, len(os.sched_getaffinity(0)) - 1)
_free = threading.Semaphore(_HELPERS)
_pool = ThreadPoolExecutor(_HELPERS, thread_name_prefix="md5")
_spare: deque[bytearray] = deque(maxlen=8)
"""Blocks to use again; fresh ones have to be mapped page by page."""


def pour(source: BodyReader, algorithms: Sequence[str], descriptor: int | None) -> Sums:
    """Read ``source`` to its end, into the file ``descriptor`` when there is one."""
    md5 = hashlib.md5(usedforsecurity=False)
    hashers = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
    size = 0
    with _blocks() as blocks, _Beside() as beside:
        for block in cycle(blocks):
            filled = block[: source.readinto(block)]
            if not filled:
                break
            beside.start(md5.update, filled)
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
    """Two blocks, given back when nobody uses them any more."""
    taken = [_block(), _block()]
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
    """One step at a time beside the caller; the end of the block waits for the last."""

    def __init__(self) -> None:
        self._step: Future[None] | None = None

    def __enter__(self) -> _Beside:
        return self

    def __exit__(self, *_error: object) -> None:
        self._wait()

    def start(self, step: Callable[[memoryview], None], block: memoryview) -> None:
        """``step(block)``, after the one before; the caller must leave the block alone until the next call returns."""
        self._wait()
        if len(block) >= _WORTH_A_THREAD and _free.acquire(blocking=False):
            self._step = _pool.submit(_then_free, step, block)
        else:
            step(block)

    def _wait(self) -> None:
        if self._step is not None:
            self._step.result()
            self._step = None


def _then_free(step: Callable[[memoryview], None], block: memoryview) -> None:
    try:
        step(block)
    finally:
        _free.release()


def _write(descriptor: int, data: memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])
