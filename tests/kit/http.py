"""An application that answers by path, and raw sockets to talk to its server."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagewright.gateway.http.limits import ClientGone, Limits
from sagewright.gateway.http.shared import FastPath
from sagewright.wire.http import FileBody, FileSlice, Request, Response

QUICK = Limits(head_seconds=0.5, idle_seconds=0.6, stall_seconds=0.8, linger_seconds=0.3, connections=200, workers=16)

FAST_LIMIT = 1000


class Echo:
    """Answers by path; remembers what went wrong while reading."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.gone: list[str] = []
        self.bigs = 0
        self.closed = threading.Event()
        self.gate = threading.Event()
        self.entered = threading.Event()

    def handle(self, request: Request) -> Response:
        name = request.path.strip("/").split("/")[0] or "echo"
        answer: Callable[[Request], Response] = getattr(self, f"do_{name.replace('-', '_')}")
        try:
            return answer(request)
        except ClientGone as error:
            self.gone.append(str(error))
            raise

    def do_echo(self, request: Request) -> Response:
        return Response(200, {"content-type": "application/octet-stream"}, request.body.read())

    def do_request(self, request: Request) -> Response:
        seen = {
            "method": request.method,
            "raw_path": request.raw_path,
            "raw_query": request.raw_query,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "client": request.client,
        }
        return Response(200, {"content-type": "application/json"}, json.dumps(seen).encode())

    def do_hash(self, request: Request) -> Response:
        digest, size = hashlib.sha256(), 0
        while chunk := request.body.read(100_000):
            assert len(chunk) <= 100_000
            digest.update(chunk)
            size += len(chunk)
        return Response(200, {}, json.dumps({"sha256": digest.hexdigest(), "size": size}).encode())

    def do_fill(self, request: Request) -> Response:
        digest, size, room = hashlib.sha256(request.body.read(10)), 10, memoryview(bytearray(70_001))
        while count := request.body.readinto(room):
            digest.update(room[:count])
            size += count
        assert count == len(request.body.read(10)) == 0
        return Response(200, {}, json.dumps({"sha256": digest.hexdigest(), "size": size}).encode())

    def do_half(self, request: Request) -> Response:
        return Response(400, {}, b"%d" % len(request.body.read(100_000)))

    def do_slow_hash(self, request: Request) -> Response:
        self.entered.set()
        self.gate.wait(20)
        return self.do_hash(request)

    def do_refuse(self, request: Request) -> Response:
        return Response(403, {}, b"no")

    def do_refuse_late(self, request: Request) -> Response:
        left = 1_200_000
        while left > 0:
            left -= len(request.body.read(left))
        return Response(403, {}, b"too late")

    def do_big(self, request: Request) -> Response:
        self.bigs += 1
        return Response(200, {}, b"z" * 4_000_000)

    def do_wait(self, request: Request) -> Response:
        self.entered.set()
        self.gate.wait(20)
        return Response(200, {}, b"waited")

    def do_stream(self, request: Request) -> Response:
        return Response(200, {}, (b"%d," % number for number in range(1000)))

    def do_endless(self, request: Request) -> Response:
        def chunks() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 65536
            finally:
                self.closed.set()

        return Response(200, {}, chunks())

    def do_broken(self, request: Request) -> Response:
        def chunks() -> Iterator[bytes]:
            yield b"some"
            raise RuntimeError("broken on purpose")

        return Response(200, {}, chunks())

    def do_short(self, request: Request) -> Response:
        return Response(200, {"Content-Length": "10"}, iter([b"12345"]))

    def do_known_length(self, request: Request) -> Response:
        return Response(200, {"Content-Length": "10"}, iter([b"12345", b"", b"67890"]))

    def do_file(self, request: Request) -> Response:
        offset, length = (int(request.parameter(name) or 0) for name in ("offset", "length"))
        middle = offset + length // 3
        parts = FileSlice(self.file, offset, middle - offset), FileSlice(self.file, middle, offset + length - middle)
        return Response(200, {"content-type": "x/y"}, FileBody(parts))

    def do_missing_file(self, request: Request) -> Response:
        return Response(200, {}, FileBody((FileSlice(self.file.with_name("missing"), 0, 1_000_000),)))

    def do_status(self, request: Request) -> Response:
        return Response(int(request.path.rsplit("/", 1)[1]), {"x-a": "b"}, b"" if request.query else b"body")

    def do_inject(self, request: Request) -> Response:
        return Response(200, {"x-echo": request.parameter("v") or ""}, b"")

    def do_fail(self, request: Request) -> Response:
        raise RuntimeError("fails on purpose")


def _answer(request: Request, body: bytes, done: Callable[[Response], None]) -> Awaitable[Response] | None:
    response = Response(200, {"x-fast": "yes"}, body)
    if request.path == "/fast-wait":
        return _later(response)
    if request.path == "/fast-soon":
        asyncio.get_running_loop().call_later(0.05, done, response)
    else:
        done(response)
    return None


async def _later(response: Response) -> Response:
    await asyncio.sleep(0.05)
    return response


FAST = FastPath(
    accepts=lambda method, path: method == "POST" and path.startswith("/fast"),
    answer=_answer,
    too_large=lambda request, size: Response(413, {}, b"%d is too large" % size),
    body_limit=FAST_LIMIT,
)


class Raw:
    """A socket that sends what it is told to."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """What is received up to and with ``end``, or up to the end of the stream."""
        data = b""
        while end not in data and (chunk := self.socket.recv(65536)):
            data += chunk
        return data

    def rest(self) -> bytes:
        """Everything up to the end of the stream, or to its reset."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.socket.recv(65536):
                data += chunk
        return data


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    return pytest.fail("the condition did not come true in time")


def ask(
    client: http.client.HTTPConnection,
    method: str,
    target: str,
    body: object = None,
    headers: dict[str, str] | None = None,
):
    client.request(method, target, body, headers or {})  # type: ignore[arg-type]
    response = client.getresponse()
    return response, response.read()


def still_serves(client: http.client.HTTPConnection) -> None:
    response, body = ask(client, "POST", "/echo", b"hello")
    assert (response.status, body) == (200, b"hello")
