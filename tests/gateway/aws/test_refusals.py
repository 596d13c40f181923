"""Signatures that cannot be read, in S3's codes."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import pytest
import urllib3
from botocore.config import Config

from sagewright.testing.server import ServerProcess

CREDENTIAL = "AKIA/20260101/us-east-1/s3/aws4_request"


def code_of(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    return answer.status, answer.data.decode().partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", (400, "InvalidArgument")),
        ("AWS HAHAHA", (400, "InvalidArgument")),
        ("Basic dXNlcjpwYXNz", (400, "InvalidArgument")),
        ("Bearer token", (400, "InvalidArgument")),
        ("AWS4-HMAC-SHA256 nonsense", (400, "AuthorizationHeaderMalformed")),
        ("AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host, Signature=0", (400, "AuthorizationHeaderMalformed")),
        (f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, Signature=0", (400, "AuthorizationHeaderMalformed")),
    ],
)
def test_headers(server: ServerProcess, header: str, expected: tuple[int, str]) -> None:
    answer = urllib3.request("GET", f"{server.url}/some-bucket/key", headers={"authorization": header})
    assert code_of(answer) == expected


def test_a_signature_without_a_date(server: ServerProcess) -> None:
    key = server.credentials()["access_key_id"]
    credential = CREDENTIAL.replace("AKIA", key)
    signed = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    answer = urllib3.request("GET", f"{server.url}/some-bucket/key", headers={"authorization": signed})
    assert code_of(answer) == (403, "AccessDenied")
    assert b"valid Date or x-amz-date" in answer.data


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"X-Amz-Algorithm": "AWS4-HMAC-SHA1"}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Algorithm": None}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Signature": None}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Date": None}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Date": "yesterday"}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Expires": None}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Expires": "-7"}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Expires": "604801"}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Expires": "soon"}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Credential": "AKIA"}, (400, "AuthorizationQueryParametersError")),
        ({"X-Amz-Signature": "0"}, (403, "SignatureDoesNotMatch")),
        ({}, (404, "NoSuchBucket")),
    ],
)
def test_presigned_urls(server: ServerProcess, change: dict[str, str | None], expected: tuple[int, str]) -> None:
    options = server.client_options()
    s3 = boto3.client("s3", config=Config(signature_version="s3v4", proxies={}), **options)  # type: ignore[call-overload]
    url = s3.generate_presigned_url("get_object", {"Bucket": "no-such-bucket-here", "Key": "k"})
    parts = urlsplit(url)
    query = {name: value for name, value in ({**dict(parse_qsl(parts.query)), **change}).items() if value is not None}
    assert code_of(urllib3.request("GET", parts._replace(query=urlencode(query)).geturl())) == expected
