"""Bounds of connections, and the exception of a client that is gone."""

from __future__ import annotations

from dataclasses import dataclass


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
    connections: int = 2048
    door_connections: int = 256
    """Of one instance of a job."""
    gathered_body: int = 256 * 1024
    """Bodies up to this size arrive in full before a worker thread is taken."""
    drained_body: int = 1024 * 1024
    """The most that is read and thrown away to keep a connection after its handler ignored the body."""
    workers: int = 128
