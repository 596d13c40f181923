"""What roles may do when SageMaker takes them on: the questions that policies are asked then. Through boto3."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.jobs import Jobs
from tests.kit.principals import ACCOUNT, TRUST, allow, deny, name_of, policy, role_of

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def jobs(client: Client) -> Jobs:
    bucket = f"roles-{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=bucket)
    return Jobs(client("sagemaker"), client("s3"), client("logs"), bucket)


@pytest.fixture
def secret(client: Client) -> str:
    """A bucket of which only few objects are anybody's."""
    bucket = f"secret-{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=bucket)
    return bucket


def own(jobs: Jobs) -> Any:
    """Everything in the bucket of the jobs."""
    return allow("s3:*", on=[f"arn:aws:s3:::{jobs.bucket}", f"arn:aws:s3:::{jobs.bucket}/*"])


def channel(uri: str, name: str = "x") -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def test_a_role_needs_to_list_what_it_takes_a_prefix_of(client: Client, jobs: Jobs, secret: str) -> None:
    jobs.s3.put_object(Bucket=secret, Key="open/a", Body=b"a")
    prefix = {"StringLike": {"s3:prefix": "open/*"}}
    role = role_of(
        client,
        own(jobs),
        allow("s3:ListBucket", on=f"arn:aws:s3:::{secret}", Condition=prefix),
        allow("s3:GetObject", on=f"arn:aws:s3:::{secret}/*"),
    )
    script = "import os; print('GOT', os.listdir('/opt/ml/input/data/x'))"
    job = jobs.run(script, RoleArn=role, InputDataConfig=[channel(f"s3://{secret}/open/")])
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "GOT ['a']" in jobs.log(job["TrainingJobName"])
    with pytest.raises(ClientError, match="No S3 objects found"):
        jobs.start(script, RoleArn=role, InputDataConfig=[channel(f"s3://{secret}/ope")])


def test_buckets_may_insist_on_tls_and_on_the_session_that_reads(client: Client, jobs: Jobs, secret: str) -> None:
    """What SageMaker reads never leaves the machine, and it reads as ``assumed-role/<Role>/SageMaker``."""
    jobs.s3.put_object(Bucket=secret, Key="a", Body=b"a")
    role = role_of(client, own(jobs))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name_of(role)}/SageMaker"
    both = [f"arn:aws:s3:::{secret}", f"arn:aws:s3:::{secret}/*"]
    plain = {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    text = policy(
        deny("s3:GetObject", "s3:ListBucket", on=both, **plain),
        allow("s3:GetObject", "s3:ListBucket", on=both, Principal={"AWS": session}),
    )
    client("s3").put_bucket_policy(Bucket=secret, Policy=text)
    job = jobs.run("print()", RoleArn=role, InputDataConfig=[channel(f"s3://{secret}/a")])
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]


def test_a_trust_that_names_one_job_serves_that_job_alone(client: Client, jobs: Jobs) -> None:
    name = f"job-{uuid.uuid4().hex[:10]}"
    only = {"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/{name}"}}
    role = role_of(client, own(jobs), trust={**TRUST, "Condition": only})

    with pytest.raises(ClientError, match=f"Could not assume role {role}"):
        jobs.start("print()", RoleArn=role)
    assert jobs.run("print()", RoleArn=role, TrainingJobName=name)["TrainingJobStatus"] == "Completed"
