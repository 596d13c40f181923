"""What the benchmarks share: servers, signed requests made beforehand, one connection, spans of numbers."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from sagewright.testing.server import ServerProcess

ROOT = Path(__file__).parents[1]
PEER_PYTHON = ROOT / ".clients" / "bench" / "bin" / "python"
"""The environment of what we compare with, and of the load generator."""

ROLE = "arn:aws:iam::123456789012:role/SagewrightExecutionRole"
Headers = dict[str, str]


@contextlib.contextmanager
def sagewright_server(*arguments: str) -> Iterator[ServerProcess]:
    """A server of ours, with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="sagewright-bench-") as folder:
        server = ServerProcess(Path(folder) / "data", arguments=("--log-level", "WARNING", *arguments))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def peer(*command: str | Path, port: int, wait_for: str = "/") -> Iterator[str]:
    """A server of somebody else's on ``port``; gives its URL once it answers."""
    process = subprocess.Popen([PEER_PYTHON, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port, wait_for), seconds=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status < 500
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 120.0, every: float = 0.02) -> Any:
    """The first truthy value; raises ``TimeoutError``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(every)
    raise TimeoutError(f"not within {seconds} s")


def client(service: str, server: ServerProcess) -> Any:
    """A boto3 client of a server of ours."""
    return boto3.client(service, config=Config(proxies={}), **server.client_options())  # type: ignore[call-overload]


def sign(url: str, keys: Credentials, service: str, headers: Headers, body: bytes) -> Headers:
    """The headers of a POST with a SigV4 signature of now."""
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(keys, service, "us-east-1").add_auth(request)
    return dict(request.prepare().headers.items())


def keys_of(server: ServerProcess) -> Credentials:
    found = server.credentials()
    return Credentials(found["access_key_id"], found["secret_access_key"])


def post_all(url: str, requests: Sequence[tuple[Headers, bytes]], path: str = "/") -> float:
    """Send requests one after the other on one connection; the seconds that took. Raises on any error answer."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.connect()
        start = time.perf_counter()
        for headers, body in requests:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {answer[:400]!r}")
        return time.perf_counter() - start


def span(values: Sequence[float], form: str = ",.0f") -> str:
    """``min … **median** … max``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:{form}} … **{middle:{form}}** … {high:{form}}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
