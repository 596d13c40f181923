"""Answers piece by piece: a client that does not take them costs no thread, and gets all of them in the end."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.kit.http import QUICK, Echo, Raw, ask, eventually

from sagewright.gateway.http.server import Server

HOST = b"Host: h\r\n"


@pytest.fixture
def narrow(app: Echo) -> Iterator[int]:
    """A server with two threads of each kind."""
    limits = replace(QUICK, workers=2, uploads=2, streams=2, stall_seconds=30, idle_seconds=30, head_seconds=30)
    server = Server(app, host="127.0.0.1", port=0, limits=limits)
    yield server.start()
    server.stop(0)


@pytest.mark.parametrize(
    ("path", "size"), [(b"/file?offset=0&length=5000000", 5_000_000), (b"/endless", 4_000_000), (b"/big", 4_000_000)]
)
def test_who_does_not_read_holds_no_thread(narrow: int, path: bytes, size: int) -> None:
    with contextlib.ExitStack() as held:
        slow = []
        for _ in range(12):
            one = Raw.__new__(Raw)
            one.socket = held.enter_context(socket.socket())
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.socket.settimeout(20)
            one.socket.connect(("127.0.0.1", narrow))
            one.send(b"GET %b HTTP/1.1\r\n" % path + HOST + b"\r\n")
            slow.append(one)
        client = http.client.HTTPConnection("127.0.0.1", narrow, timeout=20)
        for _ in range(5):
            assert ask(client, "POST", "/echo", b"hello")[1] == b"hello"
            fast = Raw(narrow)
            fast.send(b"GET /file?offset=0&length=5000000 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            assert len(fast.rest()) > 5_000_000
        client.close()
        slow[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = 0
        while received < size:
            received += len(slow[0].socket.recv(1 << 20))


def test_a_small_answer_that_nobody_takes_does_not_keep_its_connection(app: Echo) -> None:
    """It fits into the buffers, so nothing ever says that it is not taken."""
    limits = replace(QUICK, connections=4, stall_seconds=0.5)
    server = Server(app, host="127.0.0.1", port=0, limits=limits)
    port = server.start()
    with contextlib.ExitStack() as held:
        for _ in range(12):
            one = held.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            one.settimeout(20)
            one.connect(("127.0.0.1", port))
            one.sendall(b"GET /endless HTTP/1.0\r\n\r\n")
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

        def served() -> bool:
            with contextlib.suppress(http.client.HTTPException, OSError):
                return ask(client, "POST", "/echo", b"hello")[0].status == 200
            client.close()
            return False

        eventually(served, 20)
        client.close()
    server.stop(0)
