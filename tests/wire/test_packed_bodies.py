"""Bodies that clients send gzipped (PutMetricData from 10 KiB on), and bodies that only say so."""

from __future__ import annotations

import gzip

import pytest

from sagewright.core.errors import SerializationException
from sagewright.wire.http import BytesReader, Request
from sagewright.wire.routing import MAX_BODY, plain_body, read_body

PLAIN = b'{"Namespace": "test"}'


def packed(body: bytes, encoding: str = "gzip") -> Request:
    headers = {"content-encoding": encoding} if encoding else {}
    return Request("POST", "/", "", "/", [], headers, BytesReader(body))


def test_a_packed_body_is_unpacked_as_often_as_it_is_asked_for() -> None:
    sent = gzip.compress(PLAIN)
    request = packed(sent)

    assert plain_body(request) == plain_body(request) == PLAIN
    assert read_body(request) == sent, "the signature is over what was sent"


def test_a_plain_body_is_left_alone() -> None:
    assert plain_body(packed(PLAIN, encoding="")) == PLAIN


@pytest.mark.parametrize("body", [b"", PLAIN, gzip.compress(PLAIN)[:-9]], ids=["empty", "plain", "torn"])
def test_what_is_not_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationException) as error:
        plain_body(packed(body))
    assert error.value.status == 400


def test_a_bomb_does_not_go_off() -> None:
    with pytest.raises(SerializationException) as error:
        plain_body(packed(gzip.compress(bytes(MAX_BODY + 1))))
    assert error.value.status == 413
