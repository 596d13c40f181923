"""Answers in parts, from real model server processes: how they break, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.kit.eventually import eventually
from tests.kit.model_server import ModelServer

from sagewright.core.errors import AwsError
from sagewright.serving.base import InvokeRequest
from sagewright.serving.router import EndpointKey, Router, Timing, Variant, WorkerAddress
from sagewright.serving.streams import PART_BYTES, WAITING_BYTES, InvokeStream, Streams

KEY = EndpointKey("123456789012", "us-east-1", "story")
REQUEST = InvokeRequest(*KEY, b"", "text/x", "text/x", None, None, None, None, {})
MODEL = """
import os, pathlib, time
run = pathlib.Path(os.environ["SAGEWRIGHT_RUN_DIR"])

def model_fn(model_dir): return None

def transform_fn(model, body, content_type, accept):
    return speak(body.decode()), "text/x-answer"

def speak(word):
    try:
        yield word
        if word == "silence":
            while not (run / "release").exists():
                time.sleep(0.005)
        elif word == "flood":
            for _ in range(80):
                yield b"x" * 1048576
        yield "end"
    finally:
        (run / f"ended-{word}").touch()
"""


class Reader:
    """A stream of the event loop's, read from here."""

    def __init__(self, stream: InvokeStream, loop: asyncio.AbstractEventLoop) -> None:
        self.head = stream.head
        self.parts = self._read(stream, loop)

    @staticmethod
    def _read(stream: InvokeStream, loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
        async def following() -> bytes | None:
            return await anext(stream.parts, None)

        while (part := asyncio.run_coroutine_threadsafe(following(), loop).result(30)) is not None:
            yield part


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ModelServer]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(MODEL)
    with ModelServer(tmp_path) as server:
        yield server.wait_ready()


@pytest.fixture
def ask(model: ModelServer) -> Iterator[Callable[[str, float], Reader]]:
    """``ask(word, seconds)``: the stream of one word, each part of which may take so long."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    routers: list[Router] = []

    def opened(word: str, seconds: float) -> Reader:
        router = Router(Timing(invoke=seconds, tend=0.05))
        router.put(KEY, [Variant("main", 1.0, (WorkerAddress("i-0", model.socket),))])
        routers.append(router)
        opening = Streams(router).open(replace(REQUEST, body=word.encode()))
        return Reader(asyncio.run_coroutine_threadsafe(opening, loop).result(30), loop)

    yield opened
    for router in routers:
        asyncio.run_coroutine_threadsafe(_close(router), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def _close(router: Router) -> None:
    router.close()


def broken(stream: Reader) -> tuple[list[bytes], AwsError]:
    """The parts that came, and what ended them."""
    found: list[bytes] = []
    with pytest.raises(AwsError) as error:
        found.extend(stream.parts)
    return found, error.value


def test_parts_and_their_head(ask: Callable[[str, float], Reader]) -> None:
    stream = ask("hello", 30.0)
    assert (stream.head.content_type, stream.head.variant) == ("text/x-answer", "main")
    assert list(stream.parts) == [b"hello", b"end"]


def test_a_model_that_falls_silent(ask: Callable[[str, float], Reader], model: ModelServer) -> None:
    stream = ask("silence", 1.0)
    assert next(stream.parts) == b"silence"
    rest, error = broken(stream)
    assert rest == []
    assert (error.code, error.members["ErrorCode"]) == ("ModelStreamError", "ModelInvocationTimeExceeded")
    (model.run_dir / "release").touch()
    assert list(ask("again", 30.0).parts) == [b"again", b"end"], "it goes on answering"


def test_a_model_that_dies(ask: Callable[[str, float], Reader], model: ModelServer) -> None:
    stream = ask("silence", 30.0)
    assert next(stream.parts) == b"silence"
    model.process.kill()
    _, error = broken(stream)
    assert (error.code, error.members["ErrorCode"]) == ("ModelStreamError", "StreamBroken")


def test_a_reader_that_falls_behind(ask: Callable[[str, float], Reader], model: ModelServer) -> None:
    stream = ask("flood", 30.0)
    eventually((model.run_dir / "ended-flood").exists, what=lambda: "the model speaks on")
    found, error = broken(stream)
    assert 0 < len(found) <= WAITING_BYTES // PART_BYTES + 2
    assert "behind" in error.message


def test_a_reader_that_goes_away(ask: Callable[[str, float], Reader], model: ModelServer) -> None:
    stream = ask("silence", 30.0)
    assert next(stream.parts) == b"silence"
    del stream
    (model.run_dir / "release").touch()
    eventually((model.run_dir / "ended-silence").exists, what=lambda: "the generator was not closed")
    assert list(ask("again", 30.0).parts) == [b"again", b"end"]
