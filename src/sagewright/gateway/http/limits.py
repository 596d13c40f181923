"""Bounds of connections, and the exception of a client that is gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagewright.gateway.http.memory import Bound

MIB = 1 << 20


class ClientGone(ConnectionResetError):
    """The client hung up or went silent before its request was answered."""


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
    wait_seconds: float = 10.0
    """How long a request waits for memory or a thread before it is refused."""
    connections: int = 2048
    all_door_connections: int = 1536
    """Of all jobs together."""
    door_connections: int = 256
    """Of one instance of a job."""
    small_body: int = 16 * 1024
    """Bodies up to this size are received before anything is asked about their sender."""
    gathered_body: int = 256 * 1024
    """Bodies up to this size arrive in full before a worker thread is taken."""
    unproven_bodies: Bound = (64 * MIB, 40 * MIB)
    """Memory for bodies above ``small_body`` until the signature over them is checked; in all, and of one holder."""
    all_bodies: Bound = (1024 * MIB, 640 * MIB)
    """The same until their requests are answered."""
    unread_answers: int = 32 * MIB
    """Memory for answers that clients do not take; more of them goes to files."""
    drained_body: int = 1024 * 1024
    """The most that is read and thrown away to keep a connection after its handler ignored the body."""
    workers: int = 128
    """Threads for requests whose body is there."""
    uploads: int = 192
    """Threads for requests whose body is read as it comes."""
    streams: int = 64
    """Threads for answers that are sent piece by piece; a client that does not take them holds none."""
    slow_seconds: float = 5.0
    slow_rate: int = 64 * 1024
    """A body that came for so long at fewer bytes a second is given up when others wait for its thread or memory."""
    scratch: Path | None = None
    """Where files of unread answers are made; the system's directory of temporary files where it is None."""
