"""Answers that are sent piece by piece: files, iterators, and what comes on the event loop.

A thread sends for as long as the client takes what is sent. When the client does not, the answer is put aside and the
thread is free; when there is room again, another thread goes on. So a slow client costs its connection and no thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, TypeAlias, TypeVar

from sagewright.gateway.http import heads
from sagewright.gateway.http.exchange import Exchange
from sagewright.gateway.http.limits import ClientGone
from sagewright.gateway.http.shared import Hub
from sagewright.wire.http import FileBody, Response

log = logging.getLogger(__name__)
WINDOW = 512 * 1024
FILE_CHUNK = 256 * 1024
SENDFILE_FROM = 64 * 1024
SENDFILE_AT_ONCE = 4 * 1024 * 1024
TURN = 32 * 1024 * 1024
"""Bytes after which another answer may have the thread."""
NEXT_DOOR = 20
"""Milliseconds for which a thread waits for room itself: a fast client has made some by then."""
LOOP_ANSWERS_WITHIN = 30.0
Answer = TypeVar("Answer")
Wait: TypeAlias = Callable[[Callable[[], None]], None]
"""Calls its argument when it is worth while to go on."""


class Sender(Protocol):
    """A connection as its answers see it; everything but ``later`` is called on the loop."""

    hub: Hub

    def finish(self, exchange: Exchange, whole: bool) -> None:
        """Take the next request, or hang up when the answer is not ``whole``."""

    def push(self, data: bytes) -> None:
        """Send bytes."""

    def open_outlet(self, exchange: Exchange, outlet: Outlet, response: Response) -> socket.socket | None:
        """Let ``outlet`` send; for a large file, lend a socket besides."""

    def awaits_room(self, waiting: bool) -> None:
        """The client has to take something soon, or has done so."""

    def later(self, step: Callable[..., None], *args: Any) -> None:
        """Call ``step`` on the loop, from any thread."""


class Outlet:
    """Where an answer is written. It never blocks; ``room`` says whether to go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, push: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._push = push
        self._changed = threading.Condition(threading.Lock())
        self._pending = 0
        self._paused = False
        self._closed = False
        self._resume: Callable[[], None] | None = None
        self.when_closed: Callable[[], object] | None = None
        """Called on the loop when the client is gone."""

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the loop. Raises ``ClientGone``."""
        with self._changed:
            if self._closed:
                raise ClientGone("the client hung up")
            self._pending += len(data)
        self._loop.call_soon_threadsafe(self._pushed, data)

    def room(self, milliseconds: int = 0) -> bool:
        """Whether more may be written, within that time. Raises ``ClientGone``."""
        with self._changed:
            if self._is_full() and milliseconds:
                self._changed.wait(milliseconds / 1000)
            if self._closed:
                raise ClientGone("the client hung up")
            return not self._is_full()

    def wait(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` once, when there is room or the client is gone."""
        with self._changed:
            if self._is_full():
                self._resume = resume
                return
        resume()

    def _is_full(self) -> bool:
        return (self._paused or self._pending >= WINDOW) and not self._closed

    def _pushed(self, data: bytes) -> None:
        if not self._closed:
            self._push(data)
        with self._changed:
            self._pending -= len(data)
        self._look()

    def pause(self) -> None:
        """The transport is full."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """The transport has room again."""
        with self._changed:
            self._paused = False
        self._look()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """The client is gone; who waits goes on, and learns it."""
        with self._changed:
            self._closed = True
        self._look()
        if self.when_closed is not None:
            self.when_closed()

    def _look(self) -> None:
        with self._changed:
            resume = None
            if not self._is_full():
                resume, self._resume = self._resume, None
            self._changed.notify()
        if resume is not None:
            resume()


class Sending:
    """An answer that is sent by threads. ``go_on`` is called by one at a time."""

    def __init__(self, connection: Sender, exchange: Exchange, response: Response) -> None:
        self._connection, self._exchange, self._response = connection, exchange, response
        self._steps = self._send()

    def go_on(self) -> None:
        """Send until the end, or until there is no room."""
        whole = False
        try:
            for wait in self._steps:
                wait(self._again)
                return
            whole = True
        except ClientGone:
            log.debug("the client of %s hung up", self._exchange.request.raw_path)
        except Exception:
            log.exception(
                "the answer to %s %s broke off", self._exchange.request.method, self._exchange.request.raw_path
            )
        self._connection.later(self._connection.finish, self._exchange, whole)

    def _again(self) -> None:
        if not self._connection.hub.streams.submit(self._exchange.holder, self.go_on):
            self._connection.later(self._connection.finish, self._exchange, False)

    def _send(self) -> Iterator[Wait]:
        connection, exchange, response = self._connection, self._exchange, self._response
        body = response.body
        assert isinstance(body, FileBody | Iterable)
        assert not isinstance(body, bytes)
        try:
            size = heads.length(response)
            chunked = size is None and exchange.chunked
            if size is None and not chunked:
                exchange.keep_alive = False
            outlet = Outlet(connection.hub.loop, connection.push)
            sock = ask_loop(connection.hub.loop, lambda: connection.open_outlet(exchange, outlet, response))
            head = heads.response_head(response, size, close=not exchange.keep_alive, chunked=chunked)
            if sock is not None and isinstance(body, FileBody):
                with sock:
                    yield from _send_file(connection, sock, head, body, outlet)
            else:
                chunks = file_chunks(body) if isinstance(body, FileBody) else body
                yield from _send_chunks(outlet, head, chunks, size, chunked=chunked)
        finally:
            close(body)


def _send_chunks(
    outlet: Outlet, head: bytes, chunks: Iterable[bytes], size: int | None, *, chunked: bool
) -> Iterator[Wait]:
    """Write ``head`` and what the iterable yields. Raises ``ValueError`` when it is not the declared ``size``."""
    outlet.write(head)
    sent = 0
    turn = 0
    try:
        for chunk in chunks:
            if not chunk:
                continue
            sent += len(chunk)
            turn += len(chunk)
            if size is not None and sent > size:
                raise ValueError(f"the body is longer than its declared {size} bytes")
            while not outlet.room(NEXT_DOOR):
                yield outlet.wait
            outlet.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            if turn >= TURN:
                turn = 0
                yield _at_once
    finally:
        close(chunks)
    if size is not None and sent != size:
        raise ValueError(f"the body ended after {sent} of its declared {size} bytes")
    if chunked:
        outlet.write(b"0\r\n\r\n")


def _at_once(resume: Callable[[], None]) -> None:
    resume()


def close(chunks: object) -> None:
    """Close a generator or a file that will not be read to its end."""
    closing = getattr(chunks, "close", None)
    if closing is not None:
        closing()


def file_chunks(body: FileBody) -> Iterator[bytes]:
    """The bytes of ``body`` in pieces; fewer than promised where a file is shorter."""
    for part in body.slices:
        rest = part.length
        with part.path.open("rb", buffering=0) as file:
            file.seek(part.offset)
            while rest > 0:
                chunk = file.read(min(FILE_CHUNK, rest))
                if not chunk:
                    return
                rest -= len(chunk)
                yield chunk


def _send_file(connection: Sender, sock: socket.socket, head: bytes, body: FileBody, outlet: Outlet) -> Iterator[Wait]:
    """Send ``head`` and the files' bytes straight from the kernel, on a duplicate of the connection's socket.

    The transport must be idle. Raises ``ClientGone`` when the client hangs up or takes nothing for too long,
    ``ValueError`` when the file is shorter than promised.
    """
    room = _Room(connection, sock, outlet)
    rest = memoryview(head)
    turn = 0
    for part in body.slices:
        with part.path.open("rb", buffering=0) as file:
            while rest:
                sent = yield from room.use(sock.send, rest, socket.MSG_MORE)
                rest = rest[sent:]
            offset, remaining = part.offset, part.length
            while remaining > 0:
                count = min(remaining, SENDFILE_AT_ONCE)
                sent = yield from room.use(os.sendfile, sock.fileno(), file.fileno(), offset, count)
                if sent == 0:
                    raise ValueError(f"{part.path.name} ended {remaining} bytes before the promised end")
                offset, remaining, turn = offset + sent, remaining - sent, turn + sent
                if turn >= TURN:
                    turn = 0
                    yield _at_once


class _Room:
    """Room in a non-blocking socket: waited for in the thread for a moment, and then on the event loop."""

    def __init__(self, connection: Sender, sock: socket.socket, outlet: Outlet) -> None:
        self._connection = connection
        self._socket = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLOUT)
        self._outlet = outlet

    def use(self, send: Callable[..., int], *args: object) -> Generator[Wait, None, int]:
        """What ``send`` returns once there is room."""
        while True:
            try:
                return send(*args)
            except BlockingIOError:
                if self._outlet.closed:
                    raise ClientGone("the client stopped reading") from None
                if not self._poll.poll(NEXT_DOOR):
                    yield self._wait
            except ConnectionError as error:
                raise ClientGone("the client hung up") from error

    def _wait(self, resume: Callable[[], None]) -> None:
        self._connection.later(self._watch, resume)

    def _watch(self, resume: Callable[[], None]) -> None:
        """On the loop: wait until the socket takes bytes or the client is gone, whichever comes first."""
        loop, descriptor, ended = self._connection.hub.loop, self._socket.fileno(), False
        if descriptor < 0:
            return

        def go_on() -> None:
            nonlocal ended
            if not ended:
                ended = True
                loop.remove_writer(descriptor)
                self._outlet.when_closed = None
                self._connection.awaits_room(False)
                resume()

        if self._outlet.closed:
            resume()
            return
        self._connection.awaits_room(True)
        loop.add_writer(descriptor, go_on)
        self._outlet.when_closed = go_on


async def send_parts(connection: Sender, exchange: Exchange, response: Response, parts: AsyncIterator[bytes]) -> None:
    """On the loop: send what comes there, as fast as the client takes it."""
    loop, whole = connection.hub.loop, False
    outlet = Outlet(loop, connection.push)
    exchange.keep_alive = exchange.keep_alive and exchange.chunked
    connection.open_outlet(exchange, outlet, response)
    chunked = exchange.chunked
    try:
        connection.push(heads.response_head(response, None, close=not exchange.keep_alive, chunked=chunked))
        async for part in parts:
            if part:
                connection.push(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            while not outlet.room():
                room = asyncio.Event()
                outlet.wait(room.set)
                await room.wait()
        if chunked:
            connection.push(b"0\r\n\r\n")
        whole = True
    except (ClientGone, asyncio.CancelledError):
        log.debug("the client of %s hung up", exchange.request.raw_path)
    except Exception:
        log.exception("the answer to %s %s broke off", exchange.request.method, exchange.request.raw_path)
    finally:
        with suppress(Exception):
            await parts.aclose()  # type: ignore[attr-defined]
        connection.finish(exchange, whole)


def ask_loop(loop: asyncio.AbstractEventLoop, question: Callable[[], Answer]) -> Answer:
    """Run ``question`` on the loop and wait for its answer. Raises ``ClientGone`` when the loop has ended."""
    answer: Future[Answer] = Future()
    try:
        loop.call_soon_threadsafe(lambda: answer.set_result(question()))
        return answer.result(LOOP_ANSWERS_WITHIN)
    except (RuntimeError, TimeoutError) as error:
        raise ClientGone("the server has stopped") from error
