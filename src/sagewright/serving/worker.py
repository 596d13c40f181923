"""One model server as the router sees it: a pooled connection, many requests in flight on it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

from sagewright_runtime.shared import frames, sockets

log = logging.getLogger(__name__)


class NotSentError(Exception):
    """The request never left: another worker may have it."""


class WorkerLostError(Exception):
    """The model server went away with the request: what became of it is not known."""


class WorkerTimeoutError(Exception):
    """The model server did not answer in time."""


class Reply(NamedTuple):
    """A model server's answer; ``latency`` in nanoseconds from write to read."""

    frame: frames.Frame
    latency: int


Outcome: TypeAlias = Reply | NotSentError | WorkerLostError | WorkerTimeoutError


@dataclass(slots=True)
class _Pending:
    done: Callable[[Outcome], None]
    deadline: float
    part: Callable[[frames.Frame], None] | None = None
    timeout: float = 0.0
    """For an answer in parts: who takes them, and the seconds that each may take."""
    sent_at: int = 0
    """``perf_counter_ns`` of the write; 0 while it waits for the turn's end."""

    def end(self, outcome: Outcome) -> None:
        try:
            self.done(outcome)
        except Exception:  # the connection's other requests must not suffer
            log.exception("an answer of a model server could not be passed on")


class Worker(asyncio.Protocol):
    """A client of the model server at ``socket``. Lives on one event loop; ``healthy`` may be read from any thread.

    Requests of one turn of the loop leave in one write. An answer whose request was given up is dropped, so a client
    that hangs up disturbs nobody else on the connection.
    """

    def __init__(self, socket: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.socket = socket
        self.retired = False
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._splitter = frames.Splitter()
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._outgoing: list[tuple[int, bytes]] = []
        self._ping: tuple[int, float] | None = None
        self._doubtful = False

    @property
    def healthy(self) -> bool:
        """Connected, and not late with the answer to a ping."""
        return self._transport is not None and not self._doubtful

    @property
    def connected(self) -> bool:
        """Whether ``ask`` may be called."""
        return self._transport is not None

    @property
    def doubtful(self) -> bool:
        """Late with the answer to a ping, or not to be reached when last tried; not so before the first try."""
        return self._doubtful

    @property
    def outstanding(self) -> int:
        return len(self._pending)

    async def call(
        self, head: bytes, body: bytes, timeout: float, part: Callable[[frames.Frame], None] | None = None
    ) -> Reply:
        """Connect where that is needed, send one request and await its answer for ``timeout`` seconds.

        Where ``part`` takes parts of the answer, each of them may take so long.

        Raises ``NotSentError``, ``WorkerLostError``, ``WorkerTimeoutError``, and ``FrameError`` for a request too long.
        """
        if self._transport is None:
            await self._connect()
        future: asyncio.Future[Reply] = self._loop.create_future()
        frame_id = self.ask(head, body, timeout, partial(_settle, future), part)
        try:
            return await future
        finally:
            if self._pending.pop(frame_id, None) is not None:
                self._give_up(frame_id, part is not None)
                if self.retired:
                    self._close_if_idle()

    def ask(
        self,
        head: bytes,
        body: bytes,
        timeout: float,
        done: Callable[[Outcome], None],
        part: Callable[[frames.Frame], None] | None = None,
    ) -> int:
        """Send one request on the connection there is; ``done`` is called once, later. Returns the frame's id.

        Raises ``FrameError`` for a request too long.
        """
        frame_id = next(self._ids) & 0xFFFFFFFF
        encoded = frames.encode(frame_id, frames.INVOKE_STREAM if part else frames.INVOKE, head, body)
        self._pending[frame_id] = _Pending(done, self._loop.time() + timeout, part, timeout)
        self._write(frame_id, encoded)
        return frame_id

    def tend(self, ping_timeout: float) -> None:
        """Once in a while: give up what is overdue, see whether the server lives, connect again."""
        now = self._loop.time()
        for frame_id, pending in list(self._pending.items()):
            if pending.deadline <= now:
                del self._pending[frame_id]
                self._give_up(frame_id, pending.part is not None)
                pending.end(WorkerTimeoutError())
        if self._transport is None:
            if not self.retired:
                self._start_connecting()
        elif self._ping is None:
            self._ping = (next(self._ids) & 0xFFFFFFFF, now)
            self._write(self._ping[0], frames.encode(self._ping[0], frames.PING))
        elif now - self._ping[1] > ping_timeout:
            self._doubtful = True

    def retire(self) -> None:
        """Take no more requests; close once those in flight are answered."""
        self.retired = True
        self._close_if_idle()

    def close(self) -> None:
        """Close now; what is in flight fails with ``WorkerLostError``."""
        self.retired = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._transport is not None:
            self._transport.abort()

    # connecting

    async def _connect(self) -> None:
        # Shielded: a client that gives up must not undo the connection that others wait for.
        await asyncio.shield(self._start_connecting())
        if self._transport is None:
            raise NotSentError(str(self.socket))

    def _start_connecting(self) -> asyncio.Task[None]:
        if self._connecting is None or self._connecting.done():
            self._connecting = self._loop.create_task(self._open())
        return self._connecting

    async def _open(self) -> None:
        try:
            stream = sockets.connect(self.socket, timeout=0)
            try:
                await self._loop.create_unix_connection(lambda: self, sock=stream)
            except BaseException:
                stream.close()
                raise
        except OSError:
            self._doubtful = True  # nobody listens; who waits for the connection finds none

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._splitter = frames.Splitter()
        self._ping, self._doubtful = None, False
        if self.retired:
            self._close_if_idle()

    def data_received(self, data: bytes) -> None:
        try:
            received = self._splitter.feed(data)
        except frames.FrameError:  # user code wrote on the server's socket
            if self._transport is not None:
                self._transport.abort()
            return
        now = time.perf_counter_ns()
        for frame in received:
            if frame.code == frames.PART:
                self._take_part(frame)
                continue
            pending = self._pending.pop(frame.id, None)
            if pending is not None:
                pending.end(Reply(frame, now - pending.sent_at))
            elif self._ping is not None and frame.id == self._ping[0]:
                self._ping, self._doubtful = None, False
        if self.retired:
            self._close_if_idle()

    def _take_part(self, frame: frames.Frame) -> None:
        pending = self._pending.get(frame.id)
        if pending is not None and pending.part is not None:
            pending.deadline = self._loop.time() + pending.timeout
            pending.part(frame)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._transport, self._doubtful = None, True
        self._outgoing.clear()
        lost, self._pending = self._pending, {}
        for pending in lost.values():
            pending.end(WorkerLostError() if pending.sent_at else NotSentError(str(self.socket)))

    # writing

    def _write(self, frame_id: int, encoded: bytes) -> None:
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append((frame_id, encoded))

    def _give_up(self, frame_id: int, streams: bool) -> None:
        """Nobody waits for the answer; a model that speaks in parts is told to stop."""
        if streams:
            self._write(frame_id, frames.encode(frame_id, frames.CANCEL))

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is None or self._transport.is_closing():
            return  # connection_lost has failed them or will
        now = time.perf_counter_ns()
        for frame_id, _ in outgoing:
            pending = self._pending.get(frame_id)
            if pending is not None:
                pending.sent_at = now
        self._transport.write(b"".join([encoded for _, encoded in outgoing]))

    def _close_if_idle(self) -> None:
        if not self._pending and self._transport is not None:
            self._transport.close()


def _settle(future: asyncio.Future[Reply], outcome: Outcome) -> None:
    if future.done():  # given up
        return
    if isinstance(outcome, Reply):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
