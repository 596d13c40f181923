"""Bucket policies through boto3: kept, checked, and obeyed, for those without a name too."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from tests.kit.principals import ACCOUNT, Client, Person, allow, fetch, let, policy, refused

from sagewright.testing.server import ServerProcess


@pytest.fixture
def ann(client: Client) -> Person:
    return Person(client)


@pytest.fixture
def bucket(client: Client) -> str:
    """A bucket of the administrator with two objects, whose name no AWS-managed policy mentions."""
    s3, name = client("s3"), f"team-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    for key in ("open/a.csv", "closed/b.csv"):
        s3.put_object(Bucket=name, Key=key, Body=b"1,2\n")
    return name


def test_a_bucket_policy_lets_everybody_read(client: Client, bucket: str, server: ServerProcess) -> None:
    s3, url = client("s3"), f"{server.url}/{bucket}/open/a.csv"
    assert fetch(server, url)[0] == 403
    assert refused(s3.get_bucket_policy, Bucket=bucket)[:2] == ("NoSuchBucketPolicy", 404)

    text = policy(let("*", "s3:GetObject", on=f"arn:aws:s3:::{bucket}/open/*"))
    s3.put_bucket_policy(Bucket=bucket, Policy=text)

    assert fetch(server, url) == (200, b"1,2\n")
    assert fetch(server, f"{server.url}/{bucket}/closed/b.csv")[0] == 403
    assert fetch(server, f"{server.url}/{bucket}/open/new", "PUT", b"x")[0] == 403
    assert fetch(server, f"{server.url}/{bucket}")[0] == 403
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True

    s3.delete_bucket_policy(Bucket=bucket)
    assert fetch(server, url)[0] == 403


def test_a_bucket_policy_names_users_and_the_account(client: Client, ann: Person, bucket: str) -> None:
    s3, own = client("s3"), ann.client("s3")
    arn = f"arn:aws:s3:::{bucket}"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(let({"AWS": ann.arn}, "s3:GetObject", on=f"{arn}/open/*")))
    assert own.get_object(Bucket=bucket, Key="open/a.csv")
    assert refused(own.get_object, Bucket=bucket, Key="closed/b.csv")[0] == "AccessDenied"
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False

    s3.put_bucket_policy(Bucket=bucket, Policy=policy(let({"AWS": ACCOUNT}, "s3:*", on=f"{arn}/*")))
    assert refused(own.get_object, Bucket=bucket, Key="open/a.csv")[0] == "AccessDenied"

    ann.may(allow("s3:*"))
    assert own.get_object(Bucket=bucket, Key="open/a.csv")
    closed = let({"AWS": ann.arn}, "s3:GetObject", on=f"{arn}/*") | {"Effect": "Deny"}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(closed))
    message = refused(own.get_object, Bucket=bucket, Key="open/a.csv")[2]
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_a_bucket_policy_binds_the_administrator_but_never_locks_it_out(client: Client, bucket: str) -> None:
    s3, arn = client("s3"), f"arn:aws:s3:::{bucket}"
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=policy(let("*", "s3:*", on=[arn, f"{arn}/*"], Condition=insecure) | {"Effect": "Deny"}),
    )

    assert refused(s3.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (allow("s3:*", on="arn:aws:s3:::{}"), "Missing required field Principal"),
        (let("*", "s3:*", on="arn:aws:s3:::other"), "Policy has invalid resource"),
        (let("*", "ec2:*", on="arn:aws:s3:::{}"), "Policy has invalid action"),
        (let({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}, "s3:*", on="arn:aws:s3:::{}"), "Invalid principal"),
        (let("*", "s3:*", on="arn:aws:s3:::{}", Condition={"Sounds": {"a:b": "c"}}), "Invalid Condition type"),
        ("no json", "Policies must be valid JSON"),
    ],
)
def test_what_is_no_bucket_policy(client: Client, bucket: str, statement: Any, words: str) -> None:
    text = statement if isinstance(statement, str) else policy(statement).replace("{}", bucket)
    code, status, message = refused(client("s3").put_bucket_policy, Bucket=bucket, Policy=text)

    assert (code, status) == ("MalformedPolicy", 400)
    assert words in message


def test_a_bucket_takes_its_policy_with_it(client: Client) -> None:
    s3, name = client("s3"), f"gone-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(let("*", "s3:GetObject", on=f"arn:aws:s3:::{name}/*")))
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)

    assert refused(s3.get_bucket_policy, Bucket=name)[0] == "NoSuchBucketPolicy"
