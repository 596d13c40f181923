"""HTTPS on the one port: what speaks TLS is served, what does not is told so, and proxies' clients may CONNECT."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError
from cryptography import x509
from tests.kit.http import QUICK, Echo, eventually

from sagewright.core.config import Settings
from sagewright.gateway.http import tls
from sagewright.gateway.http.server import Server
from sagewright.gateway.ways.connect import Proxy
from sagewright.testing.server import ServerProcess, sagewright

LOCAL = "127.0.0.1"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    running = ServerProcess(tmp_path_factory.mktemp("secure") / "data", arguments=("--tls",))
    running.start()
    yield running
    assert running.stop() == 0, running.log_tail()


@pytest.fixture(scope="module")
def client(secure: ServerProcess) -> Callable[..., Any]:
    def make(service: str, **options: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        return boto3.client(service, config=config, **{**secure.client_options(), **options})  # type: ignore[call-overload]

    return make


def test_boto3_over_https(secure: ServerProcess, client: Callable[..., Any], tmp_path: Path) -> None:
    """Over TLS boto3 sends its uploads aws-chunked, with a trailer, and without 100-continue's help in the clear."""
    assert secure.url.startswith("https://127.0.0.1:")
    assert client("sts").get_caller_identity()["Account"] == "123456789012"
    s3 = client("s3")
    s3.create_bucket(Bucket="secure")
    for size in (0, 1, 70_000, 3_000_000):
        body = os.urandom(size)
        stored = s3.put_object(Bucket="secure", Key=f"{size}", Body=body, ChecksumAlgorithm="SHA256")
        found = s3.get_object(Bucket="secure", Key=f"{size}", ChecksumMode="ENABLED")
        assert found["Body"].read() == body
        assert found["ChecksumSHA256"] == stored["ChecksumSHA256"]
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20 << 20))
    s3.upload_file(str(large), "secure", "large")
    s3.download_file("secure", "large", str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == large.read_bytes()
    with pytest.raises(ClientError, match="not found"):
        client("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"x" * 100_000)


def test_policies_see_the_tls_and_refusals_come_through_it(client: Callable[..., Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="picky")
    s3.put_object(Bucket="picky", Key="before", Body=b"x")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject", "s3:GetObject"],
        "Resource": "arn:aws:s3:::picky/*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
    }
    s3.put_bucket_policy(Bucket="picky", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    for refused in (
        lambda: s3.get_object(Bucket="picky", Key="before"),
        lambda: s3.put_object(Bucket="picky", Key="x", Body=bytes(8 << 20)),
        lambda: client("s3", aws_secret_access_key="wrong").put_object(Bucket="picky", Key="x", Body=bytes(8 << 20)),
        lambda: s3.put_object(Bucket="picky", Key="x", Body=io.BytesIO(bytes(8 << 20))),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_others_do_not_trust_us(client: Callable[..., Any]) -> None:
    with pytest.raises(SSLError):
        client("sts", verify=True).get_caller_identity()


def test_plain_http_is_told_what_to_do(secure: ServerProcess) -> None:
    with contextlib.closing(http.client.HTTPConnection(urlsplit(secure.url).netloc, timeout=10)) as plain:
        plain.request("GET", "/")
        answer = plain.getresponse()
        assert (answer.status, b"https://" in answer.read()) == (400, True)


def test_the_exports_work_for_unmodified_clients(secure: ServerProcess) -> None:
    """Also for STS under its own name, which comes through the proxy."""
    script = (
        "import boto3\n"
        "boto3.client('s3').list_buckets()\n"
        "sts = boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')\n"
        "print(sts.get_caller_identity()['Account'])\n"
    )
    env = secure.shell_env()
    assert env["AWS_ENDPOINT_URL"] == secure.url
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("123456789012", 0), done.stderr


def test_a_reset_goes_over_tls_too(secure: ServerProcess, client: Callable[..., Any]) -> None:
    client("s3").create_bucket(Bucket="gone")
    secure.reset()
    assert client("s3").list_buckets()["Buckets"] == []


# --- in this process -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls-home")


@pytest.fixture
def port(app: Echo, home: Path) -> Iterator[int]:
    context = tls.server_context(Settings(data_dir=home, tls=True))
    doorman = Proxy(tls.identity(home).server_context())
    server = Server(app, host=LOCAL, port=0, doorman=doorman, limits=QUICK)
    yield server.start(context)
    server.stop(0)


def connected(port: int, home: Path, name: str = LOCAL) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(home / "tls" / "trust.pem"))
    return context.wrap_socket(socket.create_connection((LOCAL, port), timeout=10), server_hostname=name)


def ended(connection: socket.socket) -> bool:
    """Whether the other side hangs up without a word."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(100) == b""
    return True


@pytest.mark.parametrize("name", [LOCAL, "localhost"])
def test_the_certificate_has_the_names_of_this_machine(port: int, home: Path, name: str) -> None:
    with connected(port, home, name) as connection:
        connection.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("first", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET / HT"])
def test_who_begins_and_does_not_go_on_is_cut_off(port: int, first: bytes) -> None:
    with socket.create_connection((LOCAL, port), timeout=10) as connection:
        connection.sendall(first)
        answer = connection.recv(1000) if first.startswith(b"G") else b""
        assert ended(connection)
        assert first != b"GET / HT" or b"408" in answer


def test_garbage_in_the_handshake_harms_nobody(port: int, home: Path) -> None:
    for garbage in (b"\x16" * 5000, b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\x80\x2e\x01"):
        with socket.create_connection((LOCAL, port), timeout=10) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(garbage)
            while not ended(connection):
                pass
    connected(port, home).close()


def test_connections_that_say_nothing_are_counted(app: Echo, home: Path) -> None:
    """Each of them could hold a descriptor otherwise."""
    context = tls.server_context(Settings(data_dir=home, tls=True))
    server = Server(app, host=LOCAL, port=0, limits=replace(QUICK, connections=3, head_seconds=60))
    port = server.start(context)
    silent = [socket.create_connection((LOCAL, port), timeout=10) for _ in range(4)]
    assert ended(silent[3])
    for one in silent[:3]:
        one.close()

    def served() -> bool:
        try:
            connected(port, home).close()
        except OSError:
            return False
        return True

    eventually(served)
    server.stop(0)


def test_a_refusal_in_the_middle_of_a_body_is_not_cut_off_by_its_rest(port: int, home: Path) -> None:
    """Little is left, so the connection stays."""
    with connected(port, home) as one:
        one.sendall(b"PUT /refuse-late HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_300_000)
        assert read_to(one, b"too late").startswith(b"HTTP/1.1 403")
        one.sendall(b"x" * 700_000 + b"GET /request HTTP/1.1\r\nHost: h\r\n\r\n")
        assert read_to(one, b"}").startswith(b"HTTP/1.1 200")


def test_a_refused_client_may_send_to_the_end_before_it_reads(port: int, home: Path) -> None:
    with connected(port, home) as one:
        one.sendall(b"PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000)
        assert read_to(one, b"no").startswith(b"HTTP/1.1 403")


def read_to(one: ssl.SSLSocket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end) and (more := one.recv(65536)):
        data += more
    return data


def test_no_connect_inside_tls(port: int, home: Path) -> None:
    with connected(port, home) as connection:
        connection.sendall(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 405"


def test_the_server_s_authority_vouches_for_its_names_alone(tmp_path: Path) -> None:
    found = tls.server_identity(tmp_path, "ml.example.org")
    authority = x509.load_pem_x509_certificate(found.authority.read_bytes())
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    names = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    listed = names.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert permitted is not None
    assert len(permitted) == len(list(listed)) == 4
    assert x509.DNSName("ml.example.org") in permitted
    assert tls.server_identity(tmp_path, LOCAL).certificate.read_bytes() == found.certificate.read_bytes()
    assert tls.server_identity(tmp_path, "other.example.org") == found
    assert b"other" not in found.authority.read_bytes()


def test_a_given_certificate_is_served_and_trusted(app: Echo, tmp_path: Path) -> None:
    made = tls.server_identity(tmp_path / "elsewhere", LOCAL)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(made.certificate.read_bytes() + made.authority.read_bytes())
    settings = Settings(data_dir=tmp_path / "data", tls_cert=str(chain), tls_key=str(made.key))
    server = Server(app, host=LOCAL, port=0)
    port = server.start(tls.server_context(settings))
    connected(port, tmp_path / "data").close()
    server.stop(0)
    assert not (tmp_path / "data" / "tls" / "server.key").exists()
    shutil.copy(made.certificate, tmp_path / "wrong.key")
    for wrong in ({"tls_key": ""}, {"tls_key": str(tmp_path / "none")}, {"tls_key": str(tmp_path / "wrong.key")}):
        with pytest.raises(ValueError, match=r"tls-key|TLS"):
            tls.server_context(
                Settings(**{"data_dir": tmp_path / "data", "tls_cert": str(chain), "tls_key": str(made.key)} | wrong)
            )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_what_others_can_reach_needs_tls_or_a_word(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="add --tls, or --insecure"):
        tls.server_context(Settings(data_dir=tmp_path, host=host))
    assert tls.server_context(Settings(data_dir=tmp_path, host=host, insecure=True)) is None
    assert tls.server_context(Settings(data_dir=tmp_path, host=host, tls=True)) is not None


@pytest.mark.parametrize("host", [LOCAL, "127.0.0.9", "localhost", "::1"])
def test_the_loopback_needs_none(tmp_path: Path, host: str) -> None:
    assert tls.server_context(Settings(data_dir=tmp_path, host=host)) is None
    assert not (tmp_path / "tls" / "trust.pem").exists()


def test_the_command_refuses_an_open_address_in_the_clear(tmp_path: Path) -> None:
    command = [sagewright(), "up", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--insecure" in done.stderr
