"""The relay reaches the index, wherever it is, and no other address of this machine or its network."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sagewright.environments.index_relay import IndexRelay


class Index(BaseHTTPRequestHandler):
    """Answers with the request's target."""

    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Connection']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def ask(relay: IndexRelay, request: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(relay.path))
        client.sendall(request.encode())
        answer = b""
        while block := client.recv(4096):
            answer += block
            if answer == b"HTTP/1.1 200 OK\r\n\r\n":
                client.sendall(b"GET /through HTTP/1.0\r\n\r\n")
    return answer.decode()


def test_only_the_index_is_reached() -> None:
    server = HTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"127.0.0.1:{server.server_port}"
    get = f"GET http://{at}/simple/six/ HTTP/1.1\r\nHost: {at}\r\nProxy-Connection: keep-alive\r\n\r\n"
    tunnel = f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n"
    with IndexRelay([f"http://{at}/simple"], {}) as relay:
        assert ask(relay, get).endswith("/simple/six/ close")
        assert ask(relay, tunnel).endswith("/through None")
        assert " 400 " in ask(relay, "nonsense\r\n\r\n")
        assert " 502 " in ask(relay, "CONNECT pypi.org:99999 HTTP/1.1\r\n\r\n")
    with IndexRelay(["https://pypi.org/simple"], {}) as relay:
        assert [" 403 " in ask(relay, request) for request in (get, tunnel)] == [True, True]
        assert relay.refused == {"127.0.0.1"}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("host", ["localhost", "169.254.169.254", "10.0.0.1", "[::1]", "0.0.0.0"])
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    with IndexRelay([], {}) as relay:
        assert " 403 " in ask(relay, f"CONNECT {host}:443 HTTP/1.1\r\n\r\n")


def test_the_end_hangs_up() -> None:
    with IndexRelay([], {}) as relay:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(str(relay.path))
        client.sendall(b"CONN")
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(10) in (b"", b"HTTP/1.1 5")
    assert not relay.path.exists()
    client.close()
