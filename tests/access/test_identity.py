"""Who a principal is: roles and users are told apart by their ids, so what was deleted stays dead."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.kit.principals import ACCOUNT, Document, Person, allow, keys_of, let, name_of, policy, refused, role_of

Client = Callable[..., Any]
ANYBODY_HERE = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}


def again(client: Client, role: str) -> None:
    """Delete a role and make one of the same name that may everything."""
    iam, name = client("iam"), name_of(role)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(ANYBODY_HERE))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("*")))


def test_a_session_dies_with_its_role_though_another_takes_the_name(client: Client) -> None:
    role = role_of(client, allow("sagemaker:ListModels", "s3:*"), trust=ANYBODY_HERE)
    session = keys_of(client("sts").assume_role(RoleArn=role, RoleSessionName="old"))
    assert client("sagemaker", **session).list_models()
    s3, bucket = client("s3"), f"{name_of(role)}-bucket"
    s3.create_bucket(Bucket=bucket)
    itself = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name_of(role)}/old"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(let({"AWS": itself}, "s3:*", on=f"arn:aws:s3:::{bucket}")))
    again(client, role)

    assert refused(client("sagemaker", **session).list_models)[0] == "AccessDeniedException"
    assert refused(client("s3", **session).list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    assert refused(client("sts", **session).assume_role, RoleArn=role, RoleSessionName="new")[0] == "AccessDenied"
    fresh = keys_of(client("sts").assume_role(RoleArn=role, RoleSessionName="old"))
    assert client("sagemaker", **fresh).list_models()
    assert client("s3", **fresh).list_objects_v2(Bucket=bucket)


def test_sessions_die_with_their_user_though_another_takes_the_name(client: Client) -> None:
    iam, ann = client("iam"), Person(client).may(allow("*"))
    session = keys_of(ann.client("sts").get_session_token())
    guest = keys_of(ann.client("sts").get_federation_token(Name="guest", Policy=policy(allow("*"))))
    for keys in (session, guest):
        assert client("sagemaker", **keys).list_models()
    iam.delete_user_policy(UserName=ann.name, PolicyName="p")
    iam.delete_access_key(UserName=ann.name, AccessKeyId=ann.key_id)
    iam.delete_user(UserName=ann.name)
    iam.create_user(UserName=ann.name)
    iam.put_user_policy(UserName=ann.name, PolicyName="p", PolicyDocument=policy(allow("*")))

    assert refused(client("sagemaker", **session).list_models)[0] in (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    )
    assert refused(client("sagemaker", **guest).list_models)[0] == "AccessDeniedException"


def test_tags_of_the_role_are_those_of_the_role_that_the_session_is_of(client: Client) -> None:
    red = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    role = role_of(client, allow("sagemaker:ListModels", Condition=red), trust=ANYBODY_HERE)
    session = keys_of(client("sts").assume_role(RoleArn=role, RoleSessionName="old"))
    assert refused(client("sagemaker", **session).list_models)[0] == "AccessDeniedException"
    client("iam").tag_role(RoleName=name_of(role), Tags=[{"Key": "team", "Value": "red"}])
    assert client("sagemaker", **session).list_models()
    assert json.loads(json.dumps(session))


def test_a_policy_lets_in_whom_it_named_and_nobody_who_takes_the_name_later(client: Client) -> None:
    iam, s3 = client("iam"), client("s3")
    reader = role_of(client, allow("sagemaker:ListModels"), trust=ANYBODY_HERE)
    bucket = f"{name_of(reader)}-bucket"
    s3.create_bucket(Bucket=bucket)
    text = policy(let({"AWS": reader}, "s3:ListBucket", on=f"arn:aws:s3:::{bucket}"))
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    ann = Person(client)
    role = role_of(client, trust={**ANYBODY_HERE, "Principal": {"AWS": [ann.arn, reader]}})

    def session() -> Document:
        return keys_of(client("sts").assume_role(RoleArn=reader, RoleSessionName="session"))

    assert client("s3", **session()).list_objects_v2(Bucket=bucket)
    assert ann.client("sts").assume_role(RoleArn=role, RoleSessionName="session")
    again(client, reader)
    iam.put_role_policy(RoleName=name_of(reader), PolicyName="p", PolicyDocument=policy(allow("sagemaker:ListModels")))
    iam.delete_access_key(UserName=ann.name, AccessKeyId=ann.key_id)
    iam.delete_user(UserName=ann.name)
    iam.create_user(UserName=ann.name)
    key = iam.create_access_key(UserName=ann.name)["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    later = session()
    assert client("sagemaker", **later).list_models()
    assert refused(client("s3", **later).list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    for other in (keys, later):
        asked = {"RoleArn": role, "RoleSessionName": "session"}
        assert refused(client("sts", **other).assume_role, **asked)[0] == "AccessDenied"
    assert "Principals" not in iam.get_role(RoleName=name_of(role))["Role"]
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert client("s3", **session()).list_objects_v2(Bucket=bucket), "written again, it means who has the name now"
