"""The way from an installer's sandbox to the package index, and to nothing of this machine or its network.

The operator's index may be anywhere. Where it sends the installer for files is known for PyPI, and may otherwise be any
public address, but no address of a private network or of this machine.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from sagewright.environments.relay_inside import pump

MAX_CONNECTIONS = 64
MAX_HEAD = 1 << 16
SECONDS = 30.0
_FILES = {"pypi.org": "files.pythonhosted.org"}
_HEAD = re.compile(rb"(?:CONNECT ([^\s/]+)|([A-Z]+) http://([^\s/]+)(/\S*)) (HTTP/1\.[01])\r\n")
_CONNECTION = re.compile(rb"(?i)\r\n(?:proxy-)?connection:[^\r\n]*")


class IndexRelay:
    """Answers a proxy's requests on the Unix socket ``path`` between ``with`` and its end.

    ``urls`` are those of the operator's indexes; ``env`` says by which proxy this machine reaches others.
    """

    def __init__(self, urls: Iterable[str], env: Mapping[str, str]) -> None:
        hosts = {(urlsplit(url).hostname or "").lower() for url in urls} | {"pypi.org"}
        self._hosts = hosts | {_FILES[host] for host in hosts & _FILES.keys()}
        self._env = env
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._ended = False
        self._lock = threading.Lock()
        self.refused: set[str] = set()

    def __enter__(self) -> IndexRelay:
        self._place = tempfile.mkdtemp(prefix="index-", dir="/tmp")
        self.path = Path(self._place, "relay.sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(MAX_CONNECTIONS)
        threading.Thread(target=self._accept, name="index-relay", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended = True
            ends = [self._listener, *self._open]
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._slots.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            else:
                client.close()

    def _serve(self, client: socket.socket) -> None:
        far: socket.socket | None = None
        try:
            self._keep(client)
            client.settimeout(SECONDS)
            head, rest = _read_head(client)
            match = _HEAD.match(head)
            if match is None:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            tunnel = match[1] is not None
            host, port = _address((match[1] or match[3]).decode("latin-1"), 443 if tunnel else 80)
            if not self._may_reach(host):
                self.refused.add(host)
                client.sendall(b"HTTP/1.1 403 Not the package index\r\nConnection: close\r\n\r\n")
                return
            far = self._reach(host, port)
            self._keep(far)
            for end in (client, far):
                end.settimeout(None)
            if tunnel:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                far.sendall(rest)
            else:
                line = b" ".join((match[2], match[4], match[5])) + b"\r\nConnection: close"
                far.sendall(line + _CONNECTION.sub(b"", b"\r\n" + head[match.end() :]) + rest)
            threading.Thread(target=pump, args=(client, far), daemon=True).start()
            pump(far, client)
        except (OSError, ValueError):
            with suppress(OSError):
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n")
        finally:
            with self._lock:
                self._open -= {client, far}
            for end in filter(None, (client, far)):
                end.close()
            self._slots.release()

    def _keep(self, end: socket.socket) -> None:
        """Remember ``end``, to be hung up at the relay's end; raises ``OSError`` when that has come already."""
        with self._lock:
            if self._ended:
                raise OSError("the relay has ended")
            self._open.add(end)

    def _may_reach(self, host: str) -> bool:
        if host in self._hosts:
            return True
        if self._proxy(host) is not None:  # names are the proxy's to look up
            return "." in host and not _is_address(host) and not host.endswith((".local", ".internal"))
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        return bool(found) and all(ipaddress.ip_address(str(address)).is_global for address in found)

    def _proxy(self, host: str) -> str | None:
        variables = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        proxy = next((self._env[name] for name in variables if self._env.get(name)), None)
        bypassed = (self._env.get("no_proxy") or self._env.get("NO_PROXY") or "").replace(" ", "").split(",")
        own = host == "localhost" or any(
            host == each or host.endswith(f".{each.lstrip('.')}") for each in bypassed if each
        )
        return None if own or "*" in bypassed else proxy

    def _reach(self, host: str, port: int) -> socket.socket:
        proxy = self._proxy(host)
        if proxy is None:
            return socket.create_connection((host, port), SECONDS)
        url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        far = socket.create_connection(
            (url.hostname or "", url.port or (443 if url.scheme == "https" else 80)), SECONDS
        )
        if url.scheme == "https":
            far = ssl.create_default_context().wrap_socket(far, server_hostname=url.hostname)
        pair = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
        basic = f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n" if url.username else ""
        far.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{basic}\r\n".encode())
        head, _ = _read_head(far)
        if not re.match(rb"HTTP/1\.[01] 200", head):
            far.close()
            raise OSError(f"the proxy does not reach {host}")
        return far


def _read_head(end: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        block = end.recv(1 << 13)
        if not block or len(data) > MAX_HEAD:
            raise OSError("no request")
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _address(text: str, port: int) -> tuple[str, int]:
    url = urlsplit(f"//{text}")
    return (url.hostname or "").lower().rstrip("."), url.port or port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
