"""The model server's loop: frames in, frames out, around one handler.

Everything read in one wake-up is one batch. A handler that computes in microseconds and takes a batch at once (the
built-in algorithms) runs right in the reading thread: a hand-over between threads would cost as much as its work.
The user's own code may block for a minute. It runs in the main thread too, where libraries expect to be, right after
its request was read; but once it has run for a few milliseconds, another thread reads on and answers pings until it is
done. User code is run one request at a time, as in a SageMaker worker.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Tuple

from sagewright_runtime.shared import frames, sockets

_READ_SIZE = 256 * 1024
_AWAKE_SECONDS = 100e-6
"""Being woken takes longer than a prediction of one row: with it, one client alone gets a third more answers a second.
It costs at most this much processor time a batch."""
_LOOK_MILLISECONDS = 5
_LOOK_SECONDS = _LOOK_MILLISECONDS / 1000
_IDLE_LOOKS = 100


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


_Item = Tuple[_Peer, int, Request]


class _Reader:
    """Reads requests of all connected routers; for one thread at a time."""

    def __init__(self, listener: socket.socket, wake: socket.socket) -> None:
        self._listener = listener
        self._poll = select.poll()  # not selectors, whose objects for each event cost more than the event
        self._poll.register(listener, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._peers: dict[int, _Peer] = {}
        self._found_some = False
        self.stopping = False

    def read(self, milliseconds: int | None = None) -> list[_Item]:
        """The requests of one wake-up, at most so much later; pings are answered."""
        if milliseconds is not None:
            events = self._poll.poll(milliseconds)
        else:
            events = _soon(self._poll) if self._found_some else self._poll.poll()
        batch: list[_Item] = []
        for descriptor, _ in events:
            peer = self._peers.get(descriptor)
            if peer is not None:
                if not _receive(peer, batch):
                    self._poll.unregister(descriptor)
                    peer.gone = True
                    self._peers.pop(descriptor).stream.close()
            elif descriptor == self._listener.fileno():
                stream = self._listener.accept()[0]
                self._poll.register(stream, select.POLLIN)
                self._peers[stream.fileno()] = _Peer(stream)
            else:
                self.stopping = True
        self._found_some = bool(batch)
        return batch


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


class _Relief:
    """Reads on behalf of the main thread while that is busy with the user's code for longer than a look.

    Waking a thread for each request costs a lone client a seventh of its requests, so this one looks from time to time
    by itself, and sleeps once nothing has been asked for a while. Who holds ``reading`` reads; what is read while the
    main thread is busy is in ``waiting``.
    """

    def __init__(self, reader: _Reader) -> None:
        self.reading = threading.Lock()
        self.waiting: deque[_Item] = deque()
        self._reader = reader
        self._awake = threading.Event()
        self._asleep = False
        self._busy = False
        self._begun = 0

    def begin(self) -> None:
        """The main thread begins with a request."""
        self._busy = True
        self._begun += 1
        if self._asleep:
            self._awake.set()

    def end(self) -> None:
        """The main thread has nothing to do."""
        self._busy = False

    def run(self) -> None:
        """Look until the reader stops."""
        seen, idle = 0, 0
        while not self._reader.stopping:
            time.sleep(_LOOK_SECONDS)
            if self._busy and self._begun == seen:
                self._read()
            idle = idle + 1 if self._begun == seen and not self._busy else 0
            seen = self._begun
            if idle > _IDLE_LOOKS:
                self._sleep()

    def _read(self) -> None:
        """One request has taken a whole look, so others may have come, and pings."""
        if self.reading.acquire(blocking=False):
            try:
                while self._busy and not self._reader.stopping:
                    self.waiting.extend(self._reader.read(_LOOK_MILLISECONDS))
            finally:
                self.reading.release()

    def _sleep(self) -> None:
        self._awake.clear()
        self._asleep = True
        if not self._busy:
            self._awake.wait()
        self._asleep = False


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
            reader = _Reader(listener, self._wake_read)
            if self._handler.inline:
                while not reader.stopping:
                    batch = reader.read()
                    if batch:
                        self._execute(batch)
            else:
                self._run_one_by_one(reader)

    def _run_one_by_one(self, reader: _Reader) -> None:
        relief = _Relief(reader)
        threading.Thread(target=relief.run, name="frames", daemon=True).start()
        waiting = relief.waiting
        while True:
            with relief.reading:
                if not waiting and not reader.stopping:
                    waiting.extend(reader.read())
            if not waiting and reader.stopping:
                return
            while waiting:
                relief.begin()
                self._execute([waiting.popleft()])
            relief.end()

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
