"""From requests to Python values and back, in whichever protocol the route says.

The conventions, the same for all protocols:

- Parsed input holds only members that were sent. Timestamps are ``float`` seconds since the epoch, blobs are
  ``bytes``; a streaming blob (``PutObject.Body``) is the request's own ``BodyReader``.
- In a result, members that are absent or None are left out; empty structures and lists are sent only if they are
  there. Timestamps may be seconds or ``datetime`` (UTC when naive). A streaming member may be bytes, a ``FileBody``
  or an iterable of bytes; an event stream is an iterable of events (see ``event_stream``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

from sagewright.core.errors import AwsError, SerializationException
from sagewright.wire import cbor_rpc, json_rpc, query, rest, rest_json, rest_xml, xml_body
from sagewright.wire.faults import status_of
from sagewright.wire.http import Request, Response
from sagewright.wire.models import SERVED
from sagewright.wire.routing import FORM, Route
from sagewright.wire.validation import validation_exception, violations


@dataclass(frozen=True, slots=True)
class Protocol:
    """The three things a protocol does."""

    parse: Callable[[OperationModel, Request], dict[str, Any]]
    serialise: Callable[[OperationModel, Mapping[str, Any], str], Response]
    serialise_error: Callable[[OperationModel | None, AwsError, int, str], Response]


PROTOCOLS: Mapping[str, Protocol] = {
    "json": Protocol(json_rpc.parse, json_rpc.serialise, json_rpc.serialise_error),
    "query": Protocol(query.parse, query.serialise, query.serialise_error),
    "rest-json": Protocol(rest_json.parse, rest_json.serialise, rest_json.serialise_error),
    "rest-xml": Protocol(rest_xml.parse, rest_xml.serialise, rest_xml.serialise_error),
    "smithy-rpc-v2-cbor": Protocol(cbor_rpc.parse, cbor_rpc.serialise, cbor_rpc.serialise_error),
}


def parse(route: Route, request: Request) -> dict[str, Any]:
    """The input of the operation, not yet validated.

    Raises ``SerializationException`` (or the protocol's own word for it, such as ``MalformedXML``) for anything that
    cannot be read: broken syntax, wrong types, bad base64, invalid UTF-8, too deep, too long.
    """
    try:
        return PROTOCOLS[route.protocol].parse(route.operation, request)
    except RecursionError:
        raise SerializationException("The request is nested too deeply") from None


def check(route: Route, parameters: Mapping[str, Any]) -> None:
    """Validate parsed input, with the error code the service uses for broken constraints."""
    shape = route.operation.input_shape
    found = violations(shape, parameters) if shape else []
    if found:
        if shape and route.protocol == "rest-xml":
            rest_xml.check_document(shape, parameters)
        raise validation_exception(found, SERVED[route.service].invalid)


def serialise(
    route: Route, result: Mapping[str, Any] | None, request_id: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a call that succeeded. ``headers`` (lower-case names) win over those of the result."""
    response = PROTOCOLS[route.protocol].serialise(route.operation, result or {}, request_id)
    response.headers.update(_request_id_headers(route.protocol, request_id))
    response.headers.update({name: rest.header_text(text) for name, text in (headers or {}).items()})
    if route.operation.http.get("method") == "HEAD":
        response.body = b""
    return response


def serialise_error(route: Route | None, error: AwsError, request_id: str, request: Request | None = None) -> Response:
    """The answer to a call that failed. Without a route the protocol is guessed from the request."""
    operation = route.operation if route else None
    protocol = route.protocol if route else _likely_protocol(request)
    status = status_of(operation, error)
    response = PROTOCOLS[protocol].serialise_error(operation, error, status, request_id)
    if protocol in ("query", "rest-xml") and isinstance(response.body, bytes):
        response.body = xml_body.readable(response.body)
    response.headers.update(_request_id_headers(protocol, request_id))
    response.headers.update(error.headers)
    if request is not None:
        if "x-amzn-query-mode" in request.headers:
            fault = "Sender" if status < 500 else "Receiver"
            response.headers["x-amzn-query-error"] = rest.header_text(f"{error.code};{fault}")
        if request.method == "HEAD":
            response.body = b""
    if status == 304:
        response.body = b""
    return response


def _request_id_headers(protocol: str, request_id: str) -> dict[str, str]:
    if protocol == "rest-xml":
        return {"x-amz-request-id": request_id, "x-amz-id-2": "sagewright"}
    return {"x-amzn-requestid": request_id}


def _likely_protocol(request: Request | None) -> str:
    """How a client that sent ``request`` will read an error."""
    if request is None or "x-amz-target" in request.headers:
        return "json"
    if "smithy-protocol" in request.headers:
        return "smithy-rpc-v2-cbor"
    scope = request.headers.get("authorization", "") + (request.parameter("X-Amz-Credential") or "")
    for served in SERVED.values():
        if f"/{served.signing_name}/aws4_request" in scope:
            return served.protocols[-1]
    if request.headers.get("content-type", "").startswith(FORM) or request.parameter("Action"):
        return "query"
    # Signed for a service that is not served, most likely one that speaks JSON; only S3 takes what is not signed.
    return "rest-json" if "/aws4_request" in scope else "rest-xml"
