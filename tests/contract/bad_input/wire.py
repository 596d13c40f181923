"""Requests that no client would send, properly signed: written by hand onto one kept-open connection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from cbor2 import CBORTag, dumps

from sagewright.testing.server import ServerProcess
from sagewright.wire.models import SERVED, service_model

CBOR = "smithy-rpc-v2-cbor"
RAW = "@@raw@@"
"""Stands for bytes that no text can hold; see ``Shot.raw``."""


@dataclass(slots=True)
class Shot:
    """One HTTP request. ``raw`` takes the place of ``RAW`` in target, headers and body, each in its own escapes."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    region: str = "us-east-1"
    raw: bytes = b""
    cut: int = 0
    """Bytes of the body that are promised and never sent."""

    def parts(self) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
        target = self.target.encode("utf-8", "surrogateescape")
        headers = [(name, value.encode("utf-8", "surrogateescape")) for name, value in self.headers.items()]
        body = self.body
        if self.raw:
            mark, form = RAW.encode(), quote(self.raw, safe="").encode()
            target = target.replace(b"%40%40raw%40%40", form)
            headers = [(name, value.replace(mark, self.raw)) for name, value in headers]
            for written in (b'"' + mark + b'"', dumps(RAW), mark):
                body = body.replace(written, self.raw)
            body = body.replace(b"%40%40raw%40%40", form)
        return target, headers, body

    def __str__(self) -> str:
        target, headers, body = self.parts()
        lines = [f"{self.method} {target[:400].decode(errors='backslashreplace')}"]
        lines += [f"{name}: {value[:200].decode(errors='backslashreplace')}" for name, value in headers]
        text = body[:1200].decode(errors="backslashreplace")
        return "\n".join([*lines, body[:600].hex() if "smithy-protocol" in self.headers else text])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when the connection was closed without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@lru_cache
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class Caller:
    """The administrator, on one connection that is opened again when the server closes it."""

    def __init__(self, server: ServerProcess) -> None:
        self._address = urlsplit(server.url).netloc
        keys = server.credentials()
        self._id, self._secret = keys["access_key_id"], keys["secret_access_key"]
        self._socket: socket.socket | None = None

    def send(self, shot: Shot, service: str) -> Answer:
        """Sign ``shot`` as it is and send it."""
        target, headers, body = shot.parts()
        data = self._head(shot, service, target, headers, body) + body
        for again in (True, False):
            fresh = self._socket is None
            try:
                return self._exchange(data, shot)
            except (ConnectionError, http.client.HTTPException):
                self.close()
                if fresh or not again:
                    return Answer(0)
        raise AssertionError

    def _exchange(self, data: bytes, shot: Shot) -> Answer:
        if self._socket is None:
            host, _, port = self._address.partition(":")
            self._socket = socket.create_connection((host, int(port)), timeout=60)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)
        if shot.cut:
            self._socket.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(self._socket, method=shot.method)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        endless = answer.status < 300 and headers.get("content-type", "").startswith(
            "application/vnd.amazon.eventstream"
        )
        body = b"" if endless else answer.read()
        found = Answer(answer.status, headers, body)
        if answer.will_close or shot.cut or endless:
            self.close()
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _head(self, shot: Shot, service: str, target: bytes, headers: list[tuple[str, bytes]], body: bytes) -> bytes:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        sent = [("host", self._address.encode()), ("x-amz-date", stamp.encode()), *headers]
        if service == "s3" and not any(name == "x-amz-content-sha256" for name, _ in headers):
            sent.append(("x-amz-content-sha256", digest.encode()))
        if service == "s3" and shot.method in ("PUT", "POST") and all(name != "content-md5" for name, _ in headers):
            sent.append(("content-md5", base64.b64encode(hashlib.md5(body).digest())))
        signed = {name: b" ".join(value.split()) for name, value in sent if name == "host" or name.startswith("x-amz-")}
        names = ";".join(sorted(signed))
        path, _, query = target.partition(b"?")
        pairs = sorted(pair.partition(b"=")[::2] for pair in query.split(b"&")) if query else []
        if service != "s3":
            path = quote(path, safe="/~").encode()
        canonical = b"\n".join(
            [
                shot.method.encode(),
                path,
                b"&".join(name + b"=" + value for name, value in pairs),
                *(name.encode() + b":" + signed[name] for name in sorted(signed)),
                b"",
                names.encode(),
                digest.encode(),
            ]
        )
        scope = f"{stamp[:8]}/{shot.region}/{SERVED[service].signing_name}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
        key = _key(self._secret, stamp[:8], shot.region, SERVED[service].signing_name)
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={self._id}/{scope}, SignedHeaders={names}, Signature={signature}"
        sent.append(("authorization", credential.encode()))
        sent.append(("content-length", b"%d" % (len(body) + shot.cut)))
        lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in sent)
        return shot.method.encode() + b" " + target + b" HTTP/1.1\r\n" + lines + b"\r\n"


def encode(service: str, operation: str, protocol: str, tree: dict[str, Any]) -> Shot:
    """``tree`` on the wire, whatever it holds: nothing is checked, and types are taken as they are."""
    model = service_model(service).operation_model(operation)
    served = SERVED[service]
    if protocol == "json":
        headers = {"x-amz-target": f"{served.target_prefix}.{operation}", "content-type": "application/x-amz-json-1.1"}
        return Shot("POST", "/", headers, dump(tree))
    if protocol == "query":
        pairs = [("Action", operation), ("Version", served.api_version), *_flat(model.input_shape, tree, "")]
        body = "&".join(f"{_text(name)}={_text(value)}" for name, value in pairs).encode()
        return Shot("POST", "/", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, body)
    if protocol == CBOR:
        headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
        path = f"/service/{served.target_prefix}/operation/{operation}"
        return Shot("POST", path, headers, dumps(_tagged(model.input_shape, tree)))
    return _rest(model, tree, protocol)


def _tagged(shape: Shape | None, value: Any) -> Any:
    """CBOR's times have a tag."""
    if isinstance(value, dict):
        members = shape.members if isinstance(shape, StructureShape) else {}
        return {name: _tagged(members.get(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [_tagged(shape.member if isinstance(shape, ListShape) else None, item) for item in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return CBORTag(1, value) if number and shape is not None and shape.type_name == "timestamp" else value


def dump(tree: Any) -> bytes:
    """JSON that may hold what JSON may not: NaN, bytes as base64."""
    return json.dumps(tree, default=lambda value: base64.b64encode(value).decode()).encode()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return quote(str(value).encode("utf-8", "surrogateescape"), safe="-_.~")


def _flat(shape: Shape | None, value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """The query protocol's names and values."""
    dot = f"{prefix}." if prefix else ""
    if isinstance(value, dict) and isinstance(shape, MapShape):
        inner = prefix if shape.serialization.get("flattened") else f"{dot}entry"
        for number, (key, item) in enumerate(value.items(), 1):
            yield f"{inner}.{number}.key", key
            yield from _flat(shape.value, item, f"{inner}.{number}.value")
    elif isinstance(value, dict):
        members = shape.members if isinstance(shape, StructureShape) else {}
        for name, item in value.items():
            member = members.get(name)
            yield from _flat(member, item, dot + (member.serialization.get("name", name) if member else name))
    elif isinstance(value, list):
        inner = f"{dot}member"
        member = shape.member if isinstance(shape, ListShape) else None
        if member is not None and shape is not None:
            inner = (
                prefix if shape.serialization.get("flattened") else f"{dot}{member.serialization.get('name', 'member')}"
            )
        if not value:
            yield prefix, ""
        for number, item in enumerate(value, 1):
            yield from _flat(member, item, f"{inner}.{number}")
    else:
        yield prefix, "" if value is None else value


def _rest(model: OperationModel, tree: dict[str, Any], protocol: str) -> Shot:
    shape = model.input_shape
    members = shape.members if shape else {}
    target = model.http["requestUri"]
    path, _, literal = target.partition("?")
    query, headers = [literal] if literal else [], {}
    payload = shape.serialization.get("payload") if shape else None
    inner: dict[str, Any] = {}
    body = b""
    for name, value in tree.items():
        member = members.get(name)
        where = member.serialization if member else {}
        wire, place = where.get("name", name), where.get("location")
        if place == "uri":
            safe = "/-_.~" if f"{{{wire}+}}" in path else "-_.~"
            text = quote(str(value).encode("utf-8", "surrogateescape"), safe=safe)
            path = path.replace(f"{{{wire}}}", text).replace(f"{{{wire}+}}", text)
        elif place == "querystring":
            query += [f"{wire}={_text(item)}" for item in (value if isinstance(value, list) else [value])]
        elif place == "header":
            headers[wire.lower()] = ",".join(map(_header, value)) if isinstance(value, list) else _header(value)
        elif place == "headers":
            pairs = value.items() if isinstance(value, dict) else [("x", value)]
            headers.update({f"{wire}{key}".lower(): _header(item) for key, item in pairs})
        elif name == payload and member is not None and isinstance(member, StructureShape):
            body = _element(member, wire, value).encode("utf-8", "surrogateescape")
        elif name == payload:
            body = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
        else:
            inner[name] = value
    if inner and protocol == "rest-json":
        headers["content-type"], body = "application/json", dump(inner)
    elif inner and shape is not None:
        body = _element(shape, shape.serialization.get("name", shape.name), inner).encode()
    path = "/".join(part for part in path.split("/") if not (part.startswith("{") and part.endswith("}")))
    return Shot(model.http["method"], (path or "/") + ("?" + "&".join(query) if query else ""), headers, body)


def _header(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _element(shape: Shape | None, name: str, value: Any) -> str:
    if isinstance(value, dict):
        members = shape.members if isinstance(shape, StructureShape) else {}
        found, attributes = "", ""
        for key, item in value.items():
            member = members.get(key)
            where = member.serialization if member else {}
            if where.get("xmlAttribute"):
                attributes += f' {where["name"]}="{escape(str(item))}"'
            else:
                found += _element(member, where.get("name", key), item)
        return f"<{name}{attributes}>{found}</{name}>"
    if isinstance(value, list):
        member = shape.member if isinstance(shape, ListShape) else None
        flat = shape is not None and shape.serialization.get("flattened")
        inner = name if flat or member is None else member.serialization.get("name", "member")
        items = "".join(_element(member, inner, item) for item in value)
        return items if flat else f"<{name}>{items}</{name}>"
    return f"<{name}>{escape(_header(value))}</{name}>"


def retarget(shot: Shot, **changes: Any) -> Shot:
    """A copy of ``shot`` with some of it changed; ``headers`` are added."""
    headers = {**shot.headers, **changes.pop("headers", {})}
    return replace(shot, headers={name: value for name, value in headers.items() if value is not None}, **changes)
