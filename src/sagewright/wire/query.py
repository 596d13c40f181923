"""The query protocol: parameters as a flat form (``Tags.member.1.Key=…``), answers in XML. STS, IAM, older CloudWatch.

Source: Smithy's specification of ``awsQuery``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from sagewright.core.errors import AwsError, SerializationException
from sagewright.wire import scalars
from sagewright.wire.faults import error_members
from sagewright.wire.http import Request, Response
from sagewright.wire.routing import form
from sagewright.wire.xml_body import XmlWriter, escape

_MAX_DEPTH = 64
_CONTENT_TYPE = {"content-type": "text/xml"}
_Node: TypeAlias = "str | dict[str, _Node]"


def parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    """The input of ``operation``. Raises ``SerializationException`` (``MalformedQueryString``)."""
    shape = operation.input_shape
    return _structure(shape, _tree(form(request).items())) if shape else {}


def serialise(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Response:
    """``<OpResponse><OpResult>…</OpResult><ResponseMetadata>…``."""
    writer = XmlWriter()
    root = f"{operation.name}Response"
    writer.open(root, _namespace(operation))
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        writer.open(wrapper)
        writer.members(shape, result)
        writer.close(wrapper)
    writer.open("ResponseMetadata")
    writer.text("RequestId", request_id)
    writer.close("ResponseMetadata")
    writer.close(root)
    return Response(200, dict(_CONTENT_TYPE), writer.document())


def serialise_error(operation: OperationModel | None, error: AwsError, status: int, request_id: str) -> Response:
    """``<ErrorResponse><Error>…</Error><RequestId>…``."""
    writer = XmlWriter()
    writer.open("ErrorResponse", _namespace(operation) if operation else "")
    writer.open("Error")
    writer.text("Type", "Sender" if status < 500 else "Receiver")
    writer.text("Code", error.code)
    if error.message:
        writer.text("Message", error.message)
    shape, members = error_members(operation, error)
    for name, value in members.items():
        member = shape.members.get(name) if shape else None
        if member is not None:
            writer.value(member, value, member.serialization.get("name", name))
    writer.close("Error")
    writer.text("RequestId", request_id)
    writer.close("ErrorResponse")
    return Response(status, dict(_CONTENT_TYPE), writer.document())


def _namespace(operation: OperationModel) -> str:
    uri = operation.metadata.get("xmlNamespace")
    return f' xmlns="{escape(uri)}"' if uri else ""


def _malformed() -> SerializationException:
    return SerializationException("The query string contains a syntax error.", code="MalformedQueryString")


def _tree(parameters: Iterable[tuple[str, str]]) -> dict[str, _Node]:
    root: dict[str, _Node] = {}
    for path, value in parameters:
        *parents, last = path.split(".", _MAX_DEPTH)
        node = root
        for part in parents:
            child = node.setdefault(part, {})
            if isinstance(child, str):
                if child:
                    raise _malformed()
                child = node[part] = {}
            node = child
        if isinstance(node.get(last), dict):
            if value:
                raise _malformed()
            continue  # "Tags=&Tags.member.1=…": the empty list is only a place holder
        node[last] = value
    return root


def _read(shape: Shape, node: _Node) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, _branch(node))
    if isinstance(shape, ListShape):
        if not shape.serialization.get("flattened"):
            node = _branch(node).get(shape.member.serialization.get("name", "member"), {})
        return [_read(shape.member, item) for item in _numbered(node)]
    if isinstance(shape, MapShape):
        return _map(shape, node)
    if isinstance(node, str):
        return scalars.from_text(shape, node)
    raise _malformed()


def _structure(shape: StructureShape, node: dict[str, _Node]) -> dict[str, Any]:
    parsed = {}
    for name, member in shape.members.items():
        where = member.serialization
        wire_name = where.get("name", name)
        if where.get("flattened") and isinstance(member, ListShape):
            wire_name = member.member.serialization.get("name", wire_name)
        if wire_name in node:
            parsed[name] = _read(member, node[wire_name])
    return parsed


def _map(shape: MapShape, node: _Node) -> dict[str, Any]:
    if not shape.serialization.get("flattened"):
        node = _branch(node).get("entry", {})
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    parsed = {}
    for item in _numbered(node):
        entry = _branch(item)
        if key_name not in entry or value_name not in entry:
            raise _malformed()
        parsed[_read(shape.key, entry[key_name])] = _read(shape.value, entry[value_name])
    return parsed


def _branch(node: _Node) -> dict[str, _Node]:
    if isinstance(node, dict):
        return node
    if node:
        raise _malformed()
    return {}


def _numbered(node: _Node) -> list[_Node]:
    """The children ``1``, ``2``, … in order of their numbers."""
    children = _branch(node)
    if not all(number.isascii() and number.isdecimal() and len(number) <= 9 for number in children):
        raise _malformed()
    return [children[number] for number in sorted(children, key=int)]
