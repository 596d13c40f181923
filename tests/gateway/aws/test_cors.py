"""CORS on answers: those to presigned requests, errors too."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config

from sagewright.testing.server import ServerProcess


def client(server: ServerProcess, version: str = "s3v4") -> Any:
    config = Config(signature_version=version, retries={"total_max_attempts": 1}, proxies={})
    return boto3.client("s3", config=config, **server.client_options())  # type: ignore[call-overload]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_answers_to_presigned_requests_may_be_read_by_the_page(server: ServerProcess, version: str) -> None:
    s3, bucket = client(server, version), f"cors-{uuid.uuid4().hex[:10]}"
    client(server).create_bucket(Bucket=bucket)
    rule = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://page"], "ExposeHeaders": ["ETag"]}
    client(server).put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    here = {"Bucket": bucket, "Key": "k"}
    for operation, method, body, status in (
        ("get_object", "GET", None, 404),
        ("put_object", "PUT", b"x", 200),
        ("get_object", "GET", None, 200),
    ):
        url = s3.generate_presigned_url(operation, here)
        answer = urllib3.request(method, url, body=body, headers={"origin": "https://page"})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, "https://page")
        assert answer.headers["access-control-expose-headers"] == "ETag"
        other = urllib3.request(method, url, body=body, headers={"origin": "https://other"})
        assert "access-control-allow-origin" not in other.headers
        asked = {"origin": "https://page", "access-control-request-method": method}
        assert urllib3.request("OPTIONS", url, headers=asked).status == 200
    asked = {"origin": "https://page", "access-control-request-method": "DELETE"}
    assert urllib3.request("OPTIONS", url, headers=asked).status == 403
