"""Bodies whose every chunk is signed (STREAMING-AWS4-HMAC-SHA256-PAYLOAD and -TRAILER), signed here by the manual.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html has the worked example.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.kit.s3 import refusal

from sagewright.core.errors import AwsError
from sagewright.gateway.aws.sigv4 import ChunkSignatures
from sagewright.testing.server import ServerProcess
from sagewright.wire.aws_chunked import AwsChunkedReader
from sagewright.wire.http import BytesReader

PLAIN = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILER = f"{PLAIN}-TRAILER"
DATA = bytes(range(256)) * 700
EMPTY = hashlib.sha256(b"").hexdigest()


def signing_key(secret: str, date: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def frame(
    data: bytes, key: bytes, context: str, seed: str, *, size: int = 64 * 1024, trailers: dict[str, str] | None = None
) -> bytes:
    """The body as a client sends it: chunks of ``size`` bytes, each with its signature."""
    previous, out = seed, b""
    for piece in [*(data[at : at + size] for at in range(0, len(data), size)), b""]:
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", context, previous, EMPTY, hashlib.sha256(piece).hexdigest()])
        previous = hmac.digest(key, text.encode(), "sha256").hex()
        out += b"%x;chunk-signature=%b\r\n" % (len(piece), previous.encode()) + (piece + b"\r\n" if piece else b"")
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", context, previous, hashlib.sha256(lines.encode()).hexdigest()])
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        out += lines.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{signature}\r\n".encode()
    return out + b"\r\n"


def put(
    server: ServerProcess,
    path: str,
    *,
    data: bytes = DATA,
    trailers: dict[str, str] | None = None,
    change: tuple[bytes, bytes] = (b"", b""),
) -> tuple[int, bytes]:
    """Send ``data`` in signed chunks, one part of the body changed on its way."""
    declared = TRAILER if trailers is not None else PLAIN

    class Auth(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return declared

    keys = server.credentials()
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(data))}
    headers["content-md5"] = base64.b64encode(hashlib.md5(data).digest()).decode()
    if trailers is not None:
        headers["x-amz-trailer"] = ",".join(trailers)
    request = AWSRequest("PUT", server.url + path, headers=headers)
    Auth(Credentials(keys["access_key_id"], keys["secret_access_key"]), "s3", "us-east-1").add_auth(request)
    stamp = request.context["timestamp"]
    body = frame(
        data,
        signing_key(keys["secret_access_key"], stamp[:8]),
        f"{stamp}\n{stamp[:8]}/us-east-1/s3/aws4_request",
        request.headers["Authorization"].rpartition("Signature=")[2],
        trailers=trailers,
    )
    assert change[0] in body
    answer = urllib3.request(
        "PUT", server.url + path, body=body.replace(*change, 1) if change[0] else body, headers=dict(request.headers)
    )
    return answer.status, answer.data


def test_published_example() -> None:
    key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524")
    context = "20130524T000000Z\n20130524/us-east-1/s3/aws4_request"
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]
    body = b"".join(
        b"%x;chunk-signature=%b\r\n%b" % (len(piece), signature.encode(), piece + b"\r\n" if piece else b"")
        for piece, signature in zip((b"a" * 65536, b"a" * 1024, b""), signatures, strict=True)
    )
    proof = ChunkSignatures(key, context, seed, signs_trailers=False)
    assert AwsChunkedReader(BytesReader(body + b"\r\n"), 66560, proof).read() == b"a" * 66560
    forged = ChunkSignatures(key, context, seed, signs_trailers=False)
    with pytest.raises(AwsError, match="signature"):
        AwsChunkedReader(BytesReader(body.replace(b"a\r\n", b"b\r\n") + b"\r\n"), 66560, forged).read()


@pytest.mark.parametrize("data", [DATA, DATA * 20], ids=["small", "large"])
def test_signed_chunks(server: ServerProcess, s3: Any, bucket: str, data: bytes) -> None:
    assert put(server, f"/{bucket}/k", data=data) == (200, b"")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert "ContentEncoding" not in got


def test_signed_trailers(server: ServerProcess, s3: Any, bucket: str) -> None:
    checksum = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    assert put(server, f"/{bucket}/k", trailers={"x-amz-checksum-crc32": checksum}) == (200, b"")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ChecksumCRC32"]) == (DATA, checksum)


@pytest.mark.parametrize(
    "change",
    [
        (b"\x01\x02\x03", b"\x01\x02\x04"),
        (b"chunk-signature=", b"chunk-signature=0"),
        (b";chunk-signature=", b";x="),
        (b"x-amz-trailer-signature:", b"x-amz-trailer-signature:0"),
        (b"x-amz-trailer-signature:", b"x-amz-other:"),
    ],
)
def test_what_was_changed_on_the_way_is_refused(
    server: ServerProcess, s3: Any, bucket: str, change: tuple[bytes, bytes]
) -> None:
    checksum = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    status, answer = put(server, f"/{bucket}/k", trailers={"x-amz-checksum-crc32": checksum}, change=change)
    assert (status, b"SignatureDoesNotMatch" in answer) == (403, True), answer
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_trailers_that_nobody_signed_are_refused(server: ServerProcess, s3: Any, bucket: str) -> None:
    status, answer = put(server, f"/{bucket}/k", change=(b"\r\n\r\n", b"\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"))
    assert (status, b"InvalidRequest" in answer) == (400, True), answer
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_documents_in_signed_chunks(server: ServerProcess, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    document = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    assert put(server, f"/{bucket}/k?tagging", data=document) == (200, b"")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    status, answer = put(server, f"/{bucket}/k?tagging", data=document, change=(b">1<", b">2<"))
    assert (status, b"SignatureDoesNotMatch" in answer) == (403, True), answer
