"""Requests without end, and clients that take all the time there is: cut off, at no cost to anybody else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.kit.http import QUICK, Echo, Raw, ask

from sagewright.gateway.http.server import Server
from sagewright.testing.server import ServerProcess

TEN_GB = 10_000_000_000
MOST_BYTES = 64 << 20
"""What a client may get rid of before it sees that it was cut off: mostly the system's buffers."""
HOST = b"Host: h\r\n"
CHUNKED = b"POST /_sagewright/health HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "a method": (b"", b"A" * 65536),
    "a target": (b"GET /", b"a" * 65536),
    "a query": (b"GET /?", b"a=b&" * 16384),
    "a header's name": (b"GET / HTTP/1.1\r\n" + HOST, b"a" * 65536),
    "a header's value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: ", b"a" * 65536),
    "headers": (b"GET / HTTP/1.1\r\n" + HOST, b"X-A: b\r\n" * 8192),
    "a chunk's size": (CHUNKED, b"0" * 65536),
    "a chunk's extension": (CHUNKED + b"1;", b"a" * 65536),
    "a trailer's value": (CHUNKED + b"0\r\nX-A: ", b"a" * 65536),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: b\r\n" * 8192),
}


def memory(server: ServerProcess) -> int:
    """The most bytes of memory that the server ever had."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("flood", FLOODS)
def test_what_never_ends_is_cut_off_in_constant_memory(server: ServerProcess, flood: str) -> None:
    begin, block = FLOODS[flood]
    address = urlsplit(server.url).netloc
    host, _, port = address.partition(":")
    before, sent = memory(server), 0
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(begin)
        with contextlib.suppress(ConnectionError):
            while sent < TEN_GB:
                client.sendall(block)
                sent += len(block)
                assert sent < MOST_BYTES, "nobody stopped it"
    assert memory(server) - before < 32 << 20
    other = http.client.HTTPConnection(address, timeout=10)
    other.request("GET", "/_sagewright/health")
    assert other.getresponse().status == 200
    other.close()


@pytest.fixture
def crowded(app: Echo) -> Iterator[int]:
    limits = replace(QUICK, connections=1000, head_seconds=1.5, idle_seconds=2.0, stall_seconds=2.0)
    server = Server(app, host="127.0.0.1", port=0, limits=limits)
    yield server.start()
    server.stop(0)


DRIPS = {
    "headers": (b"POST /echo HTTP/1.1\r\n" + HOST + b"X-", b"a"),
    "a body": (b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n", b"a"),
    "chunks": (b"POST /hash HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "nothing": (b"", b""),
    "nothing more": (b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n", b""),
}


@pytest.mark.slow
@pytest.mark.parametrize("drip", DRIPS)
def test_two_hundred_slow_clients_keep_nobody_waiting(crowded: int, drip: str) -> None:
    """Slow loris: each byte comes late enough to cost the server time, and soon enough to look alive."""
    begin, drop = DRIPS[drip]
    slow = [Raw(crowded) for _ in range(200)]
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.05):
            for one in slow:
                with contextlib.suppress(OSError):
                    one.socket.send(drop)

    for one in slow:
        with contextlib.suppress(OSError):  # cut off already, where dialling took that long
            one.send(begin)
    dripping = threading.Thread(target=go_on)
    if drop:
        dripping.start()
    client = http.client.HTTPConnection("127.0.0.1", crowded, timeout=10)
    waits = []
    for _ in range(100):
        begun = time.monotonic()
        assert ask(client, "POST", "/echo", b"hello")[1] == b"hello"
        waits.append(time.monotonic() - begun)
    assert sorted(waits)[50] < 0.5
    for one in slow:
        one.socket.settimeout(20)
        one.rest()  # ends when the server has closed it; else the socket times out
        one.socket.close()
    over.set()
    if drop:
        dripping.join()
    client.close()
