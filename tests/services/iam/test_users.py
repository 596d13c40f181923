"""Users: what has to go before they do, and which names are taken."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tests.kit.principals import TRUST, Person, allow, keys_of, policy, refused

Client = Callable[..., Any]


def test_a_session_is_no_access_key_that_keeps_its_user(client: Client) -> None:
    iam, ann = client("iam"), Person(client)
    session = keys_of(ann.client("sts").get_session_token())
    assert refused(iam.delete_user, UserName=ann.name)[0] == "DeleteConflict"
    iam.delete_access_key(UserName=ann.name, AccessKeyId=ann.key_id)
    iam.delete_user(UserName=ann.name)

    assert refused(client("sts", **session).get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def test_names_that_differ_in_capitals_alone_are_one(client: Client) -> None:
    iam, name = client("iam"), f"ann-{uuid.uuid4().hex[:10]}"
    iam.create_user(UserName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(TRUST))
    iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")))

    shouted = name.upper()
    taken = ("EntityAlreadyExists", 409)
    assert refused(iam.create_user, UserName=shouted) == (*taken, f"User with name {shouted} already exists.")
    assert refused(iam.create_role, RoleName=shouted, AssumeRolePolicyDocument=policy(TRUST))[:2] == taken
    assert refused(iam.create_policy, PolicyName=shouted, PolicyDocument=policy(allow("s3:*")))[:2] == taken
    assert iam.create_user(UserName=f"{name}x"), "another name"
