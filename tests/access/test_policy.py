"""The policy language: what documents say, and what is no document."""

from __future__ import annotations

import fnmatch
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.access.policy import Access, Decision, Malformed, Policies, Policy, parse


def decide(access: Access, *statements: dict[str, Any]) -> Decision:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return Policies([Policy("test", "role", parse(document))]).evaluate(access)


def allow(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **members}


def deny(**members: Any) -> dict[str, Any]:
    return allow(**members) | {"Effect": "Deny"}


BUCKET = "arn:aws:s3:::data/train.csv"


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        ([], "implicitDeny"),
        ([allow()], "allowed"),
        ([allow(Action="s3:GetObject")], "allowed"),
        ([allow(Action=["s3:getobject"])], "allowed"),
        ([allow(Action="s3:Get*")], "allowed"),
        ([allow(Action="s3:Get?bject")], "allowed"),
        ([allow(Action="s3:Put*")], "implicitDeny"),
        ([allow(Resource="arn:aws:s3:::data/*")], "allowed"),
        ([allow(Resource="arn:aws:s3:::DATA/*")], "implicitDeny"),
        ([allow(Resource=["arn:aws:s3:::other", BUCKET])], "allowed"),
        ([allow(Resource="arn:aws:s3:::data")], "implicitDeny"),
        ([allow(), deny(Action="s3:*")], "explicitDeny"),
        ([deny(), allow()], "explicitDeny"),
        ([allow(), deny(Action="s3:PutObject")], "allowed"),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "allowed"),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], "implicitDeny"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::data/*"}], "implicitDeny"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}], "allowed"),
        ([allow(Resource="arn:aws:s3:::${aws:username}/*")], "implicitDeny"),
        ([allow(Resource="arn:aws:s3:::${s3:prefix}/train.csv")], "allowed"),
    ],
)
def test_statements_allow_and_deny(statements: list[dict[str, Any]], verdict: str) -> None:
    if not statements:
        assert Policies([]).evaluate(Access("s3:GetObject", BUCKET)).verdict == verdict
        return
    assert decide(Access("s3:GetObject", BUCKET, {"s3:prefix": ["data"]}), *statements).verdict == verdict


CONTEXT = {"sts:ExternalId": ["sesame"], "aws:TagKeys": ["team", "cost"], "aws:SecureTransport": ["true"]}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"sts:ExternalId": "sesame"}}, True),
        ({"StringEquals": {"STS:externalid": ["x", "sesame"]}}, True),
        ({"StringEquals": {"sts:ExternalId": "Sesame"}}, False),
        ({"StringEqualsIgnoreCase": {"sts:ExternalId": "Sesame"}}, True),
        ({"StringNotEquals": {"sts:ExternalId": ["x", "sesame"]}}, False),
        ({"StringNotEquals": {"missing:Key": "x"}}, True),
        ({"StringLike": {"sts:ExternalId": "ses*"}}, True),
        ({"StringNotLike": {"sts:ExternalId": "ses*"}}, False),
        ({"StringEquals": {"missing:Key": "x"}}, False),
        ({"StringEqualsIfExists": {"missing:Key": "x"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"Null": {"missing:Key": "true"}}, True),
        ({"Null": {"sts:ExternalId": "true"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}}, True),
        ({"StringEquals": {"sts:ExternalId": "sesame"}, "Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    access = Access("s3:GetObject", BUCKET, CONTEXT)

    assert decide(access, allow(Condition=condition)).allowed == holds
    assert (decide(access, allow(), deny(Condition=condition)).verdict == "explicitDeny") == holds


def test_an_unknown_operator_is_no_policy() -> None:
    with pytest.raises(Malformed, match="Invalid Condition type : StringSounds"):
        decide(Access("s3:GetObject"), allow(Condition={"StringSounds": {"aws:username": "ann"}}))


def test_missing_context_is_told() -> None:
    condition = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}

    assert decide(Access("iam:PassRole"), allow(Condition=condition)).missing == ("iam:PassedToService",)


ANN = frozenset(
    ("AWS", name)
    for name in ("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:root", "123456789012", "*")
)


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ["123456789012", "999999999999"]}, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, True),
        ({"AWS": "arn:aws:iam::123456789012:user/ann"}, True),
        ({"AWS": "arn:aws:iam::123456789012:user/bob"}, False),
        ({"Service": "sagemaker.amazonaws.com"}, False),
    ],
)
def test_principals(principal: Any, allowed: bool) -> None:
    access = Access("s3:GetObject", BUCKET, principals=ANN)

    assert decide(access, allow(Principal=principal)).allowed == allowed
    assert decide(access, allow() | {"NotPrincipal": principal}).allowed != allowed


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '"text"',
        "[" * 100_000,
        "{}",
        '{"Statement": []}',
        '{"Statement": [1]}',
        '{"Statement": [{"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": ["Allow"], "Action": "s3:*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "everything", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": {"s3": 1}, "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Extra": 1}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": []}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"a": {}}}}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Principal": "me"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Principal": {"Robot": "me"}}]}',
        '{"Version": "2020-01-01", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}',
        '{"Version": {}, "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}',
    ],
)
def test_what_is_no_policy_is_malformed(document: str) -> None:
    with pytest.raises(Malformed):
        parse(document)


@given(st.text("ab*?/", max_size=12), st.text("ab/", max_size=12))
def test_wildcards_match_as_they_should(pattern: str, text: str) -> None:
    expected = fnmatch.fnmatchcase(text, pattern)

    assert decide(Access("s3:GetObject", text), allow(Resource=[pattern])).allowed == expected


def test_a_hostile_pattern_takes_no_time() -> None:
    began = time.perf_counter()
    decide(Access("s3:GetObject", "a" * 2000), allow(Resource="*a" * 200 + "b"))

    assert time.perf_counter() - began < 1.0
