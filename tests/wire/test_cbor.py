"""CBOR bodies that are not what they should be, and paths that lead nowhere."""

from __future__ import annotations

import pytest
from cbor2 import CBORTag, dumps
from hypothesis import example, given
from hypothesis import strategies as st
from tests.kit.wire_exchange import body_bytes, request

from sagewright.core.errors import AwsError
from sagewright.wire import codec
from sagewright.wire.cbor_rpc import load
from sagewright.wire.http import Request
from sagewright.wire.routing import identify

PATH = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
HEADERS = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}


def sent(body: bytes, path: str = PATH) -> Request:
    return request("POST", path, HEADERS, body)


def refused(made: Request) -> AwsError:
    with pytest.raises(AwsError) as error:
        codec.parse(identify(made, "monitoring"), made)
    return error.value


@pytest.mark.parametrize(
    "body",
    [
        b"\xa1",
        b"\xff",
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\x00\xff\xff\xff\xff\xff\xff\xff",
        b"\x9f" * 5000,
        b"\xd8\x1c\xa1\x69Namespace\xd8\x1d\x00",
        dumps({b"Namespace": "n"}),
        dumps({1: "n"}),
        dumps({"Namespace": CBORTag(35, "(a+)+$")}),
        dumps({"Namespace": CBORTag(258, ["a"])}),
        dumps({"MetricData": [{"MetricName": "m", "Timestamp": CBORTag(1, "now")}]}),
        dumps({"Namespace": 1}),
        dumps({"Namespace": CBORTag(4711, "n")}),
        dumps({"MetricData": [{"MetricName": "m", "Value": b"1"}]}),
        dumps([]),
        dumps("text"),
    ],
    ids=lambda body: body[:12].hex(),
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    error = refused(sent(body))
    assert (error.code, error.status) == ("SerializationException", 400)


@given(st.binary(max_size=40))
@example(dumps({"Namespace": "n"}))
def test_garbage_is_an_error_or_a_request_but_never_a_crash(body: bytes) -> None:
    made = sent(body)
    found = identify(made, "monitoring")
    try:
        codec.check(found, codec.parse(found, made))
        return
    except AwsError as error:
        refusal = error
    answer = codec.serialise_error(found, refusal, "id-1", made)
    assert 400 <= answer.status < 500
    assert load(body_bytes(answer))["__type"] in (refusal.code, "ValidationException")


@pytest.mark.parametrize(
    "path", ["/", "/service/Nobody/operation/PutMetricData", "/service/GraniteServiceVersion20100801/operation/Nope"]
)
def test_a_path_that_names_no_operation(path: str) -> None:
    made = sent(b"", path)
    error = refused(made)
    assert (error.code, error.status) == ("UnknownOperationException", 404)
    assert load(body_bytes(codec.serialise_error(None, error, "id-1", made)))["__type"] == error.code


def test_undefined_is_null() -> None:
    assert load(b"\xa1\x61a\xf7") == {"a": None}
