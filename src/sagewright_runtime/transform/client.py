"""The client of the model server: many pending requests on one connection, answers in the order of the requests."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sagewright_runtime.shared import frames, sockets

_WINDOW = 64
_WINDOW_BYTES = 32 << 20
_BLOCK = 1 << 18

T = TypeVar("T")


class ServerGone(Exception):
    """The model server closed the connection, or did not answer in time."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """The model's answer to a question."""

    question: T
    status: int
    body: bytes


class Client:
    """Speaks to the model server at ``path``. ``timeout``: it gives up after so many seconds without any progress."""

    def __init__(self, path: Path, headers: Mapping[str, str], timeout: float) -> None:
        self._path = path
        self._head = frames.encode_headers(headers)
        self._timeout = timeout

    def ready(self) -> bool:
        """Whether the model is loaded: only then does its server listen."""
        try:
            sockets.connect(self._path, 1).close()
        except OSError:
            return False
        return True

    def ask(self, questions: Iterable[tuple[T, bytes]]) -> Generator[Answer[T], None, None]:
        """An answer for each (question, payload), in their order. Payloads are sent ahead of answers, up to a window.

        Raises ``ServerGone``, and whatever reading ``questions`` raises. Close it when you do not read it to its end:
        a model server blocks while nobody reads its answers.
        """
        try:
            stream = sockets.connect(self._path, 0)
        except OSError as error:
            raise ServerGone(f"the model server is gone: {error}") from None
        with stream:
            yield from _Exchange(stream, self._head, self._timeout).run(iter(questions))


class _Exchange:
    def __init__(self, stream: socket.socket, head: bytes, timeout: float) -> None:
        self._stream = stream
        self._head = head
        self._timeout = timeout
        self._splitter = frames.Splitter()
        self._outgoing = bytearray()
        self._answers: dict[int, frames.Frame] = {}

    def run(self, questions: Iterator[tuple[T, bytes]]) -> Iterator[Answer[T]]:
        waiting: deque[tuple[int, T, int]] = deque()
        next_id = size = 0
        more = True
        while True:
            while more and (not waiting or (len(waiting) < _WINDOW and size < _WINDOW_BYTES)):
                item = next(questions, None)
                if item is None:
                    more = False
                    continue
                question, payload = item
                self._outgoing += frames.encode(next_id, frames.INVOKE, self._head, payload)
                waiting.append((next_id, question, len(payload)))
                next_id, size = next_id + 1, size + len(payload)
            if not waiting:
                return
            self._move()
            while waiting and waiting[0][0] in self._answers:
                number, question, length = waiting.popleft()
                size -= length
                answer = self._answers.pop(number)
                yield Answer(question, answer.code, answer.body)

    def _move(self) -> None:
        """Send or receive, whichever is possible first, so that the two sides never wait for one another."""
        readable, writable, _ = select.select(
            [self._stream], [self._stream] if self._outgoing else [], [], self._timeout
        )
        if not readable and not writable:
            raise ServerGone(f"the model server did not answer within {self._timeout:g} seconds")
        try:
            if writable:
                count = self._stream.send(self._outgoing[:_BLOCK])
                del self._outgoing[:count]
            if readable:
                data = self._stream.recv(_BLOCK)
                if not data:
                    raise ServerGone("the model server ended")
                self._answers.update((frame.id, frame) for frame in self._splitter.feed(data))
        except (OSError, frames.FrameError) as error:
            raise ServerGone(f"the model server is gone: {error}") from None
