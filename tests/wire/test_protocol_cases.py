"""Smithy's protocol cases, seen from the server: what was sent is read as meant, what we answer is as written.

``protocol_cases.toml`` names each case that cannot hold for us, with the reason; one that holds after all fails too.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cbor2 import loads
from tests.kit.protocol_cases import Case, cases, value_of
from tests.kit.wire_exchange import body_bytes, parsed, request
from tests.kit.wire_values import plain

from sagewright.core.errors import AwsError
from sagewright.wire import codec
from sagewright.wire.http import BytesReader, Response
from sagewright.wire.routing import Route

FILES = (
    "json",
    "json_1_0",
    "json_1_0-query-compatible",
    "rest-json",
    "rest-xml",
    "query",
    "smithy-rpc-v2-cbor",
    "smithy-rpc-v2-cbor-query-compatible",
    "smithy-rpc-v2-cbor-non-query-compatible",
)
AMID = re.compile(
    rb' xmlns="(http://s3.amazonaws.com/doc/2006-03-01/|https://example.com/)"'
    rb"|(?<=:\d\d)\.000(?=Z)|<ResponseMetadata>.*</ResponseMetadata>"
)
"""What services write and cases leave out: the API's namespace, milliseconds that are zero, the request's id."""


def exceptions(check: str) -> frozenset[str]:
    found = tomllib.loads(Path(__file__).with_name("protocol_cases.toml").read_text())[check]
    return frozenset(name for group in found for name in group["cases"])


def same(found: Any, wanted: Any) -> bool:
    """Equality in which NaN is NaN, and which takes a number's word for it: botocore leaves them in JSON."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[name], wanted[name]) for name in found)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float) and found in ("NaN", "Infinity", "-Infinity"):
        found = float(found)
    if isinstance(found, float) and isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(found)
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def read(case: Case) -> None:
    """The request of a case is parsed into its parameters."""
    sent = case.facts["serialized"]
    body, headers = case.body(sent), sent.get("headers", {})
    if headers.get("Content-Encoding", "").endswith("gzip"):
        body = gzip.compress(body)  # the case shows what is packed
    got = request(sent["method"], sent["uri"], headers, body)
    found = codec.parse(Route("cases", case.operation, case.protocol), got)
    found = {name: item.read() if isinstance(item, BytesReader) else item for name, item in found.items()}
    wanted = value_of(case.operation.input_shape, case.facts["params"])
    assert same(found, wanted), f"read {found}, not {wanted}"


def answer(case: Case) -> Response:
    """What we answer with the result or the error of a case."""
    facts, route = case.facts, Route("cases", case.operation, case.protocol)
    headers = {name.lower(): text for name, text in facts["response"].get("headers", {}).items()}
    request_id = headers.get("x-amzn-requestid", "foo-id")
    if "error" not in facts:
        return codec.serialise(route, value_of(case.operation.output_shape, facts["result"]), request_id)
    shape = case.operation.service_model.shape_for_error_code(facts["errorCode"])
    members = {name: item for name, item in value_of(shape, facts["error"]).items() if name.lower() != "message"}
    error = AwsError(facts.get("errorMessage", ""), code=facts["errorCode"], **members)
    asked = request(headers={"x-amzn-query-mode": "true"} if "x-amzn-query-error" in headers else {})
    return codec.serialise_error(route, error, request_id, asked)


def answered(case: Case) -> None:
    """botocore reads the result, or the error, in what we answer."""
    facts, found = case.facts, parsed(case.operation, answer(case), case.protocol)
    if "error" in facts:
        assert (found["Error"]["Code"], found["Error"]["Message"]) == (
            facts["errorCode"],
            facts.get("errorMessage", ""),
        )
        return
    wanted = value_of(case.operation.output_shape, facts["result"])
    assert same(plain(found), plain(wanted)), f"botocore reads {found}, not {wanted}"


def written(case: Case) -> None:
    """We answer as the case does: status, the headers that it names, the body's meaning."""
    ours, wanted = answer(case), case.facts["response"]
    assert ours.status == wanted["status_code"]
    for name, text in wanted.get("headers", {}).items():
        if name.lower() == "content-length":
            continue  # the server's matter
        found = ours.headers.get(name.lower(), "")
        assert found.replace(", ", ",") == text.replace(", ", ","), f"{name}: {found}, not {text}"
    if "body" in wanted:
        body, text = body_bytes(ours), case.body(wanted)
        understood = READ_BODY[case.protocol]
        assert same(understood(body), understood(text)), f"{body!r}, not {text!r}"


def xml_body(body: bytes) -> Any:
    try:
        return ElementTree.canonicalize(AMID.sub(b"", body).decode(), strip_text=True)
    except ElementTree.ParseError:
        return body


def json_body(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def cbor_body(body: bytes) -> Any:
    return loads(body) if body else body


READ_BODY: Mapping[str, Callable[[bytes], Any]] = {
    "json": json_body,
    "rest-json": json_body,
    "rest-xml": xml_body,
    "query": xml_body,
    "smithy-rpc-v2-cbor": cbor_body,
}
CHECKS = (("input", read), ("output", answered), ("output", written))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("direction", "check"), CHECKS)
def test_the_public_cases_hold(direction: str, check: Callable[[Case], None], name: str) -> None:
    left_out, wrong = exceptions(check.__name__), {}
    for case in cases(direction, name):
        try:
            check(case)
        except Exception as error:
            if case.id not in left_out:
                wrong[case.id] = repr(error)
        else:
            if case.id in left_out:
                wrong[case.id] = "holds, though it is said not to"
    assert not wrong, "\n".join(f"{case}: {why}" for case, why in wrong.items())


def test_no_exception_outlives_its_case() -> None:
    for direction, check in CHECKS:
        known = {case.id for name in FILES for case in cases(direction, name)}
        assert exceptions(check.__name__) <= known
