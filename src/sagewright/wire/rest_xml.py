"""The rest-xml protocol as S3 speaks it: HTTP bindings with XML bodies, and S3's own form of errors.

Source: Smithy's specification of ``restXml``; Amazon S3 API Reference, "Error responses".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape

from sagewright.core.errors import AwsError, SerializationException
from sagewright.wire import event_stream, rest, xml_body
from sagewright.wire.faults import error_members
from sagewright.wire.http import Request, Response
from sagewright.wire.paths import labels, s3_labels
from sagewright.wire.routing import read_body
from sagewright.wire.validation import violations
from sagewright.wire.xml_body import XmlWriter

_XML = "application/xml"
_NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def _document(shape: Shape, value: Mapping[str, Any], name: str) -> bytes:
    writer = XmlWriter("iso8601ms")
    writer.value(shape, value, name)
    return writer.document()


_EVENTS = event_stream.Writer("text/xml", _document)


def parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    """The input of ``operation``. A streaming body is the request's reader itself.

    Raises ``SerializationException`` with S3's codes ``MalformedXML`` and ``InvalidArgument``.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    try:
        return _parse(operation, shape, request)
    except SerializationException as error:
        if error.code != SerializationException.code:
            raise
        raise SerializationException(error.message, code="InvalidArgument") from None


def check_document(shape: StructureShape, parameters: Mapping[str, Any]) -> None:
    """What is wrong inside the document is wrong with the document: raises ``MalformedXML`` if anything is.

    Raises ``MissingRequestBodyError`` for a document that is needed and not there.
    """
    name, member = rest.payload_of(shape) or ("", shape)
    if not isinstance(member, StructureShape) or member is shape:
        return
    document = parameters.get(name)
    if document is None and name in shape.required_members:
        raise SerializationException("Request body is empty", code="MissingRequestBodyError")
    if document is not None and (found := violations(member, document)):
        raise xml_body.malformed("; ".join(found))


def _parse(operation: OperationModel, shape: StructureShape, request: Request) -> dict[str, Any]:
    s3 = operation.service_model.service_name == "s3"
    found = s3_labels(request) if s3 else labels(operation.http["requestUri"], request)
    parsed = rest.parse_bindings(shape, request, found)
    payload = rest.payload_of(shape)
    if payload is None:
        if rest.bindings(shape).body and (body := read_body(request)):
            parsed.update(_read_root(shape, body, shape.name))
        return parsed
    name, member = payload
    if member.type_name == "blob":
        parsed[name] = request.body if member.serialization.get("streaming") else read_body(request)
        return parsed
    body = read_body(request)
    if member.type_name == "string":
        parsed[name] = rest.text_payload(body)
        return parsed
    if body:
        parsed[name] = _read_root(member, body, name)
    return parsed


def _read_root(shape: Shape, body: bytes, default_name: str) -> Any:
    root = xml_body.load(body)
    expected = shape.serialization.get("name", default_name)
    if root.tag != expected:
        raise xml_body.malformed(f"expected {expected}")
    return xml_body.read(shape, root)


def serialise(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Response:  # noqa: ARG001
    """Headers, status and body of a result; 206 for a part of an object."""
    shape = operation.output_shape
    default = int(operation.http.get("responseCode", 200))
    if shape is None:
        return Response(default, {}, b"")
    stream = shape.event_stream_name
    answer = event_stream.response(shape, result, stream, _EVENTS) if stream else _body(operation, shape, result)
    answer.headers.update(rest.result_headers(shape, result))
    if default == 200 and "content-range" in answer.headers:
        default = 206
    answer.status = rest.status(shape, result, default)
    return answer


def _body(operation: OperationModel, shape: StructureShape, result: Mapping[str, Any]) -> Response:
    payload = rest.payload_of(shape)
    if payload is not None:
        name, member = payload
        value = result.get(name)
        if member.type_name in ("blob", "string"):
            return Response(200, rest.payload_headers(member), rest.stream(value))
        if value is None:
            return Response(200, {}, b"")
        namespace = "" if xml_body.namespace(member) else _NAMESPACE
        writer = XmlWriter("iso8601ms")
        writer.value(member, value, member.serialization.get("name", name), namespace)
        return Response(200, {"content-type": _XML}, writer.document())
    if not rest.bindings(shape).body:
        return Response(200, {}, b"")
    root = shape.serialization.get("name", shape.name)
    writer = XmlWriter("iso8601ms")
    if operation.name == "GetBucketLocation":
        # The one answer whose value is the text of the root itself, which no model can say.
        writer.text(root, result.get("LocationConstraint") or "")
    else:
        writer.open(root, (xml_body.namespace(shape) or _NAMESPACE) + xml_body.tag_attributes(shape, result))
        writer.members(shape, result)
        writer.close(root)
    return Response(200, {"content-type": _XML}, writer.document())


def serialise_error(
    operation: OperationModel | None,
    error: AwsError,
    status: int,
    request_id: str,
) -> Response:
    """``<Error><Code>…</Code><Message>…</Message>…<RequestId>…``; the error's members become elements."""
    writer = XmlWriter()
    writer.open("Error")
    writer.text("Code", error.code)
    writer.text("Message", error.message)
    shape, members = error_members(operation, error)
    modelled = shape.members if shape else {}
    for name, value in members.items():
        if name not in modelled:
            writer.text(name, str(value))
        elif "location" not in modelled[name].serialization:
            writer.value(modelled[name], value, modelled[name].serialization.get("name", name))
    writer.text("RequestId", request_id)
    writer.text("HostId", "sagewright")
    writer.close("Error")
    headers = rest.result_headers(shape, members) if shape else {}
    return Response(status, {"content-type": _XML, **headers}, writer.document())
