"""Principals and the policies that apply to them: roles, users, and the policies AWS ships.

Roles, users and customer-managed policies are resources of the region ``global``. A holder (a role or a user) keeps
the ARNs of its attached policies and the texts of its inline ones in its status. The policies under
``arn:aws:iam::aws:policy/`` are data: those that SageMaker's users attach, as AWS publishes them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files

from sagewright.access.decision import EVERYBODY, Principal
from sagewright.access.policy import Policies, Policy, Statement, parse
from sagewright.core.arns import Arn
from sagewright.store.credentials import Credential
from sagewright.store.resources import Query, Resource, ResourceStore

GLOBAL = "global"
"""IAM has no regions, whatever region a request is signed for."""
AWS_POLICIES = "arn:aws:iam::aws:policy"


@dataclass(frozen=True, slots=True)
class AwsPolicy:
    """A policy that AWS manages. Times are seconds since the epoch; ``document`` is the text of the default version."""

    arn: str
    name: str
    id: str
    path: str
    version: str
    created: float
    updated: float
    document: str


@cache
def aws_policies() -> Mapping[str, AwsPolicy]:
    """The policies AWS manages, by ARN."""
    records = json.loads((files("sagewright.access") / "aws_managed_policies.json").read_bytes())
    policies = {}
    for record in records:
        name, path = record["PolicyName"], record["Path"]
        arn = f"{AWS_POLICIES}{path}{name}"
        policies[arn] = AwsPolicy(
            arn=arn,
            name=name,
            id="ANPA" + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17],
            path=path,
            version=record["DefaultVersionId"],
            created=datetime.fromisoformat(record["CreateDate"]).timestamp(),
            updated=datetime.fromisoformat(record["UpdateDate"]).timestamp(),
            document=json.dumps(record["Document"]),
        )
    return policies


def role_of(resources: ResourceStore, arn: str) -> Resource | None:
    """The role that ``arn`` names, by its own ARN or that of one of its sessions; None when it does not exist."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return None
    kind, _, rest = parsed.resource.partition("/")
    if parsed.service == "sts" and kind == "assumed-role":
        return resources.get(parsed.account, GLOBAL, "Role", rest.split("/")[0])
    role = resources.by_arn(arn)
    return role if role is not None and role.kind == "Role" else None


def holder_of(resources: ResourceStore, arn: str) -> Resource | None:
    """The role or user whose policies speak for the principal ``arn``."""
    holder = role_of(resources, arn) or resources.by_arn(arn)
    return holder if holder is not None and holder.kind in ("Role", "User") else None


def holder_of_key(resources: ResourceStore, key: Credential) -> Resource | None:
    """The role or user whose policies apply to the signer with ``key``; None when it was deleted.

    A role or user created later under the same name has another id, and is not the holder.
    """
    holder = holder_of(resources, key.session.get("Source", key.principal))
    if holder is None:
        return None
    identifier = key.session.get("SourceId", "") if "Source" in key.session else key.user_id
    return holder if identifier.partition(":")[0] in ("", id_of(holder)) else None


def name_is_taken(resources: ResourceStore, account: str, kind: str, name: str) -> bool:
    """Whether the account has an entity of IAM of that name, in any mix of capitals."""
    alike = Query(name_contains=name, limit=1_000_000, specs=False)
    return any(each.name.lower() == name.lower() for each in resources.list(account, GLOBAL, kind, alike))


def ids_of_principals(resources: ResourceStore, statements: Sequence[Statement]) -> dict[str, str]:
    """The ids of the roles and users that a policy names as principals, by their ARNs in the policy."""
    arns = {name for each in statements for kind, name in each.principals or () if kind == "AWS"}
    holders = {arn: holder_of(resources, arn) for arn in sorted(arns)}
    return {arn: id_of(holder) for arn, holder in holders.items() if holder is not None}


def with_ids(
    resources: ResourceStore, statements: tuple[Statement, ...], ids: Mapping[str, str]
) -> tuple[Statement, ...]:
    """Statements that keep naming the principals of the time they were written.

    Where another principal has the ARN now, the old principal's id replaces the ARN. ``ids`` is the result of
    ``ids_of_principals`` at that time.
    """
    new = {}
    for arn, identifier in ids.items():
        holder = holder_of(resources, arn)
        if holder is None or id_of(holder) != identifier:
            new[("AWS", arn)] = ("AWS", identifier)
    if not new:
        return statements
    return tuple(
        replace(each, principals=tuple(new.get(pair, pair) for pair in each.principals)) if each.principals else each
        for each in statements
    )


def id_of(holder: Resource) -> str:
    """The unique id of a role or a user."""
    identifier: str = holder.spec["RoleId" if holder.kind == "Role" else "UserId"]
    return identifier


def policies_of(resources: ResourceStore, holder: Resource) -> list[Policy]:
    """A holder's policies, inline and attached, ready to be evaluated."""
    policies = [Policy(name, holder.kind.lower(), parse(text)) for name, text in holder.status["Inline"].items()]
    return policies + [policy for arn in holder.status["Attached"] if (policy := managed(resources, arn)) is not None]


def managed(resources: ResourceStore, arn: str) -> Policy | None:
    """The managed policy with that ARN, AWS's or the customer's, in its default version; None without it."""
    shipped = aws_policies().get(arn)
    if shipped is not None:
        return Policy(shipped.name, "aws-managed", parse(shipped.document))
    own = resources.by_arn(arn)
    if own is None or own.kind != "Policy":
        return None
    return Policy(own.spec["PolicyName"], "user-managed", parse(default_document(own)))


def boundary_of(resources: ResourceStore, holder: Resource) -> Policies | None:
    """The permissions boundary of a holder; one whose policy was deleted allows nothing."""
    arn = holder.status.get("Boundary")
    if arn is None:
        return None
    policy = managed(resources, arn)
    return Policies([policy] if policy is not None else [])


def principal_of(resources: ResourceStore, key: Credential, holder: Resource | None) -> Principal:
    """The principal that signs with ``key``, with its policies and limits. ``holder`` is the user or role behind it.

    Session policies (``key.session``: texts in ``Policies``, ARNs in ``PolicyArns``) limit it as one set: an Allow in
    any of them is enough. A federated user's ``Source`` is the user who created it.
    """
    session_policies = [Policy("SessionPolicy", "none", parse(text)) for text in key.session.get("Policies", ())]
    session_policies += [
        policy for arn in key.session.get("PolicyArns", ()) if (policy := managed(resources, arn)) is not None
    ]
    limited = "Policies" in key.session or "PolicyArns" in key.session
    if holder is None and not key.administrator:
        return Principal(itself=EVERYBODY, identity=Policies(()))  # its role or user was deleted
    account = f"arn:aws:iam::{key.account}:root"
    return Principal(
        itself=frozenset((("AWS", key.principal),)),
        holder=frozenset((("AWS", holder.arn),)) if holder is not None and holder.kind == "Role" else frozenset(),
        account=frozenset((("AWS", key.account), ("AWS", account), ("AWS", "*"))),
        identity=None if key.administrator else Policies(policies_of(resources, holder) if holder is not None else []),
        boundary=None if key.administrator or holder is None else boundary_of(resources, holder),
        sessions=(Policies(session_policies),) if limited else (),
    )


def bucket_policy(resources: ResourceStore, bucket: str) -> Resource | None:
    """The policy of a bucket: a resource of the region ``global``, in the account of the bucket's owner."""
    return resources.by_arn(bucket_policy_arn(bucket))


def bucket_policy_arn(bucket: str) -> str:
    """The ARN under which a bucket's policy is stored; no bucket and no object has such an ARN."""
    return f"arn:aws:s3:::{bucket}?policy"


def group_policy(resources: ResourceStore, group_arn: str) -> Resource | None:
    """The policy of a model package group: a resource of the region ``global``, in the account of the group's owner."""
    return resources.by_arn(group_policy_arn(group_arn))


def group_policy_arn(group_arn: str) -> str:
    """The ARN under which the policy of a model package group is stored; no group and no version has such an ARN."""
    return f"{group_arn}?policy"


def default_document(policy: Resource) -> str:
    """The text of the default version of a customer-managed policy."""
    text: str = policy.status["Versions"][policy.status["DefaultVersionId"]]["Document"]
    return text


def session_arn(role: Resource, session: str) -> str:
    """The ARN of a session of a role, as in GetCallerIdentity."""
    return f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session}"


def session_id(role: Resource, session: str) -> str:
    """The unique id of a session of a role."""
    return f"{role.spec['RoleId']}:{session}"
