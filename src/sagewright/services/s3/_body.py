"""Request bodies: read from their chunks, limited in size, and checked against every digest that the client sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sagewright.nouns.operations import Call
from sagewright.services.s3._errors import BadDigest, EntityTooLarge, InvalidDigest, InvalidRequest
from sagewright.services.s3._ranges import number
from sagewright.store.objects import Blob, checksums
from sagewright.wire import rest
from sagewright.wire.aws_chunked import AwsChunkedReader, is_aws_chunked
from sagewright.wire.http import BodyReader
from sagewright.wire.routing import read_body

MAX_PUT = 5 << 30
"""Bytes that one PUT may bring."""
_CHECKSUM = "x-amz-checksum-"


def check_document(call: Call) -> None:
    """Check an XML body against the digest that S3 requires. Raises InvalidRequest, InvalidDigest and BadDigest."""
    body = read_body(call.http)
    headers = {name: rest.header(call.http, _CHECKSUM + name) for name in checksums.ALGORITHMS}
    sent_checksums = {name: value for name, value in headers.items() if value is not None}
    md5 = rest.header(call.http, "content-md5")
    if md5 is None and not sent_checksums:
        raise InvalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    if md5 is not None and _md5_in_hex(md5) != hashlib.md5(body, usedforsecurity=False).hexdigest():
        raise BadDigest(ExpectedDigest=md5)
    for name, value in sent_checksums.items():
        hasher = checksums.new(name)
        hasher.update(body)
        check_checksum(name, value, checksums.encode(hasher.digest()))


@contextmanager
def received(call: Call, request: dict[str, Any], keep: str | None = None) -> Iterator[Blob]:
    """The request's body in the store, checked against the client's digests.

    The algorithm of the checksum that is stored is ``keep``, or else the client's choice. Raises BadDigest,
    InvalidDigest, InvalidRequest, EntityTooLarge and IncompleteBody.
    """
    headers = call.http.headers
    md5 = _md5_in_hex(request["ContentMD5"]) if "ContentMD5" in request else None
    length = _number(headers.get("x-amz-decoded-content-length") or headers.get("content-length"))
    if length is not None and length > MAX_PUT:
        raise EntityTooLarge(ProposedSize=length, MaxSizeAllowed=MAX_PUT)
    body: BodyReader = request["Body"]
    chunked = AwsChunkedReader(body, length, call.http.chunks) if is_aws_chunked(headers) else None
    sent_checksums = {name: request[f"Checksum{name}"] for name in checksums.ALGORITHMS if f"Checksum{name}" in request}
    announced = [
        name.strip().lower().removeprefix(_CHECKSUM).upper()
        for name in headers.get("x-amz-trailer", "").split(",")
        if name.strip().lower().startswith(_CHECKSUM)
    ]
    algorithm = _only_algorithm([*sent_checksums, *announced]) or request.get("ChecksumAlgorithm") or checksums.DEFAULT
    with call.platform.objects.receive(chunked or body, keep or algorithm, [algorithm]) as blob:
        if chunked is not None:
            sent_checksums |= _from_trailers(chunked.trailers, announced)
        if md5 is not None and md5 != blob.sums.md5:
            raise BadDigest(ExpectedDigest=request["ContentMD5"])
        for name, value in sent_checksums.items():
            check_checksum(name, value, blob.sums.checksums[name])
        yield blob


def check_checksum(algorithm: str, sent: str, computed: str) -> None:
    """Raises InvalidRequest for a text that is no checksum, BadDigest for a wrong checksum."""
    bare, computed_bare = sent.partition("-")[0], computed.partition("-")[0]
    try:
        sizes = len(base64.b64decode(bare, validate=True)), len(base64.b64decode(computed_bare))
    except (binascii.Error, ValueError):
        sizes = 0, 1
    if sizes[0] != sizes[1]:
        raise InvalidRequest(f"Value for {_CHECKSUM}{algorithm.lower()} header is invalid.")
    if sent not in (computed, computed_bare):
        raise BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")


def _only_algorithm(algorithms: list[str]) -> str | None:
    names = set(algorithms)
    if len(names) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    name = next(iter(names), None)
    if name is not None and name not in checksums.ALGORITHMS:
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    return name


def _from_trailers(trailers: dict[str, str], announced: list[str]) -> dict[str, str]:
    values = {name: trailers[_CHECKSUM + name.lower()] for name in announced if _CHECKSUM + name.lower() in trailers}
    if len(values) != len(announced):
        raise InvalidRequest("The request body is missing the trailer that its x-amz-trailer header announces.")
    return values


def _md5_in_hex(text: str) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidDigest from None
    if len(digest) != 16:
        raise InvalidDigest
    return digest.hex()


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidRequest("The content length is not a number.")
    return number(text)
