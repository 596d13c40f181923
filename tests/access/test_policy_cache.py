"""Compiled policies are kept no longer than they hold: each change of IAM is seen by the next call."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tests.kit.principals import ACCOUNT, TRUST, Person, allow, let, policy, refused

Client = Callable[..., Any]


def test_changes_of_policies_boundaries_and_buckets_hold_from_the_next_call(client: Client) -> None:
    iam, s3, bucket = client("iam"), client("s3"), f"cache-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    ann = Person(client)
    look = ann.client("s3").list_objects_v2
    for _ in range(2):
        ann.may(allow("s3:ListBucket"))
        assert look(Bucket=bucket)
        assert look(Bucket=bucket), "from memory"
        ann.may(allow("s3:GetObject"))
        assert refused(look, Bucket=bucket)[0] == "AccessDenied"
    text = policy(let({"AWS": ann.arn}, "s3:ListBucket", on=f"arn:aws:s3:::{bucket}"))
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert look(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(look, Bucket=bucket)[0] == "AccessDenied"
    ann.may(allow("s3:*"))
    assert look(Bucket=bucket)
    iam.put_user_permissions_boundary(
        UserName=ann.name, PermissionsBoundary="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    )
    assert refused(look, Bucket=bucket)[0] == "AccessDenied"


def test_changes_of_a_trust_policy_hold_from_the_next_call(client: Client) -> None:
    iam, name = client("iam"), f"cache-{uuid.uuid4().hex[:10]}"
    document = policy(TRUST)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagewright/python:3"
    request = {"ExecutionRoleArn": role, "PrimaryContainer": {"Image": image}}
    create = client("sagemaker").create_model
    for number in range(2):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
        assert create(ModelName=f"{name}-{number}", **request)
        others = policy({**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}})
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=others)
        assert refused(create, ModelName=f"{name}-x", **request)[0] == "ValidationException"
