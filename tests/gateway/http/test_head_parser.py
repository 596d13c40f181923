"""Heads: bounded in number and size, whatever pieces they come in."""

from __future__ import annotations

import pytest

from sagewright.gateway.http.head_parser import HeadParser, TooLarge
from sagewright.gateway.http.heads import BadHead
from sagewright.gateway.http.limits import Limits


def parsed(*headers: tuple[bytes, bytes], limits: Limits | None = None) -> HeadParser:
    parser = HeadParser(limits or Limits())
    parser.begin()
    parser.on_url(b"/a")
    parser.on_url(b"?b=c")
    for name, value in headers:
        parser.on_header(name, value)
    parser.end("1.1")
    return parser


def test_a_head_becomes_an_exchange() -> None:
    twice = (b"X-A", b"1"), (b"x-a", b"2")
    head = parsed((b"Host", b"h"), *twice, (b"Content-Length", b"5"), (b"Expect", b"100-Continue"))
    made = head.exchange("PUT", "1.1", "peer", keep_alive=True)
    assert (made.request.raw_path, made.request.query, made.request.headers["x-a"]) == ("/a", [("b", "c")], "1, 2")
    assert (made.declared, made.expects, made.chunked) == (5, True, True)


@pytest.mark.parametrize(
    "headers",
    [[], [(b"Host", b"h"), (b"Host", b"h")], [(b"Host", b"h"), (b"Transfer-Encoding", b"gzip")]],
)
def test_heads_that_make_no_sense(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(BadHead):
        parsed(*headers)


def test_bounds() -> None:
    with pytest.raises(TooLarge):
        parsed((b"Host", b"h"), *[(b"X-A", b"b")] * 5, limits=Limits(header_count=5))
    with pytest.raises(TooLarge):
        parsed((b"Host", b"h"), (b"X-A", b"b" * 100), limits=Limits(head_bytes=100))
