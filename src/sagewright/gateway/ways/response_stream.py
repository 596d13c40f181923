"""InvokeEndpointWithResponseStream: the model's answer in parts, as the model gives them, on the event loop.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import cache

from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.core.ids import request_id
from sagewright.gateway.aws import steps
from sagewright.nouns.operations import Call, Platform
from sagewright.serving.base import InvokeRequest
from sagewright.serving.streams import InvokeStream, Streams
from sagewright.wire import codec, event_stream
from sagewright.wire.http import BytesReader, Request, Response
from sagewright.wire.models import output_shape, service_model
from sagewright.wire.routing import Route

OPERATION = "InvokeEndpointWithResponseStream"
SUFFIX = "/invocations-response-stream"


class StreamedInvocations:
    """Answers ``POST /endpoints/{EndpointName}/invocations-response-stream``."""

    def __init__(self, platform: Platform, streams: Streams) -> None:
        self._platform = platform
        self._streams = streams

    async def answer(self, request: Request, body: bytes) -> Response:
        """The answer, or the error in AWS's form; the parts of a good one come later."""
        identifier = request_id()
        request.body = BytesReader(body)
        route = _route()
        try:
            call, parameters = await asyncio.to_thread(self._read, request, identifier)
            stream = await self._streams.open(_request(call, parameters))
        except Exception as error:
            told = error if isinstance(error, AwsError) else steps.failure(error, f"{request.raw_path}", identifier)
            return codec.serialise_error(route, told, identifier, request)
        result = {
            "Body": (),
            "ContentType": stream.head.content_type,
            "InvokedProductionVariant": stream.head.variant,
            "CustomAttributes": stream.head.custom_attributes,
        }
        response = steps.answer(route, result, identifier)
        response.body = _events(stream)
        return response

    def _read(self, request: Request, identifier: str) -> tuple[Call, Json]:
        """In a thread: the call, allowed. Raises ``AwsError``."""
        route, claim = steps.identify(request)
        caller = steps.authenticate(request, route, claim, self._platform)
        parameters = steps.read(request, route)
        call = steps.call(request, route, caller, identifier, self._platform)
        return steps.authorize(call, parameters), parameters


def _request(call: Call, parameters: Json) -> InvokeRequest:
    return InvokeRequest(
        account=call.account,
        region=call.region,
        endpoint=parameters["EndpointName"],
        body=parameters["Body"],
        content_type=parameters.get("ContentType", ""),
        accept=parameters.get("Accept", ""),
        target_variant=parameters.get("TargetVariant"),
        custom_attributes=parameters.get("CustomAttributes"),
        inference_id=parameters.get("InferenceId"),
        target_model=None,
        headers=call.http.headers,
    )


async def _events(stream: InvokeStream) -> AsyncIterator[bytes]:
    """Each part as an event, and a failure as the last."""
    shape = output_shape("sagemaker-runtime", OPERATION).members["Body"]
    try:
        async for part in stream.parts:
            yield b"".join(event_stream.events(shape, [{"PayloadPart": {"Bytes": part}}]))
    except AwsError as error:
        yield b"".join(event_stream.events(shape, _raising(error)))
    finally:
        await stream.parts.aclose()  # type: ignore[attr-defined]


@cache
def _route() -> Route:
    return Route("sagemaker-runtime", service_model("sagemaker-runtime").operation_model(OPERATION))


def _raising(error: AwsError) -> Iterator[Json]:
    raise error
    yield {}
