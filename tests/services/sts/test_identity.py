"""STS: who calls, and temporary keys that are somebody."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.principals import Person, allow, name_of, policy, refused, role_of

ACCOUNT = "123456789012"
ADMIN = f"arn:aws:sts::{ACCOUNT}:assumed-role/SagewrightExecutionRole/admin"
Client = Callable[..., Any]


def trust(**principal: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def keys(credentials: dict[str, Any]) -> dict[str, str]:
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def role(client: Client) -> Iterator[dict[str, Any]]:
    iam, name = client("iam"), f"worker-{uuid.uuid4().hex}"
    made = iam.create_role(
        RoleName=name, Path="/team/", AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root")
    )
    yield made["Role"]
    iam.delete_role(RoleName=name)


def test_the_administrator_is_a_session_of_the_execution_role(client: Client) -> None:
    """As the SDKs' get_execution_role needs it."""
    found = client("sts").get_caller_identity()

    assert (found["Account"], found["Arn"]) == (ACCOUNT, ADMIN)
    role = client("iam").get_role(RoleName="SagewrightExecutionRole")["Role"]
    assert found["UserId"] == f"{role['RoleId']}:admin"


def test_an_assumed_role_is_who_it_says(client: Client, role: dict[str, Any]) -> None:
    made = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="night-run", DurationSeconds=900)
    session = client("sts", **keys(made["Credentials"]))
    found = session.get_caller_identity()

    assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/night-run"
    assert found["UserId"] == f"{role['RoleId']}:night-run" == made["AssumedRoleUser"]["AssumedRoleId"]
    assert made["AssumedRoleUser"]["Arn"] == found["Arn"]
    left = made["Credentials"]["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(seconds=840) < left <= datetime.timedelta(seconds=900)


@pytest.mark.parametrize(
    "principal",
    [{"AWS": ACCOUNT}, {"AWS": "*"}, {"AWS": ADMIN}, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/SagewrightExecutionRole"}],
    ids=["account", "anyone", "session", "role"],
)
def test_whom_a_role_trusts_may_assume_it(client: Client, role: dict[str, Any], principal: dict[str, str]) -> None:
    client("iam").update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=trust(**principal))

    assert client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]


@pytest.mark.parametrize(
    "principal",
    [{"AWS": "arn:aws:iam::999999999999:root"}, {"Service": "sagemaker.amazonaws.com"}],
    ids=["another-account", "a-service"],
)
def test_whom_a_role_does_not_trust_may_not(client: Client, role: dict[str, Any], principal: dict[str, str]) -> None:
    client("iam").update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=trust(**principal))

    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole on resource") as error:
        client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    assert refusal(error) == ("AccessDenied", 403)


def test_an_external_id_must_be_given(client: Client, role: dict[str, Any]) -> None:
    document = json.loads(trust(AWS=ACCOUNT))
    document["Statement"]["Condition"] = {"StringEquals": {"sts:ExternalId": "sesame"}}
    client("iam").update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(document))
    sts = client("sts")

    assert sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session", ExternalId="sesame")
    for wrong in ({}, {"ExternalId": "sesam"}):
        with pytest.raises(ClientError, match="not authorized"):
            sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session", **wrong)


@pytest.mark.parametrize("arn", [f"arn:aws:iam::{ACCOUNT}:role//missing", "not an ARN at all, sorry", ADMIN])
def test_what_is_no_role_cannot_be_assumed(client: Client, arn: str) -> None:
    with pytest.raises(ClientError) as error:
        client("sts").assume_role(RoleArn=arn, RoleSessionName="session")
    assert refusal(error) == ("AccessDenied", 403)


def test_sessions_last_no_longer_than_the_role_says(client: Client, role: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="exceeds the MaxSessionDuration set for this role") as error:
        client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session", DurationSeconds=3601)
    assert refusal(error) == ("ValidationError", 400)

    client("iam").update_role(RoleName=role["RoleName"], MaxSessionDuration=7200)
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": may})
    client("iam").put_role_policy(RoleName=role["RoleName"], PolicyName="chain", PolicyDocument=document)
    made = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session", DurationSeconds=7200)
    with pytest.raises(ClientError, match="role chaining"):
        client("sts", **keys(made["Credentials"])).assume_role(
            RoleArn=role["Arn"], RoleSessionName="session", DurationSeconds=7200
        )
    client("iam").delete_role_policy(RoleName=role["RoleName"], PolicyName="chain")


def test_session_tokens_are_for_those_with_lasting_keys(client: Client) -> None:
    made = client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    session = client("sts", **keys(made))

    assert made["AccessKeyId"].startswith("ASIA")
    assert session.get_caller_identity()["Arn"] == ADMIN
    with pytest.raises(ClientError, match="Cannot call GetSessionToken with session credentials") as error:
        session.get_session_token()
    assert refusal(error) == ("AccessDenied", 403)


def test_a_federated_user_has_its_name(client: Client) -> None:
    made = client("sts").get_federation_token(Name="ann")
    found = client("sts", **keys(made["Credentials"])).get_caller_identity()

    assert found["Arn"] == made["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/ann"
    assert found["UserId"] == f"{ACCOUNT}:ann"


def test_a_key_tells_its_account(client: Client) -> None:
    made = client("sts").get_session_token()["Credentials"]

    assert client("sts").get_access_key_info(AccessKeyId=made["AccessKeyId"])["Account"] == ACCOUNT
    with pytest.raises(ClientError) as error:
        client("sts").get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")
    assert refusal(error) == ("ValidationError", 400)


TAGS = [{"Key": "team", "Value": "finance"}]


def trusting(*actions: str, **members: Any) -> dict[str, Any]:
    """A statement that lets the account do these things to a role."""
    return {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": list(actions), **members}


@pytest.mark.parametrize(
    ("member", "action"),
    [({"Tags": TAGS}, "sts:TagSession"), ({"SourceIdentity": "ann"}, "sts:SetSourceIdentity")],
    ids=["tags", "source-identity"],
)
def test_what_a_session_is_given_has_to_be_allowed_on_both_sides(
    client: Client, member: dict[str, Any], action: str
) -> None:
    ann = Person(client).may(allow("sts:AssumeRole"))
    role = role_of(client, allow("s3:*"), trust=trusting("sts:AssumeRole"))
    asked = {"RoleArn": role, "RoleSessionName": "session"}
    assume = ann.client("sts").assume_role
    assert assume(**asked)

    assert action in refused(assume, **asked, **member)[2]
    ann.may(allow("sts:AssumeRole", action))
    code, status, message = refused(assume, **asked, **member)
    assert (code, status) == ("AccessDenied", 403)
    assert f"not authorized to perform: {action} on resource: {role}" in message, "the role's trust has to say so too"
    assert refused(client("sts").assume_role, **asked, **member)[0] == "AccessDenied", "whoever asks"
    document = policy(trusting("sts:AssumeRole", action))
    client("iam").update_assume_role_policy(RoleName=name_of(role), PolicyDocument=document)
    assert assume(**asked, **member)
    ann.may(allow("sts:AssumeRole"))
    assert action in refused(assume, **asked, **member)[2]


def test_tags_of_federated_users_need_the_right_to_tag(client: Client) -> None:
    ann = Person(client).may(allow("sts:GetFederationToken"))
    assert "sts:TagSession" in refused(ann.client("sts").get_federation_token, Name="guest", Tags=TAGS)[2]
    ann.may(allow("sts:GetFederationToken", "sts:TagSession"))
    assert ann.client("sts").get_federation_token(Name="guest", Tags=TAGS)


def test_a_trust_policy_says_which_tags_it_takes(client: Client) -> None:
    blue = {"StringEquals": {"aws:RequestTag/team": "blue"}}
    role = role_of(client, trust=trusting("sts:AssumeRole", "sts:TagSession", Condition=blue))
    assume = client("sts").assume_role
    assert refused(assume, RoleArn=role, RoleSessionName="session", Tags=TAGS)[0] == "AccessDenied"
    blue_tags = [{"Key": "team", "Value": "blue"}]
    assert assume(RoleArn=role, RoleSessionName="session", Tags=blue_tags)
    twice = [*TAGS, {"Key": "TEAM", "Value": "x"}]
    everything = role_of(client, trust=trusting("sts:AssumeRole", "sts:TagSession"))
    assert refused(assume, RoleArn=everything, RoleSessionName="session", Tags=twice)[0] == "InvalidParameterValue"


def test_transitive_tags_and_the_source_identity_go_on_in_the_next_session(client: Client) -> None:
    all_actions = trusting("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    finance = {"StringEquals": {"aws:PrincipalTag/team": "finance", "aws:SourceIdentity": "ann"}}
    first = role_of(client, allow("sts:*"), trust=all_actions)
    second = role_of(client, allow("sagemaker:ListModels", Condition=finance), trust=all_actions)
    given = {"Tags": TAGS, "TransitiveTagKeys": ["team"], "SourceIdentity": "ann"}
    made = client("sts").assume_role(RoleArn=first, RoleSessionName="one", **given)
    assert made["SourceIdentity"] == "ann"
    chained = client("sts", **keys(made["Credentials"])).assume_role
    asked = {"RoleArn": second, "RoleSessionName": "two"}

    assert client("sagemaker", **keys(chained(**asked)["Credentials"])).list_models()["Models"] is not None
    assert refused(chained, **asked, SourceIdentity="bob")[0] == "AccessDenied"
    other = [{"Key": "Team", "Value": "ops"}]
    assert refused(chained, **asked, Tags=other)[0] == "InvalidParameterValue"
    plain = client("sts").assume_role(RoleArn=first, RoleSessionName="one", Tags=TAGS, SourceIdentity="ann")
    later = client("sts", **keys(plain["Credentials"])).assume_role(**asked)["Credentials"]
    assert refused(client("sagemaker", **keys(later)).list_models)[0] == "AccessDeniedException", (
        "the tag stayed behind"
    )
    assert refused(client("sts").assume_role, **asked, TransitiveTagKeys=["x"])[0] == "InvalidParameterValue"
