"""Decides about requests by their heads: key, time, scope and signed headers, before a byte of a body is received.

The whole signature is checked then where the head says what the body hashes to, as S3's clients do; else when the body
is there, and until then it counts to what bodies of unproven clients may take.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sagewright.core.errors import AwsError, ServiceUnavailable
from sagewright.core.ids import request_id
from sagewright.gateway.aws import sigv4, steps
from sagewright.gateway.aws.post_object import is_form
from sagewright.gateway.aws.refusals import Refusal, refuse
from sagewright.gateway.http.shared import Admission
from sagewright.nouns.operations import Platform
from sagewright.wire import routing
from sagewright.wire.codec import serialise_error
from sagewright.wire.http import BytesReader, Request, Response
from sagewright.wire.routing import Route

BUSY = "Please reduce your request rate."


class Admissions:
    """The gate of the server. ``internal`` are the paths of our own routes, which need no key."""

    def __init__(self, platform: Platform, internal: Collection[str]) -> None:
        self._platform = platform
        self._internal = internal

    def holder(self, request: Request) -> str:
        """Whose share of threads and memory the request uses: its job's, its key's, or the strangers' (empty)."""
        if request.door is not None:
            return request.door.run_id
        header = request.headers.get("authorization")
        if header is not None:
            claimed = header.partition("Credential=")[2].partition("/")[0]
        elif request.raw_query:
            parameter = request.parameter
            claimed = (parameter("X-Amz-Credential") or parameter("AWSAccessKeyId") or "").partition("/")[0]
        else:
            return ""
        return claimed if self._platform.credentials.remembered(claimed) is not None else ""

    def admit(self, request: Request, *, wait: bool) -> Admission | None:
        """Whether the body may come. Without ``wait`` None, where the database would have to be asked for the key."""
        if request.path in self._internal and request.door is None:
            return Admission(self.holder(request))
        route: Route | None = None
        identifier = request_id()
        try:
            claim = sigv4.claim(request)
            if claim is not None and not wait and self._platform.credentials.remembered(claim.access_key_id) is None:
                return None
            is_upload = claim is None and is_form(request)
            route = None if is_upload else _route(request, claim)
            self._verify(request, claim, route)
            is_upload |= route is not None and route.service == "s3" and route.operation.has_streaming_input
            return Admission(self.holder(request), is_upload)
        except sigv4.Malformed as problem:
            error = refuse(Refusal.MALFORMED, _protocol(request), str(problem))
        except AwsError as problem:
            error = problem
        except Exception as problem:
            error = steps.failure(problem, f"{request.method} {request.raw_path}", identifier)
        return Admission(refusal=serialise_error(route, error, identifier, request))

    def busy(self, request: Request) -> Response:
        """There is no room for the request: S3's SlowDown, elsewhere ServiceUnavailable; clients retry both."""
        try:
            route = _route(request, sigv4.claim(request))
        except (sigv4.Malformed, AwsError):
            route = None
        slow = AwsError(BUSY, code="SlowDown", status=503)
        error = slow if route is not None and route.service == "s3" else ServiceUnavailable(BUSY)
        return serialise_error(route, error, request_id(), request)

    def _verify(self, request: Request, claim: sigv4.Claim | None, route: Route | None) -> None:
        """Raises ``AwsError`` where the head tells that the request will be refused, whatever its body is."""
        protocol = route.protocol if route is not None else _protocol(request)
        if claim is None:
            if route is not None and route.service != "s3":
                raise refuse(Refusal.UNSIGNED, protocol)
            return
        sigv4.verify_head(request, claim, self._platform.credentials, now=self._platform.clock.now(), protocol=protocol)


def _route(request: Request, claim: sigv4.Claim | None) -> Route | None:
    """The operation, as far as the head tells: that of the query protocol stands in the body."""
    head = replace(request, body=BytesReader(b""))
    try:
        return routing.identify(head, claim.signing_name if claim is not None else None)
    except AwsError:
        return None


def _protocol(request: Request) -> str:
    if "x-amz-target" in request.headers:
        return "json"
    form = request.headers.get("content-type", "").startswith(routing.FORM)
    return "query" if form else "rest-json"
