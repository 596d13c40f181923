"""Requests to S3 that no SDK would send, and the errors it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sagewright.testing.server import ServerProcess

Refusal = tuple[int, str]


def refusal(call: Callable[..., Any], **arguments: Any) -> Refusal:
    """Status and code of the error that ``call`` answers."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def raw(
    server: ServerProcess,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    payload: str | None = None,
) -> urllib3.BaseHTTPResponse:
    """A signed request that boto3 would not send: ``path`` goes out as it is, ``payload`` stands for its hash."""

    class Auth(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return payload or super().payload(request)

    keys = server.credentials()
    request = AWSRequest(method, server.url + path, headers=headers or {}, data=body)
    Auth(Credentials(keys["access_key_id"], keys["secret_access_key"]), "s3", "us-east-1").add_auth(request)
    pool = urllib3.HTTPConnectionPool(
        server.url.removeprefix("http://").partition(":")[0], int(server.url.rpartition(":")[2])
    )
    return pool.urlopen(method, path, body=body, headers=dict(request.headers.items()), retries=False, redirect=False)
