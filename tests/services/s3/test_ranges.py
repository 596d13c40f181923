"""Numbers in headers and queries that are longer than Python reads: they are refused or mean "the end", never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.s3 import raw

from sagewright.testing.server import ServerProcess

LONG = "9" * 5000
PART = "?partNumber=1&uploadId={id}"
RANGE = "x-amz-copy-source-range"


@pytest.fixture
def stored(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    return bucket


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("given", "status", "content"),
    [
        (f"0-{LONG}", 206, b"0123456789"),
        (f"4-{LONG}", 206, b"456789"),
        (f"-{LONG}", 206, b"0123456789"),
        (f"{LONG}-", 416, None),
        (f"{LONG}-{LONG}", 416, None),
        (f"{'0' * 5000}3-4", 206, b"34"),
    ],
)
def test_ranges(
    server: ServerProcess, stored: str, method: str, given: str, status: int, content: bytes | None
) -> None:
    answer = raw(server, method, f"/{stored}/k", headers={"range": f"bytes={given}"})
    assert answer.status == status
    if content is not None:
        assert answer.headers["content-length"] == str(len(content))
        assert method == "HEAD" or answer.data == content


@pytest.mark.parametrize(
    ("method", "query", "headers"),
    [
        ("PUT", PART, {"x-amz-copy-source": "/{bucket}/k", RANGE: f"bytes=0-{LONG}"}),
        ("PUT", PART, {"x-amz-copy-source": "/{bucket}/k", RANGE: f"bytes={LONG}-{LONG}"}),
        ("PUT", f"?partNumber={LONG}&uploadId={{id}}", {}),
        ("PUT", "", {"x-amz-decoded-content-length": LONG}),
        ("GET", f"?partNumber={LONG}", {}),
        ("GET", f"?uploadId={{id}}&part-number-marker={LONG}", {}),
        ("GET", f"?uploadId={{id}}&max-parts={LONG}", {}),
        ("POST", "?uploadId={id}", {"x-amz-mp-object-size": LONG}),
    ],
)  # fmt: skip
def test_others(server: ServerProcess, s3: Any, stored: str, method: str, query: str, headers: dict[str, str]) -> None:
    upload = s3.create_multipart_upload(Bucket=stored, Key="k")["UploadId"]
    values = {"id": upload, "bucket": stored}
    sent = {name: value.format(**values) for name, value in headers.items()}
    answer = raw(server, method, f"/{stored}/k" + query.format(**values), headers=sent)
    assert 400 <= answer.status < 500, (answer.status, answer.data)
