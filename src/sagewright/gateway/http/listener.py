"""A port that speaks HTTPS. What begins otherwise than TLS is plain HTTP, which may CONNECT and nothing else: clients
that go through a proxy speak to it in the clear first, and say no more than the host they want.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import cast

from sagewright.gateway.http.connection import Connection
from sagewright.gateway.http.shared import Hub

log = logging.getLogger(__name__)
_HANDSHAKE = b"\x16"
_BREATH_SECONDS = 0.1
_FAREWELL_SECONDS = 0.5
"""How long an ended connection waits for the client's own farewell, which idle clients never send."""


class SecureListener:
    """Accepts connections for ``hub`` until it is closed. On the loop."""

    def __init__(self, hub: Hub, context: ssl.SSLContext, waiting: int) -> None:
        self._hub = hub
        self._context = context
        self._waiting = waiting
        self._admitting = 0
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    def open(self, host: str, port: int) -> int:
        """Listen; returns the bound port. Raises ``OSError`` when the address is taken."""
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        self._socket = socket.create_server((host, port), family=family, backlog=self._waiting)
        self._socket.setblocking(False)
        self._accepting = self._hub.loop.create_task(self._accept(self._socket))
        return cast(int, self._socket.getsockname()[1])

    def close(self) -> None:
        """Accept no more."""
        if self._accepting is not None:
            self._accepting.cancel()
        if self._socket is not None:
            self._hub.loop.remove_reader(self._socket)
            self._socket.close()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = await self._hub.loop.sock_accept(listener)
            except OSError as error:  # no descriptor is left, say
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(_BREATH_SECONDS)
                continue
            if self._admitting >= self._hub.limits.connections:
                accepted.close()
            else:
                self._hub.spawn(self._hub.loop.create_task(self._admit(accepted)))

    async def _admit(self, accepted: socket.socket) -> None:
        """Look at the first byte, shake hands, and let it be a connection."""
        hub = self._hub
        self._admitting += 1
        try:
            async with asyncio.timeout(hub.limits.head_seconds):
                secure = await self._first_byte(accepted) == _HANDSHAKE
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await hub.loop.connect_accepted_socket(
                    lambda: Connection(hub, secure=secure, tunnels_only=not secure),
                    accepted,
                    ssl=self._context if secure else None,
                    ssl_shutdown_timeout=_FAREWELL_SECONDS if secure else None,
                )
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            log.debug("no connection came of it: %r", error)
            accepted.close()
        finally:
            self._admitting -= 1

    async def _first_byte(self, accepted: socket.socket) -> bytes:
        accepted.setblocking(False)
        readable = asyncio.Event()
        self._hub.loop.add_reader(accepted, readable.set)
        try:
            await readable.wait()
        finally:
            self._hub.loop.remove_reader(accepted)
        first = accepted.recv(1, socket.MSG_PEEK)
        if not first:
            raise ConnectionResetError("hung up at once")
        return first
