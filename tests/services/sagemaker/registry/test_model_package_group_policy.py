"""The policy of a group: what it may say, and that it lets another account in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN
from tests.kit.principals import Person, allow, deny, policy

Client = Callable[..., Any]
ACCOUNT = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def group(client: Client) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return name


def statement(group: str, **members: Any) -> dict[str, Any]:
    said = {
        "Sid": "all",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "sagemaker:DescribeModelPackageGroup",
        "Resource": f"{ACCOUNT}:model-package-group/{group}",
    }
    return {name: value for name, value in {**said, **members}.items() if value is not None}


def test_a_policy_is_put_got_and_deleted(client: Client, group: str) -> None:
    sagemaker, name = client("sagemaker"), {"ModelPackageGroupName": group}
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.get_model_package_group_policy(**name)
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.delete_model_package_group_policy(**name)
    for said in ("first", "second"):
        text = policy(statement(group, Sid=said))
        answer = sagemaker.put_model_package_group_policy(**name, ResourcePolicy=text)
        assert answer["ModelPackageGroupArn"] == f"{ACCOUNT}:model-package-group/{group}"
        assert sagemaker.get_model_package_group_policy(**name)["ResourcePolicy"] == text
    sagemaker.delete_model_package_group_policy(**name)
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.get_model_package_group_policy(**name)
    sagemaker.put_model_package_group_policy(**name, ResourcePolicy=text)
    sagemaker.delete_model_package_group(**name)
    sagemaker.create_model_package_group(**name)
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.get_model_package_group_policy(**name)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Principal": None}, "has to name a Principal"),
        ({"Resource": None}, "has to name a Resource"),
        ({"Resource": f"{ACCOUNT}:model-package-group/another"}, "is neither the model package group"),
        ({"Resource": f"{ACCOUNT}:model/m"}, "is neither the model package group"),
        ({"Action": "s3:GetObject"}, "is no action of sagemaker"),
        ({"Effect": "Perhaps"}, "malformed"),
    ],
)
def test_a_policy_about_something_else_is_refused(
    client: Client, group: str, members: dict[str, Any], message: str
) -> None:
    text = policy(statement(group, **members))
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        client("sagemaker").put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=text)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"Version": "2012-10-17", "Statement": []})])
def test_what_is_no_policy_is_refused(client: Client, group: str, text: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*malformed"):
        client("sagemaker").put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=text)


def test_a_policy_lets_in_and_keeps_out(client: Client, group: str) -> None:
    sagemaker, person = client("sagemaker"), Person(client)
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification={"Containers": [{"Image": SKLEARN}]}
    )["ModelPackageArn"]
    theirs = person.may(allow("iam:GetUser")).client("sagemaker")
    with pytest.raises(ClientError, match="AccessDenied"):
        theirs.describe_model_package(ModelPackageName=arn)
    may = statement(
        group,
        Principal={"AWS": person.arn},
        Action="sagemaker:DescribeModelPackage",
        Resource=f"{ACCOUNT}:model-package/{group}/*",
    )
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy(may))
    assert theirs.describe_model_package(ModelPackageName=arn)["ModelPackageVersion"] == 1
    person.may(deny("sagemaker:DescribeModelPackage"))
    with pytest.raises(ClientError, match="explicit deny"):
        theirs.describe_model_package(ModelPackageName=arn)
