"""Which operation of which service a request calls.

Asked in this order, the most certain sign first:

1. ``X-Amz-Target`` names service and operation (json protocols); so does the path, where ``Smithy-Protocol`` says
   that it is rpc-v2-cbor's.
2. ``Action`` in a form body or query string of ``/`` (query protocol); the signing name, then ``Version``, tell the
   services apart.
3. Method and path of a REST service that has the request's signing name, such as SageMaker's data planes.
4. S3, whose paths are the user's own and therefore match anything.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import parse_qsl

from botocore.model import OperationModel, OperationNotFoundError

from sagewright.core.errors import SerializationException, UnknownOperationException
from sagewright.wire.http import BytesReader, Request
from sagewright.wire.models import SERVED, Served, service_model
from sagewright.wire.paths import s3_labels, template_pattern

MAX_BODY = 32 * 1024 * 1024
"""Bytes. More than the largest body that is not a stream (InvokeEndpoint: 25 MiB)."""
_RPC_PATH = re.compile(r"(?:/[^/]+)*/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and the protocol in which it was called; an empty protocol is the service's usual one."""

    service: str
    operation: OperationModel
    protocol: str = ""

    def __post_init__(self) -> None:
        if not self.protocol:
            object.__setattr__(self, "protocol", SERVED[self.service].protocols[0])


def identify(request: Request, signing_name: str | None) -> Route:
    """The operation a request calls. ``signing_name`` is the service in its signature, None when it has none.

    A form body is read here and stays readable: ``request.body`` is replaced. Raises ``UnknownOperationException``
    when no served operation fits, and ``SerializationException`` for a form that cannot be read.
    """
    target = request.headers.get("x-amz-target")
    if target is not None:
        return _by_target(target, signing_name)
    if "smithy-protocol" in request.headers:
        return _by_rpc_path(request, signing_name)
    if signing_name != "s3":
        action = _by_action(request, signing_name)
        if action is not None:
            return action
        rest = _by_path(request, signing_name)
        if rest is not None:
            return rest
    if signing_name in (None, "s3"):
        return _s3(request)
    _require_served(signing_name)
    raise UnknownOperationException(f"{request.method} {request.path} is no operation of {signing_name}.", status=404)


def _require_served(signing_name: str | None) -> None:
    """Raises ``UnknownOperationException`` with the services that there are, for a signature of another."""
    if signing_name is not None and all(signing_name != served.signing_name for served in SERVED.values()):
        raise UnknownOperationException(
            f"The service {signing_name} is not served by Sagewright. Served are: {', '.join(sorted(SERVED))}."
        )


def read_body(request: Request) -> bytes:
    """The whole body, still readable afterwards. Raises ``RequestEntityTooLarge`` beyond ``MAX_BODY``."""
    body = request.body.read(MAX_BODY + 1)
    while body and len(body) <= MAX_BODY:
        more = request.body.read(MAX_BODY + 1 - len(body))
        if not more:
            break
        body += more
    if len(body) > MAX_BODY:
        raise _too_large()
    request.body = BytesReader(body)
    return body


def plain_body(request: Request) -> bytes:
    """``read_body``, unpacked where it is gzip: clients pack PutMetricData from 10 KiB on."""
    body = read_body(request)
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return body
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, MAX_BODY + 1)
    except zlib.error:
        raise SerializationException("The request body is not gzip, as Content-Encoding says.") from None
    if len(plain) > MAX_BODY:
        raise _too_large()
    if not unpacking.eof:
        raise SerializationException("The request body ends in the middle of its gzip stream.")
    return plain


def _too_large() -> SerializationException:
    return SerializationException(
        f"The request body exceeds {MAX_BODY} bytes.", code="RequestEntityTooLargeException", status=413
    )


def form(request: Request) -> dict[str, str]:
    """The parameters of a query-protocol call, from the form body and the query string."""
    pairs = list(request.query)
    if request.headers.get("content-type", "").startswith(FORM):
        try:
            text = plain_body(request).decode("utf-8")
            pairs += parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20_000)
        except ValueError:
            raise SerializationException(
                "The query string contains a syntax error.", code="MalformedQueryString"
            ) from None
    return dict(pairs)


@lru_cache(maxsize=4096)
def _by_target(target: str, signing_name: str | None) -> Route:
    prefix, _, name = target.rpartition(".")
    for served in SERVED.values():
        if served.target_prefix and prefix == served.target_prefix:
            operation = _operation(served, name)
            if operation is not None:
                return Route(served.name, operation, "json")
    _require_served(signing_name)
    raise UnknownOperationException(f"The operation {target} is unknown.")


def _by_rpc_path(request: Request, signing_name: str | None) -> Route:
    named = _RPC_PATH.fullmatch(request.raw_path)
    if named and request.headers["smithy-protocol"] == "rpc-v2-cbor":
        for served in SERVED.values():
            if "smithy-rpc-v2-cbor" in served.protocols and named["service"] == served.target_prefix:
                operation = _operation(served, named["operation"])
                if operation is not None:
                    return Route(served.name, operation, "smithy-rpc-v2-cbor")
    _require_served(signing_name)
    raise UnknownOperationException(f"The operation {request.path} is unknown.", status=404)


def _by_action(request: Request, signing_name: str | None) -> Route | None:
    if request.raw_path not in ("", "/"):
        return None
    speakers = [served for served in SERVED.values() if "query" in served.protocols]
    if signing_name is not None:
        speakers = [served for served in speakers if served.signing_name == signing_name]
    if not speakers:
        return None
    parameters = form(request)
    name = parameters.get("Action")
    if name is None:
        return None
    speakers.sort(key=lambda served: served.api_version != parameters.get("Version"))
    for served in speakers:
        operation = _operation(served, name)
        if operation is not None:
            return Route(served.name, operation, "query")
    raise UnknownOperationException(f"The action {name} is not valid for this web service.", code="InvalidAction")


def _operation(served: Served, name: str) -> OperationModel | None:
    try:
        return service_model(served.name).operation_model(name)
    except OperationNotFoundError:
        return None


@cache
def _rest_operations(signing_name: str | None) -> list[Route]:
    """Operations of the REST services with this signing name; of all of them for an unsigned request."""
    return [
        Route(served.name, service_model(served.name).operation_model(name))
        for served in SERVED.values()
        if served.protocols[0] == "rest-json" and signing_name in (None, served.signing_name)
        for name in service_model(served.name).operation_names
    ]


def _by_path(request: Request, signing_name: str | None) -> Route | None:
    fitting = (
        route
        for route in _rest_operations(signing_name)
        if route.operation.http["method"] == request.method
        and template_pattern(route.operation.http["requestUri"]).fullmatch(request.raw_path)
    )
    # Where a literal and a label both match a segment, the template with fewer labels is meant.
    return min(fitting, key=lambda route: route.operation.http["requestUri"].count("{"), default=None)


@dataclass(frozen=True, slots=True)
class _S3Rule:
    """What a request must have to be this operation. Query and header names are lower-case where HTTP says so."""

    route: Route
    scope: tuple[str, ...]
    """The labels the path has: none, ``("Bucket",)`` or ``("Bucket", "Key")``."""
    literals: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    headers: tuple[str, ...]

    def weight(self) -> int:
        """How specific the rule is. A literal outweighs a member: ``?tagging&uploadId=…`` is about tags."""
        return 10 * len(self.literals) + len(self.parameters) + len(self.headers)

    def fits(self, query: dict[str, str], headers: Iterable[str]) -> bool:
        return (
            all(name in query and query[name] == (value or query[name]) for name, value in self.literals)
            and all(name in query for name in self.parameters)
            and all(name in headers for name in self.headers)
        )


@cache
def _s3_rules(method: str, scope: tuple[str, ...]) -> list[_S3Rule]:
    """The rules for a method and scope, the most specific first."""
    rules = [rule for rule in _all_s3_rules() if rule.scope == scope and rule.route.operation.http["method"] == method]
    return sorted(rules, key=_S3Rule.weight, reverse=True)


@cache
def _s3_subresources() -> frozenset[str]:
    """``uploads``, ``tagging`` and the like: query names that change what a path means."""
    return frozenset(name for rule in _all_s3_rules() for name, value in rule.literals if not value)


def _all_s3_rules() -> Iterator[_S3Rule]:
    model = service_model("s3")
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        scope = tuple(label for label in ("Bucket", "Key") if f"{{{label}" in path)
        if not scope and path != "/":
            continue  # WriteGetObjectResponse lives on a host of its own
        shape = operation.input_shape
        needed = [shape.members[member].serialization for member in shape.required_members] if shape else []
        yield _S3Rule(
            route=Route("s3", operation),
            scope=scope,
            literals=tuple(parse_qsl(query, keep_blank_values=True)),
            parameters=tuple(where["name"] for where in needed if where.get("location") == "querystring"),
            headers=tuple(where["name"].lower() for where in needed if where.get("location") == "header"),
        )


def _s3(request: Request) -> Route:
    query = dict(reversed(request.query))
    # Presigned URLs may carry x-amz-* headers as query parameters.
    headers = request.headers.keys() | {name.lower() for name in query if name.lower().startswith("x-amz-")}
    subresources = query.keys() & _s3_subresources()
    for rule in _s3_rules(request.method, tuple(s3_labels(request))):
        # DELETE ?analytics without its id must never become DeleteBucket.
        if rule.fits(query, headers) and subresources <= {name for name, _ in rule.literals}:
            return rule.route
    raise UnknownOperationException(
        "The specified method is not allowed against this resource.", code="MethodNotAllowed", status=405
    )
