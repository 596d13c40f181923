"""A server in front of a small application, and raw sockets to talk to it."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator

import pytest
from tests.kit.http import FAST, QUICK, Echo, Raw

from sagewright.gateway.http.server import Server


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Echo:
    file = tmp_path_factory.mktemp("files") / "data"
    file.write_bytes(bytes(range(256)) * 20_000)
    return Echo(file)


@pytest.fixture(scope="module")
def port(app: Echo) -> Iterator[int]:
    server = Server(app, host="127.0.0.1", port=0, fast=FAST, limits=QUICK)
    yield server.start()
    server.stop(0)


@pytest.fixture
def client(port: int) -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        yield connection


@pytest.fixture
def raw(port: int) -> Iterator[Callable[[], Raw]]:
    made: list[Raw] = []

    def make() -> Raw:
        made.append(Raw(port))
        return made[-1]

    yield make
    for one in made:
        one.socket.close()
