"""The rest-json protocol: HTTP bindings with JSON bodies. SageMaker's data planes.

Source: Smithy's specification of ``restJson1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel, StructureShape

from sagewright.core.errors import AwsError
from sagewright.wire import event_stream, json_body, rest
from sagewright.wire.faults import error_members
from sagewright.wire.http import Request, Response
from sagewright.wire.json_rpc import body_members
from sagewright.wire.paths import labels
from sagewright.wire.routing import read_body

_JSON = "application/json"


def parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    """The input of ``operation``. Raises ``SerializationException``."""
    shape = operation.input_shape
    if shape is None:
        return {}
    parsed = rest.parse_bindings(shape, request, labels(operation.http["requestUri"], request))
    payload = rest.payload_of(shape)
    if payload is None:
        if rest.bindings(shape).body:
            parsed.update(json_body.reader(shape)(json_body.load(read_body(request))))
        return parsed
    name, member = payload
    if member.type_name == "blob":
        parsed[name] = request.body if member.serialization.get("streaming") else read_body(request)
        return parsed
    body = read_body(request)
    if member.type_name == "string":
        parsed[name] = rest.text_payload(body)
    elif body:
        parsed[name] = json_body.reader(member)(json_body.load(body))
    return parsed


def serialise(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Response:  # noqa: ARG001
    """Headers, status and body of a result."""
    shape = operation.output_shape
    default = int(operation.http.get("responseCode", 200))
    if shape is None:
        return Response(default, {}, b"")
    stream = shape.event_stream_name
    answer = event_stream.response(shape, result, stream) if stream else _body(shape, result)
    answer.status = rest.status(shape, result, default)
    answer.headers.update(rest.result_headers(shape, result))
    return answer


def _body(shape: StructureShape, result: Mapping[str, Any]) -> Response:
    payload = rest.payload_of(shape)
    if payload is None:
        return Response(200, {"content-type": _JSON}, json_body.dump(json_body.writer(shape)(result)))
    name, member = payload
    value = result.get(name)
    if member.type_name in ("blob", "string"):
        return Response(200, rest.payload_headers(member), rest.stream(value))
    return Response(
        200, {"content-type": _JSON}, b"" if value is None else json_body.dump(json_body.writer(member)(value))
    )


def serialise_error(
    operation: OperationModel | None,
    error: AwsError,
    status: int,
    request_id: str,  # noqa: ARG001
) -> Response:
    """The code in ``x-amzn-ErrorType``, message and modelled members in the body."""
    shape, members = error_members(operation, error)
    modelled = rest.result_headers(shape, members) if shape else {}
    headers = {"content-type": _JSON, "x-amzn-errortype": rest.header_text(error.code), **modelled}
    return Response(status, headers, json_body.dump(body_members(operation, error)))
