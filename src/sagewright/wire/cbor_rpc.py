"""The rpc-v2-cbor protocol: ``POST /service/<target>/operation/<name>``, bodies in CBOR. Newer SDKs' CloudWatch.

Values are read by the rules of JSON, which has no more types: only blobs and timestamps differ.
Source: Smithy's specification of ``rpcv2Cbor``; RFC 8949.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, NoReturn

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from cbor2 import CBORDecodeError, CBORDecoder, CBORTag, dumps, undefined

from sagewright.core.errors import AwsError, SerializationException
from sagewright.wire import json_body, scalars
from sagewright.wire.faults import error_members, error_type
from sagewright.wire.http import Request, Response
from sagewright.wire.routing import plain_body

_HEADERS = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
_TIMESTAMP = 1


def parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    """The input of ``operation``. Raises ``SerializationException``."""
    shape = operation.input_shape
    value = load(plain_body(request))
    parsed: dict[str, Any] = json_body.reader(shape)(value) if shape else {}
    return parsed


def serialise(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Response:  # noqa: ARG001
    """The result as a map; an operation without output answers an empty body."""
    shape = operation.output_shape
    if shape is None:
        return Response(200, {"smithy-protocol": "rpc-v2-cbor"}, b"")
    return Response(200, dict(_HEADERS), dumps(_plain(shape, result)))


def serialise_error(
    operation: OperationModel | None,
    error: AwsError,
    status: int,
    request_id: str,  # noqa: ARG001
) -> Response:
    """``__type``, ``message`` and the modelled members."""
    shape, members = error_members(operation, error)
    body = {"__type": error_type(operation, error), **(_plain(shape, members) if shape else {})}
    if error.message:
        body["message"] = error.message
    return Response(status, dict(_HEADERS), dumps(body))


def load(body: bytes) -> Any:
    """The value in ``body``, ``{}`` when it is empty; no tag but that of times. Raises ``SerializationException``."""
    if not body:
        return {}
    try:
        rest = BytesIO(body)
        decoder = CBORDecoder(
            rest, semantic_decoders=_DECODERS, max_depth=json_body.MAX_DEPTH, strict_hashable_types=True
        )
        value = _readable(decoder.decode())
        if rest.read(1):
            raise ValueError
        return value
    except (CBORDecodeError, ValueError, RecursionError):
        raise SerializationException("The request body is not valid CBOR.") from None


def _refuse(_value: Any, _immutable: bool) -> NoReturn:
    raise ValueError


def _seconds(value: Any, _immutable: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return value


# The tags that cbor2 would make objects of; shared references among them could make a value that holds itself.
_FOREIGN = (0, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000)
_DECODERS: Mapping[int, Callable[[Any, bool], Any]] = {**dict.fromkeys(_FOREIGN, _refuse), _TIMESTAMP: _seconds}


def _readable(value: Any) -> Any:
    """``value`` as JSON's readers take it: keys are texts, ``undefined`` is null."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return None if value is undefined else value


def _plain(shape: Shape, value: Any) -> Any:
    """The value of ``shape`` as CBOR takes it. None is left out of structures and maps."""
    if isinstance(shape, StructureShape):
        members = shape.members
        return {
            name: _plain(members[name], item) for name, item in value.items() if item is not None and name in members
        }
    if isinstance(shape, ListShape):
        return [None if item is None else _plain(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {str(key): _plain(shape.value, item) for key, item in value.items() if item is not None}
    if shape.type_name == "timestamp":
        return CBORTag(_TIMESTAMP, scalars.epoch(value))
    return float(value) if shape.type_name in ("float", "double") else value
