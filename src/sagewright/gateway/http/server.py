"""The server: one port, one event loop in its own thread, a pool of threads that carry out requests."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from contextlib import suppress
from typing import cast

import uvloop

from sagewright.gateway.http.connection import Connection
from sagewright.gateway.http.limits import Limits
from sagewright.gateway.http.listener import SecureListener
from sagewright.gateway.http.memory import BodyMemory
from sagewright.gateway.http.shared import App, Doorman, FastPath, Gate, Hub, OpenGate
from sagewright.gateway.http.workers import LoopExecutor, Workers
from sagewright.wire.http import Door

log = logging.getLogger(__name__)
BACKLOG = 1024
START_SECONDS = 30.0
LOOP_THREADS = 16
"""For what the event loop itself has done in threads: hashes of large bodies, permissions that take a look."""


class Server:
    """Serves ``app`` at ``host:port`` (0 picks a free port). ``fast`` is a route answered on the event loop itself,
    ``doorman`` takes CONNECT requests, ``gate`` decides about requests by their heads.
    """

    def __init__(  # noqa: PLR0913 - each part is told here
        self,
        app: App,
        *,
        host: str,
        port: int,
        fast: FastPath | None = None,
        doorman: Doorman | None = None,
        gate: Gate | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._fast = fast
        self._doorman = doorman
        self._limits = limits or Limits()
        self._gate = gate or OpenGate()
        self._pools = _pools(self._limits)
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._bound = threading.Event()
        self._failure: Exception | None = None
        self._hub: Hub | None = None
        self._stopping: asyncio.Event | None = None
        self._drain_seconds = 0.0
        self._tls: ssl.SSLContext | None = None
        self._doors: set[asyncio.Server] = set()

    def start(self, tls: ssl.SSLContext | None = None) -> int:
        """Listen, with ``tls`` for HTTPS; returns the bound port. Raises ``OSError`` when the address is taken."""
        self._tls = tls
        self._thread.start()
        self._bound.wait(START_SECONDS)
        if self._failure is not None:
            raise self._failure
        return self._port

    def admit(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        """Accept from ``listener`` too, whose callers come by ``door``, until ``lifeline`` is hung up. Thread-safe."""
        try:
            self.loop.call_soon_threadsafe(self._admit, door, listener, lifeline)
        except RuntimeError:  # the loop is closed: we have stopped, and callers wait for the next server
            listener.close()
            lifeline.close()

    def _admit(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        hub = self._hub
        assert hub is not None
        if hub.draining:
            listener.close()
            lifeline.close()
            return
        hub.spawn(hub.loop.create_task(self._attend(hub, door, listener, lifeline)))

    async def _attend(self, hub: Hub, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        with listener, lifeline:
            listener.setblocking(False)
            lifeline.setblocking(False)
            callers = await hub.loop.create_server(lambda: Connection(hub, door=door), sock=listener, backlog=BACKLOG)
            self._doors.add(callers)
            try:
                with suppress(OSError):
                    while await hub.loop.sock_recv(lifeline, 16):
                        pass
            finally:
                self._doors.discard(callers)
                callers.close()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, for the parts that live on it (the invoker's connections to model servers)."""
        assert self._hub is not None, "the server was not started"
        return self._hub.loop

    def stop(self, drain_seconds: float = 10.0) -> None:
        """Accept no more, let requests in flight end within ``drain_seconds``, close everything."""
        if self._hub is not None and self._stopping is not None and self._thread.is_alive():
            self._drain_seconds = drain_seconds
            self._hub.loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        for pool in self._pools:
            pool.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(LoopExecutor(LOOP_THREADS))
        bodies = BodyMemory(self._limits.unproven_bodies, self._limits.all_bodies)
        hub = Hub(self._app, loop, self._limits, self._fast, self._doorman, self._gate, *self._pools, bodies)
        self._stopping = asyncio.Event()
        try:
            listener = await self._listen(hub)
        except Exception as error:  # raised again in the thread that called start
            self._failure = error
            self._bound.set()
            return
        self._hub = hub
        self._bound.set()
        watch = loop.create_task(self._watch(hub))
        await self._stopping.wait()
        hub.draining = True
        for accepting in (listener, *self._doors):
            accepting.close()
        for connection in list(hub.connections):
            connection.drain()
        await _until_empty(hub, self._drain_seconds)
        for connection in list(hub.connections):
            connection.abort()
        watch.cancel()
        for task in list(hub.tasks):
            task.cancel()
        await _until_empty(hub, 1.0)

    async def _listen(self, hub: Hub) -> asyncio.Server | SecureListener:
        if self._tls is not None:
            secure = SecureListener(hub, self._tls, BACKLOG)
            self._port = hub.port = secure.open(self._host, self._port)
            return secure
        plain = await hub.loop.create_server(lambda: Connection(hub), self._host, self._port, backlog=BACKLOG)
        self._port = hub.port = cast(int, plain.sockets[0].getsockname()[1])
        return plain

    async def _watch(self, hub: Hub) -> None:
        """Find silent connections."""
        limits = self._limits
        shortest = min(limits.head_seconds, limits.idle_seconds, limits.stall_seconds, limits.linger_seconds)
        while True:
            await asyncio.sleep(min(1.0, shortest / 4))
            now = hub.loop.time()
            for connection in list(hub.connections):
                try:
                    connection.check_time(now)
                except Exception:  # one bad connection must not end the watch over the others
                    log.exception("the watch met a broken connection")
            hub.give_up_slow_bodies(now)


def _pools(limits: Limits) -> tuple[Workers, Workers, Workers]:
    """Threads for requests, uploads and streamed answers: of each, one holder may have half."""
    return (
        Workers("request", limits.workers, max(1, limits.workers // 2)),
        Workers("upload", limits.uploads, max(1, limits.uploads // 2)),
        Workers("stream", limits.streams, max(1, limits.streams // 2)),
    )


async def _until_empty(hub: Hub, seconds: float) -> None:
    until = hub.loop.time() + seconds
    while hub.connections and hub.loop.time() < until:
        await asyncio.sleep(0.01)
