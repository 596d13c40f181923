"""One client connection: HTTP/1.1 in, exchanges one after the other, bounded in size and time.

The loop parses and writes; handlers run in the pool's threads. Requests that arrive before the answer to an earlier
one (pipelining) wait in ``_line``, and reading stops while it is long.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools

from sagewright.gateway.http import answering, heads
from sagewright.gateway.http import exchange as out
from sagewright.gateway.http.body import StreamBody
from sagewright.gateway.http.exchange import Exchange, Outlet
from sagewright.gateway.http.lent_socket import LENT_FROM, LentSocket, duplicate
from sagewright.gateway.http.shared import Hub
from sagewright.wire.http import BytesReader, Door, FileBody, Request, Response

log = logging.getLogger(__name__)
LINE_LENGTH = 16
COPIED = 64 * 1024
"""Below this size one write of head and body together costs less than two."""
LINGER_BYTES = 32 * 1024 * 1024
_EMPTY = BytesReader(b"")


class Connection(asyncio.Protocol):
    """The protocol of one accepted connection. ``secure`` when TLS was terminated below it; ``tunnels_only`` when it
    was not and should have been: CONNECT is all that may be asked. ``door`` is the job's that it came in by.
    """

    def __init__(self, hub: Hub, *, secure: bool = False, tunnels_only: bool = False, door: Door | None = None) -> None:
        self.hub, self.secure, self.door = hub, secure, door
        self._tunnels_only = tunnels_only
        self.transport: asyncio.Transport | None = None
        self.peer = ""
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        """Bytes received since the headers began, to stop an endless one; ``_exact_size`` is of those parsed."""
        self._exact_size = 0
        self._header_count = 0
        self._receiving: Exchange | None = None
        self._active: Exchange | None = None
        self._line: deque[Exchange] = deque()
        self._outlet: Outlet | None = None
        self._body_full = False
        self._lent = False
        """The worker thread receives the rest of the body itself."""
        self._reading = True
        self._ending = False
        """No further request is taken: an error was met, the client closed its side, or we are closing."""
        self._lingering = 0
        self._patience = math.inf
        """Until when the body may go on as slowly as it does; infinite when nothing of it was waited for yet."""
        self.deadline = math.inf
        self._write_deadline = math.inf

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""
        self.deadline = self.hub.loop.time() + self.hub.limits.head_seconds
        self.hub.connections.add(self)
        if self.hub.crowded(self.door):
            self._refuse(503, "Too many connections")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.transport = None
        self._ending = True
        self.hub.connections.discard(self)
        for exchange in (self._receiving, self._active):
            if exchange is not None and exchange.body is not None:
                exchange.body.fail("the client hung up")
        if self._outlet is not None:
            self._outlet.close()
        self._line.clear()
        self._receiving = None

    def eof_received(self) -> bool:
        if self._receiving is not None and not self._receiving.complete:
            if self._receiving.body is not None:
                self._receiving.body.fail("the client hung up in the middle of its request")
            return False
        self._ending = True
        return not self.secure and (self._active is not None or bool(self._line))

    def pause_writing(self) -> None:
        self._write_deadline = self.hub.loop.time() + self.hub.limits.stall_seconds
        if self._outlet is not None:
            self._outlet.pause()

    def resume_writing(self) -> None:
        self._write_deadline = math.inf
        if self._outlet is not None:
            self._outlet.resume()
        elif self._line and self._active is None:
            self._start(self._line.popleft())
            self._set_reading()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            self._linger_on(len(data))
            return
        self._head_size += len(data) if self._receiving is None and self._head_size else 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(early=upgrade.args[0] < len(data))
        except (httptools.HttpParserError, heads.BadHead) as error:
            log.debug("bad request from %s: %r", self.peer, error)
            self._refuse(400, "The request is not valid HTTP/1.1")
            return
        limits = self.hub.limits
        if self._receiving is None and self._head_size > limits.head_bytes:
            self._refuse(431, f"The headers are larger than {limits.head_bytes} bytes")
        elif self._receiving is not None and self._reading:
            # a client that waits for 100 Continue is not silent of its own will
            self.deadline = math.inf if self._receiving.expects else self._body_deadline(len(data))

    def _body_deadline(self, count: int) -> float:
        """Each byte buys a little time, so that a client that drips holds us no longer than one that is silent."""
        limits = self.hub.limits
        longest = self.hub.loop.time() + limits.stall_seconds
        self._patience = min(longest, self._patience + count / limits.slowest_body)
        return self._patience

    # What the parser says

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._header_count = self._exact_size = 0
        self._head_size = 1
        if self._active is None:
            self.deadline = self.hub.loop.time() + self.hub.limits.head_seconds

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._exact_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._exact_size += len(name) + len(value) + 4
        if self._header_count > self.hub.limits.header_count:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("utf-8", "surrogateescape")  # what is not UTF-8 survives, for signatures and for echoes
        if key in self._headers:
            if key == "host":
                raise heads.BadHead("two Host headers")
            text = f"{self._headers[key]}, {text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        if self._ending:
            return
        headers = self._headers
        self._head_size = 0
        method = self._parser.get_method().decode("ascii")
        version = self._parser.get_http_version()
        limits = self.hub.limits
        if self._header_count > limits.header_count or self._exact_size > limits.head_bytes:
            self._refuse(431, f"More than {limits.header_count} headers or {limits.head_bytes} bytes of them")
            return
        if "host" not in headers and version == "1.1":
            raise heads.BadHead("no Host header")
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise heads.BadHead("a Transfer-Encoding other than chunked")
        if method == "CONNECT":
            return
        if self._tunnels_only:
            self._refuse(400, "This port speaks HTTPS: use a URL that begins with https://")
            return
        request = heads.request(method, self._target, headers, _EMPTY, self.peer)
        request.secure, request.door = self.secure or self.door is not None, self.door
        expects = headers.get("expect", "").lower() == "100-continue" and version == "1.1"
        exchange = Exchange(request, keep_alive=self._parser.should_keep_alive(), expects=expects)
        exchange.chunked = version == "1.1"
        self._receiving = exchange
        self._patience = math.inf
        self._choose_way(exchange)

    def _choose_way(self, exchange: Exchange) -> None:
        """Gather the body on the loop, or hand it on as it arrives."""
        request, limits, fast = exchange.request, self.hub.limits, self.hub.fast
        chunked = "transfer-encoding" in request.headers
        size = int(request.headers.get("content-length") or 0)
        if exchange.expects and not chunked and size == 0:
            # Superfluous, but botocore answers its next request on this connection with the status of one that came
            # without 100 Continue, and then waits for a head that never comes.
            exchange.keep_alive = exchange.keep_alive and self._active is None
            if exchange.keep_alive:
                self._send_continue(exchange)
            exchange.expects = False
        exchange.declared = None if chunked else size
        if fast is not None and fast.accepts(request.method, request.raw_path):
            exchange.fast = True
            if size > fast.body_limit:
                exchange.ready = fast.too_large(request, size)
                self._enqueue(exchange)
                return
            exchange.gathered = []
            self._continue_if_idle(exchange)
        elif not exchange.expects and not chunked and size <= limits.gathered_body:
            exchange.gathered = []
        else:
            exchange.body = StreamBody(lambda: self._wanted(exchange), lambda: self.later(self._body_drained))
            request.body = exchange.body
            self._enqueue(exchange)

    def on_body(self, data: bytes) -> None:
        exchange = self._receiving
        if exchange is None or self._ending:
            return
        exchange.expects = False
        exchange.size += len(data)
        if exchange.done or exchange.ready is not None:
            return  # thrown away: of a long rest, the answer ended the connection (``_will_close``)
        if exchange.gathered is not None:
            exchange.gathered.append(data)
            fast = self.hub.fast
            if exchange.fast and fast is not None and exchange.size > fast.body_limit:
                exchange.gathered = None
                exchange.ready = fast.too_large(exchange.request, exchange.size)
                self._enqueue(exchange)
        elif exchange.body is not None and exchange.body.feed(data):
            self._body_full = True
            self._set_reading()

    def on_message_complete(self) -> None:
        exchange, self._receiving = self._receiving, None
        if exchange is None or self._ending:
            return
        exchange.complete = True
        self.deadline = math.inf
        if exchange.body is not None:
            exchange.body.end()
        elif exchange.gathered is not None:
            self._enqueue(exchange)
        if self._active is None:
            self._wait_for_next()

    def _after_upgrade(self, *, early: bool) -> None:
        """CONNECT becomes a tunnel, unless something came behind it already (``early``) that would be lost; other
        upgrades are declined by answering in HTTP/1.1, as RFC 9110 7.8 allows."""
        if self._parser.get_method() == b"CONNECT":
            if self.hub.doorman is None or self.secure or self._active is not None:
                self._refuse(405, "CONNECT is not served here")
            elif early:
                self._refuse(400, "Wait for the answer to CONNECT before you go on")
            else:
                self._ending, self.deadline = True, math.inf
                self.hub.doorman.connect(self, self._target.decode("latin-1"))
            return
        last = self._line[-1] if self._line else self._active
        if last is not None:
            last.keep_alive = False
        self._ending = True

    # Requests in order

    def _enqueue(self, exchange: Exchange) -> None:
        """Start it now, or after those before it: one at a time, and none while earlier answers are not taken."""
        if self._active is None and not self._line and self._write_deadline == math.inf:
            self._start(exchange)
        else:
            self._line.append(exchange)
            self._set_reading()

    def _start(self, exchange: Exchange) -> None:
        self._active = exchange
        if exchange.complete:
            self.deadline = math.inf
        if exchange.ready is not None:
            self.reply(exchange, exchange.ready)
            return
        body = b"".join(exchange.gathered) if exchange.gathered is not None else b""
        exchange.gathered = None
        if exchange.fast:
            answering.answer_fast(self, exchange, body)
            return
        if exchange.body is None:
            exchange.request.body = BytesReader(body)
        self.hub.pool.submit(answering.answer, self, exchange)

    def _wanted(self, exchange: Exchange) -> LentSocket | None:
        """In the worker thread, when it begins to read a body; much that is still to come, it receives itself."""
        if not self.secure and (exchange.declared or 0) - exchange.size >= LENT_FROM:
            return out.ask_loop(self.hub.loop, lambda: self._lend(exchange))
        if exchange.expects:
            self.later(self._send_continue, exchange)
        return None

    def _lend(self, exchange: Exchange) -> LentSocket | None:
        self._send_continue(exchange)
        left = (exchange.declared or 0) - exchange.size
        if self.transport is None or self._receiving is not exchange or self._ending or left < LENT_FROM:
            return None
        self._lent = True
        self._set_reading()
        limits, returned = self.hub.limits, lambda: self.later(self._body_returned, exchange)
        return LentSocket(duplicate(self.transport), left, limits, returned)

    def _body_returned(self, exchange: Exchange) -> None:
        """All of the body was read from the lent socket, past the parser."""
        if self._lent:
            self._lent = self._body_full = False
            self._parser = httptools.HttpRequestParser(self)
            exchange.size = exchange.declared or 0
            self.on_message_complete()
            self._set_reading()

    def open_outlet(self, exchange: Exchange, outlet: Outlet, response: Response) -> socket.socket | None:
        """On the loop: open the outlet; for a large file also lend a duplicate of an idle plain socket."""
        transport = self.transport
        if transport is None:
            outlet.close()
            return None
        exchange.keep_alive = not self._will_close(exchange)
        self._outlet = outlet
        body = response.body
        lend = isinstance(body, FileBody) and body.length >= out.SENDFILE_FROM and not self.secure
        if not lend or transport.get_write_buffer_size():
            return None
        return duplicate(transport)

    def push(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def reply(self, exchange: Exchange, response: Response) -> None:
        """On the loop: send an answer whose body is bytes, or that has none."""
        transport = self.transport
        body = response.body
        if transport is None or transport.is_closing():
            out.close(body)
            self.finish(exchange, False)
            return
        exchange.keep_alive = not self._will_close(exchange)
        head = heads.response_head(response, heads.length(response), close=not exchange.keep_alive, chunked=False)
        if isinstance(body, bytes) and heads.has_body(exchange.request.method, response.status):
            if len(body) < COPIED:
                transport.write(head + body)
            else:
                transport.writelines((head, body))
        else:
            out.close(body)
            transport.write(head)
        self.finish(exchange, True)

    def _will_close(self, exchange: Exchange) -> bool:
        """Whether the connection ends with this answer: wanted, or cheaper than draining what was not read."""
        if not exchange.keep_alive or self.hub.draining or (self._ending and not self._line):
            return True
        if exchange.complete or self._lent:
            return self._lent
        left = None if exchange.declared is None else exchange.declared - exchange.size
        return exchange.expects or left is None or left > self.hub.limits.drained_body

    def finish(self, exchange: Exchange, whole: bool) -> None:
        """The answer is out (``whole``) or never will be."""
        exchange.done = True
        self._active = None
        self._outlet = None
        if self._lent and exchange.body is not None:
            self._lent = False
            exchange.body.give_back()
        transport = self.transport
        if transport is None:
            return
        if not whole:
            transport.abort()
        elif not exchange.keep_alive:
            self._close(linger=not exchange.complete)
        elif self._line:
            if self._write_deadline == math.inf:
                self._start(self._line.popleft())
                self._set_reading()
        else:
            self._body_full = False
            self._set_reading()
            if self._receiving is not None and self._receiving.gathered is not None:
                self._continue_if_idle(self._receiving)
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        if self._receiving is None:
            limits = self.hub.limits
            self.deadline = self.hub.loop.time() + (limits.head_seconds if self._head_size else limits.idle_seconds)

    # 100 Continue and back-pressure

    def _continue_if_idle(self, exchange: Exchange) -> None:
        if exchange.expects and self._active is None:
            self._send_continue(exchange)

    def _send_continue(self, exchange: Exchange) -> None:
        if exchange.expects and not exchange.done and self.transport is not None:
            exchange.expects = False
            self.deadline = self.hub.loop.time() + self.hub.limits.stall_seconds
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _body_drained(self) -> None:
        self._body_full = False
        self._set_reading()

    def _set_reading(self) -> None:
        if self.transport is None:
            return
        reading = not (self._body_full or self._lent) and len(self._line) < LINE_LENGTH
        if reading != self._reading:
            self._reading = reading
            if reading:
                self.transport.resume_reading()
                self._patience = math.inf
                if self._receiving is not None and not self._receiving.expects:
                    self.deadline = self._body_deadline(0)
            else:
                self.transport.pause_reading()
                self.deadline = math.inf

    def later(self, step: Callable[..., None], *args: Any) -> None:
        try:
            self.hub.loop.call_soon_threadsafe(step, *args)
        except RuntimeError:  # the loop is closed: the server has stopped and nobody waits for this answer
            log.debug("an answer came after the server had stopped")

    # Ends

    def _refuse(self, status: int, message: str) -> None:
        """Answer an unusable request once the earlier ones are answered, then close."""
        if self._ending:
            return
        if self._receiving is not None and self._receiving.body is not None:
            self._receiving.body.fail(message)
        self._receiving = None
        refusal = Exchange(Request("GET", "/", "", "/", [], {}, _EMPTY), keep_alive=False, expects=False)
        body = json.dumps({"message": message}).encode()
        refusal.ready = Response(status, {"content-type": "application/json"}, body)
        self._ending = True
        self._enqueue(refusal)

    def _close(self, *, linger: bool = False) -> None:
        transport = self.transport
        self._ending = True
        if transport is None:
            return
        if linger and not self.secure and transport.can_write_eof():
            transport.write_eof()
            self._lingering = 1
            self._body_full = False
            self._line.clear()
            self._set_reading()
            self.deadline = self.hub.loop.time() + self.hub.limits.linger_seconds
        else:
            transport.close()

    def _linger_on(self, count: int) -> None:
        """Throw away what a refused client still sends: closing now would reset the answer out of its hands."""
        self._lingering += count
        if self._lingering > LINGER_BYTES and self.transport is not None:
            self.transport.abort()

    def check_time(self, now: float) -> None:
        """Called about once a second: close what has been silent for too long."""
        if now <= self.deadline and now <= self._write_deadline:
            return
        self.deadline = math.inf
        if self.transport is None:
            return
        if now > self._write_deadline or self._active is not None or self._lingering or self._receiving is not None:
            self.transport.abort()
        elif self._head_size:
            self._refuse(408, "The request headers took too long")
        else:
            self._close()

    def drain(self) -> None:
        """The server is stopping: close when idle; ``_will_close`` sees to the rest."""
        if self._active is None and self._receiving is None and not self._line:
            self._close()

    def abort(self) -> None:
        """End now, whatever is under way."""
        if self.transport is not None:
            self.transport.abort()
