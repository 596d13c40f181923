"""What all connections of one server share: the application, the limits and the threads that carry out requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sagewright.wire.http import Request, Response

if TYPE_CHECKING:
    from sagewright.gateway.connection import Connection


class ClientGone(ConnectionResetError):
    """The client hung up or went silent before its request was answered."""


class App(Protocol):
    """Answers requests. ``handle`` is called in a worker thread and may block."""

    def handle(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True)
class FastPath:
    """A route that is answered on the event loop, its body gathered first (at most ``body_limit`` bytes)."""

    accepts: Callable[[str, str], bool]
    """(method, raw path) → whether this request takes the fast path."""
    answer: Callable[[Request, bytes, Callable[[Response], None]], Awaitable[Response] | None]
    """Answers by calling the third argument, now or later, and returns None; or returns what is to be awaited."""
    too_large: Callable[[Request, int], Response]
    """(request, bytes offered) → the refusal of a larger body."""
    body_limit: int = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one client from harming the others. Sizes are bytes, times are seconds."""

    head_bytes: int = 64 * 1024
    header_count: int = 200
    head_seconds: float = 15.0
    """From the first byte of a request to the end of its headers."""
    idle_seconds: float = 120.0
    """Silence between requests."""
    stall_seconds: float = 120.0
    """Silence inside a body that somebody waits for, in either direction."""
    slowest_body: int = 1024
    """Bytes a second below which a body uses up its ``stall_seconds`` although it never stands still."""
    linger_seconds: float = 3.0
    """How long a refused client may go on sending, so that it reads the refusal instead of a reset."""
    connections: int = 2048
    gathered_body: int = 256 * 1024
    """Bodies up to this size arrive in full before a worker thread is taken."""
    drained_body: int = 1024 * 1024
    """The most that is read and thrown away to keep a connection after its handler ignored the body."""
    workers: int = 128


class Doorman(Protocol):
    """Takes over a connection that asked to CONNECT to ``target`` (``host:port``)."""

    def connect(self, connection: Connection, target: str) -> None: ...


@dataclass(slots=True)
class Hub:
    """The server as its connections see it."""

    app: App
    loop: asyncio.AbstractEventLoop
    pool: Executor
    limits: Limits
    fast: FastPath | None = None
    doorman: Doorman | None = None
    connections: set[Connection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    draining: bool = False
    port: int = 0

    def spawn(self, task: asyncio.Task[None]) -> None:
        """Keep ``task`` alive until it is done."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
