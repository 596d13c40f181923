"""InvokeEndpoint's short way: on the event loop, from the signature to the router and back, the body untouched.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from functools import cache, lru_cache
from typing import Any, TypeAlias

from sagewright.core.errors import AwsError, ValidationError
from sagewright.core.ids import request_id
from sagewright.gateway.aws import sigv4, steps
from sagewright.gateway.aws.refusals import Refusal, refuse
from sagewright.gateway.http.shared import FastPath
from sagewright.gateway.ways.response_stream import SUFFIX as STREAM_SUFFIX
from sagewright.gateway.ways.response_stream import StreamedInvocations
from sagewright.nouns.operations import Call, Permission, Platform
from sagewright.serving.base import Invoker, InvokeRequest, InvokeResponse
from sagewright.serving.streams import Streams
from sagewright.wire import rest
from sagewright.wire.codec import serialise_error
from sagewright.wire.http import Request, Response
from sagewright.wire.models import input_shape, service_model
from sagewright.wire.routing import Route
from sagewright.wire.validation import validation_exception, violations

PREFIX, SUFFIX = "/endpoints/", "/invocations"
BODY_LIMIT = 25 * 1024 * 1024
HASH_IN_THREAD = 64 * 1024
"""Bodies above this size are hashed in a thread: SHA-256 releases the interpreter, and 100 KB take 60 µs."""
PROTOCOL = "rest-json"
ACTION = "sagemaker:InvokeEndpoint"
Done: TypeAlias = Callable[[Response], None]


class Invocations:
    """Answers ``POST /endpoints/{EndpointName}/invocations``, and the same for answers in parts."""

    def __init__(self, platform: Platform, invoker: Invoker) -> None:
        self._platform = platform
        self._invoker = invoker
        self._streamed = StreamedInvocations(platform, Streams(invoker))

    def fast_path(self) -> FastPath:
        """The route, for the server."""
        return FastPath(_is_invocation, self._answer, self._too_large, BODY_LIMIT)

    def _answer(self, request: Request, body: bytes, done: Done) -> Awaitable[Response] | None:
        """At once where memory has all it takes, which is nearly always; else it has to be awaited."""
        if request.path.endswith(STREAM_SUFFIX):
            return self._streamed.answer(request, body)
        identifier = request_id()
        if len(body) > HASH_IN_THREAD:
            return self._answer_waiting(request, body, identifier)
        try:
            key, asked = self._read(request, body, _sha256(body))
            if self._is_allowed(request, key, asked, identifier) and self._invoker.ask(
                asked, lambda result: done(_told(result, request, identifier))
            ):
                return None
        except Exception as error:
            done(_told(error, request, identifier))
            return None
        return self._answer_waiting(request, body, identifier)

    async def _answer_waiting(self, request: Request, body: bytes, identifier: str) -> Response:
        try:
            payload = await asyncio.to_thread(_sha256, body) if len(body) > HASH_IN_THREAD else _sha256(body)
            key, asked = self._read(request, body, payload)
            await self._authorize(request, key, asked, identifier)
            result: InvokeResponse | Exception = await self._invoker.invoke(asked)
        except Exception as error:
            result = error
        return _told(result, request, identifier)

    def _read(self, request: Request, body: bytes, payload: str) -> tuple[sigv4.Key, InvokeRequest]:
        """Who asks, proven, and what for. ``payload`` is the SHA-256 of ``body`` in hex. Raises ``AwsError``."""
        try:
            claim = sigv4.claim(request)
        except sigv4.Malformed as error:
            raise refuse(Refusal.MALFORMED, PROTOCOL, str(error)) from None
        if claim is None or claim.version != 4:
            raise refuse(Refusal.UNSIGNED, PROTOCOL)
        if claim.signing_name != "sagemaker":
            message = f"Credential should be scoped to correct service: 'sagemaker', not '{claim.signing_name}'."
            raise refuse(Refusal.MISMATCH, PROTOCOL, message)
        declared = request.headers.get("x-amz-content-sha256")
        if declared == sigv4.UNSIGNED_PAYLOAD:
            payload = declared
        elif declared is not None and not hmac.compare_digest(declared.encode("utf-8", "replace"), payload.encode()):
            raise refuse(Refusal.WRONG_HASH, PROTOCOL)
        key = sigv4.verify(
            request,
            claim,
            self._platform.credentials,
            now=self._platform.clock.now(),
            protocol=PROTOCOL,
            payload=payload,
        )
        if request.proved is not None:
            request.proved()
        return key, _invocation(request, body, key.account, claim.region)

    def _is_allowed(self, request: Request, key: sigv4.Key, asked: InvokeRequest, identifier: str) -> bool:
        """Whether memory says yes, nearly always by one look. False means unknown."""
        access = self._platform.access
        if access.is_remembered(key.access_key_id, ACTION, _arn(asked)):
            return True
        call, parameters = self._call(request, key, asked, identifier)
        return access.allows_at_once(call, parameters, Permission(ACTION, _arn(asked)))

    async def _authorize(self, request: Request, key: sigv4.Key, asked: InvokeRequest, identifier: str) -> None:
        """What must be worked out is worked out in a thread. Raises ``AwsError``."""
        if not self._is_allowed(request, key, asked, identifier):
            await asyncio.to_thread(steps.authorize, *self._call(request, key, asked, identifier))

    def _call(
        self, request: Request, key: sigv4.Key, asked: InvokeRequest, identifier: str
    ) -> tuple[Call, dict[str, Any]]:
        caller = steps.Caller(steps.principal_of(key), asked.region)
        parameters = {"EndpointName": asked.endpoint, "TargetModel": asked.target_model}
        return steps.call(request, _route(), caller, identifier, self._platform), parameters

    def _too_large(self, request: Request, size: int) -> Response:
        message = f"The request body of {size} bytes or more exceeds the limit of {BODY_LIMIT} bytes."
        return _error(ValidationError(message, status=413), request_id(), request)


def _is_invocation(method: str, path: str) -> bool:
    return method == "POST" and path.startswith(PREFIX) and path.endswith((SUFFIX, STREAM_SUFFIX))


def _arn(asked: InvokeRequest) -> str:
    return f"arn:aws:sagemaker:{asked.region}:{asked.account}:endpoint/{asked.endpoint}"


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _invocation(request: Request, body: bytes, account: str, region: str) -> InvokeRequest:
    endpoint = request.path[len(PREFIX) : -len(SUFFIX)]
    headers = request.headers
    found = _violations(endpoint, *map(headers.get, _checked()))
    if found:
        raise validation_exception(found, ValidationError.code)
    return InvokeRequest(
        account=account,
        region=region,
        endpoint=endpoint,
        body=body,
        content_type=headers.get("content-type", ""),
        accept=headers.get("accept", ""),
        target_variant=headers.get("x-amzn-sagemaker-target-variant"),
        custom_attributes=headers.get("x-amzn-sagemaker-custom-attributes"),
        inference_id=headers.get("x-amzn-sagemaker-inference-id"),
        target_model=headers.get("x-amzn-sagemaker-target-model"),
        headers=headers,
    )


@cache
def _checked() -> dict[str, str]:
    """The headers that the model constrains, and the members they are."""
    shape = input_shape("sagemaker-runtime", "InvokeEndpoint")
    return {wire.lower(): name for name, wire, _ in rest.bindings(shape).header}


@lru_cache(maxsize=256)
def _violations(endpoint: str, *values: str | None) -> list[str]:
    """What the model says against an endpoint's name and the values of ``_checked`` headers; mostly seen before."""
    given = {name: value for name, value in zip(_checked().values(), values, strict=True) if value is not None}
    shape = input_shape("sagemaker-runtime", "InvokeEndpoint")
    return violations(shape, {"EndpointName": endpoint, "Body": b"", **given})


def _response(answer: InvokeResponse, identifier: str) -> Response:
    headers = {
        "content-type": answer.content_type,
        "x-amzn-requestid": identifier,
        "x-Amzn-Invoked-Production-Variant": answer.variant,
    }
    if answer.custom_attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = answer.custom_attributes
    return Response(200, headers, answer.body)


def _told(result: InvokeResponse | Exception, request: Request, identifier: str) -> Response:
    """The answer, or the error in AWS's form."""
    if isinstance(result, InvokeResponse):
        return _response(result, identifier)
    if not isinstance(result, AwsError):
        result = steps.failure(result, f"InvokeEndpoint ({request.raw_path})", identifier)
    return _error(result, identifier, request)


def _error(error: AwsError, identifier: str, request: Request) -> Response:
    return serialise_error(_route(), error, identifier, request)


@cache
def _route() -> Route:
    return Route("sagemaker-runtime", service_model("sagemaker-runtime").operation_model("InvokeEndpoint"))
