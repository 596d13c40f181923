"""Clients that take their time: signed requests on raw sockets, of which a test sends as much as it likes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagewright.testing.server import ServerProcess

MIB = 1 << 20


def head(
    server: ServerProcess,
    method: str,
    path: str,
    size: int = 0,
    *,
    body: bytes = b"",
    service: str = "s3",
    key: str = "",
    secret: str = "",
) -> bytes:
    """The head of a signed request with this body, else one of ``size`` times the letter x."""
    keys = server.credentials()
    own = Credentials(key or keys["access_key_id"], secret or keys["secret_access_key"])
    body = body or b"x" * size
    request = AWSRequest(method, server.url + path, data=body, headers={"content-type": "text/plain"})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(own, service, "us-east-1").add_auth(request)
    lines = [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "content-length"]
    host = urlsplit(server.url).netloc
    first = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}"
    return "\r\n".join([first, *lines, "", ""]).encode()


@contextlib.contextmanager
def slow_clients(server: ServerProcess, count: int, sent: bytes, *, window: int = 0) -> Iterator[list[socket.socket]]:
    """So many connections on which ``sent`` was sent, as far as it was taken. ``window`` is what each receives."""
    address = urlsplit(server.url)
    with contextlib.ExitStack() as held:
        made = []
        for _ in range(count):
            one = held.enter_context(socket.socket())
            if window:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            one.settimeout(20)
            one.connect((address.hostname, address.port))
            with contextlib.suppress(ConnectionError):  # refused already
                one.sendall(sent[: 64 * 1024])
            made.append(one)
        for one in made:
            one.settimeout(0.05)
            with contextlib.suppress(OSError):
                one.sendall(sent[64 * 1024 :])
        yield made


def hanging(sockets: list[socket.socket]) -> int:
    """On how many of them the server neither answered nor hung up."""
    found = 0
    for one in sockets:
        one.settimeout(0)
        try:
            one.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            found += 1
        except OSError:
            pass
    return found


def memory(server: ServerProcess) -> int:
    """Bytes of memory that the server has now."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
