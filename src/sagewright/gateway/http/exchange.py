"""One request and its answer on the way out of a worker thread: streamed with back-pressure, files by sendfile."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from sagewright.gateway.http.body import StreamBody
from sagewright.gateway.http.limits import ClientGone
from sagewright.wire.http import FileBody, Request, Response

WINDOW = 512 * 1024
FILE_CHUNK = 256 * 1024
SENDFILE_FROM = 64 * 1024
SENDFILE_AT_ONCE = 2**30
POLL_MILLISECONDS = 500
LOOP_ANSWERS_WITHIN = 30.0
Answer = TypeVar("Answer")


class Exchange:
    """A request, how far its body has come, and what the connection should do after the answer."""

    __slots__ = (
        "body",
        "chunked",
        "complete",
        "declared",
        "done",
        "expects",
        "fast",
        "gathered",
        "keep_alive",
        "ready",
        "request",
        "size",
    )

    def __init__(self, request: Request, *, keep_alive: bool, expects: bool) -> None:
        self.request = request
        self.keep_alive = keep_alive
        self.expects = expects
        """The client waits for 100 Continue before it sends the body."""
        self.body: StreamBody | None = None
        self.gathered: list[bytes] | None = None
        self.declared: int | None = 0
        """Body bytes announced; None when the body is chunked."""
        self.size = 0
        """Body bytes received so far."""
        self.complete = False
        self.done = False
        self.fast = False
        self.chunked = True
        """The client understands chunked answers."""
        self.ready: Response | None = None
        """An answer that needs no handler, such as 400."""


class Outlet:
    """Where a worker thread writes. Blocks while the client reads more slowly than the worker writes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, push: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._push = push
        self._changed = threading.Condition(threading.Lock())
        self._pending = 0
        self._paused = False
        self._closed = False

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the loop. Raises ``ClientGone``. Called in the worker thread."""
        with self._changed:
            while (self._paused or self._pending >= WINDOW) and not self._closed:
                self._changed.wait()
            if self._closed:
                raise ClientGone("the client hung up")
            self._pending += len(data)
        self._loop.call_soon_threadsafe(self._pushed, data)

    def _pushed(self, data: bytes) -> None:
        if not self._closed:
            self._push(data)
        with self._changed:
            self._pending -= len(data)
            self._changed.notify()

    def pause(self) -> None:
        """The transport is full."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """The transport has room again."""
        with self._changed:
            self._paused = False
            self._changed.notify()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """The client is gone; a waiting writer is woken."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def send_chunks(outlet: Outlet, head: bytes, chunks: Iterable[bytes], size: int | None, *, chunked: bool) -> None:
    """Write ``head`` and what the iterable yields. Raises ``ValueError`` when it is not the declared ``size``."""
    outlet.write(head)
    sent = 0
    try:
        for chunk in chunks:
            if not chunk:
                continue
            sent += len(chunk)
            if size is not None and sent > size:
                raise ValueError(f"the body is longer than its declared {size} bytes")
            outlet.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
    finally:
        close(chunks)
    if size is not None and sent != size:
        raise ValueError(f"the body ended after {sent} of its declared {size} bytes")
    if chunked:
        outlet.write(b"0\r\n\r\n")


def close(chunks: object) -> None:
    """Close a generator or a file that will not be read to its end."""
    closing = getattr(chunks, "close", None)
    if closing is not None:
        closing()


def file_chunks(body: FileBody) -> Iterable[bytes]:
    """The bytes of ``body`` in pieces; fewer than promised where a file is shorter."""
    for part in body.slices:
        left = part.length
        with part.path.open("rb", buffering=0) as file:
            file.seek(part.offset)
            while left > 0:
                chunk = file.read(min(FILE_CHUNK, left))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk


def send_file(sock: socket.socket, head: bytes, body: FileBody, outlet: Outlet, stall_seconds: float) -> None:
    """Send ``head`` and the files' bytes straight from the kernel, on a duplicate of the connection's socket.

    The transport must be idle. Raises ``ClientGone`` when the client hangs up or takes nothing for ``stall_seconds``,
    ``ValueError`` when the file is shorter than promised.
    """
    room = _Room(sock, outlet, stall_seconds)
    rest = memoryview(head)
    for part in body.slices:
        with part.path.open("rb", buffering=0) as file:
            while rest:
                rest = rest[room.patiently(sock.send, rest, socket.MSG_MORE) :]
            offset, left = part.offset, part.length
            while left > 0:
                sent = room.patiently(os.sendfile, sock.fileno(), file.fileno(), offset, min(left, SENDFILE_AT_ONCE))
                if sent == 0:
                    raise ValueError(f"{part.path.name} ended {left} bytes before the promised end")
                offset, left = offset + sent, left - sent


class _Room:
    """Waits for room in a non-blocking socket."""

    def __init__(self, sock: socket.socket, outlet: Outlet, stall_seconds: float) -> None:
        self._poll = select.poll()
        self._poll.register(sock, select.POLLOUT)
        self._outlet = outlet
        self._stall_seconds = stall_seconds

    def patiently(self, send: Callable[..., int], *args: object) -> int:
        """What ``send`` returns once there is room."""
        until = time.monotonic() + self._stall_seconds
        while True:
            try:
                return send(*args)
            except BlockingIOError:
                if self._outlet.closed or time.monotonic() > until:
                    raise ClientGone("the client stopped reading") from None
                self._poll.poll(POLL_MILLISECONDS)
            except ConnectionError as error:
                raise ClientGone("the client hung up") from error


def ask_loop(loop: asyncio.AbstractEventLoop, question: Callable[[], Answer]) -> Answer:
    """Run ``question`` on the loop and wait for its answer. Raises ``ClientGone`` when the loop has ended."""
    answer: Future[Answer] = Future()
    try:
        loop.call_soon_threadsafe(lambda: answer.set_result(question()))
        return answer.result(LOOP_ANSWERS_WITHIN)
    except (RuntimeError, TimeoutError) as error:
        raise ClientGone("the server has stopped") from error
