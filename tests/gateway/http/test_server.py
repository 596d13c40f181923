"""The server over real sockets: framing, streaming, limits, and clients that misbehave."""

from __future__ import annotations

import hashlib
import http.client
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
from tests.kit.http import FAST_LIMIT, Echo, Raw, ask, eventually, still_serves

from sagewright.gateway.http.limits import Limits
from sagewright.gateway.http.server import Server

Client = http.client.HTTPConnection
Dial = Callable[[], Raw]
HOST = b"Host: h\r\n"


# What the application sees


def test_a_request_keeps_its_raw_path_and_query(client: Client) -> None:
    target = "/request/a%2Fb/%C3%BC/c+d//e?x=1%202&x=a+b&empty=&=v&flag&k%3D=%FF"
    _, body = ask(client, "GET", target, headers={"X-Multi": "a", "X-Trailing": "b  "})
    seen = json.loads(body)
    assert f"{seen['raw_path']}?{seen['raw_query']}" == target
    assert seen["path"] == "/request/a/b/ü/c+d//e"
    assert seen["query"] == [["x", "1 2"], ["x", "a b"], ["empty", ""], ["", "v"], ["flag", ""], ["k=", "\udcff"]]
    assert seen["headers"]["x-multi"] == "a"
    assert seen["client"] == "127.0.0.1"


def test_a_header_sent_twice_is_joined(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /request HTTP/1.1\r\n" + HOST + b"X-A: 1\r\nx-a: 2\r\nConnection: close\r\n\r\n")
    assert json.loads(one.rest().split(b"\r\n\r\n", 1)[1])["headers"]["x-a"] == "1, 2"


def test_the_absolute_form_of_a_target(raw: Dial) -> None:
    one = raw()
    one.send(b"GET http://elsewhere/request?a=b HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    seen = json.loads(one.rest().split(b"\r\n\r\n", 1)[1])
    assert (seen["raw_path"], seen["raw_query"]) == ("/request", "a=b")


# Bodies in


@pytest.mark.parametrize("size", [0, 1, 1000, 300_000, 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole(client: Client, size: int, chunked: bool) -> None:
    data = bytes(size % 251 for size in range(1000)) * (size // 1000) + b"x" * (size % 1000)
    body = iter([data[start : start + 70_000] for start in range(0, size, 70_000)]) if chunked else data
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    client.request("PUT", "/hash", body, headers, encode_chunked=chunked)
    answer = json.loads(client.getresponse().read())
    assert answer == {"sha256": hashlib.sha256(data).hexdigest(), "size": size}


@pytest.mark.parametrize("path", [b"/hash", b"/fill"])
def test_what_follows_a_large_body_is_the_next_request(raw: Dial, path: bytes) -> None:
    one, data = raw(), bytes(range(251)) * 8000
    head = b"PUT %b HTTP/1.1\r\n" % path + HOST + b"Content-Length: %d\r\n" % len(data)
    one.send((head + b"\r\n" + data) * 3 + head + b"Expect: 100-continue\r\nConnection: close\r\n\r\n" + data)
    answers = one.rest().split(b"HTTP/1.1 200 OK")
    wanted = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    assert [json.loads(answer.split(b"\r\n\r\n")[1]) for answer in answers[1:]] == [wanted] * 4


def test_a_large_body_that_is_read_in_part_ends_the_connection_after_the_answer(raw: Dial) -> None:
    one = raw()
    one.send(b"PUT /half HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n" + bytes(2_000_000))
    answer = one.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()


def test_a_slow_reader_holds_the_sender_back(app: Echo, raw: Dial, client: Client) -> None:
    app.gate.clear()
    app.entered.clear()
    one, size = raw(), 64 * 1024 * 1024
    one.send(b"PUT /slow-hash HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % size)
    app.entered.wait(5)
    one.socket.settimeout(1.2)  # longer than the server waits for a sender that could send
    sent, piece = 0, b"z" * 65536
    with pytest.raises(TimeoutError):  # noqa: PT012 - it stops somewhere on the way
        while sent < size:
            sent += one.socket.send(piece)
    assert sent < size / 2, "the server took the whole body although nobody read it"
    app.gate.set()
    one.socket.settimeout(10)
    while sent < size:
        sent += one.socket.send(piece[: size - sent])
    assert json.loads(one.rest().split(b"\r\n\r\n", 1)[1])["size"] == size


def test_pipelined_requests_are_answered_in_order(raw: Dial) -> None:
    one = raw()
    requests = [b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n%03d" % n for n in range(100)]
    one.send(b"".join(requests) + b"GET /refuse HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    answers = one.rest().split(b"HTTP/1.1 ")[1:]
    assert [answer[-3:] for answer in answers[:-1]] == [b"%03d" % n for n in range(100)]
    assert answers[-1].startswith(b"403")


def test_answers_that_nobody_takes_do_not_pile_up(raw: Dial, app: Echo, client: Client) -> None:
    app.bigs = 0
    one = raw()
    one.send((b"GET /big HTTP/1.1\r\n" + HOST + b"\r\n") * 12)
    eventually(lambda: app.bigs)
    for _ in range(20):  # the server has every chance to make more of them meanwhile
        still_serves(client)
    assert app.bigs <= 3, "answers were made although the earlier ones were not taken"
    received = 0
    while received < 12 * 4_000_000:
        received += len(one.socket.recv(1_000_000))
    assert app.bigs == 12


# 100 Continue


def test_continue_is_sent_when_the_body_is_first_read(raw: Dial, app: Echo) -> None:
    app.gate.clear()
    app.entered.clear()
    one = raw()
    one.send(b"PUT /slow-hash HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert app.entered.wait(5)
    one.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        one.socket.recv(1)
    app.gate.set()
    one.socket.settimeout(10)
    assert one.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.send(b"hello")
    assert b'"size": 5' in one.until(b"}")


def test_a_refusal_comes_without_continue_and_closes(raw: Dial) -> None:
    one = raw()
    one.send(b"PUT /refuse HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    answer = one.rest()
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"connection: close" in answer


def test_the_fast_path_asks_for_the_body_at_once(raw: Dial) -> None:
    one = raw()
    one.send(b"POST /fast HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert one.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.send(b"hello")
    assert one.until(b"hello").endswith(b"hello")


# Bodies that nobody read


def test_a_small_unread_body_is_drained(client: Client) -> None:
    for _ in range(3):
        response, body = ask(client, "PUT", "/refuse", b"x" * 600_000)
        assert (response.status, body) == (403, b"no")
        assert response.getheader("connection") is None
    still_serves(client)


def test_a_large_unread_body_ends_the_connection_after_the_answer(raw: Dial) -> None:
    one = raw()
    one.send(b"PUT /refuse HTTP/1.1\r\n" + HOST + b"Content-Length: 100000000\r\n\r\n" + b"x" * 1_000_000)
    answer = one.rest()
    assert answer.startswith(b"HTTP/1.1 403")
    assert answer.endswith(b"no")


# Answers


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, 1000), (7, 100_000), (3, 5_000_000), (5_119_999, 1)])
def test_files(client: Client, app: Echo, offset: int, length: int) -> None:
    for _ in range(2):
        response, body = ask(client, "GET", f"/file?offset={offset}&length={length}")
        assert response.getheader("content-length") == str(length)
        assert body == app.file.read_bytes()[offset : offset + length]


def test_a_file_that_is_gone_is_no_half_answer(client: Client) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(client, "GET", "/missing-file")
    still_serves(client)


def test_iterables_are_chunked(client: Client) -> None:
    response, body = ask(client, "GET", "/stream")
    assert response.getheader("transfer-encoding") == "chunked"
    assert body == b"".join(b"%d," % number for number in range(1000))
    response, body = ask(client, "GET", "/known-length")
    assert (response.getheader("content-length"), body) == ("10", b"1234567890")
    still_serves(client)


def test_http_1_0_gets_no_chunks(raw: Dial) -> None:
    one = raw()
    one.send(b"GET /stream HTTP/1.0\r\n\r\n")
    head, _, body = one.rest().partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body.endswith(b"998,999,")


@pytest.mark.parametrize("path", ["/broken", "/short"])
def test_a_body_that_breaks_off_is_seen_to(client: Client, path: str) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(client, "GET", path)
    client.close()
    still_serves(client)


@pytest.mark.parametrize("path", ["/echo", "/file?offset=0&length=500000", "/stream", "/status/404", "/endless"])
def test_head_has_headers_only(client: Client, path: str) -> None:
    response, body = ask(client, "HEAD", path)
    assert body == b""
    if path.startswith("/file"):
        assert response.getheader("content-length") == "500000"
    still_serves(client)


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(client: Client, status: int) -> None:
    response, body = ask(client, "GET", f"/status/{status}")
    assert (response.status, body, response.getheader("x-a")) == (status, b"", "b")
    still_serves(client)


def test_every_answer_has_a_date(client: Client) -> None:
    response, _ = ask(client, "GET", "/echo")
    assert abs(parsedate_to_datetime(response.getheader("date") or "").timestamp() - time.time()) < 5


def test_no_value_adds_a_header(client: Client) -> None:
    response, _ = ask(client, "GET", "/inject?v=a%0D%0Aset-cookie:%20b%0D%0A%0D%0A<html>")
    assert response.getheader("set-cookie") is None
    assert response.getheader("x-echo") == "a  set-cookie: b    <html>"


def test_a_failing_application_answers_500_and_goes_on(client: Client) -> None:
    response, body = ask(client, "GET", "/fail")
    assert response.status == 500
    assert b"on purpose" not in body
    still_serves(client)


# The fast path


def test_the_fast_path_has_a_limit(client: Client) -> None:
    response, body = ask(client, "POST", "/fast", b"x" * FAST_LIMIT)
    assert (response.getheader("x-fast"), len(body)) == ("yes", FAST_LIMIT)
    response, body = ask(client, "POST", "/fast", b"x" * (FAST_LIMIT + 1))
    assert (response.status, body) == (413, b"1001 is too large")
    still_serves(client)


def test_the_fast_path_limits_chunked_bodies(client: Client) -> None:
    client.request("POST", "/fast", iter([b"x" * 400] * 5), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert client.getresponse().status == 413


@pytest.mark.parametrize("path", [b"/fast-wait", b"/fast-soon"])  # answered by a coroutine, by a callback
def test_clients_that_hang_up_on_the_fast_path_harm_nobody(raw: Dial, client: Client, path: bytes) -> None:
    question = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello"
    patient = [raw() for _ in range(5)]
    for one in patient:
        one.send(question)
        rude = raw()
        rude.send(question)
        rude.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rude.socket.close()
    assert all(one.until(b"hello").endswith(b"hello") for one in patient)
    still_serves(client)


# The server itself


def test_too_many_connections(app: Echo) -> None:
    server = Server(app, host="127.0.0.1", port=0, limits=Limits(connections=3))
    port = server.start()
    try:
        kept = [Raw(port) for _ in range(3)]
        app.gate.clear()
        for one in kept:
            app.entered.clear()
            one.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
            assert app.entered.wait(5)
        assert Raw(port).rest().startswith(b"HTTP/1.1 503 ")
        app.gate.set()
        kept[0].until(b"waited")
        eventually(lambda: _answers(port))
    finally:
        server.stop(0)


def test_where_it_is_crowded_the_longest_idle_stranger_goes_first(app: Echo) -> None:
    """Else somebody without a key keeps everybody out by doing nothing."""
    server = Server(app, host="127.0.0.1", port=0, limits=Limits(connections=8))
    port = server.start()
    try:
        idle = [Raw(port) for _ in range(4)]
        halves = [Raw(port) for _ in range(4)]
        for one in halves:
            one.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhalf")
        for _ in range(20):
            assert _answers(port)
        assert select.select([one.socket for one in (*idle, *halves)], [], [], 10)[0], "one of them was closed"
    finally:
        server.stop(0)


def _answers(port: int) -> bool:
    one = Raw(port)
    one.send(b"GET /echo HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    return one.rest().startswith(b"HTTP/1.1 200 ")


def test_stop_lets_requests_end_and_takes_no_more(app: Echo) -> None:
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    app.gate.clear()
    app.entered.clear()
    waiting, idle = Raw(port), Raw(port)
    waiting.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
    assert app.entered.wait(5)
    stopping = threading.Thread(target=server.stop, args=(10,))
    stopping.start()
    assert idle.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        Raw(port)
    app.gate.set()
    answer = waiting.rest()
    assert answer.endswith(b"waited")
    assert b"connection: close" in answer
    stopping.join(5)
    assert not stopping.is_alive()


def test_stop_gives_up_after_the_drain(app: Echo) -> None:
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    app.gate.clear()
    app.entered.clear()
    one = Raw(port)
    one.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
    assert app.entered.wait(5)
    started = time.monotonic()
    server.stop(0.2)
    assert time.monotonic() - started < 3
    assert one.rest() == b""
    app.gate.set()


def test_stop_frees_a_thread_that_receives_a_large_body(app: Echo) -> None:
    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    app.gone.clear()
    app.entered.clear()
    app.gate.set()
    one = Raw(port)
    one.send(b"PUT /slow-hash HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n" + bytes(1_000_000))
    assert app.entered.wait(5)
    server.stop(0.1)
    eventually(lambda: app.gone)
    assert one.rest() == b""


def test_a_taken_port_is_an_error(app: Echo, port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        Server(app, host="127.0.0.1", port=port).start()
