"""The way of a request, one function a step: identify, authenticate, read, call, authorize, find, answer."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, NamedTuple

from sagewright.access.authorization import ANONYMOUS
from sagewright.core.errors import AwsError, InternalFailure, ServiceUnavailable
from sagewright.gateway.aws import sigv4
from sagewright.gateway.aws.checked_body import CheckedReader
from sagewright.gateway.aws.refusals import Refusal, refuse
from sagewright.nouns import operations
from sagewright.nouns.operations import Call, Handler, Platform, Principal, Result
from sagewright.store.objects.errors import NoSuchBucket
from sagewright.store.outages import outage
from sagewright.wire import codec, routing
from sagewright.wire.aws_chunked import AwsChunkedReader
from sagewright.wire.http import Request, Response
from sagewright.wire.routing import Route

log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """Who signed the request, and for which region."""

    principal: Principal
    region: str


def identify(request: Request) -> tuple[Route, sigv4.Claim | None]:
    """The operation called and the signature claimed, which only requests to S3 may lack. Raises ``AwsError``."""
    try:
        claim = sigv4.claim(request)
    except sigv4.Malformed as error:
        raise refuse(error.refusal, _unsigned_protocol(request), str(error)) from None
    route = routing.identify(request, claim.signing_name if claim is not None else None)
    if claim is None and route.service != "s3":
        raise refuse(Refusal.UNSIGNED, route.protocol)
    return route, claim


def _unsigned_protocol(request: Request) -> str:
    return routing.identify(request, None).protocol


def authenticate(request: Request, route: Route, claim: sigv4.Claim | None, platform: Platform) -> Caller:
    """The caller, proven by the signature. From here on reading the body raises if it is not what was signed."""
    if claim is None:
        return Caller(Principal(ANONYMOUS, "", ""), platform.settings.default_region)
    payload = None
    if claim.version == 4 and route.service != "s3" and "x-amz-content-sha256" not in request.headers:
        payload = hashlib.sha256(routing.read_body(request)).hexdigest()
    key = sigv4.verify(
        request, claim, platform.credentials, now=platform.clock.now(), protocol=route.protocol, payload=payload
    )
    if request.proved is not None:
        request.proved()
    request.chunks = sigv4.chunk_signatures(request, claim, key.secret)
    if request.chunks is not None and not route.operation.has_streaming_input:
        request.body = AwsChunkedReader(request.body, None, request.chunks)  # who streams, reads the frames itself
    declared = sigv4.declared_hash(request)
    if declared is not None:
        length = request.headers.get("content-length")
        size = None if length is None or "transfer-encoding" in request.headers else int(length)
        request.body = CheckedReader(request.body, declared, size, route.protocol)
    return Caller(principal_of(key), claim.region or platform.settings.default_region)


def principal_of(key: sigv4.Key) -> Principal:
    """Who a key speaks for."""
    return Principal(key.principal, key.account, key.access_key_id, key.user_id)


def read(request: Request, route: Route) -> dict[str, Any]:
    """The parameters, parsed and checked against the model."""
    parameters = codec.parse(route, request)
    codec.check(route, parameters)
    return parameters


def call(request: Request, route: Route, caller: Caller, request_id: str, platform: Platform) -> Call:
    """What the function is called with."""
    return Call(
        service=route.service,
        operation=route.operation.name,
        region=caller.region,
        principal=caller.principal,
        request_id=request_id,
        http=request,
        platform=platform,
    )


def authorize(call: Call, parameters: dict[str, Any]) -> Call:
    """The call, if the caller may make it. Raises ``AwsError``: AccessDenied in the words of the service.

    Nobody is told that there is no such bucket, for there is nothing to be denied.
    """
    try:
        return call.platform.access.require(call, parameters)
    except AwsError:
        bucket = parameters.get("Bucket") if call.principal.arn == ANONYMOUS else None
        if bucket is not None and call.platform.objects.bucket(bucket) is None:
            raise NoSuchBucket(BucketName=bucket) from None
        raise


def find(route: Route) -> Handler:
    """The function that carries the operation out."""
    return operations.working(route.service, route.operation.name)


def answer(route: Route, result: Result, request_id: str) -> Response:
    """The result on the wire."""
    return codec.serialise(route, result, request_id)


def failure(error: Exception, what: str, request_id: str) -> AwsError:
    """What to tell of an exception that is not the caller's doing."""
    reason = outage(error)
    if reason:
        log.error("%s cannot be done (request %s): %s %s", what, request_id, reason, error)
        return ServiceUnavailable(f"{reason} Try again later; nothing was changed.")
    log.error("%s failed (request %s)", what, request_id, exc_info=error)
    return InternalFailure(f"We made a mistake. The server's log has the cause under request {request_id}.")
