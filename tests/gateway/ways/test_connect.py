"""CONNECT: STS answered under its own name, everything else tunnelled."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.kit.http import QUICK, Echo, Raw, ask, eventually

from sagewright.gateway.http import tls
from sagewright.gateway.http.limits import Limits
from sagewright.gateway.http.server import Server
from sagewright.gateway.ways import connect as proxy
from sagewright.gateway.ways.connect import Proxy, Upstream, upstream

ANSWER = b"from the far end " * 50_000


class FarHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        received = self.rfile.read(int(self.headers["content-length"]))
        body = ANSWER + received
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@dataclass(frozen=True)
class Far:
    """A TLS server somewhere else, and the file that makes it trusted."""

    port: int
    authority: Path


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    folder = tmp_path_factory.mktemp("far")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), FarHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Far(server.server_port, folder / "cert.pem")
    server.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


class CountingProxy(Proxy):
    """Remembers where it was asked to connect."""

    targets: list[str]

    def connect(self, connection: object, target: str) -> None:
        self.targets.append(target)
        super().connect(connection, target)  # type: ignore[arg-type]


@contextlib.contextmanager
def serving(
    app: Echo, home: Path, behind: Upstream | None = None, limits: Limits = QUICK
) -> Iterator[tuple[int, CountingProxy]]:
    doorman = CountingProxy(tls.identity(home).server_context(), behind)
    doorman.targets = []
    server = Server(app, host="127.0.0.1", port=0, doorman=doorman, limits=limits)
    yield server.start(), doorman
    server.stop(0)


def through(port: int, host: str, far_port: int, authority: Path) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT if authority.name == "ca.pem" else 0  # the default from 3.13 on
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    connection.set_tunnel(host, far_port)
    return connection


def exchange(connection: http.client.HTTPSConnection, body: bytes = b"hello") -> bytes:
    connection.request("POST", "/echo", body)
    return connection.getresponse().read()


@pytest.mark.parametrize(
    "host", ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn"]
)
def test_sts_is_answered_by_the_application_under_a_valid_name(app: Echo, home: Path, host: str) -> None:
    with (
        serving(app, home) as (port, _),
        contextlib.closing(through(port, host, 443, tls.identity(home).authority)) as one,
    ):
        for size in (5, 1_000_000):
            assert exchange(one, b"x" * size) == b"x" * size
        one.request("GET", "/file?offset=1&length=3000000")
        assert one.getresponse().read() == app.file.read_bytes()[1:3_000_001]
        one.request("GET", "/stream")
        assert one.getresponse().read().endswith(b"999,")


def test_other_hosts_are_tunnelled(app: Echo, home: Path, far: Far) -> None:
    with (
        serving(app, home) as (port, _),
        contextlib.closing(through(port, "localhost", far.port, far.authority)) as one,
    ):
        assert exchange(one) == ANSWER + b"hello"
        upload = b"y" * 3_000_000
        assert exchange(one, upload) == ANSWER + upload


def test_the_tunnel_goes_through_the_proxy_behind(app: Echo, home: Path, far: Far) -> None:
    with serving(app, home) as (second, behind):
        chain = upstream({"HTTPS_PROXY": f"http://user:p%40ss@127.0.0.1:{second}"})
        with serving(app, home, chain) as (port, _):
            one = through(port, "localhost", far.port, far.authority)
            assert exchange(one) == ANSWER + b"hello"
            one.close()
            assert behind.targets == [f"localhost:{far.port}"]


def test_no_proxy_is_honoured_by_the_tunnel(app: Echo, home: Path, far: Far) -> None:
    with serving(app, home) as (second, behind):
        chain = upstream({"HTTPS_PROXY": f"http://127.0.0.1:{second}", "NO_PROXY": "example.com, localhost"})
        with serving(app, home, chain) as (port, _):
            one = through(port, "localhost", far.port, far.authority)
            assert exchange(one) == ANSWER + b"hello"
            one.close()
            assert behind.targets == []


def test_a_server_that_is_its_own_proxy_connects_directly(app: Echo, home: Path, far: Far) -> None:
    doorman = CountingProxy(tls.identity(home).server_context())
    doorman.targets = []
    server = Server(app, host="127.0.0.1", port=0, doorman=doorman)
    port = server.start()
    doorman._behind = Upstream("127.0.0.1", port)
    try:
        one = through(port, "localhost", far.port, far.authority)
        assert exchange(one) == ANSWER + b"hello"
        one.close()
        assert len(doorman.targets) == 1
    finally:
        server.stop(0)


def test_a_refusing_proxy_behind_is_a_bad_gateway(app: Echo, home: Path, port: int) -> None:
    with serving(app, home, Upstream("127.0.0.1", port)) as (own, _):  # that server answers CONNECT with 405
        one = Raw(own)
        one.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        assert one.rest().startswith(b"HTTP/1.1 502 ")


def test_an_unreachable_host_is_a_bad_gateway(app: Echo, home: Path) -> None:
    with serving(app, home) as (port, _):
        one = Raw(port)
        one.send(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n")
        assert one.rest().startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("target", [b"localhost", b"localhost:99999", b":443", b"localhost:x"])
def test_a_target_without_host_or_port_is_a_bad_request(app: Echo, home: Path, target: bytes) -> None:
    with serving(app, home) as (port, _):
        one = Raw(port)
        one.send(b"CONNECT " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert one.rest().startswith(b"HTTP/1.1 400 ")


UNNAMEABLE = [
    "a" * 70 + "..b:443",
    "." * 3 + "a:443",
    "a" * 64 + ".b:443",
    "a" * 300 + ":443",
    "xn--" + "a" * 62 + ":443",
]


@pytest.mark.parametrize("target", UNNAMEABLE)
def test_a_name_that_cannot_be_looked_up_is_answered_and_costs_no_connection(
    app: Echo, home: Path, target: str
) -> None:
    limits = replace(QUICK, connections=20)
    with serving(app, home, limits=limits) as (port, _):
        for number in range(60):
            one = Raw(port)
            one.send(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            if number % 2:
                assert one.rest().startswith((b"HTTP/1.1 502 ", b"HTTP/1.1 400 "))
            one.socket.close()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        eventually(lambda: ask(client, "POST", "/echo", b"hello")[0].status == 200)
        client.close()


def test_who_speaks_before_the_answer_to_connect_is_told_to_wait(app: Echo, home: Path) -> None:
    with serving(app, home) as (port, _):
        one = Raw(port)
        one.send(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01\x00\x00")
        assert one.rest().startswith(b"HTTP/1.1 400 ")


def test_a_client_that_speaks_no_tls_harms_nobody(app: Echo, home: Path) -> None:
    with serving(app, home) as (port, _):
        one = Raw(port)
        one.send(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: h\r\n\r\n")
        assert one.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        one.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"HTTP/1.1 2" not in one.rest()
        again = through(port, "sts.amazonaws.com", 443, tls.identity(home).authority)
        assert exchange(again) == b"hello"
        again.close()


def test_a_client_that_leaves_the_tunnel_takes_the_far_end_along(app: Echo, home: Path, far: Far) -> None:
    with serving(app, home) as (port, _):
        for _ in range(10):
            one = Raw(port)
            one.send(b"CONNECT localhost:%d HTTP/1.1\r\nHost: h\r\n\r\n" % far.port)
            one.until(b"\r\n\r\n")
            one.socket.close()
        good = through(port, "localhost", far.port, far.authority)
        assert exchange(good) == ANSWER + b"hello"
        good.close()


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        *(("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("::ffff:127.0.0.1", True)),
        *(("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("2001:db8::1", False), ("", False)),
    ],
)
def test_only_clients_on_this_machine_may_connect(peer: str, here: bool) -> None:
    assert proxy._loopback(peer) is here


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, ("proxy", 3128, False, "")),
        ({"HTTPS_PROXY": "proxy:3128"}, ("proxy", 3128, False, "")),
        ({"ALL_PROXY": "https://u:p@proxy"}, ("proxy", 443, True, "Basic dTpw")),
        ({"https_proxy": "http://low", "HTTPS_PROXY": "http://up"}, ("low", 80, False, "")),
        ({"ALL_PROXY": "socks5://proxy:1080"}, None),
    ],
)
def test_the_proxy_behind_comes_from_the_environment(env: dict[str, str], expected: object) -> None:
    found = upstream(env)
    assert (found and (found.host, found.port, found.secure, found.authorization)) == expected


def test_the_identity_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    first = tls.identity(tmp_path)
    before = [path.read_bytes() for path in (first.authority, first.certificate, first.key)]
    again = tls.identity(tmp_path)
    assert [path.read_bytes() for path in (again.authority, again.certificate, again.key)] == before
    assert first.key.stat().st_mode & 0o777 == 0o600
    first.certificate.write_text("spoilt")
    again = tls.identity(tmp_path)
    assert again.authority.read_bytes() != before[0]
    again.server_context()


def test_the_authority_vouches_for_no_other_host(tmp_path: Path) -> None:
    """Its key is gone, and its name constraints say so too."""
    authority = x509.load_pem_x509_certificate(tls.identity(tmp_path).authority.read_bytes())
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    assert permitted
    assert x509.DNSName("amazonaws.com") in permitted
    assert all("amazon" in str(name.value) or len(str(name.value).split(".")) > 2 for name in permitted), permitted
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == ["ca.pem", "lock", "sts.key", "sts.pem"]
