"""The model server's loop: frames in, frames out, around one handler.

Everything read in one wake-up is one batch. A handler that computes in microseconds and takes a batch at once (the
built-in algorithms) runs right in the reading thread: a hand-over between threads would cost as much as its work.
The user's own code may block for a minute, so it keeps the main thread, where libraries expect to be, and another
thread reads on and answers pings meanwhile. User code is run one request at a time, as in a SageMaker worker.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sagewright_runtime.shared import frames, sockets

_READ_SIZE = 256 * 1024
_AWAKE_SECONDS = 100e-6
"""Being woken takes longer than a prediction of one row: with it, one client alone gets a third more answers a second.
It costs at most this much processor time a batch."""


class Request(NamedTuple):
    """One invocation. Header names are in lower case. ``streams``: its answer may go back in parts."""

    headers: Mapping[str, str]
    body: bytes
    streams: bool = False

    @property
    def content_type(self) -> str:
        return self.headers.get(frames.CONTENT_TYPE, "")

    @property
    def accept(self) -> str:
        return self.headers.get(frames.ACCEPT, "")


class Answer(NamedTuple):
    """What goes back: an HTTP status, the body and its type, and further headers; ``parts`` are a body to come."""

    status: int
    body: bytes
    content_type: str = "text/plain"
    headers: Mapping[str, str] = MappingProxyType({})
    parts: Iterator[bytes] | None = None


if TYPE_CHECKING:
    from typing import Protocol
else:  # Python 3.7 has none
    Protocol = object


class Handler(Protocol):
    """A loaded model."""

    inline: bool
    """True: quick, and wants whole batches; False: the user's code, one request at a time beside the reader."""

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer]:
        """One answer for each request, in their order."""
        ...


class _Peer:
    """One connected router."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.splitter = frames.Splitter()
        self.gone = False
        self.cancelled: set[int] = set()
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        try:
            with self._lock:
                self.stream.sendall(data)
        except OSError:  # a router that went away is no error here: the reader sees the end of the stream
            pass


_Item = tuple[_Peer, int, Request]


class ModelServer:
    """Serves ``handler`` on the unix socket at ``path`` until ``stop``."""

    def __init__(self, handler: Handler, path: Path) -> None:
        self._handler = handler
        self._path = path
        self._wake_read, self._wake_write = socket.socketpair()

    def stop(self) -> None:
        """End ``run`` once the requests already read are answered. Safe in a signal handler."""
        with contextlib.suppress(OSError):
            self._wake_write.send(b"\0")

    def run(self) -> None:
        """Listen and answer; SIGTERM and SIGINT stop it. To be called in the main thread. Raises ``OSError``."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        with sockets.listen(self._path) as listener:
            if self._handler.inline:
                self._read(listener, self._execute)
            else:
                self._run_beside(listener)

    def _run_beside(self, listener: socket.socket) -> None:
        """Read in another thread, execute in this one."""
        batches: queue.SimpleQueue[list[_Item] | None] = queue.SimpleQueue()

        def read() -> None:
            try:
                self._read(listener, batches.put)
            finally:
                batches.put(None)

        threading.Thread(target=read, name="frames", daemon=True).start()
        for batch in iter(batches.get, None):
            for item in batch:
                self._execute([item])

    def _read(self, listener: socket.socket, deliver: Callable[[list[_Item]], None]) -> None:
        poll = select.poll()  # not selectors, whose objects for each event cost more than the event
        poll.register(listener, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        peers: dict[int, _Peer] = {}
        batch: list[_Item] = []
        while True:
            events = _soon(poll) if batch and self._handler.inline else poll.poll()
            batch = []
            stopping = False
            for descriptor, _ in events:
                peer = peers.get(descriptor)
                if peer is not None:
                    if not self._receive(peer, batch):
                        poll.unregister(descriptor)
                        peer.gone = True
                        peers.pop(descriptor).stream.close()
                elif descriptor == listener.fileno():
                    stream = listener.accept()[0]
                    poll.register(stream, select.POLLIN)
                    peers[stream.fileno()] = _Peer(stream)
                else:
                    stopping = True
            if batch:
                deliver(batch)
            if stopping:
                return

    @staticmethod
    def _receive(peer: _Peer, batch: list[_Item]) -> bool:
        """Read once from ``peer``, answer its pings, add its requests to ``batch``; False when it is gone."""
        try:
            data = peer.stream.recv(_READ_SIZE)
            found = peer.splitter.feed(data)
        except (OSError, frames.FrameError):
            return False
        for frame_id, code, head, body in found:
            if code in (frames.INVOKE, frames.INVOKE_STREAM):
                headers = frames.decode_headers(head)
                batch.append((peer, frame_id, Request(headers, body, code == frames.INVOKE_STREAM)))
            elif code == frames.CANCEL:
                peer.cancelled.add(frame_id)
            else:
                peer.send(frames.encode(frame_id, 200 if code == frames.PING else 400))
        return bool(data)

    def _execute(self, batch: list[_Item]) -> None:
        try:
            answers = self._handler.answer([request for _, _, request in batch])
        except Exception:  # a handler answers its own errors; what escapes is a defect worth showing whole
            text = traceback.format_exc()
            print(text, flush=True)
            answers = [Answer(500, text.encode())] * len(batch)
        outgoing: dict[_Peer, list[bytes]] = {}
        for (peer, frame_id, request), whole in zip(batch, answers):
            answer = whole if whole.parts is None else _flow(peer, frame_id, request, whole)
            outgoing.setdefault(peer, []).append(_encode_answer(frame_id, answer))
        for peer, encoded in outgoing.items():
            peer.send(b"".join(encoded))


def _soon(poll: select.poll) -> list[tuple[int, int]]:
    """The next events. After an answer they are looked for awake for a moment, giving way to whoever wants the core."""
    until = time.perf_counter() + _AWAKE_SECONDS
    while True:
        events = poll.poll(0)
        if events:
            return events
        if time.perf_counter() > until:
            return poll.poll()
        os.sched_yield()


def _flow(peer: _Peer, frame_id: int, request: Request, answer: Answer) -> Answer:
    """Send the parts as they come; what is left for the last frame: the whole body for who takes no parts."""
    assert answer.parts is not None
    gathered: list[bytes] = []
    try:
        for part in answer.parts:
            if peer.gone or frame_id in peer.cancelled:
                peer.cancelled.discard(frame_id)
                break
            if request.streams:
                head = frames.encode_headers({frames.CONTENT_TYPE: answer.content_type, **answer.headers})
                peer.send(frames.encode(frame_id, frames.PART, head, part))
            else:
                gathered.append(part)
    except (Exception, SystemExit):  # the user's generator broke
        text = traceback.format_exc()
        print(text, file=sys.stderr, flush=True)
        return Answer(500, text.encode(errors="replace"))
    return Answer(answer.status, b"".join(gathered), answer.content_type, answer.headers)


def _encode_answer(frame_id: int, answer: Answer) -> bytes:
    try:
        head = _head(answer.content_type)
        if answer.headers:
            head = frames.encode_headers({frames.CONTENT_TYPE: answer.content_type, **answer.headers})
        return frames.encode(frame_id, answer.status, head, answer.body)
    except frames.FrameError as error:
        return frames.encode(frame_id, 500, b"", f"The answer of the model cannot be sent: {error}".encode())


@lru_cache(maxsize=64)
def _head(content_type: str) -> bytes:
    return frames.encode_headers({frames.CONTENT_TYPE: content_type})
