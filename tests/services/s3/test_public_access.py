"""Public access blocks: they are kept, and what they say of public policies is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import urllib3
from tests.kit.principals import ACCOUNT, Person, let, policy
from tests.kit.s3 import refusal

from sagewright.testing.server import ServerProcess

ALL = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def open_to_all(bucket: str) -> str:
    return policy(let("*", "s3:GetObject", on=f"arn:aws:s3:::{bucket}/*"))


def block(s3: Any, bucket: str, *on: str) -> None:
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(on, True))


def test_a_block_is_put_read_and_deleted(s3: Any, bucket: str) -> None:
    missing = (404, "NoSuchPublicAccessBlockConfiguration")
    assert refusal(s3.get_public_access_block, Bucket=bucket) == missing
    block(s3, bucket, "BlockPublicPolicy", "IgnorePublicAcls")
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {
        name: name in ("BlockPublicPolicy", "IgnorePublicAcls") for name in ALL
    }
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    assert refusal(s3.get_public_access_block, Bucket=bucket) == missing
    assert refusal(s3.get_public_access_block, Bucket="no-such-bucket-here") == (404, "NoSuchBucket")


def test_a_block_refuses_public_policies_and_no_others(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    block(s3, bucket, "BlockPublicPolicy")
    assert refusal(s3.put_bucket_policy, Bucket=bucket, Policy=open_to_all(bucket)) == (403, "AccessDenied")
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    one = policy(let({"AWS": Person(client).arn}, "s3:GetObject", on=f"arn:aws:s3:::{bucket}/*"))
    s3.put_bucket_policy(Bucket=bucket, Policy=one)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False


def test_a_block_keeps_others_out_while_the_policy_is_public(
    s3: Any, bucket: str, server: ServerProcess, client: Callable[..., Any]
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_policy(Bucket=bucket, Policy=open_to_all(bucket))
    url = f"{server.url}/{bucket}/k"
    assert urllib3.request("GET", url).data == b"x"
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    block(s3, bucket, "RestrictPublicBuckets")
    assert urllib3.request("GET", url).status == 403
    mine = Person(client).client("s3")
    assert mine.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x", "the account's own users may go on"
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == open_to_all(bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=open_to_all(bucket))
    assert urllib3.request("GET", url).status == 403, "a policy that is put later as well"
    s3.delete_public_access_block(Bucket=bucket)
    assert urllib3.request("GET", url).data == b"x"


def test_not_principal_allows_nobody(s3: Any, bucket: str) -> None:
    statement = let("*", "s3:GetObject", on=f"arn:aws:s3:::{bucket}/*")
    statement["NotPrincipal"] = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    del statement["Principal"]
    assert refusal(s3.put_bucket_policy, Bucket=bucket, Policy=policy(statement)) == (400, "MalformedPolicy")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement | {"Effect": "Deny"}))
