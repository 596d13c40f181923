"""Which permissions a call needs: further actions, and resources that requests name in odd ways."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.principals import ACCOUNT, TRUST, Person, allow, policy, refused

Client = Callable[..., Any]
LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}"
TAGS = [{"Key": "team", "Value": "red"}]


@pytest.fixture
def ann(client: Client) -> Person:
    return Person(client)


def test_attributes_of_an_object_need_the_right_to_read_it(client: Client, ann: Person) -> None:
    bucket = f"attributes-{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=bucket)
    client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")
    wanted = {"Bucket": bucket, "Key": "a", "ObjectAttributes": ["ObjectSize"]}

    s3 = ann.may(allow("s3:GetObjectAttributes")).client("s3")
    assert "s3:GetObject" in refused(s3.get_object_attributes, **wanted)[2]
    s3 = ann.may(allow("s3:GetObject")).client("s3")
    assert "s3:GetObjectAttributes" in refused(s3.get_object_attributes, **wanted)[2]
    s3 = ann.may(allow("s3:GetObjectAttributes", "s3:GetObject")).client("s3")
    assert s3.get_object_attributes(**wanted)["ObjectSize"] == 1


@pytest.fixture
def groups(client: Client) -> tuple[str, str]:
    mark = uuid.uuid4().hex[:10]
    made = (f"own-{mark}", f"secret-{mark}")
    for name in made:
        client("logs").create_log_group(logGroupName=name, tags={"owner": name})
    return made


def test_an_arn_of_a_log_group_names_one_group(client: Client, ann: Person, groups: tuple[str, str]) -> None:
    own, secret = groups
    logs = ann.may(allow("logs:*", on=f"{LOGS}:log-group:own*")).client("logs")
    own_arn = f"{LOGS}:log-group:{own}"
    assert logs.list_tags_for_resource(resourceArn=own_arn)["tags"] == {"owner": own}
    for named in (own, own_arn):
        assert logs.describe_log_streams(logGroupIdentifier=named)["logStreams"] == []
    for arn in (
        f"{LOGS}:log-group:{secret}",
        f"{LOGS}:log-group:{own}:log-group:{secret}",
        f"{LOGS}:log-group:own:log-group:{secret}",
        f"{LOGS.replace('us-east-1', 'eu-west-1')}:log-group:{own}",
        f"{LOGS.replace(ACCOUNT, '111111111111')}:log-group:{own}",
    ):
        for call, more in (
            (logs.list_tags_for_resource, {}),
            (logs.tag_resource, {"tags": {"owner": "ann"}}),
            (logs.untag_resource, {"tagKeys": ["owner"]}),
        ):
            assert refused(call, resourceArn=arn, **more)[0] in ("AccessDeniedException", "ResourceNotFoundException")
        for call in (logs.filter_log_events, logs.describe_log_streams):
            assert refused(call, logGroupIdentifier=arn)[0] in ("AccessDeniedException", "ResourceNotFoundException")
    for name in groups:
        arn = f"{LOGS}:log-group:{name}"
        assert client("logs").list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": name}


def test_tags_on_creation_need_the_right_to_tag(client: Client, ann: Person) -> None:
    name = f"tagged-{uuid.uuid4().hex[:10]}"
    ann.may(allow("iam:Create*", "logs:CreateLogGroup"))
    iam, logs = ann.client("iam"), ann.client("logs")
    role = {"RoleName": name, "AssumeRolePolicyDocument": policy(TRUST)}
    document = {"PolicyName": name, "PolicyDocument": policy(allow("s3:*"))}

    assert "iam:TagRole" in refused(iam.create_role, **role, Tags=TAGS)[2]
    assert "iam:TagUser" in refused(iam.create_user, UserName=name, Tags=TAGS)[2]
    assert "iam:TagPolicy" in refused(iam.create_policy, **document, Tags=TAGS)[2]
    assert "logs:TagResource" in refused(logs.create_log_group, logGroupName=name, tags={"a": "b"})[2]
    assert iam.create_role(**role), "nothing more is needed without tags"
    ann.may(allow("iam:Create*", "iam:TagUser"))
    assert iam.create_user(UserName=name, Tags=TAGS)
