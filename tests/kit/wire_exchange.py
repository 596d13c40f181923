"""botocore on the other side of the wire: its serialisers make our requests, its parsers read our answers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.awsrequest import AWSResponse, HeadersDict, create_request_object, prepare_request_dict
from botocore.config import Config
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from sagewright.wire.http import BytesReader, FileBody, Request, Response

ENDPOINT = "http://127.0.0.1:4566"


def request(
    method: str = "POST", target: str = "/", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Request:
    """A request as the server hands it over."""
    raw_path, _, raw_query = target.partition("?")
    return Request(
        method=method,
        raw_path=raw_path,
        raw_query=raw_query,
        path=unquote(raw_path, errors="surrogateescape"),
        query=parse_qsl(raw_query, keep_blank_values=True, errors="surrogateescape"),
        headers={name.lower(): value for name, value in (headers or {}).items()},
        body=BytesReader(body),
    )


def from_prepared(prepared: Any) -> Request:
    """Ours of botocore's finished request."""
    url = urlsplit(prepared.url)
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value) for name, value in prepared.headers.items()
    }
    target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    return request(prepared.method, target, headers, body.encode() if isinstance(body, str) else body)


def serialised(operation: OperationModel, parameters: Mapping[str, Any], protocol: str) -> Request:
    """The request botocore makes of an operation's parameters."""
    made = create_serializer(protocol, include_validation=False).serialize_to_request(dict(parameters), operation)
    prepare_request_dict(made, ENDPOINT)
    return from_prepared(create_request_object(made).prepare())


def body_bytes(response: Response) -> bytes:
    """The body that would go over the wire."""
    body = response.body
    if isinstance(body, FileBody):
        return b"".join(part.path.read_bytes()[part.offset :][: part.length] for part in body.slices)
    return body if isinstance(body, bytes) else b"".join(body)


def parsed(operation: OperationModel, response: Response, protocol: str) -> dict[str, Any]:
    """What botocore reads in a response, with streams read to the end and without its own metadata."""
    body: Any = body_bytes(response)
    shape = operation.output_shape
    stream = operation.has_streaming_output
    if stream:
        body = io.BytesIO(body)
    message = {"headers": HeadersDict(response.headers), "status_code": response.status, "body": body}
    found = create_parser(protocol).parse(message, shape)
    found.pop("ResponseMetadata", None)
    if stream and shape is not None:
        name = shape.serialization["payload"]
        found[name] = found[name].read()
    return found


class Raw(io.BytesIO):
    """What AWSResponse reads from."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def client(service: str, answer: Any, region: str = "us-east-1", **config: Any) -> Any:
    """A boto3 client whose requests go to ``answer(Request) -> Response`` instead of a socket."""
    made = boto3.client(
        service,
        region_name=region,
        endpoint_url=ENDPOINT,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )

    def send(request: Any, **_: Any) -> AWSResponse:
        response = answer(from_prepared(request))
        return AWSResponse(request.url, response.status, HeadersDict(response.headers), Raw(body_bytes(response)))

    made.meta.events.register("before-send", send)
    return made


def streamed(
    operation: OperationModel, response: Response, protocol: str, member: str
) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """What botocore reads of an event stream: the members beside it, and its events one by one."""
    body = Raw(body_bytes(response))
    message = {"headers": HeadersDict(response.headers), "status_code": response.status, "body": body}
    message["context"] = {"operation_name": operation.name}
    found = create_parser(protocol).parse(message, operation.output_shape)
    found.pop("ResponseMetadata", None)
    return found, iter(found.pop(member))
