"""The rest of a large body, received by the thread that reads it.

On its way through the event loop each 64 KB would cost two copies and two changes of threads. Instead the loop stops
receiving and lends the connection's socket, as it does for large answers (``exchange.send_file``).
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from sagewright.gateway.http.limits import ClientGone, Limits

LENT_FROM = 256 * 1024
"""Bytes still to come, below which asking the loop for its socket costs more than it saves."""
POLL_MILLISECONDS = 500
AT_ONCE = 256 * 1024
"""Bytes to wait for, where so many are to come: each wake-up costs as much as receiving some 50 KB."""


class LentSocket:
    """``left`` bytes of a body on a non-blocking socket. When they are read it is closed, and ``returned`` called.

    It is no more patient than the event loop: silence ends after ``stall_seconds``, and each byte buys a little time.
    """

    def __init__(self, sock: socket.socket, left: int, limits: Limits, returned: Callable[[], None]) -> None:
        self._left = left
        self.received = 0
        self._returned = returned
        self.failure: str | None = None
        """Why the rest will never come; set by the loop."""
        self._socket = sock
        self._limits = limits
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._awaited = 1
        self._patience = limits.stall_seconds
        """How much longer, in seconds, we wait for bytes; what the reader does with them is not waiting."""

    def receive(self, buffer: memoryview, least: int) -> int:
        """At least ``least`` bytes, as many as fit, all that are left when they are fewer. Raises ``ClientGone``."""
        wanted, count = min(len(buffer), self._left), 0
        least = min(least, wanted)
        while count < least:
            try:
                got = self._socket.recv_into(buffer[count:wanted])
            except BlockingIOError:
                self._wait(least - count)
                continue
            except OSError:
                raise self._gone("the client hung up") from None
            if not got:
                raise self._gone("the client hung up in the middle of its request")
            count += got
            self.received += got
            self._patience = min(self._limits.stall_seconds, self._patience + got / self._limits.slowest_body)
        self._left -= count
        if count and not self._left:
            self.close()
            self._returned()
        return count

    def close(self) -> None:
        """Let go of the socket, as one that the loop can go on with."""
        if self._socket.fileno() >= 0:
            with suppress(OSError):
                self._await(1)
            self._socket.close()

    def _wait(self, count: int) -> None:
        """Until some of ``count`` bytes are there."""
        self._await(min(count, AT_ONCE))
        begun = time.monotonic()
        self._poll.poll(POLL_MILLISECONDS)
        self._patience -= time.monotonic() - begun
        if self.failure is not None:
            raise self._gone(self.failure)
        if self._patience < 0:
            raise self._gone("the client went silent in the middle of its request")

    def _gone(self, why: str) -> ClientGone:
        self.close()
        return ClientGone(why)

    def _await(self, count: int) -> None:
        if count != self._awaited:
            self._awaited = count
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def duplicate(transport: asyncio.Transport) -> socket.socket:
    """The connection's socket once more, for a thread that waits for it by itself."""
    copy = socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno()))
    copy.setblocking(False)
    return copy
