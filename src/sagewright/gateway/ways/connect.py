"""CONNECT: how one port serves clients that insist on other hosts.

Both SageMaker SDKs call https://sts.<region>.amazonaws.com whatever AWS_ENDPOINT_URL says. With HTTPS_PROXY set to us
they ask us to connect there, and we answer as STS. Every other host is reached on the client's behalf, byte for byte,
through the proxy that was set when the server started or directly, so that pip and the like keep working.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from sagewright.gateway.http import tls
from sagewright.gateway.http.connection import Connection
from sagewright.gateway.http.shared import Attached, Hub

log = logging.getLogger(__name__)
CONNECT_SECONDS = 30.0
HEAD_LIMIT = 16 * 1024
NO_FURTHER = "Jobs reach Sagewright and nothing else: see SAGEWRIGHT_JOB_NETWORK"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The proxy behind us. ``authorization`` is the value of Proxy-Authorization, empty for none."""

    host: str
    port: int
    secure: bool = False
    authorization: str = ""
    bypass: str = ""
    """NO_PROXY as it was."""

    def passes(self, host: str) -> bool:
        """Whether ``host`` is reached directly all the same."""
        return bool(proxy_bypass_environment(host, {"no": self.bypass}))


def upstream(env: Mapping[str, str]) -> Upstream | None:
    """The proxy that ``env`` sets for https, or None. One of another kind, such as socks5, is not used, with a word."""
    text = env.get("https_proxy") or env.get("HTTPS_PROXY") or env.get("all_proxy") or env.get("ALL_PROXY")
    if not text:
        return None
    url = urlsplit(text if "://" in text else f"http://{text}")
    if url.scheme not in ("http", "https") or not url.hostname:
        log.warning("%s proxies are not supported: other hosts will be reached directly", url.scheme)
        return None
    secure = url.scheme == "https"
    pair = f"{unquote(url.username or '')}:{unquote(url.password or '')}" if url.username else ""
    authorization = f"Basic {base64.b64encode(pair.encode()).decode()}" if pair else ""
    bypass = env.get("no_proxy") or env.get("NO_PROXY") or ""
    return Upstream(url.hostname, url.port or (443 if secure else 80), secure, authorization, bypass)


class Proxy:
    """Answers CONNECT, from this machine only. ``context`` is the TLS identity for ``tls.sts_hosts``."""

    def __init__(self, context: ssl.SSLContext, behind: Upstream | None = None) -> None:
        self._context = context
        self._behind = behind

    def connect(self, connection: Attached, target: str) -> None:
        """Take ``connection`` over; on the loop."""
        hub, transport = connection.hub, connection.transport
        assert transport is not None
        address = _address(target)
        door = connection.door
        if door is None and not _loopback(connection.peer):
            _deny(transport, "403 Forbidden", "CONNECT is for clients on this machine")
        elif address is None:
            _deny(transport, "400 Bad Request", "CONNECT needs host:port")
        elif address[0].lower().rstrip(".") in tls.sts_hosts() and address[1] == 443:
            hub.spawn(hub.loop.create_task(self._terminate(hub, connection, transport)))
        elif door is not None and not door.tunnels:
            _deny(transport, f"403 {NO_FURTHER}", f"{NO_FURTHER} (docs/network.md)")
        else:
            transport.pause_reading()
            hub.spawn(hub.loop.create_task(self._tunnel(hub, connection, transport, address)))

    async def _terminate(self, hub: Hub, outer: Attached, transport: asyncio.Transport) -> None:
        """Answer as the host itself: TLS below, the same application above."""
        inner = Connection(hub, secure=True, door=outer.door)
        transport.write(ESTABLISHED)
        try:
            secured = await hub.loop.start_tls(
                transport, inner, self._context, server_side=True, ssl_handshake_timeout=CONNECT_SECONDS
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            log.debug("no TLS with a CONNECT client: %r", error)
            transport.abort()
            return
        except BaseException:  # whatever it is, nobody answers on this connection any more
            transport.abort()
            raise
        finally:
            hub.remove(outer)
        if secured is None or secured.is_closing():
            transport.abort()
            return
        inner.connection_made(secured)

    async def _tunnel(
        self, hub: Hub, connection: Attached, transport: asyncio.Transport, address: tuple[str, int]
    ) -> None:
        far = _End(connection)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._reach(hub, far, address)
        except (OSError, ValueError, TimeoutError) as error:  # ValueError: a name that IDNA refuses
            log.debug("cannot tunnel to %s:%d: %r", *address, error)
            far.abort()
            if not transport.is_closing():
                _deny(transport, "502 Bad Gateway", f"cannot reach {address[0]}:{address[1]}")
                transport.resume_reading()  # else the client's own end is never noticed
            return
        except BaseException:  # reading stays paused, so nothing else would ever end this connection
            far.abort()
            transport.abort()
            raise
        assert far.transport is not None
        if transport.is_closing():
            far.transport.abort()
            return
        near = _End(connection)
        near.other, far.other = far, near
        near.connection_made(transport)
        transport.set_protocol(near)
        transport.write(ESTABLISHED)
        far.begin()
        transport.resume_reading()

    async def _reach(self, hub: Hub, far: _End, address: tuple[str, int]) -> None:
        """Connect ``far`` to ``address``, directly or through the proxy behind us."""
        host, port = address
        behind = self._behind
        if behind is None or behind.passes(host) or (behind.host, behind.port) in self._own(hub):
            await hub.loop.create_connection(lambda: far, host, port)
            return
        context = ssl.create_default_context() if behind.secure else None
        await hub.loop.create_connection(lambda: far, behind.host, behind.port, ssl=context)
        assert far.transport is not None
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        proof = f"Proxy-Authorization: {behind.authorization}\r\n" if behind.authorization else ""
        far.transport.write(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n{proof}\r\n".encode())
        await far.accepted()

    @staticmethod
    def _own(hub: Hub) -> set[tuple[str, int]]:
        """Our own addresses: a server started in a shell that points at it must not call itself."""
        return {(host, hub.port) for host in ("127.0.0.1", "localhost", "::1")}


class _End(asyncio.Protocol):
    """One end of a tunnel: what it receives, the other end sends. Each stops reading while the other is full."""

    def __init__(self, connection: Attached) -> None:
        self._connection = connection
        self._hub = connection.hub
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self._early = b""
        self._head: asyncio.Future[None] | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def abort(self) -> None:
        """End this end, if it was ever there."""
        if self.transport is not None:
            self.transport.abort()

    async def accepted(self) -> None:
        """Wait for the proxy behind us to answer 2xx. Raises ``OSError`` when it does not."""
        self._head = self._hub.loop.create_future()
        await self._head

    def begin(self) -> None:
        """The other end is ready: send it what came too early."""
        assert self.other is not None
        assert self.other.transport is not None
        if self._early:
            self.other.transport.write(self._early)
        self._early = b""
        if self._ended:
            self._finish_other()

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            if not self.other.transport.is_closing():
                self.other.transport.write(data)
            return
        self._early += data
        if self._head is not None and not self._head.done():
            self._read_head()

    def _read_head(self) -> None:
        assert self._head is not None
        head, found, rest = self._early.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if found and status and status[0].startswith(b"2"):
            self._early = rest
            self._head.set_result(None)
        elif found or len(self._early) > HEAD_LIMIT:
            self._head.set_exception(OSError(f"the proxy answered {head[:100]!r}"))

    def eof_received(self) -> bool:
        self._ended = True
        if self._head is not None and not self._head.done():
            self._head.set_exception(OSError("the proxy hung up"))
        if self.other is not None:
            self._finish_other()
        return self.transport is not None and self.transport.can_write_eof()

    def _finish_other(self) -> None:
        """Pass the end of our side on. When both directions have ended, or one cannot end alone (TLS), all ends."""
        assert self.other is not None
        other = self.other.transport
        if other is None or other.is_closing():
            return
        if other.can_write_eof() and not self.other._ended:
            other.write_eof()
            return
        other.close()
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.transport = None
        self._hub.remove(self._connection)
        if self._head is not None and not self._head.done():
            self._head.set_exception(OSError("the proxy hung up"))
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


def _address(target: str) -> tuple[str, int] | None:
    try:
        url = urlsplit(f"//{target}")
        return (url.hostname, url.port) if url.hostname and url.port else None
    except ValueError:
        return None


def _loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _deny(transport: asyncio.Transport, status: str, why: str) -> None:
    body = f"{why}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    transport.write(head.encode() + body)
    transport.close()
