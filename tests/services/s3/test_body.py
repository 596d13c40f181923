"""Bodies as clients frame them over TLS (aws-chunked with a trailer), and bodies that are not what they say."""

from __future__ import annotations

import datetime
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.kit.s3 import raw, refusal

from sagewright.testing.server import ServerProcess

STREAMING = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
HELLO = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
HEADERS = {
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": "5",
    "x-amz-trailer": "x-amz-checksum-crc32",
}


def chunked(server: ServerProcess, bucket: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = raw(server, "PUT", f"/{bucket}/k", body, {**HEADERS, **named}, payload=STREAMING)
    return answer.status, answer.data


def test_trailer_is_verified_and_kept(server: ServerProcess, s3: Any, bucket: str) -> None:
    assert chunked(server, bucket, HELLO, content_encoding="gzip,aws-chunked") == (200, b"")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got["ContentEncoding"], got["ChecksumCRC32"], got["ContentLength"]) == ("gzip", "NhCmhg==", 5)
    assert got["Body"].read() == b"hello"


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (HELLO.replace(b"NhCm", b"AAAA"), {}, b"BadDigest"),
        (HELLO.replace(b"NhCmhg==", b"nonsense"), {}, b"InvalidRequest"),
        (HELLO.replace(b"crc32", b"sha1"), {}, b"InvalidRequest"),
        (HELLO[:-20], {}, b"IncompleteBody"),
        (b"hello\r\n", {}, b"InvalidRequest"),
        (HELLO, {"x_amz_decoded_content_length": "6"}, b"IncompleteBody"),
        (HELLO, {"x_amz_decoded_content_length": "many"}, b"InvalidRequest"),
        (HELLO, {"x_amz_decoded_content_length": str(6 << 30)}, b"EntityTooLarge"),
        (HELLO, {"x_amz_trailer": "x-amz-checksum-rot13"}, b"InvalidRequest"),
        (HELLO, {"x_amz_checksum_sha1": "AAAA"}, b"InvalidRequest"),
    ],
)
def test_refused_bodies_leave_nothing(
    server: ServerProcess, s3: Any, bucket: str, body: bytes, headers: dict[str, str], code: bytes
) -> None:
    status, answer = chunked(server, bucket, body, **headers)
    assert (status, b"<Code>" + code + b"</Code>" in answer) == (400, True), answer
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_body_other_than_signed(server: ServerProcess, s3: Any, bucket: str) -> None:
    answer = raw(server, "PUT", f"/{bucket}/k", b"hello", payload="0" * 64)
    assert answer.status == 400
    assert b"XAmzContentSHA256Mismatch" in answer.data
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_empty_body_gets_its_100_continue(server: ServerProcess) -> None:
    """The AWS CLI waits for one at every upload; without it, its next request on the connection hangs."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
        with connection.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert answer.readline() == b"\r\n"
            assert answer.readline() == b"HTTP/1.1 404 Not Found\r\n"


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")
def test_boto3_over_tls(client: Callable[..., Any], tls_url: str, bucket: str, tmp_path: Path) -> None:
    """Over https boto3 sends everything aws-chunked, and checks what it gets back."""
    s3 = client("s3", endpoint_url=tls_url, verify=False)
    sent: list[str] = []
    s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.headers.get("Content-Encoding")))
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentEncoding="x")
    assert sent == [b"x,aws-chunked"]
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["ContentEncoding"], got["ChecksumCRC32"]) == (b"hello", "x", "NhCmhg==")
    data, part = os.urandom((5 << 20) + 7), TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    (tmp_path / "source").write_bytes(data)
    s3.upload_file(str(tmp_path / "source"), bucket, "big", Config=part)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == data


@pytest.fixture
def tls_url(server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """An https URL in front of the server: TLS ends here, bytes pass on as they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    host, port = server.url.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_pass_on, args=(plain, context, (host, int(port))), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _pass_on(plain: socket.socket, context: ssl.SSLContext, address: tuple[str, int]) -> None:
    with context.wrap_socket(plain, server_side=True) as front, socket.create_connection(address) as back:
        while True:
            ready = [front] if front.pending() else select.select([front, back], [], [])[0]
            for source, target in ((front, back), (back, front)):
                if source in ready:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    target.sendall(data)


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(1))
    certificate = builder.not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = directory / "tls.pem"
    path.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return path
