"""Who a principal is and which policies speak for it: roles, users, and the policies AWS ships.

Roles, users and customer-managed policies are resources of the region ``global``. A holder (a role or a user) keeps
the ARNs of its attached policies and the texts of its inline ones in its status. The policies under
``arn:aws:iam::aws:policy/`` are data: those that SageMaker's users attach, as AWS publishes them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files

from sagewright.core.arns import Arn
from sagewright.kernel.policy import Policy, parse
from sagewright.store.resources import Resource, ResourceStore

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
    records = json.loads((files("sagewright.kernel") / "aws_managed_policies.json").read_bytes())
    found = {}
    for record in records:
        name, path = record["PolicyName"], record["Path"]
        arn = f"{AWS_POLICIES}{path}{name}"
        found[arn] = AwsPolicy(
            arn=arn,
            name=name,
            id="ANPA" + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17],
            path=path,
            version=record["DefaultVersionId"],
            created=datetime.fromisoformat(record["CreateDate"]).timestamp(),
            updated=datetime.fromisoformat(record["UpdateDate"]).timestamp(),
            document=json.dumps(record["Document"]),
        )
    return found


def role_of(resources: ResourceStore, arn: str) -> Resource | None:
    """The role that ``arn`` names, be it the role's own or that of a session of it; None when it is not there."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return None
    kind, _, rest = parsed.resource.partition("/")
    if parsed.service == "sts" and kind == "assumed-role":
        return resources.get(parsed.account, GLOBAL, "Role", rest.split("/")[0])
    found = resources.by_arn(arn)
    return found if found is not None and found.kind == "Role" else None


def holder_of(resources: ResourceStore, arn: str) -> Resource | None:
    """The role or user whose policies speak for the principal ``arn``."""
    found = role_of(resources, arn) or resources.by_arn(arn)
    return found if found is not None and found.kind in ("Role", "User") else None


def policies_of(resources: ResourceStore, holder: Resource) -> list[Policy]:
    """A holder's policies, inline and attached, ready to be evaluated."""
    found = [Policy(name, holder.kind.lower(), parse(text)) for name, text in holder.status["Inline"].items()]
    for arn in holder.status["Attached"]:
        shipped = aws_policies().get(arn)
        if shipped is not None:
            found.append(Policy(shipped.name, "aws-managed", parse(shipped.document)))
        elif (own := resources.by_arn(arn)) is not None:
            found.append(Policy(own.spec["PolicyName"], "user-managed", parse(default_document(own))))
    return found


def default_document(policy: Resource) -> str:
    """The text of the version of a customer-managed policy that is in force."""
    text: str = policy.status["Versions"][policy.status["DefaultVersionId"]]["Document"]
    return text


def session_arn(role: Resource, session: str) -> str:
    """The principal of a session of a role, as GetCallerIdentity tells it."""
    return f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session}"


def session_id(role: Resource, session: str) -> str:
    """The unique id of that principal."""
    return f"{role.spec['RoleId']}:{session}"
