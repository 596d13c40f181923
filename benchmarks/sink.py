"""A server that is as good as none: what S3 clients send is thrown away in the kernel, what they ask for is zeros.

How fast a client is against it is what the client itself and the loopback leave to any server on the same cores.

    python -m benchmarks.sink PORT
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from collections import defaultdict

ZEROS = 64 << 20
"""Bytes of the file that answers are sent from, again and again; in the page cache after the first time."""
AT_ONCE = 1 << 20
_UPLOAD = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
_COMPLETE = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"


class Sink:
    """Knows of each key how many bytes came under it, and nothing else."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        self._zeros = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as we are
        for _ in range(ZEROS // AT_ONCE):
            self._zeros.write(bytes(AT_ONCE))
        self._zeros.flush()

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection, until the client closes it."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waste, waiting = bytearray(AT_ONCE), b""
        with connection:
            while True:
                while b"\r\n\r\n" not in waiting:
                    data = connection.recv(1 << 16)
                    if not data:
                        return
                    waiting += data
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                method, target, headers = _parsed(head)
                size = left = int(headers.get("content-length", 0))
                if "expect" in headers:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                taken = min(left, len(waiting))
                waiting, left = waiting[taken:], left - taken
                while left:  # MSG_TRUNC: TCP drops the bytes and copies none
                    count = connection.recv_into(waste, min(left, AT_ONCE), socket.MSG_TRUNC)
                    if not count:
                        return
                    left -= count
                self._answer(connection, method, target, size, headers.get("range", ""))

    def _answer(self, connection: socket.socket, method: str, target: str, size: int, asked: str) -> None:
        key, _, query = target.partition("?")
        if method == "PUT":
            with self._lock:
                self._sizes[key] = size + (self._sizes[key] if "partNumber" in query else 0)
            connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n')
        elif method == "POST":
            body = _UPLOAD if "uploads" in query else _COMPLETE
            if body is _UPLOAD:
                self._sizes[key] = 0
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        else:
            self._give(connection, self._sizes[key], asked, head_only=method == "HEAD")

    def _give(self, connection: socket.socket, size: int, asked: str, *, head_only: bool) -> None:
        status, extra, left = "200 OK", "", size
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last or size), size - 1)
            status, left = "206 Partial Content", end - begin + 1
            extra = f"Content-Range: bytes {begin}-{end}/{size}\r\n"
        head = f'HTTP/1.1 {status}\r\nETag: "e"\r\nContent-Length: {left}\r\n{extra}\r\n'
        connection.sendall(head.encode(), socket.MSG_MORE if left and not head_only else 0)
        while left and not head_only:
            left -= os.sendfile(connection.fileno(), self._zeros.fileno(), 0, min(left, ZEROS))


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":")[::2] for line in lines)
    return method, target, {name.strip().lower(): value.strip() for name, value in pairs}


def main() -> None:
    sink = Sink()
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=sink.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
