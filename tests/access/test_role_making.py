"""Roles that are not there: made at their first use, or refused with the command that makes them."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.kit.jobs import PYTHON, Jobs
from tests.kit.principals import ACCOUNT, Person, allow, deny, keys_of, refused
from tests.kit.servers import client as client_of

from sagewright.testing.server import ServerProcess

Client = Callable[..., Any]
SERVICES = [f"{each}.amazonaws.com" for each in ("sagemaker", "scheduler", "events")]
SERVICE = {"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}


def unknown(path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:role{path}unknown-{uuid.uuid4().hex[:10]}"


def model(role: str) -> dict[str, Any]:
    return {"ModelName": f"m-{uuid.uuid4().hex[:10]}", "ExecutionRoleArn": role, "PrimaryContainer": {"Image": PYTHON}}


def test_an_ephemeral_server_makes_a_role_at_its_first_use_and_says_so_once(
    client: Client, server: ServerProcess
) -> None:
    s3, bucket = client("s3"), f"bucket-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    jobs, role = Jobs(client("sagemaker"), s3, client("logs"), bucket), unknown("/made/")
    script = "import boto3; print('ME', boto3.client('sts').get_caller_identity()['Arn'])"
    job = jobs.run(script, RoleArn=role)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    name = role.rpartition("/")[2]
    assert f"ME arn:aws:sts::{ACCOUNT}:assumed-role/{name}/SageMaker" in jobs.log(job["TrainingJobName"])

    made = client("iam").get_role(RoleName=name)["Role"]
    assert (made["Arn"], made["Path"]) == (role, "/made/")
    assert SERVICE in made["AssumeRolePolicyDocument"]["Statement"]
    attached = client("iam").list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert "AmazonSageMakerFullAccess" in [policy["PolicyName"] for policy in attached]
    client("sagemaker").create_model(**model(role))
    assert server.log.read_text().count(role) == 1


def test_a_role_is_made_when_it_is_assumed_or_simulated(client: Client) -> None:
    assumed, simulated = unknown(), unknown()
    session = keys_of(client("sts").assume_role(RoleArn=assumed, RoleSessionName="session"))
    assert client("sagemaker", **session).list_models()
    asked = {"PolicySourceArn": simulated, "ActionNames": ["s3:PutObject"]}
    answer = client("iam").simulate_principal_policy(**asked)["EvaluationResults"]
    assert [each["EvalDecision"] for each in answer] == ["allowed"]


def test_only_who_may_make_roles_has_them_made(client: Client) -> None:
    ann, role = Person(client), unknown()
    passing = allow("sagemaker:*", "iam:PassRole", "sts:AssumeRole")
    make = allow("iam:CreateRole", "iam:AttachRolePolicy")
    for statements in (
        [passing],
        [passing, allow("iam:CreateRole")],
        [passing, make, deny("iam:CreateRole", on=role)],
        [
            passing,
            allow("iam:CreateRole"),
            make | {"Condition": {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:x"}}},
        ],
    ):
        ann.may(*statements)
        assert refused(ann.client("sagemaker").create_model, **model(role))[0] == "ValidationException"
        assert refused(ann.client("sts").assume_role, RoleArn=role, RoleSessionName="session")[0] == "AccessDenied"
    ann.may(allow("sagemaker:*"), make)
    assert "iam:PassRole" in refused(ann.client("sagemaker").create_model, **model(role))[2]
    assert refused(client("iam").get_role, RoleName=role.rpartition("/")[2])[0] == "NoSuchEntity", "nothing was made"
    ann.may(passing, make)
    assert ann.client("sagemaker").create_model(**model(role))
    bob = Person(client).may(allow("sagemaker:*"))
    assert refused(bob.client("sts").assume_role, RoleArn=role, RoleSessionName="session")[0] == "AccessDenied"
    assert ann.client("sts").assume_role(RoleArn=role, RoleSessionName="session"), "who had it made may take it on"


@pytest.mark.parametrize(
    "role",
    [
        f"arn:aws:iam::{ACCOUNT}:role//narrow",
        f"arn:aws:iam::{ACCOUNT}:role/a/../SagewrightExecutionRole",
        f"arn:aws:iam::{ACCOUNT}:role/other/SagewrightExecutionRole",
        f"arn:aws:iam::{ACCOUNT}:role/sagewrightexecutionrole",
        f"arn:aws:iam::{ACCOUNT}:role/{'x' * 65}",
        f"arn:aws-cn:iam::{ACCOUNT}:role/narrow",
    ],
)
def test_what_is_no_role_of_the_account_is_not_made(client: Client, role: str) -> None:
    before = len(client("iam").list_roles(MaxItems=1000)["Roles"])
    assert refused(client("sagemaker").create_model, **model(role))[0] == "ValidationException"
    assert refused(client("sts").assume_role, RoleArn=role, RoleSessionName="session")[0] == "AccessDenied"
    assert len(client("iam").list_roles(MaxItems=1000)["Roles"]) == before


@pytest.fixture(scope="module", params=[(True, {"SAGEWRIGHT_ROLES": "strict"}), (False, {})], ids=["asked", "lasting"])
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Servers that make no roles: because they are told so, and because what they keep is to last."""
    ephemeral, env = request.param
    with ServerProcess(tmp_path_factory.mktemp("strict") / "data", ephemeral=ephemeral, env=env) as running:
        yield running


def test_a_strict_server_says_which_command_makes_the_role(strict: ServerProcess) -> None:
    role = unknown("/team/")
    create = client_of(strict, "sagemaker").create_model
    code, status, message = refused(create, **model(role))
    assert (code, status) == ("ValidationException", 400)
    assert message.startswith(f"Could not assume role {role}. Please ensure that the role exists")
    line = message.partition("There is no such role here. This makes it: ")[2]

    for command in line.split(" && "):
        program, service, operation, *options = shlex.split(command)
        assert (program, service) == ("aws", "iam")
        members = {
            "".join(word.title() for word in option.removeprefix("--").split("-")): value
            for option, value in zip(options[::2], options[1::2], strict=True)
        }
        getattr(client_of(strict, service), operation.replace("-", "_"))(**members)
    assert create(**model(role))
    other = role.replace("/team/", "/")
    assert refused(create, **model(other))[2].endswith(f"The role of that name here is {role}.")
