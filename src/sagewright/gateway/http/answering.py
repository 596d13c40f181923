"""From the application's answer to the connection: in a worker thread, or on the loop for the fast path."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from functools import partial
from typing import IO, Protocol

from sagewright.gateway.http import heads
from sagewright.gateway.http.exchange import Exchange
from sagewright.gateway.http.limits import ClientGone
from sagewright.gateway.http.sending import FILE_CHUNK, SENDFILE_FROM, Sender, Sending, file_chunks, send_parts
from sagewright.wire.http import FileBody, Response

log = logging.getLogger(__name__)


class Answering(Sender, Protocol):
    """A connection as the application's answers see it."""

    def reply(self, exchange: Exchange, response: Response) -> None:
        """Send an answer whose body is bytes, or that has none."""


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
        task = hub.loop.create_task(_reply_later(connection, exchange, awaited))
        exchange.cancel = task.cancel
        hub.spawn(task)


async def _reply_later(connection: Answering, exchange: Exchange, awaited: Awaitable[Response]) -> None:
    try:
        response = await awaited
    except asyncio.CancelledError:
        connection.finish(exchange, False)
        raise
    except Exception:
        log.exception("the fast path failed")
        response = _failure()
    if isinstance(response.body, AsyncIterator):
        await send_parts(connection, exchange, response, response.body)
    else:
        connection.reply(exchange, response)


def answer(connection: Answering, exchange: Exchange) -> None:
    """In a worker thread: let the application answer, and begin to send the answer."""
    if not exchange.take_turn():
        return  # it waited for too long, and was refused
    request = exchange.request
    try:
        response = connection.hub.app.handle(request)
    except ClientGone:
        connection.later(connection.finish, exchange, False)
        return
    except Exception:
        log.exception("the application failed at %s %s", request.method, request.raw_path)
        response = _failure()
    if isinstance(response.body, FileBody) and response.body.length < SENDFILE_FROM:
        _read_small(response, response.body)
    if isinstance(response.body, bytes) or not heads.has_body(request.method, response.status):
        connection.later(connection.reply, exchange, response)
    else:
        Sending(connection, exchange, response).go_on()


def _read_small(response: Response, body: FileBody) -> None:
    """Read a small file here: to hand its pieces from thread to thread costs more. One that is cut stays a file."""
    try:
        data = b"".join(file_chunks(body))
    except OSError:
        return
    if len(data) == body.length:
        response.body = data


def answer_from_file(connection: Answering, exchange: Exchange, response: Response) -> None:
    """In a worker thread: send bytes that the client does not take and that memory cannot keep."""
    body = response.body
    assert isinstance(body, bytes)
    try:
        file = tempfile.TemporaryFile(dir=connection.hub.limits.scratch)  # noqa: SIM115 - it is closed when it was read
        file.write(body)
        file.seek(0)
    except OSError:
        log.exception("an answer that its client does not take cannot be kept")
        connection.later(connection.finish, exchange, False)
        return
    response.headers["content-length"] = str(len(body))
    response.body = _read(file)
    del body
    Sending(connection, exchange, response).go_on()


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(FILE_CHUNK):
            yield chunk


def _failure() -> Response:
    body = b'{"__type":"InternalFailure","message":"Internal failure"}'
    return Response(500, {"content-type": "application/json"}, body)
