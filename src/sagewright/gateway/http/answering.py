"""From the application's answer to the connection: in a worker thread, or on the loop for the fast path."""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from sagewright.gateway.http import exchange as out
from sagewright.gateway.http import heads
from sagewright.gateway.http.exchange import Exchange, Outlet
from sagewright.gateway.http.limits import ClientGone
from sagewright.gateway.http.shared import Hub
from sagewright.wire.http import FileBody, Response

log = logging.getLogger(__name__)


class Answering(Protocol):
    """A connection as its answers see it; everything but ``later`` is called on the loop."""

    hub: Hub

    def reply(self, exchange: Exchange, response: Response) -> None:
        """Send an answer whose body is bytes, or that has none."""

    def finish(self, exchange: Exchange, whole: bool) -> None:
        """Take the next request, or hang up when the answer is not ``whole``."""

    def push(self, data: bytes) -> None:
        """Send bytes."""

    def open_outlet(self, exchange: Exchange, outlet: Outlet, response: Response) -> socket.socket | None:
        """Let ``outlet`` send; for a large file, lend a socket besides."""

    def later(self, step: Callable[..., None], *args: Any) -> None:
        """Call ``step`` on the loop, from any thread."""


def answer_fast(connection: Answering, exchange: Exchange, body: bytes) -> None:
    """On the loop: answer a request of the fast path, without a task where nothing has to be awaited."""
    hub = connection.hub
    assert hub.fast is not None
    try:
        awaited = hub.fast.answer(exchange.request, body, partial(connection.reply, exchange))
    except Exception:
        log.exception("the fast path failed")
        connection.reply(exchange, _failure())
        return
    if awaited is not None:
        hub.spawn(hub.loop.create_task(_reply_later(connection, exchange, awaited)))


async def _reply_later(connection: Answering, exchange: Exchange, awaited: Awaitable[Response]) -> None:
    try:
        response = await awaited
    except Exception:
        log.exception("the fast path failed")
        response = _failure()
    connection.reply(exchange, response)


def answer(connection: Answering, exchange: Exchange) -> None:
    """In a worker thread: let the application answer, and send the answer."""
    request = exchange.request
    try:
        response = connection.hub.app.handle(request)
    except ClientGone:
        connection.later(connection.finish, exchange, False)
        return
    except Exception:
        log.exception("the application failed at %s %s", request.method, request.raw_path)
        response = _failure()
    if isinstance(response.body, bytes) or not heads.has_body(request.method, response.status):
        connection.later(connection.reply, exchange, response)
        return
    whole = False
    try:
        _stream(connection, exchange, response)
        whole = True
    except ClientGone:
        log.debug("the client of %s %s hung up", request.method, request.raw_path)
    except Exception:
        log.exception("the answer to %s %s broke off", request.method, request.raw_path)
    connection.later(connection.finish, exchange, whole)


def _stream(connection: Answering, exchange: Exchange, response: Response) -> None:
    """Send a body that is not one piece of bytes."""
    body = response.body
    assert not isinstance(body, bytes)
    hub = connection.hub
    size = heads.length(response)
    chunked = size is None and exchange.chunked
    if size is None and not chunked:
        exchange.keep_alive = False
    outlet = Outlet(hub.loop, connection.push)
    sock = out.ask_loop(hub.loop, lambda: connection.open_outlet(exchange, outlet, response))
    head = heads.response_head(response, size, close=not exchange.keep_alive, chunked=chunked)
    if sock is not None and isinstance(body, FileBody):
        with sock:
            out.send_file(sock, head, body, outlet, hub.limits.stall_seconds)
        return
    chunks = out.file_chunks(body) if isinstance(body, FileBody) else body
    out.send_chunks(outlet, head, chunks, size, chunked=chunked)


def _failure() -> Response:
    body = b'{"__type":"InternalFailure","message":"Internal failure"}'
    return Response(500, {"content-type": "application/json"}, body)
