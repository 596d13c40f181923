"""How a request's body comes in: refused, gathered in memory that was reserved for it, or handed on as it arrives.

The head decides first. A body above ``Limits.small_body`` is not received before the gate has said that its sender may
send it, and one that is gathered not before there is memory for it. All of this runs on the event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sagewright.gateway.http.body import StreamBody
from sagewright.gateway.http.exchange import Exchange
from sagewright.gateway.http.lent_socket import LentSocket
from sagewright.gateway.http.shared import Admission, Hub

log = logging.getLogger(__name__)
STEP = 1 << 20
"""By how many bytes the memory of a body of unknown length grows."""


class Receiving(Protocol):
    """A connection as the intake of its bodies sees it."""

    hub: Hub

    def enqueue(self, exchange: Exchange) -> None:
        """Answer the request after those before it."""

    def decided(self, exchange: Exchange) -> None:
        """It is known what becomes of the exchange: go on with it, if its turn has come."""

    def set_reading(self) -> None:
        """Receive more, or stop to."""

    def continue_if_idle(self, exchange: Exchange) -> None:
        """Send 100 Continue, if it is waited for and nothing is being answered."""

    def lend(self, exchange: Exchange) -> LentSocket | None:
        """In a worker thread that begins to read a body: lend it the socket, if that is worth it."""

    def body_drained(self) -> None:
        """Receive more of a body: enough of it was read."""

    def later(self, step: Callable[..., None], *args: Any) -> None:
        """Call ``step`` on the loop, from any thread."""


class Intake:
    """The bodies of one connection's requests."""

    def __init__(self, connection: Receiving) -> None:
        self._connection = connection

    def begin(self, exchange: Exchange) -> None:
        """The head is there: ask about its sender, unless the body is so small that it is here by then."""
        request, hub = exchange.request, self._connection.hub
        limits, fast, size = hub.limits, hub.fast, exchange.declared
        exchange.gathered = []
        if fast is not None and fast.accepts(request.method, request.raw_path):
            exchange.fast = True
            if size is not None and size > fast.body_limit:
                self._answer_with_413(exchange, size)
                return
        elif not exchange.expects and size is not None and size <= limits.small_body:
            exchange.holder = hub.gate.holder(request)
            return
        if size is not None and size <= limits.small_body and exchange.fast:
            self._connection.continue_if_idle(exchange)
            return
        exchange.undecided = True
        admission = hub.gate.admit(request, wait=False)
        if admission is not None:
            self._decide(exchange, admission)
            return
        exchange.wait_until = hub.loop.time() + limits.wait_seconds
        if not hub.workers.submit("", partial(self._ask, exchange)):
            self.refuse_busy(exchange)

    def _ask(self, exchange: Exchange) -> None:
        """In a worker thread: what the gate's memory does not know."""
        try:
            admission = self._connection.hub.gate.admit(exchange.request, wait=True)
        except Exception:
            log.exception("the gate failed")
            admission = None
        self._connection.later(self._decide_later, exchange, admission)

    def _decide_later(self, exchange: Exchange, admission: Admission | None) -> None:
        if not exchange.undecided or exchange.done:
            return  # refused meanwhile, or the client is gone
        if admission is None:
            self.refuse_busy(exchange)
        else:
            self._decide(exchange, admission)

    def _decide(self, exchange: Exchange, admission: Admission) -> None:
        hub = self._connection.hub
        exchange.holder, size = admission.holder, exchange.declared
        exchange.wait_until = None
        streams = admission.streams and not exchange.fast
        if admission.refusal is not None:
            exchange.ready, exchange.gathered = admission.refusal, None
            self._settle(exchange)
        elif streams and (exchange.expects or size is None or size > hub.limits.gathered_body):
            self._stream(exchange)
        else:
            self._reserve(exchange, STEP if size is None else size)

    def _reserve(self, exchange: Exchange, size: int) -> None:
        hub = self._connection.hub
        made = hub.bodies.reserve(exchange.holder, size, partial(self._gather, exchange))
        exchange.reservation = made
        if made.held:
            self._gather(exchange)
        else:
            exchange.wait_until = hub.loop.time() + hub.limits.wait_seconds
            self._connection.set_reading()

    def _gather(self, exchange: Exchange) -> None:
        exchange.undecided, exchange.wait_until = False, None
        exchange.begun = self._connection.hub.loop.time()
        if exchange.complete:
            self._connection.decided(exchange)
        else:
            self._connection.continue_if_idle(exchange)
            self._connection.set_reading()

    def _stream(self, exchange: Exchange) -> None:
        connection = self._connection
        body = StreamBody(lambda: connection.lend(exchange), lambda: connection.later(connection.body_drained))
        exchange.body = exchange.request.body = body
        exchange.begun = connection.hub.loop.time()
        for data in exchange.gathered or ():
            body.feed(data)
        exchange.gathered = None
        if exchange.complete:
            body.end()
        self._settle(exchange)

    def _settle(self, exchange: Exchange) -> None:
        """It can be answered, though not all of it is here."""
        exchange.undecided = False
        if exchange.complete:
            self._connection.decided(exchange)
        else:
            self._connection.enqueue(exchange)
            self._connection.set_reading()

    def feed(self, exchange: Exchange, data: bytes) -> bool:
        """A piece of the body; true when no more should be received for now."""
        exchange.expects = False
        exchange.size += len(data)
        if exchange.done or exchange.ready is not None:
            return False  # thrown away: of a long rest, the answer ends the connection
        if exchange.body is not None:
            return exchange.body.feed(data)
        if exchange.gathered is None:
            return False
        exchange.gathered.append(data)
        fast, reservation = self._connection.hub.fast, exchange.reservation
        if exchange.fast and fast is not None and exchange.size > fast.body_limit:
            self._answer_with_413(exchange, exchange.size)
        elif exchange.declared is None and reservation is not None and exchange.size > reservation.size:
            grown = -(-(exchange.size - reservation.size) // STEP) * STEP
            if not self._connection.hub.bodies.grow(reservation, grown):
                self.refuse_busy(exchange)
        return False

    def refuse_busy(self, exchange: Exchange) -> None:
        """There is no room for the request, and it has waited for long enough."""
        exchange.wait_until = None
        exchange.ready, exchange.gathered = self._connection.hub.gate.busy(exchange.request), None
        self.release(exchange)
        self._settle(exchange)

    def release(self, exchange: Exchange) -> None:
        """Its body is not in memory any more."""
        if exchange.reservation is not None:
            self._connection.hub.bodies.give_back(exchange.reservation)
            exchange.reservation = None

    def lost(self, exchange: Exchange, why: str = "the client hung up", *, begun: bool) -> None:
        """The rest of its body will not come; unless it has ``begun`` to be answered, nobody answers it."""
        if exchange.body is not None:
            exchange.body.fail(why)
        if not begun or exchange.undecided:
            exchange.done, exchange.undecided = True, False
            self.release(exchange)

    def prove(self, exchange: Exchange) -> None:
        """Its sender is proven."""
        if exchange.reservation is not None:
            self._connection.hub.bodies.prove(exchange.reservation)

    def _answer_with_413(self, exchange: Exchange, size: int) -> None:
        fast = self._connection.hub.fast
        assert fast is not None
        exchange.gathered = None
        exchange.ready = fast.too_large(exchange.request, size)
        self.release(exchange)
        self._settle(exchange)
