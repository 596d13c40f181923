"""IAM through boto3: real state, IAM's own errors, and the simulation SDK v3 asks for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ROLE = "SagewrightExecutionRole"
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
Client = Callable[..., Any]


def document(*actions: str, effect: str = "Allow", resource: str = "*") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource}]}


def text(*actions: str, **members: Any) -> str:
    return json.dumps(document(*actions, **members))


def refused(code: str, status: int, call: Callable[..., Any], **members: Any) -> str:
    """The message with which ``call`` is refused."""
    with pytest.raises(ClientError) as error:
        call(**members)
    response = error.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    return str(response["Error"]["Message"])


@pytest.fixture
def iam(client: Client) -> Any:
    return client("iam")


@pytest.fixture
def role(iam: Any) -> Iterator[str]:
    name = f"role-{uuid.uuid4().hex}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    yield name
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


@pytest.fixture
def policy(iam: Any) -> Iterator[str]:
    arn = iam.create_policy(PolicyName=f"policy-{uuid.uuid4().hex}", PolicyDocument=text("s3:GetObject"))["Policy"][
        "Arn"
    ]
    yield arn
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def test_the_execution_role_is_there_from_the_start(iam: Any) -> None:
    role = iam.get_role(RoleName=ROLE)["Role"]

    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    services = [f"{name}.amazonaws.com" for name in ("sagemaker", "scheduler", "events")]
    trust = {**TRUST["Statement"][0], "Principal": {"Service": services}}
    assert role["AssumeRolePolicyDocument"] == {**TRUST, "Statement": [trust]}
    assert role["RoleId"].startswith("AROA")
    attached = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AmazonS3FullAccess", "AmazonSageMakerFullAccess"]


def test_a_role_lives_and_dies(iam: Any) -> None:
    name = f"role-{uuid.uuid4().hex}"
    made = iam.create_role(
        RoleName=name,
        Path="/service-role/",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Description="Trains models",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "churn"}],
    )["Role"]

    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service-role/{name}"
    assert iam.get_role(RoleName=name)["Role"] == made
    assert made["Tags"] == [{"Key": "team", "Value": "churn"}]
    assert (made["Description"], made["MaxSessionDuration"]) == ("Trains models", 7200)
    assert [role["RoleName"] for role in iam.list_roles(PathPrefix="/service-role/")["Roles"]] == [name]
    message = refused(
        "EntityAlreadyExists", 409, iam.create_role, RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    assert message == f"Role with name {name} already exists."

    iam.delete_role(RoleName=name)
    assert refused("NoSuchEntity", 404, iam.get_role, RoleName=name) == f"The role with name {name} cannot be found."
    refused("NoSuchEntity", 404, iam.delete_role, RoleName=name)


def test_iam_is_the_same_from_every_region(client: Client, role: str) -> None:
    assert client("iam", "eu-west-1").get_role(RoleName=role)["Role"]["RoleName"] == role


def test_the_modelled_exceptions_are_raised(iam: Any, role: str) -> None:
    """SDK v3 catches them by class."""
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="missing")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        ("{", "invalid Json"),
        ("{}", "Syntax errors in policy."),
        (json.dumps(document("sts:AssumeRole")), "Missing required field Principal"),
        (
            json.dumps({"Statement": {**TRUST["Statement"][0], "Resource": "*"}}),  # type: ignore[dict-item]
            "Has prohibited field Resource",
        ),
        (
            json.dumps({"Statement": {**TRUST["Statement"][0], "Action": "s3:GetObject"}}),  # type: ignore[dict-item]
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
    ],
)
def test_a_trust_policy_must_be_one(iam: Any, role: str, trust: str, words: str) -> None:
    for call in (iam.create_role, iam.update_assume_role_policy):
        members = {"AssumeRolePolicyDocument": trust} if call == iam.create_role else {"PolicyDocument": trust}
        assert words in refused("MalformedPolicyDocument", 400, call, RoleName=role, **members)


@pytest.mark.parametrize(
    "members",
    [{"RoleName": "no spaces"}, {"RoleName": "x" * 65}, {"Path": "no-slash"}, {"MaxSessionDuration": 99_999}],
)
def test_members_are_checked(iam: Any, members: dict[str, Any]) -> None:
    given = {"RoleName": "checked", "AssumeRolePolicyDocument": json.dumps(TRUST)} | members
    assert "failed to satisfy constraint" in refused("ValidationError", 400, iam.create_role, **given)


def test_policies_are_attached_and_detached(iam: Any, policy: str, role: str) -> None:
    for arn in (FULL_ACCESS, policy, policy):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)

    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert sorted(each["PolicyArn"] for each in attached) == sorted([FULL_ACCESS, policy])
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
    assert "must detach all policies first" in refused("DeleteConflict", 409, iam.delete_role, RoleName=role)
    assert "attached to entities" in refused("DeleteConflict", 409, iam.delete_policy, PolicyArn=policy)

    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    message = refused("NoSuchEntity", 404, iam.detach_role_policy, RoleName=role, PolicyArn=policy)
    assert message == f"Policy {policy} was not found."
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    message = refused("NoSuchEntity", 404, iam.attach_role_policy, RoleName=role, PolicyArn=missing)
    assert message == f"Policy {missing} does not exist or is not attachable."


def test_inline_policies_come_back_as_they_went(iam: Any, role: str) -> None:
    """Percent-encoded on the wire, so that any character survives."""
    odd = document("s3:GetObject", resource="arn:aws:s3:::data/a+b %2F é/*")
    iam.put_role_policy(RoleName=role, PolicyName="reader", PolicyDocument=json.dumps(odd))

    assert iam.get_role_policy(RoleName=role, PolicyName="reader")["PolicyDocument"] == odd
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["reader"]
    assert "must delete policies first" in refused("DeleteConflict", 409, iam.delete_role, RoleName=role)
    iam.delete_role_policy(RoleName=role, PolicyName="reader")
    message = refused("NoSuchEntity", 404, iam.get_role_policy, RoleName=role, PolicyName="reader")
    assert message == "The role policy with name reader cannot be found."


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"Effect": "Allow", "Action": "s3:*"}, "must contain resources"),
        ({"Effect": "Allow", "Resource": "*"}, "must contain actions"),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "data"}, 'must be in ARN format or "*"'),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}, "should not specify a principal"),
    ],
)
def test_an_identity_policy_must_be_one(iam: Any, role: str, statement: dict[str, Any], words: str) -> None:
    body = json.dumps({"Version": "2012-10-17", "Statement": statement})
    members = {"RoleName": role, "PolicyName": "x", "PolicyDocument": body}
    assert words in refused("MalformedPolicyDocument", 400, iam.put_role_policy, **members)
    del members["RoleName"]
    assert words in refused("MalformedPolicyDocument", 400, iam.create_policy, **members)


def test_a_policy_has_up_to_five_versions(iam: Any, policy: str) -> None:
    for number in range(2, 6):
        made = iam.create_policy_version(
            PolicyArn=policy, PolicyDocument=text("s3:PutObject"), SetAsDefault=number == 3
        )
        assert made["PolicyVersion"]["VersionId"] == f"v{number}"
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v3"
    refused("LimitExceeded", 409, iam.create_policy_version, PolicyArn=policy, PolicyDocument=text("s3:PutObject"))
    refused("DeleteConflict", 409, iam.delete_policy_version, PolicyArn=policy, VersionId="v3")
    assert "more than one version" in refused("DeleteConflict", 409, iam.delete_policy, PolicyArn=policy)

    iam.set_default_policy_version(PolicyArn=policy, VersionId="v1")
    iam.delete_policy_version(PolicyArn=policy, VersionId="v3")
    versions = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    assert [version["VersionId"] for version in versions] == ["v5", "v4", "v2", "v1"]
    found = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]
    assert (found["Document"], found["IsDefaultVersion"]) == (document("s3:GetObject"), True)
    refused("NoSuchEntity", 404, iam.get_policy_version, PolicyArn=policy, VersionId="v9")


def test_the_policies_of_aws_are_there_and_stay(iam: Any) -> None:
    shipped = iam.get_policy(PolicyArn=FULL_ACCESS)["Policy"]
    version = iam.get_policy_version(PolicyArn=FULL_ACCESS, VersionId=shipped["DefaultVersionId"])["PolicyVersion"]

    assert shipped["PolicyId"].startswith("ANPA")
    assert "sagemaker:*" in version["Document"]["Statement"][0]["Action"]
    assert FULL_ACCESS in [policy["Arn"] for policy in iam.list_policies(Scope="AWS")["Policies"]]
    assert FULL_ACCESS not in [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    refused("AccessDenied", 403, iam.delete_policy, PolicyArn=FULL_ACCESS)
    refused("NoSuchEntity", 404, iam.get_policy, PolicyArn="arn:aws:iam::aws:policy/AmazonNothingFullAccess")


def test_lists_come_in_pages(iam: Any) -> None:
    mark = f"/{uuid.uuid4().hex}/"
    names = [f"user-{number}-{uuid.uuid4().hex[:8]}" for number in range(5)]
    for name in names:
        iam.create_user(UserName=name, Path=mark)

    pages = list(iam.get_paginator("list_users").paginate(PathPrefix=mark, PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    for name in names:
        iam.delete_user(UserName=name)


def test_roles_have_tags(iam: Any, role: str) -> None:
    iam.tag_role(RoleName=role, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.untag_role(RoleName=role, TagKeys=["a"])

    assert iam.list_role_tags(RoleName=role)["Tags"] == [{"Key": "b", "Value": "2"}]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    refused("InvalidInput", 400, iam.tag_role, RoleName=role, Tags=twice)
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    refused("LimitExceeded", 409, iam.tag_role, RoleName=role, Tags=many)


def test_users_sign_with_their_own_keys(client: Client, iam: Any) -> None:
    name = f"ann-{uuid.uuid4().hex}"
    user = iam.create_user(UserName=name)["User"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=text("iam:GetUser"))

    assert client("sts", **own).get_caller_identity()["Arn"] == user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert client("iam", **own).get_user()["User"]["UserId"] == user["UserId"]
    assert "Must specify userName" in refused("ValidationError", 400, iam.get_user)
    iam.create_access_key(UserName=name)
    refused("LimitExceeded", 409, iam.create_access_key, UserName=name)
    refused("DeleteConflict", 409, iam.delete_user, UserName=name)

    for found in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=found["AccessKeyId"])
    refused("NoSuchEntity", 404, iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client("sts", **own).get_caller_identity()
    refused("DeleteConflict", 409, iam.delete_user, UserName=name)
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_user(UserName=name)


def decisions(iam: Any, role: str, actions: list[str], **members: Any) -> list[str]:
    arn = iam.get_role(RoleName=role)["Role"]["Arn"]
    pages = iam.get_paginator("simulate_principal_policy").paginate(PolicySourceArn=arn, ActionNames=actions, **members)
    return [result["EvalDecision"] for page in pages for result in page["EvaluationResults"]]


TRAINING = [
    *("sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "cloudwatch:PutMetricData"),
    *("logs:CreateLogGroup", "logs:PutLogEvents", "ecr:GetAuthorizationToken", "s3:ListBucket"),
]


def test_the_execution_role_may_do_what_sdk_v3_asks_for(iam: Any) -> None:
    assert set(decisions(iam, ROLE, TRAINING)) == {"allowed"}
    assert decisions(iam, ROLE, ["iam:CreateUser"]) == ["implicitDeny"]


def test_the_simulation_knows_conditions(iam: Any) -> None:
    def passing(service: str) -> dict[str, Any]:
        entry = {"ContextKeyName": "iam:PassedToService", "ContextKeyValues": [service], "ContextKeyType": "string"}
        return {"ContextEntries": [entry], "ResourceArns": [f"arn:aws:iam::{ACCOUNT}:role/any"]}

    assert decisions(iam, ROLE, ["iam:PassRole"], **passing("sagemaker.amazonaws.com")) == ["allowed"]
    assert decisions(iam, ROLE, ["iam:PassRole"], **passing("ec2.amazonaws.com")) == ["implicitDeny"]


def test_the_simulation_follows_the_policies(iam: Any, policy: str, role: str) -> None:
    bucket = {"ResourceArns": ["arn:aws:s3:::data/x", "arn:aws:s3:::other/x"]}
    assert decisions(iam, role, ["s3:GetObject"]) == ["implicitDeny"]

    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    assert decisions(iam, role, ["s3:GetObject", "s3:PutObject"]) == ["allowed", "implicitDeny"]
    denied = text("s3:*", effect="Deny", resource="arn:aws:s3:::data/*")
    iam.put_role_policy(RoleName=role, PolicyName="not-data", PolicyDocument=denied)
    assert decisions(iam, role, ["s3:GetObject"], **bucket) == ["explicitDeny", "allowed"]
    assert decisions(iam, role, ["s3:PutObject"], PolicyInputList=[text("s3:PutObject")]) == ["allowed"]

    new = iam.create_policy_version(PolicyArn=policy, PolicyDocument=text("s3:PutObject"), SetAsDefault=True)
    assert decisions(iam, role, ["s3:GetObject", "s3:PutObject"]) == ["implicitDeny", "allowed"]
    assert new["PolicyVersion"]["IsDefaultVersion"]


def test_the_simulation_comes_in_pages_and_names_its_sources(iam: Any, policy: str, role: str) -> None:
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    actions = ["s3:GetObject"] * 5
    assert decisions(iam, role, actions, PaginationConfig={"PageSize": 2}) == ["allowed"] * 5

    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    (result,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions[:1])["EvaluationResults"]
    (source,) = result["MatchedStatements"]
    assert source == {"SourcePolicyId": policy.rpartition("/")[2], "SourcePolicyType": "user-managed"}
    refused(
        "NoSuchEntity",
        404,
        iam.simulate_principal_policy,
        PolicySourceArn=arn.replace("role/", "user/"),
        ActionNames=["s3:GetObject"],
    )
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"
    refused("InvalidInput", 400, iam.simulate_principal_policy, PolicySourceArn=session, ActionNames=["s3:GetObject"])


def test_changes_at_one_time_are_all_kept(client: Client, iam: Any, role: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def put(number: int) -> None:
        client("iam").put_role_policy(RoleName=role, PolicyName=f"p{number}", PolicyDocument=text("s3:GetObject"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(8)))
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == [f"p{number}" for number in range(8)]


@pytest.mark.parametrize("half", [{"ContextKeyName": "aws:username"}, {"ContextKeyValues": ["ann"]}])
def test_half_a_context_entry_is_refused(client: Client, half: dict[str, Any]) -> None:
    simulate = client("iam").simulate_custom_policy
    message = refused(
        "InvalidInput",
        400,
        simulate,
        PolicyInputList=[text("s3:*")],
        ActionNames=["s3:GetObject"],
        ContextEntries=[half],
    )
    assert "it has no ContextKey" in message
