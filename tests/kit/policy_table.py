"""The published rules of policy evaluation, as rows of data. Each block names the page that states them.

All pages are of the IAM User Guide: https://docs.aws.amazon.com/IAM/latest/UserGuide/<page>.html
"""

from __future__ import annotations

from typing import Any

Statement = dict[str, Any]

BUCKET, OBJECT = "arn:aws:s3:::data", "arn:aws:s3:::data/train.csv"
ACCOUNT = "123456789012"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Worker"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Worker/night"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def allow(**members: Any) -> Statement:
    """An Allow of everything, but for ``members``."""
    return {"Effect": "Allow", "Action": "*", "Resource": "*"} | members


def deny(**members: Any) -> Statement:
    return allow(**members) | {"Effect": "Deny"}


def let(who: Any, **members: Any) -> Statement:
    """What a resource's policy says of a principal."""
    return allow(Principal=who if who == "*" else {"AWS": who}, **members)


def keep(who: Any, **members: Any) -> Statement:
    return let(who, **members) | {"Effect": "Deny"}


ELSE = {"Action": "s3:PutObject"}
"""Makes a statement speak of something else than what the rows ask: s3:GetObject."""

# page: (who asks, what the policies are, verdict, which layer decides)
# identity: the principal's own, boundary, session, resource; foreign: another account owns the resource
LAYERS: dict[str, list[tuple[str, dict[str, Any], str, str]]] = {
    "reference_policies_evaluation-logic_policy-eval-denyallow": [
        # "By default, all requests are implicitly denied with the exception of the root user."
        ("user", {}, "implicitDeny", "identity"),
        ("administrator", {}, "allowed", ""),
        ("user", {"identity": [allow()]}, "allowed", ""),
        ("user", {"identity": [allow(**ELSE)]}, "implicitDeny", "identity"),
        # "An explicit deny in any policy overrides any allows."
        ("user", {"identity": [allow(), deny()]}, "explicitDeny", "identity"),
        ("user", {"identity": [deny(), allow()]}, "explicitDeny", "identity"),
        ("user", {"identity": [allow(), deny(**ELSE)]}, "allowed", ""),
        ("user", {"identity": [allow()], "resource": [keep("*")]}, "explicitDeny", "resource"),
        ("user", {"identity": [allow()], "boundary": [allow(), deny()]}, "explicitDeny", "boundary"),
        ("session", {"identity": [allow()], "session": [allow(), deny()]}, "explicitDeny", "session"),
        ("user", {"identity": [deny()], "resource": [let(ANN)]}, "explicitDeny", "identity"),
        ("administrator", {"resource": [keep("*")]}, "explicitDeny", "resource"),
    ],
    "reference_policies_evaluation-logic_policy-eval-basics": [
        # "Resource-based policies": within one account either an identity-based or a resource-based allow is enough.
        ("user", {"resource": [let(ANN)]}, "allowed", ""),
        ("user", {"resource": [let("*")]}, "allowed", ""),
        ("user", {"resource": [let(f"arn:aws:iam::{ACCOUNT}:user/bob")]}, "implicitDeny", "identity"),
        ("user", {"resource": [let(ANN, **ELSE)]}, "implicitDeny", "identity"),
        ("user", {"identity": [allow()], "resource": [let(f"arn:aws:iam::{ACCOUNT}:user/bob")]}, "allowed", ""),
        ("session", {"resource": [let(ROLE)]}, "allowed", ""),
        ("session", {"resource": [let(SESSION)]}, "allowed", ""),
        # Naming the account delegates: its own policies still have to allow.
        ("user", {"resource": [let(ROOT)]}, "implicitDeny", "identity"),
        ("user", {"resource": [let(ACCOUNT)]}, "implicitDeny", "identity"),
        ("user", {"identity": [allow()], "resource": [let(ROOT)]}, "allowed", ""),
        ("user", {"identity": [allow()], "resource": [keep(ROOT)]}, "explicitDeny", "resource"),
        ("session", {"identity": [allow()], "resource": [keep(ROLE)]}, "explicitDeny", "resource"),
        ("nobody", {"resource": [let("*")]}, "allowed", ""),
        ("nobody", {"resource": [let(ROOT)]}, "implicitDeny", "identity"),
        ("nobody", {}, "implicitDeny", "identity"),
    ],
    "access_policies_boundaries": [
        # "The effective permissions are the intersection of both policy types."
        ("user", {"identity": [allow()], "boundary": [allow()]}, "allowed", ""),
        ("user", {"identity": [allow()], "boundary": [allow(**ELSE)]}, "implicitDeny", "boundary"),
        ("user", {"boundary": [allow()]}, "implicitDeny", "identity"),
        # "… resource-based policies that grant permissions to an IAM user … are not limited by an implicit deny in an
        # identity-based policy or permissions boundary."
        ("user", {"boundary": [allow(**ELSE)], "resource": [let(ANN)]}, "allowed", ""),
        # "Resource-based policies that grant permissions to an IAM role are limited by an implicit deny in a
        # permissions boundary or session policy."
        ("session", {"boundary": [allow(**ELSE)], "resource": [let(ROLE)]}, "implicitDeny", "boundary"),
        # "… that grant permissions to an IAM role session … are not limited …"
        ("session", {"boundary": [allow(**ELSE)], "resource": [let(SESSION)]}, "allowed", ""),
        ("session", {"boundary": [deny()], "resource": [let(SESSION)]}, "explicitDeny", "boundary"),
    ],
    "access_policies#policies_session": [
        # "… the intersection of the IAM entity's identity-based policies and the session policies."
        ("session", {"identity": [allow()], "session": [allow()]}, "allowed", ""),
        ("session", {"identity": [allow()], "session": [allow(**ELSE)]}, "implicitDeny", "session"),
        ("session", {"identity": [allow(**ELSE)], "session": [allow()]}, "implicitDeny", "identity"),
        # "A resource-based policy can specify the ARN of the user or role … limits …; … of the session … added."
        ("session", {"session": [allow(**ELSE)], "resource": [let(ROLE)]}, "implicitDeny", "session"),
        ("session", {"session": [allow(**ELSE)], "resource": [let(SESSION)]}, "allowed", ""),
        ("session", {"session": [allow()], "resource": [let(ROLE)]}, "allowed", ""),
        (
            "session",
            {"identity": [allow()], "boundary": [allow()], "session": [allow()]},
            "allowed",
            "",
        ),
        (
            "session",
            {"identity": [allow()], "boundary": [allow(**ELSE)], "session": [allow()]},
            "implicitDeny",
            "boundary",
        ),
    ],
    "reference_policies_evaluation-logic-cross-account": [
        # "… the request is allowed only if both evaluations return a decision of Allow."
        ("user", {"identity": [allow()], "resource": [let(ANN)], "foreign": True}, "allowed", ""),
        ("user", {"identity": [allow()], "resource": [let(ROOT)], "foreign": True}, "allowed", ""),
        ("user", {"identity": [allow()], "foreign": True}, "implicitDeny", "resource"),
        ("user", {"resource": [let(ANN)], "foreign": True}, "implicitDeny", "identity"),
        ("user", {"resource": [let("*")], "foreign": True}, "implicitDeny", "identity"),
        ("user", {"identity": [allow()], "resource": [keep(ANN)], "foreign": True}, "explicitDeny", "resource"),
        (
            "user",
            {"identity": [allow()], "boundary": [allow(**ELSE)], "resource": [let(ANN)], "foreign": True},
            "implicitDeny",
            "boundary",
        ),
        (
            "session",
            {"identity": [allow()], "session": [allow(**ELSE)], "resource": [let(SESSION)], "foreign": True},
            "implicitDeny",
            "session",
        ),
        ("administrator", {"foreign": True}, "implicitDeny", "resource"),
    ],
    "reference_policies_elements_notprincipal": [
        (
            "user",
            {"identity": [allow()], "resource": [deny(NotPrincipal={"AWS": [ANN, ROOT]})]},
            "allowed",
            "",
        ),
        (
            "user",
            {"identity": [allow()], "resource": [deny(NotPrincipal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"})]},
            "explicitDeny",
            "resource",
        ),
        (
            "session",
            {"identity": [allow()], "resource": [deny(NotPrincipal={"AWS": [ROLE, SESSION]})]},
            "allowed",
            "",
        ),
    ],
}

# page: (statement, whether it speaks of s3:GetObject on OBJECT)
ELEMENTS: dict[str, list[tuple[Statement, bool]]] = {
    "reference_policies_elements_action": [
        (allow(Action="s3:GetObject"), True),
        (allow(Action="S3:getOBJECT"), True),
        (allow(Action="s3:*"), True),
        (allow(Action="s3:Get*"), True),
        (allow(Action="s3:*Object"), True),
        (allow(Action="s3:Get?bject"), True),
        (allow(Action=["ec2:*", "s3:GetObject"]), True),
        (allow(Action="s3:Get"), False),
        (allow(Action="s3:ListBucket"), False),
        (allow(Action="ec2:*"), False),
    ],
    "reference_policies_elements_notaction": [
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": ["iam:*", "s3:Get*"], "Resource": "*"}, False),
    ],
    "reference_policies_elements_resource": [
        (allow(Resource=OBJECT), True),
        (allow(Resource="arn:aws:s3:::data/*"), True),
        (allow(Resource="arn:aws:s3:::*/train.csv"), True),
        (allow(Resource="arn:aws:s3:::data/train.cs?"), True),
        (allow(Resource="arn:*:s3:::data/*"), True),
        (allow(Resource=BUCKET), False),
        (allow(Resource="arn:aws:s3:::data/TRAIN.csv"), False),
        (allow(Resource="arn:aws:s3:::data/train.csv?"), False),
        (allow(Resource=["arn:aws:s3:::other/*", OBJECT]), True),
    ],
    "reference_policies_elements_notresource": [
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}, True),
        ({"Effect": "Allow", "Action": "*", "NotResource": ["arn:aws:s3:::other/*", OBJECT]}, False),
    ],
    "reference_policies_variables": [
        # CONTEXT below: aws:username is ann, aws:PrincipalTag/team is data, tag star is *, two values of aws:TagKeys
        (allow(Resource="arn:aws:s3:::${aws:PrincipalTag/team}/*"), True),
        (allow(Resource="arn:aws:s3:::${AWS:principaltag/team}/*"), True),
        (allow(Resource="arn:aws:s3:::${aws:username}/*"), False),
        (allow(Resource="arn:aws:s3:::${aws:PrincipalTag/missing}/*"), False),
        (allow(Resource="arn:aws:s3:::${aws:PrincipalTag/missing, 'data'}/*"), True),
        (allow(Resource="arn:aws:s3:::${aws:PrincipalTag/team, 'other'}/*"), True),
        (allow(Resource="arn:aws:s3:::${aws:TagKeys}/*"), False),
        (allow(Resource="arn:aws:s3:::data/${*}"), False),
        (allow(Resource="arn:aws:s3:::data/train${?}csv"), False),
        # A wildcard that comes from a value is no wildcard.
        (allow(Resource="arn:aws:s3:::${aws:PrincipalTag/star}"), False),
        (allow(Condition={"StringEquals": {"aws:username": "${aws:username}"}}), True),
        (allow(Condition={"StringLike": {"aws:PrincipalTag/team": "${aws:PrincipalTag/star}"}}), False),
        (allow(Condition={"StringLike": {"aws:PrincipalTag/star": "${*}"}}), True),
        (allow(Condition={"StringEquals": {"aws:PrincipalTag/missing": "${aws:PrincipalTag/missing}"}}), False),
    ],
}
CONTEXT = {
    "aws:username": ["ann"],
    "aws:PrincipalTag/team": ["data"],
    "aws:PrincipalTag/star": ["*"],
    "aws:TagKeys": ["team", "cost"],
}

# page: (operator, the policy's values, the request's values or None where the key is missing, whether it holds)
CONDITIONS: dict[str, list[tuple[str, Any, list[str] | None, bool]]] = {
    "reference_policies_elements_condition_operators#Conditions_String": [
        ("StringEquals", "ann", ["ann"], True),
        ("StringEquals", ["bob", "ann"], ["ann"], True),
        ("StringEquals", "Ann", ["ann"], False),
        ("StringEquals", "a*", ["ann"], False),
        ("StringEquals", "ann", None, False),
        ("StringNotEquals", "ann", ["ann"], False),
        ("StringNotEquals", ["bob", "ann"], ["ann"], False),
        ("StringNotEquals", "bob", ["ann"], True),
        ("StringNotEquals", "ann", None, True),
        ("StringEqualsIgnoreCase", "ANN", ["ann"], True),
        ("StringNotEqualsIgnoreCase", "ANN", ["ann"], False),
        ("StringLike", "a*", ["ann"], True),
        ("StringLike", "a?", ["ann"], False),
        ("StringLike", "A*", ["ann"], False),
        ("StringNotLike", "a*", ["ann"], False),
        ("StringNotLike", "b*", ["ann"], True),
    ],
    "reference_policies_elements_condition_operators#Conditions_Numeric": [
        ("NumericEquals", "10", ["10.0"], True),
        ("NumericNotEquals", 10, ["11"], True),
        ("NumericLessThan", "10", ["9"], True),
        ("NumericLessThan", "10", ["10"], False),
        ("NumericLessThanEquals", "10", ["10"], True),
        ("NumericGreaterThan", "10", ["9"], False),
        ("NumericGreaterThanEquals", "10", ["10"], True),
        ("NumericLessThan", "10", ["many"], False),
        ("NumericLessThan", "10", None, False),
        ("NumericLessThanIfExists", "10", None, True),
    ],
    "reference_policies_elements_condition_operators#Conditions_Date": [
        ("DateEquals", "2024-05-01T00:00:00Z", ["2024-05-01T00:00:00Z"], True),
        ("DateEquals", "1714521600", ["2024-05-01T00:00:00Z"], True),
        ("DateNotEquals", "2024-05-01T00:00:00Z", ["2024-05-02T00:00:00Z"], True),
        ("DateLessThan", "2024-05-02T00:00:00Z", ["2024-05-01T23:59:59Z"], True),
        ("DateLessThanEquals", "2024-05-01T00:00:00Z", ["2024-05-01T00:00:00Z"], True),
        ("DateGreaterThan", "2024-05-01", ["2024-05-01T00:00:01Z"], True),
        ("DateGreaterThan", "2024-05-01T02:00:00+02:00", ["2024-05-01T00:00:00Z"], False),
        ("DateGreaterThanEquals", "2024-05-01T00:00:00Z", ["soon"], False),
    ],
    "reference_policies_elements_condition_operators#Conditions_Boolean": [
        ("Bool", "true", ["true"], True),
        ("Bool", True, ["true"], True),
        ("Bool", "false", ["true"], False),
        ("Bool", "true", None, False),
        ("BoolIfExists", "true", None, True),
    ],
    "reference_policies_elements_condition_operators#Conditions_BinaryEquals": [
        ("BinaryEquals", "QmluYXJ5", ["QmluYXJ5"], True),
        ("BinaryEquals", "QmluYXJ5", ["QmluYXJ6"], False),
        ("BinaryEquals", "not base64", ["not base64"], False),
    ],
    "reference_policies_elements_condition_operators#Conditions_IPAddress": [
        ("IpAddress", "203.0.113.0/24", ["203.0.113.7"], True),
        ("IpAddress", ["10.0.0.0/8", "203.0.113.7"], ["203.0.113.7"], True),
        ("IpAddress", "203.0.113.0/24", ["198.51.100.1"], False),
        ("IpAddress", "2001:db8::/32", ["2001:db8::1"], True),
        ("IpAddress", "203.0.113.0/24", ["2001:db8::1"], False),
        ("NotIpAddress", "203.0.113.0/24", ["203.0.113.7"], False),
        ("NotIpAddress", "203.0.113.0/24", ["198.51.100.1"], True),
        ("IpAddress", "203.0.113.0/24", None, False),
    ],
    "reference_policies_elements_condition_operators#Conditions_ARN": [
        ("ArnEquals", OBJECT, [OBJECT], True),
        ("ArnLike", "arn:aws:s3:::data/*", [OBJECT], True),
        ("ArnEquals", "arn:aws:s3:::data/*", [OBJECT], True),
        # "Each of the six colon-delimited components of the ARN is checked separately."
        ("ArnLike", "arn:aws:s3*data/*", [OBJECT], False),
        ("ArnLike", "arn:aws:iam:*:123456789012:user/*", [ANN], True),
        ("ArnLike", "*", [ANN], False),
        ("ArnNotEquals", OBJECT, [OBJECT], False),
        ("ArnNotLike", "arn:aws:s3:::other/*", [OBJECT], True),
    ],
    "reference_policies_elements_condition_operators#Conditions_IfExists": [
        ("StringEqualsIfExists", "ann", None, True),
        ("StringEqualsIfExists", "ann", ["bob"], False),
        ("StringNotEqualsIfExists", "ann", None, True),
        ("ArnLikeIfExists", "arn:aws:s3:::data/*", None, True),
    ],
    "reference_policies_elements_condition_operators#Conditions_Null": [
        ("Null", "true", None, True),
        ("Null", "true", ["ann"], False),
        ("Null", "false", ["ann"], True),
        ("Null", False, None, False),
    ],
    "reference_policies_condition-single-vs-multi-valued-context-keys": [
        # "ForAllValues … returns true if every key value in the request matches at least one value in the policy. It
        # also returns true if there are no context keys in the request."
        ("ForAllValues:StringEquals", ["team", "cost", "env"], ["team", "cost"], True),
        ("ForAllValues:StringEquals", ["team"], ["team", "cost"], False),
        ("ForAllValues:StringEquals", ["team"], None, True),
        ("ForAllValues:StringEquals", ["team"], [], True),
        ("ForAllValues:StringNotEquals", ["cost"], ["team", "env"], True),
        ("ForAllValues:StringNotEquals", ["cost"], ["team", "cost"], False),
        # "ForAnyValue … returns true if any one … matches. For no matching context key, … returns false."
        ("ForAnyValue:StringEquals", ["team"], ["team", "cost"], True),
        ("ForAnyValue:StringEquals", ["env"], ["team", "cost"], False),
        ("ForAnyValue:StringEquals", ["team"], None, False),
        ("ForAnyValue:StringNotEquals", ["cost"], ["team", "cost"], True),
        ("ForAnyValue:StringNotEquals", ["cost"], ["cost"], False),
        ("ForAnyValue:StringNotEquals", ["cost"], None, False),
        ("ForAnyValue:StringLike", ["te*"], ["cost", "team"], True),
        ("ForAnyValue:StringEqualsIfExists", ["team"], None, True),
    ],
}
