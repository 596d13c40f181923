"""Roles that Sagewright creates itself: the execution role at the first start, and others at their first use.

``SAGEWRIGHT_ROLES`` says whether an unknown role is created (``create``) or refused (``strict``). A role is created
only when the caller could create it with IAM's own operations, so nobody gains rights by it.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
from collections.abc import Mapping
from typing import Any

from sagewright.access.identity import AWS_POLICIES, GLOBAL, name_is_taken
from sagewright.core.arns import Arn
from sagewright.core.ids import unique_id
from sagewright.store.resources import AlreadyExists, Resource, ResourceStore

log = logging.getLogger(__name__)

POLICIES = tuple(f"{AWS_POLICIES}/{name}" for name in ("AmazonSageMakerFullAccess", "AmazonS3FullAccess"))
"""With the first policy alone, jobs could use only buckets with "sagemaker" in their names."""
TRUST: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": [f"{each}.amazonaws.com" for each in ("sagemaker", "scheduler", "events")]},
    "Action": "sts:AssumeRole",
}
SESSION_SECONDS = 43_200
MAKING = (("iam:CreateRole", ""), *(("iam:AttachRolePolicy", policy) for policy in POLICIES))
"""The permissions that creating a role takes: actions, each with the policy to attach."""
_RESOURCE = re.compile(r"role(?P<path>/(?:[\w+=,.@-]+/){0,32})(?P<name>[\w+=,.@-]{1,64})", re.ASCII)


def trust_of(*statements: Mapping[str, Any]) -> str:
    """The text of a trust policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def can_be_made(arn: str, account: str) -> bool:
    """Whether the ARN is that of a role of the account, with a name that IAM allows."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return False
    fits = _RESOURCE.fullmatch(parsed.resource) is not None and ".." not in parsed.resource
    return fits and arn == f"arn:aws:iam::{account}:{parsed.resource}"


def make_at_first_use(resources: ResourceStore, arn: str, caller: str) -> None:
    """Make a role that SageMaker and ``caller``, a principal, may take on. Nothing happens when the name is taken."""
    parsed = Arn.parse(arn)
    if name_is_taken(resources, parsed.account, "Role", parsed.resource.rpartition("/")[2]):
        return
    trust = trust_of(TRUST, {**TRUST, "Principal": {"AWS": caller}})
    description = "Made by Sagewright at its first use."
    try:
        make(resources, arn, role_id=unique_id("AROA"), trust=trust, description=description)
    except AlreadyExists:
        return
    log.warning(
        "made the role %s at its first use, with %s; SAGEWRIGHT_ROLES=strict refuses unknown roles instead",
        arn,
        " and ".join(policy.rpartition("/")[2] for policy in POLICIES),
    )


def make(resources: ResourceStore, arn: str, *, role_id: str, trust: str, description: str) -> Resource:
    """Make a role with the policies that ordinary work needs. Raises ``AlreadyExists``."""
    parsed = Arn.parse(arn)
    match = _RESOURCE.fullmatch(parsed.resource)
    assert match is not None, arn
    spec = {
        "Path": match["path"],
        "RoleName": match["name"],
        "RoleId": role_id,
        "AssumeRolePolicyDocument": trust,
        "Description": description,
        "MaxSessionDuration": SESSION_SECONDS,
    }
    return resources.create(
        account=parsed.account,
        region=GLOBAL,
        kind="Role",
        name=match["name"],
        arn=arn,
        spec=spec,
        status={"Attached": list(POLICIES), "Inline": {}},
    )


def command(arn: str) -> str:
    """The command line that makes the role."""
    match = _RESOURCE.fullmatch(Arn.parse(arn).resource)
    assert match is not None, arn
    path = "" if match["path"] == "/" else f" --path {match['path']}"
    attached = [f"aws iam attach-role-policy --role-name {match['name']} --policy-arn {policy}" for policy in POLICIES]
    create = f"aws iam create-role --role-name {match['name']}{path} --assume-role-policy-document "
    return " && ".join((create + shlex.quote(trust_of(TRUST)), *attached))
