"""Other accounts are kept out of a bucket whose public policy is restricted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.kit.principals import allow, let, policy
from tests.kit.s3 import refusal

from sagewright.testing.server import ServerProcess

OURS, THEIRS = "123456789012", "111111111111"


def client(server: ServerProcess, service: str, **keys: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client(service, config=config, **{**server.client_options(), **keys})  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """S3 of the administrator, and of a user of another account who may everything there."""
    data = tmp_path_factory.mktemp("accounts") / "data"
    with ServerProcess(data, ephemeral=False, env={"SAGEWRIGHT_ACCOUNT_ID": THEIRS}) as server:
        iam = client(server, "iam")
        iam.create_user(UserName="eve")
        iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=policy(allow("*")))
        key = iam.create_access_key(UserName="eve")["AccessKey"]
    with ServerProcess(data, ephemeral=False, env={"SAGEWRIGHT_ACCOUNT_ID": OURS}) as server:
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        yield client(server, "s3"), client(server, "s3", **keys)


def test_a_restricted_bucket_is_its_accounts_alone(accounts: tuple[Any, Any]) -> None:
    ours, theirs = accounts
    here = {"Bucket": "restricted-bucket", "Key": "k"}
    ours.create_bucket(Bucket=here["Bucket"])
    ours.put_object(**here, Body=b"x")
    arn = "arn:aws:s3:::restricted-bucket/*"
    everybody = let("*", "s3:GetObject", on=arn)
    eve = let({"AWS": f"arn:aws:iam::{THEIRS}:user/eve"}, "s3:GetObject", on=arn)
    block = {"RestrictPublicBuckets": True}
    ours.put_public_access_block(Bucket=here["Bucket"], PublicAccessBlockConfiguration=block)
    ours.put_bucket_policy(Bucket=here["Bucket"], Policy=policy(eve))
    assert theirs.get_object(**here)["Body"].read() == b"x", "a policy that names her is not public"
    ours.put_bucket_policy(Bucket=here["Bucket"], Policy=policy(eve, everybody))
    assert refusal(theirs.get_object, **here) == (403, "AccessDenied")
    assert ours.get_object(**here)["Body"].read() == b"x"
    ours.delete_public_access_block(Bucket=here["Bucket"])
    assert theirs.get_object(**here)["Body"].read() == b"x"
