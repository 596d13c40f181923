"""Policies of resources: of buckets, the trust policies of roles, and what public sample buckets let everybody do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from sagewright.access.identity import bucket_policy, role_of, with_ids
from sagewright.access.memory import Memory
from sagewright.access.policy import Policies, Policy, Statement, parse
from sagewright.core.clock import Clock
from sagewright.nouns.operations import Permission
from sagewright.store.resources import Resource, ResourceStore

ASSUMING = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
"""The actions that a role's trust policy decides about."""
RESTRICTED = "Restricted"
"""Kept with a bucket's policy that lets nobody in from other accounts."""
_S3 = "arn:aws:s3:::"


@dataclass(frozen=True, slots=True)
class Target:
    """The policy of a resource, None when it has none; its owner's account, empty when that is the call's."""

    policies: Policies | None = None
    account: str = ""


class Samples(Protocol):
    """Knows the public sample buckets, and the account that they are in."""

    @property
    def account(self) -> str: ...

    def public(self, name: str) -> bool:
        """Whether everybody may read this bucket, as no policy of ours says."""
        ...


@lru_cache(maxsize=256)
def _readable_by_all(bucket: str) -> Policies:
    """The policy of a public sample bucket."""
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resource}
        for actions, resource in (
            (["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectTagging"], "/*"),
            (["s3:ListBucket", "s3:GetBucketLocation"], ""),
        )
        for resource in (f"{_S3}{bucket}{resource}",)
    ]
    return Policies([Policy(bucket, "resource", parse(json.dumps({"Version": "2012-10-17", "Statement": statements})))])


PLAIN = Target()


class ResourcePolicies:
    """The policies of what permissions are asked for, compiled once. Thread-safe."""

    def __init__(self, resources: ResourceStore, clock: Clock, samples: Samples | None = None) -> None:
        self._resources = resources
        self._samples = samples
        self._targets = Memory[Target](resources, clock)

    def of(self, permission: Permission) -> Target:
        """The policy of the resource, when it has one: a bucket's policy, or the trust policy of a role."""
        action, resource = permission.action, permission.resource
        if action in ASSUMING:
            return self.of_role(resource)
        name = resource.removeprefix(_S3).partition("/")[0] if resource.startswith(_S3) else ""
        if not name or not action.startswith("s3:"):
            return PLAIN
        if self._samples is not None and action != "s3:CreateBucket" and self._samples.public(name):
            return Target(_readable_by_all(name), self._samples.account)
        return self._targets.of(f"{_S3}{name}", partial(self._find_bucket, name))

    def of_role(self, arn: str) -> Target:
        """The trust policy of the role with this ARN, when there is one."""
        return self._targets.of(arn, partial(self._find_role, arn))

    def trust(self, role: Resource) -> Policies:
        """The trust policy of a role."""
        statements = parse(role.spec["AssumeRolePolicyDocument"])
        statements = with_ids(self._resources, statements, role.spec.get("Principals", {}))
        return Policies([Policy(role.name, "resource", statements)])

    def _find_bucket(self, name: str) -> Target:
        row = bucket_policy(self._resources, name)
        if row is None:
            return PLAIN
        statements = with_ids(self._resources, parse(row.spec["Policy"]), row.spec.get("Principals", {}))
        if RESTRICTED in row.spec:
            statements = (*statements, *_nobody_else(row.account))
        return Target(Policies([Policy(name, "resource", statements)]), row.account)

    def _find_role(self, arn: str) -> Target:
        role = role_of(self._resources, arn)
        return Target(self.trust(role), role.account) if role is not None and role.arn == arn else PLAIN


def _nobody_else(account: str) -> tuple[Statement, ...]:
    """What keeps other accounts out of a bucket, and those who are of none."""
    others = {"StringNotEquals": {"aws:PrincipalAccount": account}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": others}
    return parse(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
