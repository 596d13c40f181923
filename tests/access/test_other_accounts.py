"""Between accounts: a server has one, but its database may hold what another left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.kit.jobs import Jobs
from tests.kit.principals import Document, allow, let, policy, refused

from sagewright.testing.server import ServerProcess

THEIRS, OURS = "111111111111", "123456789012"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("accounts") / "data"


class Account:
    """A server of one account on the shared data directory, and its administrator."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def client(self, service: str, **keys: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        return boto3.client(service, config=config, **{**self.server.client_options(), **keys})  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def stranger(data: Path) -> dict[str, str]:
    """The keys of a user of the account that the data directory had before, who may everything there."""
    with ServerProcess(data, ephemeral=False, env={"SAGEWRIGHT_ACCOUNT_ID": THEIRS}) as server:
        iam = Account(server).client("iam")
        iam.create_user(UserName="eve")
        iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=policy(allow("*")))
        key = iam.create_access_key(UserName="eve")["AccessKey"]
        s3 = Account(server).client("s3")
        s3.create_bucket(Bucket="their-bucket")
        s3.put_object(Bucket="their-bucket", Key="key", Body=b"theirs")
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


@pytest.fixture(scope="module")
def ours(data: Path, stranger: dict[str, str]) -> Iterator[Account]:
    with ServerProcess(data, ephemeral=False, env={"SAGEWRIGHT_ACCOUNT_ID": OURS}) as server:
        account = Account(server)
        s3 = account.client("s3")
        for bucket in ("open", "closed"):
            s3.create_bucket(Bucket=f"{bucket}-bucket")
            s3.put_object(Bucket=f"{bucket}-bucket", Key="key", Body=bucket.encode())
        yield account


def share(ours: Account, *actions: str) -> None:
    eve: Document = {"AWS": f"arn:aws:iam::{THEIRS}:user/eve"}
    text = policy(let(eve, *actions, on=["arn:aws:s3:::open-bucket", "arn:aws:s3:::open-bucket/*"]))
    ours.client("s3").put_bucket_policy(Bucket="open-bucket", Policy=text)


def test_a_stranger_may_what_the_bucket_allows_and_no_more(ours: Account, stranger: dict[str, str]) -> None:
    s3 = ours.client("s3", **stranger)
    assert ours.client("sts", **stranger).get_caller_identity()["Account"] == THEIRS
    assert refused(s3.get_object, Bucket="open-bucket", Key="key")[0] == "AccessDenied"

    share(ours, "s3:GetObject", "s3:PutObject")
    assert s3.get_object(Bucket="open-bucket", Key="key")["Body"].read() == b"open"
    assert s3.put_object(Bucket="open-bucket", Key="new", Body=b"x")
    assert "because no resource-based policy allows" in refused(s3.list_objects_v2, Bucket="open-bucket")[2]
    assert refused(s3.get_object, Bucket="closed-bucket", Key="key")[0] == "AccessDenied"
    assert refused(s3.get_bucket_policy, Bucket="open-bucket")[0] == "AccessDenied"


def test_a_stranger_let_into_one_bucket_cannot_copy_out_of_another(ours: Account, stranger: dict[str, str]) -> None:
    share(ours, "s3:*")
    s3 = ours.client("s3", **stranger)

    stolen = {"Bucket": "open-bucket", "Key": "stolen", "CopySource": "closed-bucket/key"}
    assert refused(s3.copy_object, **stolen)[0] == "AccessDenied"
    assert s3.copy_object(**stolen | {"CopySource": "open-bucket/key"})


def test_accounts_do_not_see_each_others_nouns_and_roles(ours: Account, stranger: dict[str, str]) -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    model = {"ModelName": "m", "PrimaryContainer": {"Image": image}}
    theirs, own = (f"arn:aws:iam::{account}:role/SagewrightExecutionRole" for account in (THEIRS, OURS))
    sagemaker = ours.client("sagemaker", **stranger)

    assert (
        refused(sagemaker.create_model, **model, ExecutionRoleArn=own)[2] == "Cross-account pass role is not allowed."
    )
    assert sagemaker.create_model(**model, ExecutionRoleArn=theirs)["ModelArn"].split(":")[4] == THEIRS
    assert ours.client("sagemaker").list_models()["Models"] == []
    assert [role["Arn"] for role in ours.client("iam").list_roles()["Roles"]] == [own]


def test_a_role_reads_of_another_account_what_its_bucket_allows(ours: Account) -> None:
    role = f"arn:aws:iam::{OURS}:role/SagewrightExecutionRole"
    ours.client("iam").put_role_policy(
        RoleName="SagewrightExecutionRole", PolicyName="all", PolicyDocument=policy(allow("s3:*"))
    )
    jobs = Jobs(ours.client("sagemaker"), ours.client("s3"), ours.client("logs"), "open-bucket")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://their-bucket/key"}}
    channels = [{"ChannelName": "x", "DataSource": source}]

    assert (
        "no resource-based policy allows"
        in refused(jobs.start, script="print()", RoleArn=role, InputDataConfig=channels)[2]
    )
    output = {"S3OutputPath": "s3://their-bucket/out"}
    assert "s3:PutObject" in refused(jobs.start, script="print()", RoleArn=role, OutputDataConfig=output)[2]
