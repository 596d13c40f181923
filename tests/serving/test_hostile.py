"""A model server is user code: whatever it writes on its socket, the router and the probe live on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.kit.routing import KEY, REQUEST, error_of, invoke, run

from sagewright.serving.probe import ping
from sagewright.serving.router import Router, Timing, Variant, WorkerAddress
from sagewright_runtime.shared import frames, sockets

Answer = Callable[[socket.socket, frames.Frame], None]


@contextlib.contextmanager
def impostor(path: Path, answer: Answer) -> Iterator[None]:
    """Listens at ``path`` and gives each frame to ``answer``, which writes what it likes."""
    listener = sockets.listen(path)

    def serve(stream: socket.socket) -> None:
        splitter = frames.Splitter()
        with stream, contextlib.suppress(OSError):  # whoever asked may hang up on such answers
            while data := stream.recv(1 << 16):
                for frame in splitter.feed(data):
                    answer(stream, frame)

    def accept() -> None:
        while True:
            try:
                stream = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield
        listener.shutdown(socket.SHUT_RDWR)


def garbage(stream: socket.socket, frame: frames.Frame) -> None:
    stream.sendall(b"\xff" * 64)


def hang_up(stream: socket.socket, frame: frames.Frame) -> None:
    stream.shutdown(socket.SHUT_RDWR)


def answer_others_first(stream: socket.socket, frame: frames.Frame) -> None:
    for frame_id in (frame.id ^ 0x55, 0, 0xFFFFFFFF, frame.id, frame.id):
        stream.sendall(frames.encode(frame_id, 200, b"no colon\n\xff: \xff\ncontent-type: a/b", b"mine"))


def odd_status(stream: socket.socket, frame: frames.Frame) -> None:
    stream.sendall(frames.encode(frame.id, 65535, b"", b"\xff" * 100_000))


@pytest.mark.parametrize("answer", [garbage, hang_up])
def test_a_broken_stream_is_a_lost_model(tmp_path: Path, answer: Answer) -> None:
    async def work() -> None:
        router = Router(Timing(tend=3600))
        router.put(KEY, [Variant("a", 1, (WorkerAddress("i", tmp_path / "serve.sock"),))])
        for _ in range(3):
            error = await error_of(invoke(router, REQUEST))
            assert (error.code, error.members["OriginalStatusCode"]) == ("ModelError", 0)
        router.close()

    with impostor(tmp_path / "serve.sock", answer):
        run(work())
        assert not ping(tmp_path / "serve.sock").ok


def test_answers_nobody_asked_for_are_dropped(tmp_path: Path) -> None:
    async def work() -> None:
        router = Router()
        router.put(KEY, [Variant("a", 1, (WorkerAddress("i", tmp_path / "serve.sock"),))])
        for _ in range(10):
            response = await invoke(router, REQUEST)
            assert (response.body, response.content_type) == (b"mine", "a/b")
        router.close()

    with impostor(tmp_path / "serve.sock", answer_others_first):
        run(work())


def test_a_status_that_is_none_and_a_long_message(tmp_path: Path) -> None:
    async def work() -> None:
        router = Router()
        router.put(KEY, [Variant("a", 1, (WorkerAddress("i", tmp_path / "serve.sock"),))])
        error = await error_of(invoke(router, REQUEST))
        assert error.members["OriginalStatusCode"] == 65535
        assert len(error.message) < 10_000
        router.close()

    with impostor(tmp_path / "serve.sock", odd_status):
        run(work())


def test_the_probe_waits_no_longer_than_told(tmp_path: Path) -> None:
    silent = sockets.listen(tmp_path / "serve.sock")
    with silent:
        result = ping(tmp_path / "serve.sock", timeout=0.05)
    assert (result.ok, result.detail) == (False, "did not answer within 0.05 seconds")


def test_the_probe_says_what_is_missing(tmp_path: Path) -> None:
    assert ping(tmp_path / "serve.sock").detail == "does not listen yet"
    sockets.listen(tmp_path / "serve.sock").close()
    assert "refused" in ping(tmp_path / "serve.sock").detail.lower()


def test_closing_the_router_fails_what_is_in_flight(tmp_path: Path) -> None:
    received = threading.Event()

    async def work() -> None:
        router = Router()
        router.put(KEY, [Variant("a", 1, (WorkerAddress("i", tmp_path / "serve.sock"),))])
        answer = asyncio.create_task(invoke(router, REQUEST))
        await asyncio.to_thread(received.wait, 30)
        router.close()
        assert (await error_of(answer)).code == "ModelError"

    with impostor(tmp_path / "serve.sock", lambda stream, frame: received.set()):
        run(work())
