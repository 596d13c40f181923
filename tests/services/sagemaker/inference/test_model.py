"""What a model may be made of: files that its role may read, when it is made and when it is deployed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN, Endpoints
from tests.kit.jobs import ROLE, Jobs, archive
from tests.kit.principals import ACCOUNT, allow, name_of, role_of
from tests.kit.transforms import Transforms

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestModel(NounCase):
    kind = "Model"
    example: ClassVar[dict[str, Any]] = {
        "ModelName": "example",
        "PrimaryContainer": {"Image": SKLEARN, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}},
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "k", "Value": "v"}],
    }


@pytest.fixture
def secret(jobs: Jobs) -> str:
    """A bucket with a model that is not everybody's."""
    bucket = f"secret-{uuid.uuid4().hex[:10]}"
    jobs.s3.create_bucket(Bucket=bucket)
    jobs.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive({"weights": "theirs"}))
    return bucket


@pytest.fixture
def endpoints(jobs: Jobs, client: Client) -> Iterator[Endpoints]:
    made = Endpoints(jobs, client("sagemaker-runtime"))
    yield made
    for name in made.made:
        jobs.sagemaker.delete_endpoint(EndpointName=name)


def containers(uri: str) -> list[dict[str, Any]]:
    """All ways to name something in S3."""
    source = {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}}
    below = {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    return [
        {"Image": SKLEARN, "ModelDataUrl": uri},
        {"Image": SKLEARN, "ModelDataSource": source},
        {"Image": SKLEARN, "ModelDataSource": below},
        {"Image": SKLEARN, "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": uri}},
    ]


def test_without_a_role_nothing_is_read_from_s3(jobs: Jobs, secret: str) -> None:
    for container in containers(f"s3://{secret}/model.tar.gz"):
        with pytest.raises(ClientError, match=r"ValidationException.*specify an ExecutionRoleArn"):
            jobs.sagemaker.create_model(ModelName="m", PrimaryContainer=container)
    name = f"bare-{uuid.uuid4().hex[:10]}"
    assert jobs.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": SKLEARN}), "needs nothing of S3"


def test_a_role_that_may_not_read_the_files_makes_no_model(client: Client, jobs: Jobs, secret: str) -> None:
    role = role_of(client, allow("s3:*", on=[f"arn:aws:s3:::{jobs.bucket}", f"arn:aws:s3:::{jobs.bucket}/*"]))
    uri = f"s3://{secret}/model.tar.gz"
    for container in containers(uri):
        with pytest.raises(ClientError) as error:
            jobs.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
        answer = error.value.response["Error"]
        assert answer["Code"] == "ValidationException"
        assert answer["Message"].startswith(
            f'Could not access model data at {uri}. Please ensure that the role "{role}" exists and that its trust'
        )


def test_a_role_that_lost_its_rights_deploys_no_model(client: Client, jobs: Jobs, endpoints: Endpoints) -> None:
    role = role_of(client, allow("s3:*"))
    uri = jobs.put({"model.tar.gz": archive({"code/inference.py": "def model_fn(d): return 1"})}) + "/model.tar.gz"
    name = f"model-{uuid.uuid4().hex[:10]}"
    container = {"Image": SKLEARN, "ModelDataUrl": uri}
    jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    client("iam").delete_role_policy(RoleName=name_of(role), PolicyName="p")

    endpoint = endpoints.create(endpoints.config(main={"ModelName": name}))
    reason = endpoints.wait(endpoint, "Failed")["FailureReason"]
    assert reason.startswith(
        f'Failed to download model data from URL: "{uri}". Please ensure that there is an object located at the URL '
        "and that the role passed to CreateModel has permissions to download the model."
    )
    assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name_of(role)}/SageMaker is not authorized" in reason


def test_a_transform_job_reads_and_writes_as_the_role_of_its_model(client: Client, jobs: Jobs, secret: str) -> None:
    jobs.s3.put_object(Bucket=secret, Key="data/a.csv", Body=b"1,2\n")
    bare = f"bare-{uuid.uuid4().hex[:10]}"
    jobs.sagemaker.create_model(ModelName=bare, PrimaryContainer={"Image": SKLEARN})
    reader = role_of(client, allow("s3:GetObject", "s3:ListBucket"))
    limited = f"reader-{uuid.uuid4().hex[:10]}"
    jobs.sagemaker.create_model(ModelName=limited, PrimaryContainer={"Image": SKLEARN}, ExecutionRoleArn=reader)
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{secret}/data/"}}}

    with pytest.raises(ClientError, match=r"ValidationException.*No S3 objects found"):
        Transforms(jobs, bare).start({}, TransformInput=source)
    with pytest.raises(ClientError, match=r'ValidationException.*"s3:PutObject" permissions'):
        Transforms(jobs, limited).start({}, TransformInput=source)


def test_a_name_is_one_object_and_not_all_that_begin_with_it(jobs: Jobs) -> None:
    uri = jobs.put({"model.tar.gz.old": b"x"}) + "/model.tar.gz"
    bare = {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "None"}}
    *single, prefix, _ = containers(uri)
    for container in (*single, {"Image": SKLEARN, "ModelDataSource": bare}):
        with pytest.raises(ClientError, match="Could not find model data at"):
            jobs.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    name = f"prefix-{uuid.uuid4().hex[:10]}"
    assert jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=prefix, ExecutionRoleArn=ROLE)
