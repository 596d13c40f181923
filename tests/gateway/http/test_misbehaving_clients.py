"""The server against clients that misbehave: garbage, drips, silence and hanging up harm nobody else."""

from __future__ import annotations

import http.client
import socket
import struct
import time
from collections.abc import Callable

import pytest
from tests.kit.http import Echo, Raw, eventually, still_serves

Client = http.client.HTTPConnection
Dial = Callable[[], Raw]
HOST = b"Host: h\r\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Bad Name: x\r\n\r\n",
        b"GET /?" + b"&".join([b"a=b"] * 2000) + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_garbage_is_a_bad_request(raw: Dial, client: Client, garbage: bytes) -> None:
    one = raw()
    one.send(garbage)
    assert one.rest().startswith(b"HTTP/1.1 400 ")
    still_serves(client)


def test_garbage_after_a_good_request_waits_its_turn(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n" + b"\x00\x01\x02garbage\r\n\r\n")
    answers = one.rest()
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in answers


def test_a_broken_chunk_fails_the_reader(raw: Dial, app: Echo) -> None:
    app.gone.clear()
    one = raw()
    one.send(b"POST /hash HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n")
    one.rest()
    eventually(lambda: app.gone)


@pytest.mark.parametrize(
    "headers", [b"X-A: b\r\n" * 201, b"X-A: " + b"b" * 70_000 + b"\r\n", b"X-" + b"a" * 400_000 + b": b\r\n"]
)
def test_too_many_or_too_large_headers(raw: Dial, headers: bytes) -> None:
    one = raw()
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST + headers + b"\r\n")
    assert one.rest().startswith(b"HTTP/1.1 431 ")


def test_endless_headers(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST + b"X-A: ")
    with pytest.raises(ConnectionError):  # noqa: PT012 - it fails somewhere on the way
        for _ in range(1000):
            one.send(b"b" * 65536)


def test_slow_headers_time_out(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST)
    assert one.rest().startswith(b"HTTP/1.1 408 ")


def test_headers_that_drip_time_out(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST)
    started = time.monotonic()
    with pytest.raises(ConnectionError):  # noqa: PT012
        while time.monotonic() - started < 5:
            one.send(b"X")
            time.sleep(0.05)


def test_idle_connections_are_closed(raw: Dial) -> None:
    silent, kept = raw(), raw()
    kept.send(b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n")
    assert silent.rest() == b""
    assert kept.rest().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", [b"/hash", b"/fast", b"/echo"])
def test_a_body_that_stalls_ends_the_connection(raw: Dial, app: Echo, client: Client, path: bytes) -> None:
    app.gone.clear()
    one = raw()
    size = 900 if path == b"/fast" else 400_000 if path == b"/hash" else 1000
    one.send(b"POST %b HTTP/1.1\r\n" % path + HOST + b"Content-Length: %d\r\n\r\nhello" % size)
    assert one.rest() == b""
    if path == b"/hash":
        eventually(lambda: app.gone)
    still_serves(client)


@pytest.mark.parametrize(("path", "length"), [(b"/echo", 900), (b"/echo", 1_000_000), (b"/fast", 900)])
def test_a_body_that_drips_ends_the_connection(raw: Dial, client: Client, path: bytes, length: int) -> None:
    """Else a few hundred slow clients, who need no keys for it, would hold every thread."""
    slow = raw()
    slow.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, length))
    begun = time.monotonic()
    slow.socket.settimeout(0.05)
    while True:
        try:
            slow.send(b"x")
            assert slow.socket.recv(1) == b""
            break
        except TimeoutError:
            assert time.monotonic() - begun < 8
        except ConnectionError:
            break
    still_serves(client)


def test_a_client_that_hangs_up_in_its_body_frees_the_thread(raw: Dial, app: Echo, client: Client) -> None:
    app.gone.clear()
    for _ in range(40):  # more than there are threads
        one = raw()
        one.send(b"POST /hash HTTP/1.1\r\n" + HOST + b"Content-Length: 400000\r\n\r\nhello")
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.socket.close()
    still_serves(client)
    eventually(lambda: len(app.gone) == 40)


def test_a_client_that_hangs_up_in_the_answer_frees_the_thread(raw: Dial, app: Echo, client: Client) -> None:
    for path in (b"/endless", b"/file?offset=0&length=5000000"):
        for _ in range(20):
            one = raw()
            one.send(b"GET %b HTTP/1.1\r\n" % path + HOST + b"\r\n")
            assert one.socket.recv(1000)
            one.socket.close()
    assert app.closed.wait(10)
    still_serves(client)


def test_a_client_that_stops_reading_is_cut_off(raw: Dial, app: Echo, client: Client) -> None:
    app.closed.clear()
    stuck = [raw() for _ in range(16)]  # as many as there are threads
    for one in stuck:
        one.send(b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n")
    assert app.closed.wait(10)
    still_serves(client)


def test_a_half_closed_client_gets_its_answer(raw: Dial) -> None:
    one = raw()
    one.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello")
    one.socket.shutdown(socket.SHUT_WR)
    assert one.rest().endswith(b"hello")


def test_other_upgrades_are_declined(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert one.rest().startswith(b"HTTP/1.1 200 ")


def test_connect_without_a_doorman(raw: Dial) -> None:
    one = raw()
    one.send(b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n")
    assert one.rest().startswith(b"HTTP/1.1 405 ")
