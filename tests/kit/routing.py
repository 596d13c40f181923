"""Requests to a router, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest
import uvloop

from sagewright.core.errors import AwsError
from sagewright.serving.base import InvokeRequest, InvokeResponse
from sagewright.serving.router import EndpointKey, Router

KEY = EndpointKey("123456789012", "us-east-1", "churn")

REQUEST = InvokeRequest(*KEY, b"", "text/plain", "text/plain", None, None, None, None, {})


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(work, 60))


async def invoke(router: Router, request: InvokeRequest) -> InvokeResponse:
    """As the gateway does it: at once where that is possible."""
    answer: asyncio.Future[InvokeResponse] = asyncio.get_running_loop().create_future()

    def done(result: InvokeResponse | Exception) -> None:
        if isinstance(result, Exception):
            answer.set_exception(result)
        elif not answer.cancelled():
            answer.set_result(result)

    return await answer if router.ask(request, done) else await router.invoke(request)


async def error_of(answer: Awaitable[InvokeResponse]) -> AwsError:
    with pytest.raises(AwsError) as caught:
        await answer
    return caught.value
