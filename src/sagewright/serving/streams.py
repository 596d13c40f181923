"""Invocations whose answers come in parts, on the event loop: no thread waits for the model or for the client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sagewright.core.errors import AwsError
from sagewright.serving.base import Invoker, InvokeRequest, InvokeResponse
from sagewright.serving.worker import WorkerTimeoutError

PART_BYTES = 1024 * 1024
"""The largest piece handed on."""
WAITING_BYTES = 64 * 1024 * 1024
"""What a model may be ahead of its client, and what all models may be ahead of theirs; beyond that a stream breaks."""


@dataclass(frozen=True, slots=True)
class InvokeStream:
    """The beginning of an answer, whose ``body`` is empty, and the parts of its body.

    Iterating raises ``AwsError`` (``ModelStreamError``) where the model breaks off; closing gives the request up.
    """

    head: InvokeResponse
    parts: AsyncIterator[bytes]


class Streams:
    """Opens streams through ``invoker``, on its event loop, and bounds what waits in all of them together."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker
        self._readings: set[_Reading] = set()
        self.waiting = 0
        """Bytes that models sent and clients have not taken."""

    async def open(self, request: InvokeRequest) -> InvokeStream:
        """The answer as soon as it begins. Raises what ``Invoker`` does."""
        reading = _Reading(self)
        self._readings.add(reading)
        reading.start(asyncio.ensure_future(self._invoker.invoke(request, reading.take)))
        try:
            first, last = await reading.next()
        except BaseException:
            reading.close()
            raise
        return InvokeStream(first, reading.parts(first, last))

    def break_longest(self) -> None:
        """End the stream whose client is furthest behind."""
        max(self._readings, key=lambda reading: reading.waiting).cancel()

    def forget(self, reading: _Reading) -> None:
        """The stream is over, and what waited in it is gone."""
        self._readings.discard(reading)


class _Reading:
    """One answer on its way from the model to the client."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._arrived: deque[InvokeResponse] = deque()
        self._changed = asyncio.Event()
        self._call: asyncio.Future[InvokeResponse] | None = None
        self.waiting = 0

    def start(self, call: asyncio.Future[InvokeResponse]) -> None:
        self._call = call
        call.add_done_callback(lambda _: self._changed.set())

    def take(self, part: InvokeResponse) -> None:
        """A part came."""
        self._arrived.append(part)
        self._count(len(part.body))
        self._changed.set()
        if self.waiting > WAITING_BYTES:
            self.cancel()
        elif self._streams.waiting > WAITING_BYTES:
            self._streams.break_longest()

    def cancel(self) -> None:
        """Give the request up; who reads learns it after what is there."""
        if self._call is not None:
            self._call.cancel()

    def close(self) -> None:
        """Nobody reads on."""
        self.cancel()
        self._arrived.clear()
        self._count(-self.waiting)
        self._streams.forget(self)

    async def next(self) -> tuple[InvokeResponse, bool]:
        """The next piece, and whether it is the last."""
        assert self._call is not None
        while not self._arrived and not self._call.done():
            self._changed.clear()
            await self._changed.wait()
        if self._arrived:
            part = self._arrived.popleft()
            self._count(-len(part.body))
            return part, False
        return self._call.result(), True

    async def parts(self, piece: InvokeResponse, last: bool) -> AsyncIterator[bytes]:
        try:
            while True:
                for start in range(0, len(piece.body), PART_BYTES):
                    yield piece.body[start : start + PART_BYTES]
                if last:
                    return
                piece, last = await self._following()
        finally:
            self.close()

    async def _following(self) -> tuple[InvokeResponse, bool]:
        assert self._call is not None
        try:
            return await self.next()
        except AwsError as error:
            late = isinstance(error.__cause__, WorkerTimeoutError)
            code = "ModelInvocationTimeExceeded" if late else "StreamBroken"
            raise AwsError(error.message, code="ModelStreamError", ErrorCode=code) from None
        except asyncio.CancelledError:
            if not self._call.cancelled():
                raise  # it is the reader that was cancelled
            message = f"The client is more than {WAITING_BYTES} bytes behind the model."
            raise AwsError(message, code="ModelStreamError", ErrorCode="StreamBroken") from None

    def _count(self, size: int) -> None:
        self.waiting += size
        self._streams.waiting += size
