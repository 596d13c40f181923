"""What all connections of one server share: the application, the limits and the threads that carry out requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, Protocol

from sagewright.gateway.http.limits import Limits
from sagewright.gateway.http.memory import BodyMemory
from sagewright.gateway.http.workers import Workers
from sagewright.wire.http import Door, Request, Response

log = logging.getLogger(__name__)
AT_ONCE = 8
"""Slow bodies of a holder that are given up in one look."""


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
class Admission:
    """What the head of a request says. ``holder`` is whose share it uses: a job's, a key's, or a stranger's (empty)."""

    holder: str = ""
    streams: bool = True
    """Whether its body is read as it comes; else it is gathered first."""
    refusal: Response | None = None


class Gate(Protocol):
    """Decides about requests by their heads, before a byte of a body is received."""

    def holder(self, request: Request) -> str:
        """Whose share the request uses. On the loop; never waits."""
        ...

    def admit(self, request: Request, *, wait: bool) -> Admission | None:
        """Whether its body may come; None where that takes a look that has to be waited for, which ``wait`` allows."""
        ...

    def busy(self, request: Request) -> Response:
        """The refusal of a request that there is no room for now."""
        ...


class OpenGate:
    """Lets everybody in, as strangers."""

    def holder(self, request: Request) -> str:  # noqa: ARG002 - the gate that lets all in
        return ""

    def admit(self, request: Request, *, wait: bool) -> Admission | None:  # noqa: ARG002 - the gate that lets all in
        return _STRANGER

    def busy(self, request: Request) -> Response:  # noqa: ARG002 - the gate that lets all in
        return Response(503, {"content-type": "application/json"}, b'{"message":"Please reduce your request rate."}')


_STRANGER = Admission()


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

    def worth(self) -> tuple[int, float] | None:
        """The connection of least worth goes first where there are too many; None for one that may not go."""

    def lag(self, now: float) -> tuple[str, float] | None:
        """The holder and the bytes a second of a body that comes too slowly; None where none does."""


class Doorman(Protocol):
    """Takes over a connection that asked to CONNECT to ``target`` (``host:port``)."""

    def connect(self, connection: Attached, target: str) -> None: ...


@dataclass(slots=True)
class Hub:
    """The server as its connections see it."""

    app: App
    loop: asyncio.AbstractEventLoop
    limits: Limits
    fast: FastPath | None
    doorman: Doorman | None
    gate: Gate
    workers: Workers
    uploads: Workers
    streams: Workers
    bodies: BodyMemory
    connections: set[Attached] = field(default_factory=set)
    doors: dict[int, int] = field(default_factory=dict)
    """How many connections came by each door, by the door's id."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    unread: int = 0
    """Bytes of answers in memory that clients do not take."""
    draining: bool = False
    port: int = 0

    def add(self, connection: Attached) -> bool:
        """Count a new connection; False when there is no room for it, even after those of least worth were closed."""
        room = self._make_room(connection.door)
        self.connections.add(connection)
        if connection.door is not None:
            self.doors[id(connection.door)] = self.doors.get(id(connection.door), 0) + 1
        return room

    def _make_room(self, door: Door | None) -> bool:
        limits = self.limits
        if door is not None:
            if self.doors.get(id(door), 0) >= limits.door_connections:
                return self._close_some(lambda other: other.door is door)
            if sum(self.doors.values()) >= limits.all_door_connections:
                return self._close_some(lambda other: other.door is not None)
        return len(self.connections) < limits.connections or self._close_some(lambda _: True)

    def remove(self, connection: Attached) -> None:
        """Count a connection no more; one that is not counted is no error."""
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        door = connection.door
        if door is not None:
            self.doors[id(door)] -= 1
            if not self.doors[id(door)]:
                del self.doors[id(door)]

    def _close_some(self, among: Callable[[Attached], bool]) -> bool:
        """Close connections of least worth, several at once, since looking at all of them takes time."""
        found = [(worth, id(each), each) for each in self.connections if among(each) and (worth := each.worth())]
        least = nsmallest(max(1, len(found) // 64), found, key=lambda one: one[:2])
        for _, _, connection in least:
            self.remove(connection)
            connection.abort()
        return bool(least)

    def keeps_unread(self, size: int) -> bool:
        """Whether memory may hold so many bytes of an answer that its client may not take."""
        return self.unread + size <= self.limits.unread_answers

    def give_up_slow_bodies(self, now: float) -> None:
        """End the slowest body of each holder that others wait behind, and the slowest of all if that is nobody's."""
        waiting = self.bodies.waiting | self.uploads.waiting
        if not waiting:
            return
        slow = [(lag[1], lag[0], each) for each in self.connections if (lag := each.lag(now))]
        slow.sort(key=lambda one: one[0])
        for holder in waiting:
            own = [each for _, whose, each in slow if whose == holder]
            for connection in (own or [each for _, _, each in slow])[:AT_ONCE]:
                connection.abort()

    def later(self, step: Callable[..., None], *args: Any) -> None:
        """Call ``step`` on the loop, from any thread."""
        try:
            self.loop.call_soon_threadsafe(step, *args)
        except RuntimeError:  # the loop is closed: the server has stopped and nobody waits for this answer
            log.debug("an answer came after the server had stopped")

    def spawn(self, task: asyncio.Task[None]) -> None:
        """Keep ``task`` alive until it is done."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
