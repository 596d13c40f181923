"""Browser uploads: forms that boto3 signs, sent as a browser sends them."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from botocore.config import Config
from tests.kit.s3 import refusal
from urllib3.filepost import encode_multipart_formdata

from sagewright.testing.server import ServerProcess

Fields = dict[str, str]
V4 = Config(signature_version="s3v4")


def send(url: str, fields: Fields, data: bytes = b"hello", filename: str = "photo.png") -> urllib3.BaseHTTPResponse:
    body, content_type = encode_multipart_formdata([*fields.items(), ("file", (filename, data, "image/png"))])
    return urllib3.request(
        "POST", url, body=body, headers={"content-type": content_type}, redirect=False, retries=False
    )


@pytest.fixture(params=["s3v4", "s3"])
def signed(request: pytest.FixtureRequest, client: Callable[..., Any], bucket: str) -> Callable[..., dict[str, Any]]:
    """``signed(key, fields)`` is a presigned form for the bucket, in both versions of signatures."""
    s3 = client("s3", config=Config(signature_version=request.param))

    def make(key: str = "k", fields: Fields | None = None, extra: list[Any] | None = None, **how: Any) -> Any:
        conditions = [{name: value} for name, value in (fields or {}).items()] + (extra or [])
        return s3.generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions, **how)

    return make


def test_upload(s3: Any, bucket: str, signed: Callable[..., Any]) -> None:
    form = signed(
        "photos/${filename}",
        {"Content-Type": "image/png", "x-amz-meta-who": "me", "acl": "private", "success_action_status": "201"},
        [["content-length-range", 1, 10]],
    )
    answer = send(form["url"], form["fields"], filename="C:\\pictures\\photo 1.png")
    assert answer.status == 201, answer.data
    assert b"<Key>photos/photo 1.png</Key>" in answer.data
    got = s3.get_object(Bucket=bucket, Key="photos/photo 1.png")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"hello", "image/png", {"who": "me"})
    assert got["ETag"] in answer.data.decode().replace("&quot;", '"')


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("204", 204), ("500", 204), (None, 204)])
def test_status(signed: Callable[..., Any], asked: str | None, status: int) -> None:
    form = signed(fields={"success_action_status": asked} if asked else None)
    assert send(form["url"], form["fields"]).status == status


def test_redirect(bucket: str, signed: Callable[..., Any]) -> None:
    form = signed(fields={"success_action_redirect": "https://example.com/done?x=1"})
    answer = send(form["url"], form["fields"])
    assert answer.status == 303
    assert answer.headers["location"] == (
        f"https://example.com/done?x=1&bucket={bucket}&key=k&etag=%225d41402abc4b2a76b9719d911017c592%22"
    )


def test_large_files_stream(s3: Any, bucket: str, signed: Callable[..., Any]) -> None:
    data = bytes(range(256)) * 20_000
    form = signed()
    assert send(form["url"], form["fields"], data).status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


@pytest.mark.parametrize(
    ("how", "change", "expected"),
    [
        ({}, {"key": "other"}, (403, "AccessDenied")),
        ({}, {"x-amz-meta-more": "1"}, (403, "AccessDenied")),
        ({"fields": {"Content-Type": "image/png"}}, {"Content-Type": "text/html"}, (403, "AccessDenied")),
        ({"extra": [["content-length-range", 6, 10]]}, {}, (400, "EntityTooSmall")),
        ({"extra": [["content-length-range", 0, 4]]}, {}, (400, "EntityTooLarge")),
        ({"extra": [["content-length-range", "a", "b"]]}, {}, (400, "InvalidPolicyDocument")),
        ({"extra": [["resembles", "$key", "k"]]}, {}, (400, "InvalidPolicyDocument")),
        ({"ExpiresIn": -1}, {}, (403, "AccessDenied")),
        ({}, {"policy": base64.b64encode(b"{}").decode()}, (403, "SignatureDoesNotMatch")),
        ({}, {"policy": None}, (403, "AccessDenied")),
        ({}, {"key": None}, (400, "InvalidArgument")),
        ({}, {"x-amz-meta-big": "x" * 30_000}, (400, "MaxPostPreDataLengthExceeded")),
    ],
)
def test_refusals(
    s3: Any,
    bucket: str,
    signed: Callable[..., Any],
    how: dict[str, Any],
    change: dict[str, str | None],
    expected: tuple[int, str],
) -> None:
    form = signed(**how)
    fields = {name: value for name, value in (form["fields"] | change).items() if value is not None}
    answer = send(form["url"], fields)
    status, code = expected
    assert (answer.status, f"<Code>{code}</Code>" in answer.data.decode()) == (status, True), answer.data
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_form_for_one_bucket_is_none_for_another(
    server: ServerProcess, s3: Any, bucket: str, signed: Callable[..., Any]
) -> None:
    s3.create_bucket(Bucket=f"{bucket}-2")
    answer = send(f"{server.url}/{bucket}-2", signed()["fields"])
    assert (answer.status, b"AccessDenied" in answer.data) == (403, True)


def test_only_what_put_object_takes_becomes_a_header(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    """A field named like a header of another operation must not make the upload that operation."""
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    extra = {"x-amz-copy-source": f"{bucket}/secret"}
    form = client("s3", config=V4).generate_presigned_post(bucket, "k", Fields=extra, Conditions=[extra])
    assert send(form["url"], form["fields"]).status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_checksum_of_a_form_is_verified(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    extra = {"x-amz-checksum-crc32": "AAAAAA=="}
    form = client("s3", config=V4).generate_presigned_post(bucket, "k", Fields=extra, Conditions=[extra])
    answer = send(form["url"], form["fields"])
    assert (answer.status, b"BadDigest" in answer.data) == (400, True)
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_unknown_and_foreign_keys(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    form = client("s3", aws_access_key_id="AKIANOBODY", config=V4).generate_presigned_post(bucket, "k")
    assert b"InvalidAccessKeyId" in send(form["url"], form["fields"]).data
    other = client("s3", aws_secret_access_key="wrong", config=V4).generate_presigned_post(bucket, "k")
    assert b"SignatureDoesNotMatch" in send(other["url"], other["fields"]).data


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"", "multipart/form-data", b"MalformedPOSTRequest"),
        (b"", "multipart/form-data; boundary=x", b"MalformedPOSTRequest"),
        (b"nonsense", "multipart/form-data; boundary=x", b"MalformedPOSTRequest"),
        (b"--x\r\n\r\nv\r\n--x--\r\n", "multipart/form-data; boundary=x", b"MalformedPOSTRequest"),
        (
            b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            b"InvalidArgument",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            b"MalformedPOSTRequest",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'
            b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            b"InvalidArgument",
        ),
        (b"\r\n" * 1_000_000 + b"--x--", "multipart/form-data; boundary=x", b"MaxPostPreDataLengthExceeded"),
        (b"--x\r\n" + b"a: b\r\n" * 1000 + b"\r\n", "multipart/form-data; boundary=x", b"MalformedPOSTRequest"),
        (b"--x\r\nContent-Type: " + b"a" * 1_000_000, "multipart/form-data; boundary=x", b"MalformedPOSTRequest"),
    ],
)
def test_forms_that_are_none(server: ServerProcess, bucket: str, body: bytes, content_type: str, code: bytes) -> None:
    answer = urllib3.request(
        "POST", f"{server.url}/{bucket}", body=body, headers={"content-type": content_type}, retries=False
    )
    assert (answer.status, code in answer.data) == (400, True), answer.data


def test_a_form_cut_off_leaves_nothing(server: ServerProcess, s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    form = client("s3", config=V4).generate_presigned_post(bucket, "k")
    body, content_type = encode_multipart_formdata([*form["fields"].items(), ("file", ("f", b"hello", "a/b"))])
    answer = urllib3.request("POST", form["url"], body=body[:-8], headers={"content-type": content_type}, retries=False)
    assert (answer.status, b"MalformedPOSTRequest" in answer.data) == (400, True), answer.data
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_policy_of_the_manual(server: ServerProcess, s3: Any, bucket: str) -> None:
    """starts-with on Content-Type looks at each type of a list, and x-ignore- fields need no condition."""
    import hmac

    keys = server.credentials()
    expiration = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    policy = {
        "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "conditions": [
            {"bucket": bucket},
            ["Starts-With", "$key", ""],
            ["starts-with", "$Content-Type", "image/"],
        ],
    }
    text = base64.b64encode(json.dumps(policy).encode())
    fields = {
        "key": "k",
        "Content-Type": "image/png,image/jpeg",
        "X-Ignore-This": "1",
        "AWSAccessKeyId": keys["access_key_id"],
        "policy": text.decode(),
        "signature": base64.b64encode(hmac.digest(keys["secret_access_key"].encode(), text, "sha1")).decode(),
    }
    assert send(f"{server.url}/{bucket}", fields).status == 204
    assert send(f"{server.url}/{bucket}", fields | {"Content-Type": "image/png,text/html"}).status == 403
