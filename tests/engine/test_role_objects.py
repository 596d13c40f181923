"""The role of a workload is asked where bytes move: for each key, when it is done. Through boto3, with real jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.jobs import Jobs
from tests.kit.principals import ACCOUNT, allow, deny, name_of, policy, role_of
from tests.kit.processing import Processing
from tests.kit.servers import client as client_of
from tests.kit.servers import jobs_of
from tests.kit.transforms import Transforms, transforms_of

from sagewright.services.sagemaker._shared.s3_uris import LOOKED_AT
from sagewright.testing.server import ServerProcess

Client = Callable[..., Any]
WAITS = """
import os, time
import boto3
s3 = boto3.client("s3")
print("running", flush=True)
while not os.path.exists("/opt/ml/input/data/x/never"):
    try:
        s3.head_object(Bucket=os.environ["BUCKET"], Key=os.environ["SIGN"])
        break
    except Exception:
        time.sleep(0.1)
open("/opt/ml/model/m", "w").write("planted")
"""


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


def test_a_channel_with_one_object_that_the_role_may_not_read_fails_the_job(
    client: Client, jobs: Jobs, secret: str
) -> None:
    keys = [f"mix/a{number:04d}" for number in range(LOOKED_AT)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: jobs.s3.put_object(Bucket=secret, Key=key, Body=b""), keys))
    jobs.s3.put_object(Bucket=secret, Key="mix/z", Body=b"closed")
    role = role_of(
        client,
        own(jobs),
        allow("s3:ListBucket", on=f"arn:aws:s3:::{secret}"),
        allow("s3:GetObject", on=f"arn:aws:s3:::{secret}/mix/a*"),
    )
    job = jobs.run("print('ran')", RoleArn=role, InputDataConfig=[channel(f"s3://{secret}/mix/")])

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        f"ClientError: Data download failed: Unable to download s3://{secret}/mix/z (AccessDenied: "
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name_of(role)}/SageMaker is not authorized to perform: "
        f'"s3:GetObject" on resource: "arn:aws:s3:::{secret}/mix/z" because no identity-based policy allows the '
        "s3:GetObject action)"
    )
    assert jobs.log(job["TrainingJobName"]) == []


def test_an_output_is_saved_where_the_role_may_write_when_the_job_ends(client: Client, jobs: Jobs) -> None:
    role = role_of(client, own(jobs))
    sign = f"sign-{uuid.uuid4().hex}"
    name = jobs.start(WAITS, RoleArn=role, Environment={"BUCKET": jobs.bucket, "SIGN": sign})
    jobs.wait(name, lambda job: job["TrainingJobStatus"] != "InProgress" or "running" in jobs.log(name))
    key = f"out/{name}/output/model.tar.gz"
    forbidden = deny("s3:PutObject", on=f"arn:aws:s3:::{jobs.bucket}/{key}")
    client("iam").put_role_policy(RoleName=name_of(role), PolicyName="q", PolicyDocument=policy(forbidden))
    jobs.s3.put_object(Bucket=jobs.bucket, Key=sign, Body=b"")

    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Unable to upload the output to S3: AccessDenied: User: ")
    assert f'"s3:PutObject" on resource: "arn:aws:s3:::{jobs.bucket}/{key}"' in job["FailureReason"]
    assert "explicit deny" in job["FailureReason"]
    assert not jobs.s3.list_objects_v2(Bucket=jobs.bucket, Prefix=key)["KeyCount"]


def test_the_output_of_a_job_is_asked_about_under_the_name_of_the_job(client: Client, jobs: Jobs, secret: str) -> None:
    jobs.s3.put_object(Bucket=secret, Key="models/prod/output/model.tar.gz", Body=b"the real one")
    role = role_of(client, own(jobs), allow("s3:*", on=f"arn:aws:s3:::{secret}/models/*"))
    forbidden = deny("s3:PutObject", on=f"arn:aws:s3:::{secret}/models/prod/*")
    client("iam").put_role_policy(RoleName=name_of(role), PolicyName="q", PolicyDocument=policy(forbidden))
    output = {"S3OutputPath": f"s3://{secret}/models"}

    with pytest.raises(ClientError, match=r'ValidationException.*"s3:PutObject" permissions'):
        jobs.start("print()", TrainingJobName="prod", RoleArn=role, OutputDataConfig=output)
    job = jobs.run("open('/opt/ml/model/m', 'w').write('x')", RoleArn=role, OutputDataConfig=output)
    assert job["TrainingJobStatus"] == "Completed", "another name is another key"
    assert jobs.fetch(f"s3://{secret}/models/prod/output/model.tar.gz") == b"the real one"


def test_files_below_an_output_are_asked_about_one_by_one(client: Client, jobs: Jobs) -> None:
    role = role_of(client, own(jobs), deny("s3:PutObject", on=f"arn:aws:s3:::{jobs.bucket}/out/*/output/model/b"))
    script = "for name in 'abc': open('/opt/ml/model/' + name, 'w').write(name)"
    output = {"S3OutputPath": f"s3://{jobs.bucket}/out", "CompressionType": "NONE"}
    job = jobs.run(script, RoleArn=role, OutputDataConfig=output)

    assert job["TrainingJobStatus"] == "Failed"
    assert f"{job['TrainingJobName']}/output/model/b" in job["FailureReason"]
    assert "b" not in jobs.below(f"s3://{jobs.bucket}/out/{job['TrainingJobName']}/output/model")


def test_the_code_of_a_job_is_read_as_its_role(client: Client, jobs: Jobs, secret: str) -> None:
    jobs.s3.put_object(Bucket=secret, Key="code.tar.gz", Body=b"theirs")
    role = role_of(client, own(jobs))
    theirs = {"sagemaker_submit_directory": f"s3://{secret}/code.tar.gz"}
    with pytest.raises(ClientError, match=r'ValidationException.*"s3:GetObject" permissions'):
        jobs.start("print()", RoleArn=role, hyperparameters=theirs)


def test_outputs_of_processing_jobs_are_asked_about_one_by_one(client: Client, jobs: Jobs) -> None:
    out = f"processed-{uuid.uuid4().hex[:8]}"
    role = role_of(client, own(jobs), deny("s3:PutObject", on=f"arn:aws:s3:::{jobs.bucket}/{out}/deep/b"))
    script = """
import os
os.makedirs("/opt/ml/processing/out/deep")
for name in "abc":
    open("/opt/ml/processing/out/deep/" + name, "w").write(name)
"""
    output = {"out": {"S3Uri": f"s3://{jobs.bucket}/{out}", "LocalPath": "/opt/ml/processing/out"}}
    job = Processing(jobs).run(script, RoleArn=role, outputs=output)

    assert job["ProcessingJobStatus"] == "Failed"
    assert f'"s3:PutObject" on resource: "arn:aws:s3:::{jobs.bucket}/{out}/deep/b"' in job["FailureReason"]
    assert "deep/b" not in jobs.below(f"s3://{jobs.bucket}/{out}")


def test_answers_of_transform_jobs_are_written_as_the_role_of_the_model(client: Client, jobs: Jobs) -> None:
    out = f"transformed-{uuid.uuid4().hex[:8]}"
    role = role_of(client, own(jobs), deny("s3:PutObject", on=f"arn:aws:s3:::{jobs.bucket}/{out}/*.csv.out"))
    transforms = transforms_of(jobs)
    container = jobs.sagemaker.describe_model(ModelName=transforms.model)["PrimaryContainer"]
    limited = Transforms(jobs, f"{transforms.model}-limited")
    wanted = {key: container[key] for key in ("Image", "ModelDataUrl")}
    jobs.sagemaker.create_model(ModelName=limited.model, PrimaryContainer=wanted, ExecutionRoleArn=role)
    job, written = limited.run({"a.csv": "1,2"}, output={"S3OutputPath": f"s3://{jobs.bucket}/{out}"})

    assert (job["TransformJobStatus"], written) == ("Failed", {})
    assert f'"s3:PutObject" on resource: "arn:aws:s3:::{jobs.bucket}/{out}/a.csv.out"' in job["FailureReason"]


@pytest.mark.slow
def test_a_role_that_lost_its_rights_while_its_job_stood_in_line_reads_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", arguments=("--max-instances", "1")) as server:
        jobs, iam = jobs_of(server), client_of(server, "iam")
        sign = f"sign-{uuid.uuid4().hex}"
        holder = jobs.start(WAITS, Environment={"BUCKET": jobs.bucket, "SIGN": sign})
        jobs.wait(holder, lambda job: job["SecondaryStatus"] == "Training")
        role = role_of(lambda service: client_of(server, service), allow("s3:*"))
        uri = jobs.put({"a": b"a"})
        name = jobs.start("print('ran')", RoleArn=role, InputDataConfig=[channel(uri)])
        iam.delete_role_policy(RoleName=name_of(role), PolicyName="p")
        jobs.s3.put_object(Bucket=jobs.bucket, Key=sign, Body=b"")

        job = jobs.wait(name)
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("ClientError: Data download failed: Unable to download s3://")
        assert f"assumed-role/{name_of(role)}/SageMaker is not authorized" in job["FailureReason"]
        assert jobs.log(name) == []
        iam.delete_role(RoleName=name_of(role))
        again = jobs.start("print('ran')", RoleArn=role)  # an ephemeral server makes it anew
        assert jobs.wait(again)["TrainingJobStatus"] == "Completed"
