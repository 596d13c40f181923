"""The json 1.0 and 1.1 protocols: ``X-Amz-Target`` names the operation, the body is its input. SageMaker, Logs.

Source: Smithy's specification of ``awsJson1_0`` and ``awsJson1_1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel

from sagewright.core.errors import AwsError
from sagewright.wire import event_stream, json_body
from sagewright.wire.faults import error_members, error_type
from sagewright.wire.http import Request, Response
from sagewright.wire.routing import plain_body


def parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    """The input of ``operation``. Raises ``SerializationException``."""
    shape = operation.input_shape
    value = json_body.load(plain_body(request))
    parsed: dict[str, Any] = json_body.reader(shape)(value) if shape else {}
    return parsed


def serialise(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Response:  # noqa: ARG001
    """The result as a JSON object; an operation without output answers an empty body, as AWS does."""
    shape = operation.output_shape
    if shape is None:
        return Response(200, _content_type(operation), b"")
    stream = shape.event_stream_name
    if stream is not None:
        return event_stream.response(shape, result, stream, initial=True)
    return Response(200, _content_type(operation), json_body.dump(json_body.writer(shape)(result)))


def serialise_error(
    operation: OperationModel | None,
    error: AwsError,
    status: int,
    request_id: str,  # noqa: ARG001
) -> Response:
    """``{"__type": code, "message": …}`` and the modelled members."""
    body = {"__type": error_type(operation, error), **body_members(operation, error)}
    return Response(status, _content_type(operation), json_body.dump(body))


def body_members(operation: OperationModel | None, error: AwsError) -> dict[str, Any]:
    """The message, spelled ``Message`` where the error is modelled so, and the error's modelled members."""
    shape, members = error_members(operation, error)
    if not error.message:
        return dict(json_body.writer(shape)(members)) if shape else {}
    if shape is None:
        return {"message": error.message}
    spelling = "Message" if "Message" in shape.members else "message"
    return {spelling: error.message, **json_body.writer(shape)(members)}


def _content_type(operation: OperationModel | None) -> dict[str, str]:
    version = operation.metadata.get("jsonVersion", "1.1") if operation else "1.1"
    return {"content-type": f"application/x-amz-json-{version}"}
