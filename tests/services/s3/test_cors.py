"""CORS rules, as a browser meets them: unsigned preflights, and headers on the answers."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from tests.kit.s3 import raw, refusal

from sagewright.testing.server import ServerProcess

RULES: list[dict[str, Any]] = [
    {
        "ID": "app",
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://app.example.com", "https://*.test"],
        "AllowedHeaders": ["content-type", "x-amz-*"],
        "ExposeHeaders": ["ETag", "x-amz-meta-m"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedMethods": ["GET", "HEAD"], "AllowedOrigins": ["*"]},
]
APP = "https://app.example.com"


@pytest.fixture
def ruled(s3: Any, bucket: str) -> str:
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    return bucket


def ask(server: ServerProcess, path: str, origin: str = "", method: str = "", headers: str = "") -> Any:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    given = {name: value for name, value in asked.items() if value}
    return urllib3.request("OPTIONS", server.url + path, headers=given, retries=False)


def test_rules_are_kept(s3: Any, bucket: str) -> None:
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=bucket)
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedMethods": []}, "MalformedXML"),
        ({"AllowedOrigins": ["*.a.*"]}, "InvalidRequest"),
        ({"AllowedHeaders": ["*-*"]}, "InvalidRequest"),
        ({"ExposeHeaders": ["x-*"]}, "InvalidRequest"),
    ],
)
def test_bad_rules(s3: Any, bucket: str, change: dict[str, Any], code: str) -> None:
    rules = {"CORSRules": [RULES[0] | change]}
    assert refusal(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=rules) == (400, code)
    too_many = {"CORSRules": RULES[1:] * 101}
    assert refusal(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=too_many) == (400, "InvalidRequest")


def test_preflight(server: ServerProcess, ruled: str) -> None:
    answer = ask(server, f"/{ruled}/some/key", APP, "PUT", "Content-Type, X-Amz-Date")
    assert (answer.status, answer.data) == (200, b"")
    headers = {name: value for name, value in answer.headers.items() if name.startswith(("access-control", "vary"))}
    assert headers == {
        "access-control-allow-origin": APP,
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "content-type, x-amz-date",
        "access-control-expose-headers": "ETag, x-amz-meta-m",
        "access-control-max-age": "600",
        "access-control-allow-credentials": "true",
        "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    anybody = ask(server, f"/{ruled}/k", "https://elsewhere.example", "GET").headers
    assert anybody["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in anybody


@pytest.mark.parametrize(
    ("origin", "method", "headers", "status"),
    [
        ("https://a.test", "PUT", "", 200),
        ("https://.test", "PUT", "", 200),
        ("https://a.test.evil.example", "PUT", "", 403),
        ("http://app.example.com", "PUT", "", 403),
        (APP, "DELETE", "", 403),
        (APP, "PUT", "authorization", 403),
        ("", "PUT", "", 400),
        (APP, "", "", 400),
    ],
)
def test_who_may_ask(server: ServerProcess, ruled: str, origin: str, method: str, headers: str, status: int) -> None:
    answer = ask(server, f"/{ruled}/k", origin, method, headers)
    assert answer.status == status
    assert ("access-control-allow-origin" in answer.headers) == (status == 200)


def test_no_rules_no_bucket(server: ServerProcess, bucket: str) -> None:
    assert b"CORS is not enabled" in ask(server, f"/{bucket}/k", APP, "GET").data
    assert ask(server, "/no-such-bucket-anywhere/k", APP, "GET").status == 404


def test_answers_say_who_may_read_them(server: ServerProcess, s3: Any, ruled: str) -> None:
    s3.put_object(Bucket=ruled, Key="k", Body=b"x")
    good = raw(server, "GET", f"/{ruled}/k", headers={"origin": APP})
    assert (good.data, good.headers["access-control-allow-origin"]) == (b"x", APP)
    assert good.headers["access-control-expose-headers"] == "ETag, x-amz-meta-m"
    missing = raw(server, "GET", f"/{ruled}/none", headers={"origin": APP})
    assert (missing.status, missing.headers["access-control-allow-origin"]) == (404, APP)
    assert "access-control-allow-origin" not in raw(server, "GET", f"/{ruled}/k").headers
    for method, origin in (("DELETE", APP), ("PUT", "https://elsewhere.example")):
        other = raw(server, method, f"/{ruled}/other", headers={"origin": origin})
        assert "access-control-allow-origin" not in other.headers
