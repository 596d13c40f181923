"""InvokeEndpointWithResponseStream at the gateway: many wait for a model at once, and nobody else does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.kit.house import House, Models
from tests.kit.http import eventually

from sagewright.serving.base import InvokeRequest, InvokeResponse

MANY = 140


class SlowModels(Models):
    """Answers in two parts, when it is allowed to; counts who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.allowed = threading.Event()

    async def invoke(self, request: InvokeRequest, part: Any = None) -> InvokeResponse:
        self.waiting += 1
        while not self.allowed.is_set():
            await asyncio.sleep(0.05)
        part(InvokeResponse(b"begun", "text/plain", "blue"))
        return InvokeResponse(b"ended", "text/plain", "blue")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, models=SlowModels())
    yield made
    made.models.allowed.set()
    made.server.stop(0)


def test_many_who_wait_for_a_model_keep_nobody_else_waiting(house: House) -> None:
    runtime = house.client("sagemaker-runtime", config=Config(max_pool_connections=MANY, read_timeout=60))
    said: list[bytes] = []

    def ask() -> None:
        answer = runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"x")
        said.append(b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]))

    threads = [threading.Thread(target=ask) for _ in range(MANY)]
    for each in threads:
        each.start()
    eventually(lambda: house.models.waiting == MANY, 60)
    with suppress(ClientError):  # that the operation is not there is an answer, too
        house.client("sts").get_caller_identity()
    assert not said
    house.models.allowed.set()
    for each in threads:
        each.join()
    assert said == [b"begunended"] * MANY
