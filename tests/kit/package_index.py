"""Package indexes on this machine, as a test needs them."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.kit.jobs import archive


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


def source_of(name: str, setup: str = "", files: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """A source distribution of a package of one module: its file's name and content.

    ``setup`` is more that setup() is told; ``files`` lie beside setup.py.
    """
    arguments = f"name={name!r}, version='1.0', py_modules=[{name!r}], {setup}"
    held = {"setup.py": f"from setuptools import setup\nsetup({arguments})\n", f"{name}.py": f"NAME = {name!r}\n"}
    return f"{name}-1.0.tar.gz", archive(
        {f"{name}-1.0/{file}": text for file, text in {**held, **(files or {})}.items()}
    )


class PackageIndex:
    """A package index on this machine that has these files."""

    def __init__(self, *files: tuple[str, bytes]) -> None:
        held = dict(files)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.strip("/").rpartition("/")[2]
                links = [
                    f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
                    for file, content in held.items()
                    if file.rpartition("-")[0] == name.replace("-", "_")
                ]
                body = held.get(name) if self.path.startswith("/files/") else "".join(links).encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "application/gzip" if name in held else "text/html")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/simple"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
