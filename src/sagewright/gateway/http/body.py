"""A request body between the event loop that receives it and the thread that reads it, in constant memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from sagewright.gateway.http.lent_socket import LentSocket
from sagewright.gateway.http.limits import ClientGone
from sagewright.wire.http import fill

HIGH = 512 * 1024
LOW = 128 * 1024
CHUNK = 256 * 1024


class StreamBody:
    """A ``BodyReader`` fed by the loop. ``wanted`` is called once, when the body is first read, and may lend the socket
    that the rest comes on; ``resume`` when enough was read for the loop to go on receiving. Both are called in the
    reading thread.
    """

    def __init__(self, wanted: Callable[[], LentSocket | None], resume: Callable[[], None]) -> None:
        self._wanted: Callable[[], LentSocket | None] | None = wanted
        self._resume = resume
        self._lent: LentSocket | None = None
        self._changed = threading.Condition(threading.Lock())
        self._chunks: deque[bytes] = deque()
        self._offset = 0
        self._waiting = 0
        self._full = False
        self._ended = False
        self._failure: str | None = None

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes as soon as any are there. Raises ``ClientGone`` when the rest will never come."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        self._begin()
        if self._lent is not None and not self._chunks:
            buffer = bytearray(min(size, CHUNK))
            return bytes(buffer[: self._lent.receive(memoryview(buffer), 1)])
        with self._changed:
            while not (self._chunks or self._ended or self._failure):
                self._changed.wait()
            if self._failure:
                raise ClientGone(self._failure)
            data = self._take(size)
            resume = self._full and self._waiting < LOW
            if resume:
                self._full = False
        if resume:
            self._resume()
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``, and as ``read``."""
        self._begin()
        if self._lent is None:
            return fill(self, buffer)
        filled = 0
        while self._chunks and filled < len(buffer):
            data = self.read(len(buffer) - filled)
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled + self._lent.receive(buffer[filled:], len(buffer))

    def _begin(self) -> None:
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            lent = wanted()
            with self._changed:
                self._lent = lent
                if lent is not None:
                    lent.failure = self._failure

    @property
    def lent_received(self) -> int:
        """Bytes that came on the lent socket."""
        return self._lent.received if self._lent is not None else 0

    def give_back(self) -> None:
        """The body is not read any further."""
        if self._lent is not None:
            self._lent.close()

    def _take(self, size: int) -> bytes:
        if not self._chunks or size == 0:
            return b""
        first = self._chunks[0]
        if self._offset == 0 and len(first) <= size:
            self._chunks.popleft()
            data = first
        else:
            data = first[self._offset : self._offset + size]
            self._offset += len(data)
            if self._offset == len(first):
                self._chunks.popleft()
                self._offset = 0
        self._waiting -= len(data)
        return data

    def feed(self, data: bytes) -> bool:
        """Add received bytes; true when the loop should stop receiving until ``resume`` is called."""
        with self._changed:
            self._chunks.append(data)
            self._waiting += len(data)
            self._full = self._waiting >= HIGH
            self._changed.notify()
            return self._full

    def end(self) -> None:
        """The body is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def fail(self, reason: str) -> None:
        """The rest will never come."""
        with self._changed:
            if not self._ended:
                self._failure = reason
            self._chunks.clear()
            if self._lent is not None:
                self._lent.failure = reason
            self._changed.notify()
