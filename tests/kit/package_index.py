"""Package indexes on this machine, as a test needs them."""

from __future__ import annotations

import contextlib
import socket
import threading


class Drip:
    """A package index on this machine that answers one byte at a time, without an end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/simple"
        self.asked = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(1000)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n")
            self.asked.set()
            while not self._ended.wait(0.2):
                client.sendall(b" ")

    def close(self) -> None:
        self._ended.set()
        self._listener.close()
