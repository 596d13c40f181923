"""Bodies come in only when their sender may send them, and when there is memory for them."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.kit.http import QUICK, Echo, Raw, ask

from sagewright.gateway.http.server import Server
from sagewright.gateway.http.shared import Admission
from sagewright.wire.http import Request, Response

HOST = b"Host: h\r\n"
MIB = 1 << 20


class ByHeader:
    """A gate that does as the head says: ``X-Holder``, ``X-Refuse``, ``X-Look`` (it has to be waited for)."""

    def holder(self, request: Request) -> str:
        return request.headers.get("x-holder", "")

    def admit(self, request: Request, *, wait: bool) -> Admission | None:
        if "x-look" in request.headers and not wait:
            return None
        refusal = Response(403, {}, b"refused") if "x-refuse" in request.headers else None
        return Admission(self.holder(request), "x-stream" in request.headers, refusal)

    def busy(self, request: Request) -> Response:
        return Response(503, {}, b"busy")


@pytest.fixture
def port(app: Echo) -> Iterator[int]:
    limits = replace(
        QUICK, unproven_bodies=(8 * MIB, 4 * MIB), wait_seconds=0.5, stall_seconds=20, slow_seconds=1e9, small_body=1000
    )
    server = Server(app, host="127.0.0.1", port=0, gate=ByHeader(), limits=limits)
    yield server.start()
    server.stop(0)


def begun(port: int, size: int, *headers: bytes) -> Raw:
    one = Raw(port)
    head = b"POST /hash HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % size + b"".join(h + b"\r\n" for h in headers)
    one.send(head + b"\r\n" + b"x" * 10)
    return one


@pytest.mark.parametrize("look", [(), (b"X-Look: 1",)])
def test_a_head_that_is_refused_needs_no_body(port: int, look: tuple[bytes, ...]) -> None:
    answer = begun(port, 10**9, b"X-Refuse: 1", *look).rest()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"refused")


@pytest.mark.parametrize("headers", [{}, {"X-Look": "1"}, {"X-Stream": "1"}, {"X-Stream": "1", "X-Look": "1"}])
@pytest.mark.parametrize("size", [10, 5_000, 300_000, 3_000_000])
def test_bodies_arrive_whole_whatever_has_to_be_asked(port: int, headers: dict[str, str], size: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(3):
        assert json.loads(ask(client, "POST", "/hash", b"x" * size, headers)[1])["size"] == size
    client.close()


def test_requests_that_follow_wait_for_one_that_is_asked_about(port: int) -> None:
    one = Raw(port)
    first = b"POST /echo HTTP/1.1\r\n" + HOST + b"X-Look: 1\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000
    one.send(first + b"POST /echo HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 1\r\n\r\nb")
    answers = one.rest().split(b"HTTP/1.1 200 OK")
    assert [answers[1][-2000:], answers[2][-1:]] == [b"a" * 2000, b"b"]


def test_one_holder_fills_its_share_and_no_more(port: int) -> None:
    with contextlib.ExitStack() as held:
        slow = [held.enter_context(begun(port, 2 * MIB, b"X-Holder: a").socket) for _ in range(2)]
        assert begun(port, 2 * MIB, b"X-Holder: a").rest().startswith(b"HTTP/1.1 503 ")
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for holder in ("a", "b"):
            size = 500 if holder == "a" else 2 * MIB
            answer = ask(client, "POST", "/hash", b"x" * size, {"X-Holder": holder})
            assert json.loads(answer[1])["size"] == size
        client.close()
        assert len(slow) == 2
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(5):
        assert ask(client, "POST", "/hash", b"x" * 2 * MIB, {"X-Holder": "a"})[0].status == 200
    client.close()


def test_a_body_of_unknown_length_takes_its_memory_as_it_grows(port: int) -> None:
    one = Raw(port)
    one.send(b"POST /hash HTTP/1.1\r\n" + HOST + b"X-Holder: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(20):
            one.send(b"80000\r\n" + b"x" * 0x80000 + b"\r\n")
    assert one.rest().startswith(b"HTTP/1.1 503 ")
