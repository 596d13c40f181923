"""Heads decide: what the head of a request tells is refused before a byte of its body is received."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.kit.house import House

SIZE = 20_000_000
PATHS = [("POST", "/", "sagemaker"), ("POST", "/endpoints/e/invocations", "sagemaker"), ("PUT", "/b/k", "s3")]
PATHS += [("POST", "/endpoints/e/invocations-response-stream", "sagemaker"), ("POST", "/", "iam")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    made.server.stop(0)


def answer(house: House, method: str, path: str, headers: dict[str, str]) -> bytes:
    """The beginning of the answer to a head, after which not a byte of the body is sent."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", house.port), timeout=15) as one:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\nContent-Length: {SIZE}\r\n{lines}\r\n"
        one.sendall(head.encode())
        received = b""
        while len(received) < 4000 and (chunk := one.recv(4000)):
            received += chunk
        return received


def signed(house: House, method: str, path: str, service: str, key: str = "", secret: str = "") -> dict[str, str]:
    own = Credentials(key or house.key.id, secret or house.key.secret)
    request = AWSRequest(method, house.url + path, data=b"x", headers={})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(own, service, "us-east-1").add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "content-length"}


@pytest.mark.parametrize(("method", "path", "service"), PATHS)
def test_an_unknown_key(house: House, method: str, path: str, service: str) -> None:
    found = answer(house, method, path, signed(house, method, path, service, key="AKIA" + "A" * 16))
    assert found[9:12] in (b"400", b"403")
    assert any(code in found for code in (b"InvalidAccessKeyId", b"UnrecognizedClient", b"InvalidClientTokenId"))


@pytest.mark.parametrize(("method", "path", "service"), PATHS)
def test_a_time_long_past(house: House, method: str, path: str, service: str) -> None:
    headers = signed(house, method, path, service)
    date = headers["X-Amz-Date"]
    old = {name: value.replace(date[:8], "20200101") for name, value in headers.items()}
    found = answer(house, method, path, old)
    assert found[9:12] in (b"400", b"403")


@pytest.mark.parametrize(("method", "path", "service"), [each for each in PATHS if each[2] == "s3"])
def test_a_wrong_signature_over_a_hash_in_the_head(house: House, method: str, path: str, service: str) -> None:
    found = answer(house, method, path, signed(house, method, path, service, secret="wrong"))
    assert b"SignatureDoesNotMatch" in found


@pytest.mark.parametrize(("method", "path", "service"), [each for each in PATHS if each[2] != "s3"])
def test_no_signature(house: House, method: str, path: str, service: str) -> None:
    headers = {"X-Amz-Target": "SageMaker.ListModels"} if path == "/" else {}
    assert b"MissingAuthenticationToken" in answer(house, method, path, headers)


def test_an_authorization_that_cannot_be_read(house: House) -> None:
    headers = {"Authorization": "AWS4-HMAC-SHA256 nonsense", "X-Amz-Target": "SageMaker.ListModels"}
    found = answer(house, "POST", "/", headers)
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"IncompleteSignature" in found
