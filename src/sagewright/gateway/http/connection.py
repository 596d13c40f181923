"""One client connection: HTTP/1.1 in, exchanges one after the other, bounded in size and time.

The loop parses and writes; handlers run in threads. Requests that arrive before the answer to an earlier one
(pipelining) wait in ``_queue``, and reading stops while it is long. How a body comes in is ``intake``'s, how an answer
goes out piece by piece is ``sending``'s.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httptools

from sagewright.gateway.http import answering, heads, sending
from sagewright.gateway.http.exchange import Exchange, refusal
from sagewright.gateway.http.head_parser import HeadParser, TooLarge
from sagewright.gateway.http.intake import Intake
from sagewright.gateway.http.lent_socket import LENT_FROM, LentSocket, duplicate
from sagewright.gateway.http.sending import Outlet
from sagewright.gateway.http.shared import Hub
from sagewright.wire.http import BytesReader, Door, FileBody, Response

log = logging.getLogger(__name__)
QUEUE_LENGTH = 16
COPIED = 64 * 1024
"""Below this size one write of head and body together costs less than two."""
LINGER_BYTES = 32 * 1024 * 1024


class Connection(asyncio.Protocol):
    """The protocol of one accepted connection. ``secure`` when TLS was terminated below it; ``tunnels_only`` when it
    was not and should have been: CONNECT is all that may be asked. ``door`` is the job's that it came in by.
    """

    def __init__(self, hub: Hub, *, secure: bool = False, tunnels_only: bool = False, door: Door | None = None) -> None:
        self.hub, self.secure, self.door = hub, secure, door
        self._tunnels_only, self._tunnel = tunnels_only, False
        self.transport: asyncio.Transport | None = None
        self.peer = ""
        self.proven = False  # a request on it was signed by a key that exists
        self._head = HeadParser(hub.limits)
        self._new_parser()
        self._intake = Intake(self)
        self._receiving: Exchange | None = None
        self._active: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._outlet: Outlet | None = None
        self._body_full = False
        self._lent = False  # true while the worker thread receives the rest of the body itself
        self._reading = True
        self._ending = False  # no further request is taken: after an error, or an end of either side
        self._lingering = 0
        self._closing = False
        self._body_until = math.inf  # how long the body may go on as slowly as it does
        self._idle_since = 0.0
        self.deadline = math.inf
        self._write_deadline = math.inf
        self._unread = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""
        self._idle_since = self.hub.loop.time()
        self.deadline = self._idle_since + self.hub.limits.head_seconds
        if not self.hub.add(self):
            self._refuse(503, "Too many connections")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.transport = None
        self._ending = True
        self.hub.remove(self)
        self._all_read()
        for exchange in (self._receiving, self._active, *self._queue):
            if exchange is not None:
                self._intake.lost(exchange, begun=exchange is self._active)
        if self._active is not None and self._active.cancel is not None:
            self._active.cancel()
        if self._outlet is not None:
            self._outlet.close()
        self._queue.clear()
        self._receiving = None

    def eof_received(self) -> bool:
        if self._receiving is not None and not self._receiving.complete:
            if self._receiving.body is not None:
                self._receiving.body.fail("the client hung up in the middle of its request")
            return False
        self._ending = True
        return not self.secure and (self._active is not None or bool(self._queue))

    def pause_writing(self) -> None:
        self._write_deadline = self.hub.loop.time() + self.hub.limits.stall_seconds
        if self._outlet is not None:
            self._outlet.pause()

    def resume_writing(self) -> None:
        self._write_deadline = math.inf
        self._all_read()
        if self._outlet is not None:
            self._outlet.resume()
        elif self._queue and self._active is None:
            self._start(self._queue.popleft())
            self.set_reading()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            self._linger_on(len(data))
            return
        head = self._head
        head.received += len(data) if self._receiving is None and head.received else 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(early=upgrade.args[0] < len(data))
        except (httptools.HttpParserError, heads.BadHead) as error:
            log.debug("bad request from %s: %r", self.peer, error)
            self._refuse(400, "The request is not valid HTTP/1.1")
            return
        if self._receiving is None and head.is_endless():
            self._refuse(431, f"The headers are larger than {self.hub.limits.head_bytes} bytes")
        elif self._receiving is not None and self._reading:
            # a client that waits for 100 Continue is not silent of its own will
            self.deadline = math.inf if self._receiving.expects else self._body_deadline(len(data))

    def _body_deadline(self, count: int) -> float:
        """Each byte buys a little time, so that a client that drips holds us no longer than one that is silent."""
        limits = self.hub.limits
        longest = self.hub.loop.time() + limits.stall_seconds
        self._body_until = min(longest, self._body_until + count / limits.slowest_body)
        return self._body_until

    def _new_parser(self) -> None:
        self.on_url, self.on_header = self._head.on_url, self._head.on_header
        self._parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self._head.begin()
        if self._active is None:
            self.deadline = self.hub.loop.time() + self.hub.limits.head_seconds

    def on_headers_complete(self) -> None:
        if self._ending:
            return
        method = self._parser.get_method().decode("ascii")
        version = self._parser.get_http_version()
        try:
            self._head.end(version)
        except TooLarge as error:
            self._refuse(431, str(error))
            return
        if method == "CONNECT":
            return
        if self._tunnels_only:
            self._refuse(400, "This port speaks HTTPS: use a URL that begins with https://")
            return
        exchange = self._head.exchange(method, version, self.peer, keep_alive=self._parser.should_keep_alive())
        request = exchange.request
        request.secure, request.door = self.secure or self.door is not None, self.door
        request.proved = self._prove
        self._receiving = exchange
        self._body_until = math.inf
        if exchange.expects and exchange.declared == 0:
            # Superfluous, but botocore answers its next request on this connection with the status of one that came
            # without 100 Continue, and then waits for a head that never comes.
            exchange.keep_alive = exchange.keep_alive and self._active is None
            if exchange.keep_alive:
                self._send_continue(exchange)
            exchange.expects = False
        self._intake.begin(exchange)

    def on_body(self, data: bytes) -> None:
        if self._receiving is not None and not self._ending and self._intake.feed(self._receiving, data):
            self._body_full = True
            self.set_reading()

    def on_message_complete(self) -> None:
        exchange, self._receiving = self._receiving, None
        if exchange is None or self._ending:
            return
        exchange.complete = True
        exchange.begun = 0.0
        self.deadline = math.inf
        if exchange.body is not None:
            exchange.body.end()
        elif exchange.gathered is not None:
            self.enqueue(exchange)
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
                self._ending, self.deadline, self._tunnel = True, math.inf, True
                self.hub.doorman.connect(self, self._head.target.decode("latin-1"))
            return
        last = self._queue[-1] if self._queue else self._active
        if last is not None:
            last.keep_alive = False
        self._ending = True

    def _prove(self) -> None:
        """From any thread: who sends the request that is being answered is proven."""
        self.proven, exchange = True, self._active
        if exchange is not None and exchange.reservation is not None:
            self.later(self._intake.prove, exchange)

    def enqueue(self, exchange: Exchange) -> None:
        """Start it now, or after those before it: one at a time, and none while earlier answers are not taken."""
        if self._active is None and not self._queue and self._write_deadline == math.inf:
            self._start(exchange)
        else:
            self._queue.append(exchange)
            self.set_reading()

    def decided(self, exchange: Exchange) -> None:
        """It is known what becomes of the exchange, which is complete: go on with it, if its turn has come."""
        if exchange is self._active:
            self._run(exchange)

    def _start(self, exchange: Exchange) -> None:
        self._active = exchange
        if exchange.complete:
            self.deadline = math.inf
        if not exchange.undecided:
            self._run(exchange)

    def _run(self, exchange: Exchange) -> None:
        if exchange.ready is not None:
            self.reply(exchange, exchange.ready)
            return
        body = b"".join(exchange.gathered) if exchange.gathered is not None else b""
        exchange.gathered = None
        if exchange.fast:
            answering.answer_fast(self, exchange, body)
            return
        workers = self.hub.workers if exchange.body is None else self.hub.uploads
        if exchange.body is None:
            exchange.request.body = BytesReader(body)
        elif workers.full(exchange.holder):
            exchange.wait_until = self.hub.loop.time() + self.hub.limits.wait_seconds
        if not workers.submit(exchange.holder, partial(answering.answer, self, exchange)):
            self._refuse_waiting(exchange)

    def _refuse_waiting(self, exchange: Exchange) -> None:
        """It got no thread, or no memory, in time."""
        exchange.wait_until = None
        if exchange.undecided:
            self._intake.refuse_busy(exchange)
        elif exchange.take_turn():
            self.reply(exchange, self.hub.gate.busy(exchange.request))

    def lend(self, exchange: Exchange) -> LentSocket | None:
        """In the worker thread, when it begins to read a body; much that is still to come, it receives itself."""
        if not self.secure and (exchange.declared or 0) - exchange.size >= LENT_FROM:
            return sending.ask_loop(self.hub.loop, lambda: self._lend(exchange))
        if exchange.expects:
            self.later(self._send_continue, exchange)
        return None

    def _lend(self, exchange: Exchange) -> LentSocket | None:
        self._send_continue(exchange)
        rest = (exchange.declared or 0) - exchange.size
        if self.transport is None or self._receiving is not exchange or self._ending or rest < LENT_FROM:
            return None
        self._lent = True
        self.set_reading()
        limits, returned = self.hub.limits, lambda: self.later(self._body_returned, exchange)
        return LentSocket(duplicate(self.transport), rest, limits, returned)

    def _body_returned(self, exchange: Exchange) -> None:
        """All of the body was read from the lent socket, past the parser."""
        if self._lent:
            self._lent = self._body_full = False
            self._new_parser()
            exchange.size = exchange.declared or 0
            self.on_message_complete()
            self.set_reading()

    def open_outlet(self, exchange: Exchange, outlet: Outlet, response: Response) -> socket.socket | None:
        """On the loop: open the outlet; for a large file also lend a duplicate of an idle plain socket."""
        transport = self.transport
        if transport is None:
            outlet.close()
            return None
        exchange.keep_alive = not self._will_close(exchange)
        self._outlet = outlet
        body = response.body
        lend = isinstance(body, FileBody) and body.length >= sending.SENDFILE_FROM and not self.secure
        if not lend or transport.get_write_buffer_size():
            return None
        return duplicate(transport)

    def awaits_room(self, waiting: bool) -> None:
        """A thread put its answer aside because the client does not take it, or goes on with it."""
        self._write_deadline = self.hub.loop.time() + self.hub.limits.stall_seconds if waiting else math.inf

    def push(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def reply(self, exchange: Exchange, response: Response) -> None:
        """On the loop: send an answer whose body is bytes, or that has none."""
        transport = self.transport
        body = response.body
        if transport is None or transport.is_closing():
            sending.close(body)
            self.finish(exchange, False)
            return
        data = body if isinstance(body, bytes) and heads.has_body(exchange.request.method, response.status) else None
        if data is not None and len(data) >= COPIED and not self.hub.keeps_unread(len(data)):
            file = partial(answering.answer_from_file, self, exchange, response)
            if not self.hub.streams.submit(exchange.holder, file):
                self.finish(exchange, False)
            return
        exchange.keep_alive = not self._will_close(exchange)
        head = heads.response_head(response, heads.length(response), close=not exchange.keep_alive, chunked=False)
        if data is not None:
            if len(data) < COPIED:
                transport.write(head + data)
            else:
                transport.writelines((head, data))
                if transport.get_write_buffer_size():
                    self._unread += len(data)
                    self.hub.unread += len(data)
        else:
            sending.close(body)
            transport.write(head)
        self.finish(exchange, True)

    def _all_read(self) -> None:
        self.hub.unread -= self._unread
        self._unread = 0

    def _will_close(self, exchange: Exchange) -> bool:
        """Whether the connection ends with this answer: wanted, or cheaper than draining what was not read."""
        if not exchange.keep_alive or self.hub.draining or (self._ending and not self._queue):
            return True
        if exchange.complete or self._lent:
            return self._lent
        rest = None if exchange.declared is None else exchange.declared - exchange.size
        return exchange.expects or rest is None or rest > self.hub.limits.drained_body

    def finish(self, exchange: Exchange, whole: bool) -> None:
        """The answer is out (``whole``) or never will be."""
        exchange.done = True
        self._intake.release(exchange)
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
        elif self._queue:
            if self._write_deadline == math.inf:
                self._start(self._queue.popleft())
                self.set_reading()
        else:
            self._body_full = False
            self.set_reading()
            if self._receiving is not None and self._receiving.gathered is not None:
                self.continue_if_idle(self._receiving)
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        if self._receiving is None:
            limits, self._idle_since = self.hub.limits, self.hub.loop.time()
            self.deadline = self._idle_since + (limits.head_seconds if self._head.received else limits.idle_seconds)

    def continue_if_idle(self, exchange: Exchange) -> None:
        if exchange.expects and self._active is None and not exchange.undecided:
            self._send_continue(exchange)

    def _send_continue(self, exchange: Exchange) -> None:
        if exchange.expects and not exchange.done and self.transport is not None:
            exchange.expects = False
            self.deadline = self.hub.loop.time() + self.hub.limits.stall_seconds
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def body_drained(self) -> None:
        self._body_full = False
        self.set_reading()

    def set_reading(self) -> None:
        if self.transport is None:
            return
        waits = self._receiving is not None and self._receiving.undecided
        reading = not (self._body_full or self._lent or waits) and len(self._queue) < QUEUE_LENGTH
        if reading != self._reading:
            self._reading = reading
            if reading:
                self.transport.resume_reading()
                self._body_until = math.inf
                if self._receiving is not None and not self._receiving.expects:
                    self.deadline = self._body_deadline(0)
            else:
                self.transport.pause_reading()
                self.deadline = math.inf

    def later(self, step: Callable[..., None], *args: Any) -> None:
        self.hub.later(step, *args)

    def _refuse(self, status: int, message: str) -> None:
        """Answer an unusable request once the earlier ones are answered, then close."""
        if self._ending:
            return
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            self._intake.lost(receiving, message, begun=receiving is self._active or receiving in self._queue)
        self._ending = True
        self.enqueue(refusal(status, message))

    def _close(self, *, linger: bool = False) -> None:
        transport = self.transport
        self._ending = True
        if transport is None:
            return
        limits = self.hub.limits
        if linger and not self.secure and transport.can_write_eof():
            transport.write_eof()
            self._lingering = 1
            self._body_full = False
            self._queue.clear()
            self.set_reading()
            self.deadline = self.hub.loop.time() + limits.linger_seconds
        else:
            self._closing = True  # which takes until the client has taken what is still to be sent
            self.deadline = self.hub.loop.time() + limits.stall_seconds
            transport.close()

    def _linger_on(self, count: int) -> None:
        """Throw away what a refused client still sends: closing now would reset the answer out of its hands."""
        self._lingering += count
        if self._lingering > LINGER_BYTES and self.transport is not None:
            self.transport.abort()

    def check_time(self, now: float) -> None:
        """Called about once a second: close what has been silent for too long, refuse what has waited for too long."""
        for exchange in (self._receiving, self._active):
            if exchange is not None and exchange.wait_until is not None and exchange.wait_until < now:
                self._refuse_waiting(exchange)
        if now <= self.deadline and now <= self._write_deadline:
            return
        self.deadline = math.inf
        if self.transport is None:
            return
        stalls = self._active is not None or self._lingering or self._receiving is not None or self._closing
        if now > self._write_deadline or stalls:
            self.transport.abort()
        elif self._head.received:
            self._refuse(408, "The request headers took too long")
        else:
            self._close()

    def worth(self) -> tuple[int, float] | None:
        """Idle strangers are worth least, then idle connections of keys, then tunnels."""
        if self._tunnel:
            return 2, self._idle_since
        if self._active is not None or self._queue or (self.proven and self._receiving is not None):
            return None
        return int(self.proven), self._idle_since

    def lag(self, now: float) -> tuple[str, float] | None:
        """The holder and the rate of a body that comes too slowly."""
        exchange, limits = self._receiving, self.hub.limits
        if exchange is None or not exchange.begun or exchange.undecided or exchange.expects:
            return None
        seconds = now - exchange.begun
        rate = exchange.received / seconds if seconds > 0 else math.inf
        return (exchange.holder, rate) if seconds > limits.slow_seconds and rate < limits.slow_rate else None

    def drain(self) -> None:
        """The server is stopping: close when idle; ``_will_close`` sees to the rest."""
        if self._active is None and self._receiving is None and not self._queue:
            self._close()

    def abort(self) -> None:
        """End now, whatever is under way."""
        if self.transport is not None:
            self.transport.abort()
