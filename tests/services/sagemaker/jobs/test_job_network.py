"""What code in jobs and endpoints reaches: this server, by unmodified boto3, as the role of the job."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import Endpoints
from tests.kit.eventually import eventually
from tests.kit.job_network import LOOK, saw
from tests.kit.jobs import ROLE, Jobs
from tests.kit.principals import allow, policy
from tests.kit.processing import Processing
from tests.kit.transforms import transforms_of

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow

SEE = f"""{LOOK}
key = boto3.Session().get_credentials().get_frozen_credentials()
print("SAW", json.dumps({{
    "me": boto3.client("sts").get_caller_identity()["Arn"],
    "under_its_own_name": boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
        .get_caller_identity()["UserId"],
    "open": read("open/x"),
    "closed": read("closed/x"),
    "jobs": said(lambda: boto3.client("sagemaker").list_training_jobs()),
    "secrets": [name for name, value in os.environ.items() if key.secret_key in value or key.token in value],
    "key": [key.access_key, key.secret_key, key.token],
}}))
"""


@pytest.fixture(scope="module")
def narrow(client: Callable[..., Any], jobs: Jobs) -> str:
    """The ARN of a role that reads what jobs need and ``open/*``, and is called OnlyOpen."""
    for key in ("open/x", "closed/x"):
        jobs.s3.put_object(Bucket=jobs.bucket, Key=key, Body=key)
    iam, name = client("iam"), "OnlyOpen"
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
    trust = policy(trusted)
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    place = f"arn:aws:s3:::{jobs.bucket}"
    document = policy(
        allow("s3:ListBucket", on=place),
        allow("s3:GetObject", on=[f"{place}/job-*", f"{place}/open/*"]),
        allow("s3:PutObject", on=f"{place}/out/*"),
    )
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
    return arn


def test_a_training_job_is_a_session_of_its_role_and_may_what_that_may(
    jobs: Jobs, narrow: str, server: ServerProcess
) -> None:
    job = jobs.run(SEE, RoleArn=narrow, Environment={"BUCKET": jobs.bucket})
    assert job["TrainingJobStatus"] == "Completed", job
    seen = saw(jobs.log(job["TrainingJobName"]))
    me = "arn:aws:sts::123456789012:assumed-role/OnlyOpen/SageMaker"
    assert seen["me"] == me
    assert seen["under_its_own_name"].startswith("AROA")
    assert seen["under_its_own_name"].endswith(":SageMaker")
    assert seen["open"] == "open/x"
    assert seen["closed"].startswith("An error occurred (AccessDenied) when calling the GetObject operation: ")
    assert f"User: {me} is not authorized to perform: " in seen["closed"]
    assert f"{jobs.bucket}/closed/x" in seen["closed"]
    assert "AccessDeniedException" in seen["jobs"]
    assert seen["secrets"] == []
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    options = {**server.client_options(), **dict(zip(names, seen["key"], strict=True))}

    def dead() -> bool:
        try:
            boto3.client("sts", **options).get_caller_identity()  # type: ignore[call-overload]
        except ClientError as error:
            return error.response["Error"]["Code"] == "InvalidClientTokenId"
        return False

    eventually(dead, what=lambda: "the key of an ended job works", seconds=20)


def test_an_isolated_job_has_neither_network_nor_credentials(jobs: Jobs) -> None:
    script = f"{LOOK}print('SAW', json.dumps([read('x'), sorted(name for name in os.environ if 'AWS' in name)]))"
    bare = ["Unable to locate credentials", ["AWS_DEFAULT_REGION", "AWS_REGION"]]
    isolated: dict[str, Any] = {"EnableNetworkIsolation": True, "Environment": {"BUCKET": "any"}}
    job = jobs.run(script, **isolated)
    assert saw(jobs.log(job["TrainingJobName"])) == bare
    processing = Processing(jobs)
    name = processing.start(script, NetworkConfig={"EnableNetworkIsolation": True}, Environment=isolated["Environment"])
    processing.wait(name)
    assert saw(jobs.log(name, "/aws/sagemaker/ProcessingJobs")) == bare


MODEL = """
import boto3, json, os
def model_fn(model_dir):
    return boto3.client("sts").get_caller_identity()["Arn"]
def transform_fn(model, body, content_type, accept):
    text = boto3.client("s3").get_object(Bucket=os.environ["BUCKET"], Key="open/x")["Body"].read().decode()
    return json.dumps([model, text]), "application/json"
"""


def test_a_models_own_code_calls_the_server(jobs: Jobs, client: Callable[..., Any], narrow: str) -> None:
    assert narrow
    endpoints = Endpoints(jobs, client("sagemaker-runtime"))
    model = endpoints.model("", MODEL)
    described = jobs.sagemaker.describe_model(ModelName=model)
    container = described["PrimaryContainer"]
    container["Environment"]["BUCKET"] = jobs.bucket
    name = f"model-{uuid.uuid4().hex[:10]}"
    jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    endpoint = endpoints.create(endpoints.config(main={"ModelName": name}))
    endpoints.wait(endpoint)
    said = ["arn:aws:sts::123456789012:assumed-role/SagewrightExecutionRole/SageMaker", "open/x"]
    answer = endpoints.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1", ContentType="text/csv")
    assert json.loads(answer["Body"].read()) == said
    jobs.sagemaker.delete_endpoint(EndpointName=endpoint)
    transforms = transforms_of(jobs)
    transforms.model = name
    found = transforms.completed({"a.csv": "1,2\n"}, output={"Accept": "application/json"})
    assert json.loads(found["a.csv.out"]) == said
