"""A server that may be mistreated."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.contract.bad_input.trial import Arena

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Arena]]:
    """``arena("s3")``: a server of this file's own, with what requests to a service speak of."""
    with ServerProcess(tmp_path_factory.mktemp("arena") / "data", env={"SAGEWRIGHT_MAX_INSTANCES": "1"}) as server:

        @functools.cache
        def client(service: str) -> Any:
            config = Config(retries={"total_max_attempts": 1}, proxies={})
            return boto3.client(service, config=config, **server.client_options())  # type: ignore[call-overload]

        arenas: dict[str, Arena] = {}

        def make(service: str) -> Arena:
            if service not in arenas:
                arenas[service] = Arena(server, client, service)
            return arenas[service]

        yield make
        for each in arenas.values():
            each.caller.close()
        assert "Traceback" not in server.log.read_text(), server.log_tail()
