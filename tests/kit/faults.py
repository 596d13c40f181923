"""A proxy on loopback that makes a good server a bad one."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["good", "busy", "resets", "hangs", "gone"]
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
BUSY = (
    b"HTTP/1.1 503 Slow Down\r\ncontent-type: application/xml\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
    % (
        len(SLOW_DOWN),
        SLOW_DOWN,
    )
)


class FaultProxy:
    """Passes TCP connections to ``url``'s server, or, by ``be``, answers 503, resets, says nothing, or is not there."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._upstream = (address.hostname, address.port)
        self._mode: Mode = "good"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(self._listener)
        self._cut()

    def be(self, mode: Mode) -> None:
        """From now on; connections there are, are cut."""
        before, self._mode = self._mode, mode
        if mode == "gone":
            self._close(self._listener)
        elif before == "gone":
            self._listener = socket.create_server(("127.0.0.1", self._port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self._cut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._keep(client)
        mode = self._mode
        if mode == "good":
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                self._close(client)
                return
            self._keep(server)
            threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
            self._copy(client, server)
        elif mode == "busy":
            with suppress(OSError):
                client.settimeout(0.5)
                while b"\r\n\r\n" not in client.recv(1 << 16):
                    pass
                client.sendall(BUSY)
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass
            self._close(client)
        elif mode == "resets":
            with suppress(OSError):
                client.recv(1000)
            self._reset(client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        self._close(source)
        self._close(target)

    def _keep(self, each: socket.socket) -> None:
        with self._lock:
            self._sockets.add(each)

    def _cut(self) -> None:
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            self._reset(each)

    def _reset(self, each: socket.socket) -> None:
        with suppress(OSError):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(each)

    def _close(self, each: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(each)
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
