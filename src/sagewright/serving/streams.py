"""Invocations whose answers come in parts, for threads: the router works on the event loop, a reader here may block."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from sagewright.core.errors import AwsError
from sagewright.serving.base import Invoker, InvokeRequest, InvokeResponse
from sagewright.serving.worker import WorkerTimeoutError

PART_BYTES = 1024 * 1024
"""The largest piece handed on."""
WAITING_BYTES = 64 * 1024 * 1024
"""What a model may be ahead of its client; beyond that the stream breaks."""


@dataclass(frozen=True, slots=True)
class InvokeStream:
    """The beginning of an answer, whose ``body`` is empty, and the parts of its body.

    Iterating raises ``AwsError`` (``ModelStreamError``) where the model breaks off; closing gives the request up.
    """

    head: InvokeResponse
    parts: Iterator[bytes]


class Streams:
    """Opens streams through ``invoker``, which belongs to the event loop that ``loop`` gives."""

    def __init__(self, invoker: Invoker, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._invoker = invoker
        self._loop = loop

    def open(self, request: InvokeRequest) -> InvokeStream:
        """The answer as soon as it begins. Raises what ``Invoker`` does."""
        reading = _Reading()
        reading.start(asyncio.run_coroutine_threadsafe(self._invoker.invoke(request, reading.take), self._loop()))
        first, last = reading.next()
        return InvokeStream(first, reading.parts(first, last))


class _Reading:
    """One answer on its way from the loop to the thread that reads it."""

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[InvokeResponse | Future[InvokeResponse]] = queue.SimpleQueue()
        self._future: Future[InvokeResponse] | None = None
        self._taken = self._given = 0

    def start(self, future: Future[InvokeResponse]) -> None:
        self._future = future
        future.add_done_callback(self._arrived.put)

    def take(self, part: InvokeResponse) -> None:
        """On the loop: a part came."""
        self._taken += len(part.body)
        if self._taken - self._given > WAITING_BYTES and self._future is not None:
            self._future.cancel()
        self._arrived.put(part)

    def next(self) -> tuple[InvokeResponse, bool]:
        """The next piece, and whether it is the last."""
        found = self._arrived.get()
        if isinstance(found, InvokeResponse):
            self._given += len(found.body)
            return found, False
        return found.result(), True

    def parts(self, piece: InvokeResponse, last: bool) -> Iterator[bytes]:
        try:
            while True:
                for start in range(0, len(piece.body), PART_BYTES):
                    yield piece.body[start : start + PART_BYTES]
                if last:
                    return
                piece, last = self._following()
        finally:
            if self._future is not None:
                self._future.cancel()

    def _following(self) -> tuple[InvokeResponse, bool]:
        try:
            return self.next()
        except AwsError as error:
            late = isinstance(error.__cause__, WorkerTimeoutError)
            code = "ModelInvocationTimeExceeded" if late else "StreamBroken"
            raise AwsError(error.message, code="ModelStreamError", ErrorCode=code) from None
        except CancelledError:
            message = f"The client is more than {WAITING_BYTES} bytes behind the model."
            raise AwsError(message, code="ModelStreamError", ErrorCode="StreamBroken") from None
