"""The head of one request after the other, as the parser finds it: bounded in size."""

from __future__ import annotations

from sagewright.gateway.http import heads
from sagewright.gateway.http.exchange import EMPTY, Exchange
from sagewright.gateway.http.limits import Limits


class TooLarge(Exception):
    """The head has too many headers or bytes; the text says so to the client."""


class HeadParser:
    """Collects target and headers. ``httptools`` calls ``on_url`` and ``on_header``."""

    __slots__ = ("_count", "_limits", "_size", "headers", "received", "target")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.target = b""
        self.headers: dict[str, str] = {}
        self.received = 0
        """Bytes received since the head began, to stop an endless one; 0 between heads."""
        self._size = self._count = 0

    def begin(self) -> None:
        """A request begins."""
        self.target, self.headers = b"", {}
        self._size = self._count = 0
        self.received = 1

    def on_url(self, url: bytes) -> None:
        self.target += url
        self._size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Raises ``BadHead``."""
        self._count += 1
        self._size += len(name) + len(value) + 4
        if self._count > self._limits.header_count:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("utf-8", "surrogateescape")  # what is not UTF-8 survives, for signatures and for echoes
        if key in self.headers:
            if key == "host":
                raise heads.BadHead("two Host headers")
            text = f"{self.headers[key]}, {text}"
        self.headers[key] = text

    def end(self, version: str) -> None:
        """The head is complete. Raises ``TooLarge``, and ``BadHead``."""
        self.received = 0
        limits = self._limits
        if self._count > limits.header_count or self._size > limits.head_bytes:
            raise TooLarge(f"More than {limits.header_count} headers or {limits.head_bytes} bytes of them")
        if "host" not in self.headers and version == "1.1":
            raise heads.BadHead("no Host header")
        if self.headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise heads.BadHead("a Transfer-Encoding other than chunked")

    def exchange(self, method: str, version: str, client: str, *, keep_alive: bool) -> Exchange:
        """The request that the head describes. Raises ``BadHead``."""
        headers = self.headers
        request = heads.request(method, self.target, headers, EMPTY, client)
        expects = headers.get("expect", "").lower() == "100-continue" and version == "1.1"
        made = Exchange(request, keep_alive=keep_alive, expects=expects)
        made.chunked = version == "1.1"
        made.declared = None if "transfer-encoding" in headers else int(headers.get("content-length") or 0)
        return made

    def is_endless(self) -> bool:
        """Whether more bytes came than a head may have."""
        return self.received > self._limits.head_bytes
