"""What all connections of one server share: the application, the limits and the threads that carry out requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from sagewright.gateway.http.limits import Limits
from sagewright.wire.http import Door, Request, Response


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


class Attached(Protocol):
    """A connection as the server and its doorman see it."""

    hub: Hub
    door: Door | None
    peer: str
    transport: asyncio.Transport | None

    def drain(self) -> None:
        """Close once what is being answered is answered."""

    def abort(self) -> None:
        """Close now."""

    def check_time(self, now: float) -> None:
        """Close if the client has taken too long."""


class Doorman(Protocol):
    """Takes over a connection that asked to CONNECT to ``target`` (``host:port``)."""

    def connect(self, connection: Attached, target: str) -> None: ...


@dataclass(slots=True)
class Hub:
    """The server as its connections see it."""

    app: App
    loop: asyncio.AbstractEventLoop
    pool: Executor
    limits: Limits
    fast: FastPath | None = None
    doorman: Doorman | None = None
    connections: set[Attached] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    draining: bool = False
    port: int = 0

    def crowded(self, door: Door | None) -> bool:
        """Whether there are too many connections: of all, or of one job, which must leave room for others."""
        if len(self.connections) > self.limits.connections:
            return True
        of_job = sum(other.door is door for other in self.connections) if door is not None else 0
        return of_job > self.limits.door_connections

    def spawn(self, task: asyncio.Task[None]) -> None:
        """Keep ``task`` alive until it is done."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
