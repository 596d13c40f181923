"""Signatures, with botocore's own signers as the oracle."""

from __future__ import annotations

import calendar
import datetime
import hashlib
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagewright.core.errors import AwsError
from sagewright.gateway.aws import sigv4
from sagewright.gateway.aws.checked_body import CheckedReader
from sagewright.gateway.http import heads
from sagewright.wire.http import BytesReader, Request


@dataclass(frozen=True)
class Key:
    access_key_id: str = "AKIAIOSFODNN7EXAMPLE"
    secret: str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    principal: str = "arn:aws:iam::123456789012:user/admin"
    account: str = "123456789012"
    user_id: str = "AIDA"
    token: str | None = None
    expires: float | None = None


class Keys:
    def __init__(self, *keys: Key) -> None:
        self._keys = {key.access_key_id: key for key in keys}

    def find(self, access_key_id: str) -> Key | None:
        return self._keys.get(access_key_id)


LASTING = Key()
TEMPORARY = Key(access_key_id="ASIATEMPORARY", token="a/token+with=signs", expires=time.time() + 3600)
KEYS = Keys(LASTING, TEMPORARY)
BASE = "http://127.0.0.1:4566"


def sign(signer: Any, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Request:
    """``signer`` signs, and what it would send becomes a request as the server reads it."""
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    sent = {
        name.lower(): value if isinstance(value, str) else value.decode() for name, value in request.headers.items()
    }
    sent.setdefault("host", parts.netloc)
    target = parts.path + ("?" + parts.query if parts.query else "")
    return heads.request(method, target.encode(), sent, BytesReader(body), "127.0.0.1")


def credentials(key: Key = LASTING) -> Credentials:
    return Credentials(key.access_key_id, key.secret, key.token)


def check(request: Request, *, payload: str | None = None, now: float | None = None, protocol: str = "rest-xml") -> Any:
    claim = sigv4.claim(request)
    assert claim is not None
    return sigv4.verify(request, claim, KEYS, now=now or time.time(), protocol=protocol, payload=payload)


def refusal(request: Request, **how: Any) -> tuple[str, int]:
    with pytest.raises(AwsError) as caught:
        check(request, **how)
    return caught.value.code, caught.value.status


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
SEGMENTS = st.lists(TEXT, max_size=5)
# A request that brings a parameter of the signature itself is signed in two ways at once, which nobody has to accept.
OF_THE_SIGNATURE = ("x-amz-", "awsaccesskeyid", "signature", "expires")
NAMES = TEXT.filter(lambda name: bool(name) and not name.lower().startswith(OF_THE_SIGNATURE))
QUERY = st.lists(st.tuples(NAMES, TEXT), max_size=5)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
HEADERS = st.dictionaries(st.sampled_from(["x-amz-meta-a", "x-amz-acl", "content-type", "x-custom"]), VALUES)
METHODS = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])
REGIONS = st.sampled_from(["us-east-1", "eu-west-1", "cn-north-1"])
OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def url_of(segments: list[str], query: list[tuple[str, str]]) -> str:
    path = "/" + "/".join(quote(segment, safe="~") for segment in segments)
    pairs = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query)
    return BASE + path + ("?" + pairs if pairs else "")


@OFTEN
@given(METHODS, SEGMENTS, QUERY, HEADERS, st.binary(max_size=50), st.sampled_from([LASTING, TEMPORARY]))
def test_what_botocore_signs_for_a_service_is_accepted(
    method: str, segments: list[str], query: Any, headers: Any, body: bytes, key: Key
) -> None:
    region = "eu-west-1"
    request = sign(SigV4Auth(credentials(key), "sagemaker", region), method, url_of(segments, query), headers, body)
    assert check(request, payload=sha256(body)) is key
    claim = sigv4.claim(request)
    assert claim is not None
    assert (claim.region, claim.signing_name) == (region, "sagemaker")


@OFTEN
@given(METHODS, SEGMENTS, QUERY, HEADERS, REGIONS, st.binary(max_size=50))
def test_what_botocore_signs_for_s3_is_accepted(
    method: str, segments: list[str], query: Any, headers: Any, region: str, body: bytes
) -> None:
    request = sign(S3SigV4Auth(credentials(), "s3", region), method, url_of(segments, query), headers, body)
    assert check(request) is LASTING


@OFTEN
@given(METHODS, SEGMENTS, QUERY, st.sampled_from([LASTING, TEMPORARY]))
def test_presigned_urls_of_s3_are_accepted(method: str, segments: list[str], query: Any, key: Key) -> None:
    request = sign(S3SigV4QueryAuth(credentials(key), "s3", "eu-west-1", 600), method, url_of(segments, query), {})
    assert check(request) is key


@OFTEN
@given(METHODS, SEGMENTS, st.sampled_from([LASTING, TEMPORARY]), HEADERS)
def test_presigned_urls_of_version_2_are_accepted(method: str, segments: list[str], key: Key, headers: Any) -> None:
    query = [("versionId", "a b/c"), ("response-content-type", "text/plain; x=ü"), ("uploads", "")]
    url = url_of(segments, query)
    request = sign(HmacV1QueryAuth(credentials(key), 600), method, url, headers)
    del request.headers["date"]
    assert check(request) is key


def test_a_presigned_url_of_another_service_is_accepted() -> None:
    url = f"{BASE}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = sign(SigV4QueryAuth(credentials(), "sts", "us-east-1", 60), "GET", url, {})
    assert check(request, payload=sha256(b"")) is LASTING


@pytest.mark.parametrize("path", ["/a//b", "/a/./b", "/a/../b", "/../a", "/a/b/..", "//", "/a/", "/.", "/a/.../b"])
def test_dots_and_slashes_are_normalised_as_botocore_does_and_never_for_s3(path: str) -> None:
    assert check(sign(SigV4Auth(credentials(), "sagemaker", "us-east-1"), "GET", BASE + path, {}), payload=sha256(b""))
    assert check(sign(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", BASE + path, {}))


def test_a_url_sent_less_encoded_than_it_was_signed_is_accepted() -> None:
    request = sign(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", f"{BASE}/b/a%28b?prefix=x%2Fy", {})
    sent = heads.request("GET", b"/b/a(b?prefix=x/y", request.headers, request.body, "")
    assert check(sent) is LASTING


def test_white_space_and_raw_utf8_in_headers() -> None:
    headers = {"x-amz-meta-a": "  two   words\tand  tabs ", "x-amz-meta-b": "grüße"}
    assert check(sign(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", f"{BASE}/b", headers))


def signed_put(key: Key = LASTING, body: bytes = b"body") -> Request:
    headers = {"x-amz-meta-a": "b", "content-type": "text/plain"}
    return sign(S3SigV4Auth(credentials(key), "s3", "us-east-1"), "PUT", f"{BASE}/bucket/key?a=1&b=2", headers, body)


TAMPERINGS: dict[str, Any] = {
    "method": lambda r: replace(r, method="DELETE"),
    "path": lambda r: replace(r, raw_path="/bucket/other"),
    "query value": lambda r: replace(r, raw_query="a=1&b=3"),
    "query added": lambda r: replace(r, raw_query="a=1&b=2&c=3"),
    "query removed": lambda r: replace(r, raw_query="a=1"),
    "signed header": lambda r: replace(r, headers={**r.headers, "x-amz-meta-a": "c"}),
    "content type": lambda r: replace(r, headers={**r.headers, "content-type": "text/html"}),
    "host": lambda r: replace(r, headers={**r.headers, "host": "127.0.0.1:1"}),
    "payload hash": lambda r: replace(r, headers={**r.headers, "x-amz-content-sha256": sha256(b"other")}),
    "unsigned payload": lambda r: replace(r, headers={**r.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}),
    "region": lambda r: _authorization(r, "/us-east-1/", "/us-east-2/"),
    "service": lambda r: _authorization(r, "/s3/", "/sts/"),
    "signed headers": lambda r: _authorization(r, "content-type;", ""),
    "signature": lambda r: replace(
        r, headers={**r.headers, "authorization": r.headers["authorization"][:-64] + "0" * 64}
    ),
    "signature not ascii": lambda r: replace(
        r, headers={**r.headers, "authorization": r.headers["authorization"] + "é"}
    ),
}


def _authorization(request: Request, old: str, new: str) -> Request:
    assert old in request.headers["authorization"]
    return replace(
        request, headers={**request.headers, "authorization": request.headers["authorization"].replace(old, new)}
    )


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_refused(what: str) -> None:
    request = signed_put()
    assert check(request) is LASTING
    tampered = TAMPERINGS[what](request)
    assert refusal(tampered, payload=None)[0] == "SignatureDoesNotMatch"


@pytest.mark.parametrize("part", ["X-Amz-Expires=600", "X-Amz-Date=2", "bucket", "eu-west-1", "Signature="])
def test_tampering_with_a_presigned_url_is_refused(part: str) -> None:
    request = sign(S3SigV4QueryAuth(credentials(), "s3", "eu-west-1", 600), "GET", f"{BASE}/bucket/key", {})
    target = f"{request.raw_path}?{request.raw_query}"
    assert part in target
    tampered = heads.request("GET", target.replace(part, part + "1", 1).encode(), request.headers, BytesReader(b""), "")
    assert refusal(tampered)[0] in {
        "SignatureDoesNotMatch",
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "AccessDenied",
    }


def test_a_header_added_on_the_way_is_refused() -> None:
    request = signed_put()
    request.headers["x-amz-acl"] = "public-read"
    assert refusal(request) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("protocol", "code", "status"),
    [
        ("rest-xml", "InvalidAccessKeyId", 403),
        ("query", "InvalidClientTokenId", 403),
        ("json", "UnrecognizedClientException", 400),
        ("rest-json", "UnrecognizedClientException", 403),
    ],
)
def test_unknown_keys_in_the_words_of_each_protocol(protocol: str, code: str, status: int) -> None:
    request = signed_put(Key(access_key_id="AKIANOBODY"))
    assert refusal(request, protocol=protocol) == (code, status)


@pytest.mark.parametrize(
    ("protocol", "code", "status"),
    [
        ("rest-xml", "SignatureDoesNotMatch", 403),
        ("query", "SignatureDoesNotMatch", 403),
        ("json", "InvalidSignatureException", 400),
        ("rest-json", "InvalidSignatureException", 403),
    ],
)
def test_wrong_secrets_in_the_words_of_each_protocol(protocol: str, code: str, status: int) -> None:
    assert refusal(signed_put(replace(LASTING, secret="wrong")), protocol=protocol) == (code, status)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_off_by_more_than_a_quarter_of_an_hour(minutes: int) -> None:
    request = signed_put()
    now = time.time() + 60 * minutes
    assert refusal(request, now=now) == ("RequestTimeTooSkewed", 403)
    assert refusal(request, now=now, protocol="query")[0] == "SignatureDoesNotMatch"
    assert check(request, now=time.time() + 60 * (14 if minutes > 0 else -14)) is LASTING


def test_a_presigned_url_ends() -> None:
    request = sign(S3SigV4QueryAuth(credentials(), "s3", "eu-west-1", 600), "GET", f"{BASE}/b/k", {})
    assert check(request, now=time.time() + 595) is LASTING
    assert refusal(request, now=time.time() + 605) == ("AccessDenied", 403)
    version_2 = sign(HmacV1QueryAuth(credentials(), 600), "GET", f"{BASE}/b/k", {})
    assert check(version_2, now=time.time() + 595) is LASTING
    assert refusal(version_2, now=time.time() + 605) == ("AccessDenied", 403)


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1, "x", "9" * 5000])
def test_a_presigned_url_lives_at_most_a_week(seconds: Any) -> None:
    request = sign(S3SigV4QueryAuth(credentials(), "s3", "eu-west-1", seconds), "GET", f"{BASE}/b/k", {})
    assert refusal(request) == ("AuthorizationQueryParametersError", 400)


def test_session_tokens_are_needed_and_must_be_right() -> None:
    request = signed_put(TEMPORARY)
    assert check(request) is TEMPORARY
    without = signed_put(replace(TEMPORARY, token=None))
    assert refusal(without) == ("InvalidToken", 400)
    assert refusal(signed_put(replace(TEMPORARY, token="other")), protocol="json")[0] == "UnrecognizedClientException"
    assert refusal(signed_put(replace(LASTING, token="surplus"))) == ("InvalidToken", 400)


def test_expired_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    expired = Key(access_key_id="ASIAEXPIRED", token="t", expires=time.time() - 1)
    request = signed_put(expired)
    claim = sigv4.claim(request)
    assert claim is not None
    for protocol, code in (("rest-xml", "ExpiredToken"), ("query", "ExpiredToken"), ("json", "ExpiredTokenException")):
        with pytest.raises(AwsError) as caught:
            sigv4.verify(request, claim, Keys(expired), now=time.time(), protocol=protocol)
        assert caught.value.code == code


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic YTpi",
        "AWS AKIA:signature",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/20260101/r/s3/aws5_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/20260101/r/s3/aws4_request, Signature=0",
    ],
)
def test_unreadable_signatures_are_malformed(header: str) -> None:
    request = signed_put()
    request.headers["authorization"] = header
    with pytest.raises(sigv4.Malformed):
        sigv4.claim(request)


def test_requests_without_a_signature_claim_nothing() -> None:
    assert sigv4.claim(heads.request("GET", b"/b/k?x=1", {"host": "h"}, BytesReader(b""), "")) is None


def test_the_scope_must_be_of_the_day() -> None:
    request = signed_put()
    today = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")
    yesterday = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).strftime("%Y%m%d")
    assert refusal(_authorization(request, today, yesterday)) == ("AuthorizationHeaderMalformed", 400)


def test_the_date_header_stands_in_for_x_amz_date() -> None:
    headers = {"Date": datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    request = sign(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", f"{BASE}/b", headers)
    assert "x-amz-date" not in request.headers
    assert check(request) is LASTING


@pytest.mark.parametrize("stamp", ["", "now", "20260231T000000Z", "20260101T000000", "२०२६०१०१T००००००Z", "0" * 16])
def test_bad_dates_are_refused(stamp: str) -> None:
    request = signed_put()
    request.headers["x-amz-date"] = stamp
    assert refusal(request) == ("AccessDenied", 403)
    assert refusal(request, protocol="query") == ("IncompleteSignature", 400)


@pytest.mark.parametrize("declared", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_payloads_may_be_unsigned(declared: str) -> None:
    headers = {"X-Amz-Content-SHA256": declared}

    class Signer(S3SigV4Auth):  # type: ignore[misc]
        def payload(self, request: Any) -> str:
            return declared

    assert check(sign(Signer(credentials(), "s3", "us-east-1"), "PUT", f"{BASE}/b/k", headers, b"x")) is LASTING


def test_chunks_signed_by_other_means_are_refused_clearly() -> None:
    request = signed_put()
    request.headers["x-amz-content-sha256"] = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
    assert refusal(request) == ("NotImplemented", 501)


@pytest.mark.parametrize("declared", ["", "abc", "Z" * 64, "A" * 64])
def test_other_payload_words_are_invalid(declared: str) -> None:
    request = signed_put()
    request.headers["x-amz-content-sha256"] = declared
    assert refusal(request) == ("InvalidArgument", 400)


@pytest.mark.parametrize("length", [11, None])
@pytest.mark.parametrize("size", [3, 11, 100, -1])
def test_a_body_is_held_to_its_hash(size: int, length: int | None) -> None:
    body = b"hello world"
    good = CheckedReader(BytesReader(body), sha256(body), length, "rest-xml")
    assert b"".join(iter(lambda: good.read(size), b"")) == body
    bad = CheckedReader(BytesReader(b"hello worlt"), sha256(body), length, "rest-xml")
    with pytest.raises(AwsError) as caught:
        b"".join(iter(lambda: bad.read(size), b""))
    assert (caught.value.code, caught.value.status) == ("XAmzContentSHA256Mismatch", 400)


def test_a_reader_that_counts_bytes_never_gets_the_last_ones_of_a_false_body() -> None:
    reader = CheckedReader(BytesReader(b"0123456789"), sha256(b"other"), 10, "rest-xml")
    assert reader.read(5) == b"01234"
    with pytest.raises(AwsError):
        reader.read(5)


def test_the_example_of_the_documentation() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, GET Object."""
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": sigv4.EMPTY_SHA256,
        "x-amz-date": "20130524T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    }
    now = calendar.timegm((2013, 5, 24, 0, 0, 0))
    assert check(heads.request("GET", b"/test.txt", headers, BytesReader(b""), ""), now=now) is LASTING
