"""Forms that nobody signed, and requests to buckets that are not there."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from tests.kit.principals import let, policy

from sagewright.testing.server import ServerProcess


def client(server: ServerProcess, version: str = "s3v4") -> Any:
    config = Config(signature_version=version, retries={"total_max_attempts": 1}, proxies={})
    return boto3.client("s3", config=config, **server.client_options())  # type: ignore[call-overload]


def post(server: ServerProcess, bucket: str, **fields: Any) -> urllib3.BaseHTTPResponse:
    form = {"key": "k", **fields, "file": ("name", b"posted")}
    return urllib3.request("POST", f"{server.url}/{bucket}", fields=form, redirect=False)


@pytest.fixture
def bucket(server: ServerProcess) -> str:
    name = f"post-{uuid.uuid4().hex[:10]}"
    client(server).create_bucket(Bucket=name)
    return name


def test_an_unsigned_form_may_what_the_bucket_gives_to_everybody(server: ServerProcess, bucket: str) -> None:
    s3 = client(server)
    assert post(server, bucket).status == 403
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(let("*", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*")))
    answer = post(server, bucket)
    assert (answer.status, answer.data) == (204, b"")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"posted"
    answer = post(server, bucket, success_action_status="201")
    assert (answer.status, b"<Key>k</Key>" in answer.data) == (201, True)
    assert post(server, bucket, success_action_status="200").status == 200
    assert post(server, bucket, success_action_status="404").status == 204
    answer = post(server, bucket, success_action_redirect="http://page.example/done")
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"http://page.example/done?bucket={bucket}&key=k&etag=")


@pytest.mark.parametrize("field", ["policy", "signature", "AWSAccessKeyId", "x-amz-credential", "x-amz-signature"])
def test_half_a_signature_is_no_unsigned_form(server: ServerProcess, bucket: str, field: str) -> None:
    everybody = policy(let("*", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"))
    client(server).put_bucket_policy(Bucket=bucket, Policy=everybody)
    assert post(server, bucket, **{field: "x"}).status in (400, 403)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_bucket_that_is_not_there_is_said_so_to_everybody(server: ServerProcess, bucket: str, method: str) -> None:
    assert urllib3.request(method, f"{server.url}/no-such-bucket-anywhere/k").status == 404
    assert urllib3.request(method, f"{server.url}/{bucket}/k").status == 403
