"""Principals other than the administrator, and what their policies say."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from sagewright.testing.server import ServerProcess

ACCOUNT = "123456789012"
Client = Callable[..., Any]
Document = dict[str, Any]
TRUST: Document = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


def policy(*statements: Document) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: Any = "*", **members: Any) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **members}


def deny(*actions: str, on: Any = "*", **members: Any) -> Document:
    return allow(*actions, on=on, **members) | {"Effect": "Deny"}


class Person:
    """A user with a key of their own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._iam = client("iam")
        self.name = f"ann-{uuid.uuid4().hex[:12]}"
        self.arn: str = self._iam.create_user(UserName=self.name)["User"]["Arn"]
        key = self._iam.create_access_key(UserName=self.name)["AccessKey"]
        self.key_id = key["AccessKeyId"]
        self.keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def may(self, *statements: Document) -> Person:
        """Replace what the user's inline policy says."""
        self._iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=policy(*statements))
        return self

    def client(self, service: str, **options: Any) -> Any:
        return self._client(service, **{**self.keys, **options})


def role_of(client: Client, *statements: Document, trust: Document | None = None, **members: Any) -> str:
    """Make a role that trusts SageMaker, unless told otherwise, with an inline policy ``p``; its ARN."""
    iam, name = client("iam"), f"role-{uuid.uuid4().hex[:12]}"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust or TRUST), **members)["Role"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
    return str(made["Arn"])


def keys_of(answer: Document) -> dict[str, str]:
    """The keys that STS gave, as options of a client."""
    given = answer["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def name_of(arn: str) -> str:
    """The name of a role or a user."""
    return arn.rpartition("/")[2]


def let(who: Any, *actions: str, on: Any, **members: Any) -> Document:
    return allow(*actions, on=on, Principal=who, **members)


def refused(call: Callable[..., Any], **members: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def fetch(server: ServerProcess, url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """Without a signature, but for what the URL has."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
