"""Managed policies and their versions: the customer's own, and those that AWS ships."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sagewright.access.identity import AWS_POLICIES, GLOBAL, AwsPolicy, aws_policies, name_is_taken
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.core.ids import unique_id
from sagewright.nouns.operations import Call, operation
from sagewright.services.iam._entities import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
    arn_of,
    change_status,
    encoded,
    page,
    path_of,
    statements,
    tag_list,
    tag_set,
)
from sagewright.store.resources import AlreadyExists, Resource

VERSIONS_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Uses:
    """How many roles and users each policy is attached to, and of how many it is the boundary."""

    attached: Counter[str] = field(default_factory=Counter)
    boundary: Counter[str] = field(default_factory=Counter)

    @classmethod
    def find(cls, call: Call) -> Uses:
        """Those of the caller's account."""
        uses = cls()
        for kind in ("Role", "User"):
            for holder in call.platform.resources.list(call.account, GLOBAL, kind):
                uses.attached.update(holder.status["Attached"])
                uses.boundary.update([holder.status["Boundary"]] if "Boundary" in holder.status else [])
        return uses

    def of(self, arn: str) -> Json:
        """The counts of one policy as members of an answer."""
        return {"AttachmentCount": self.attached[arn], "PermissionsBoundaryUsageCount": self.boundary[arn]}


def _own(call: Call, arn: str) -> Resource:
    """The customer-managed policy with that ARN."""
    if arn.startswith(AWS_POLICIES):
        raise AwsError(f"Policy {arn} is managed by AWS and cannot be changed.", code="AccessDenied", status=403)
    policy = call.platform.resources.by_arn(arn)
    if policy is None or policy.kind != "Policy" or policy.account != call.account:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def _describe(policy: Resource, uses: Uses) -> Json:
    return {
        **policy.spec,
        "Arn": policy.arn,
        "DefaultVersionId": policy.status["DefaultVersionId"],
        **uses.of(policy.arn),
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.modified,
    }


def _describe_shipped(policy: AwsPolicy, uses: Uses) -> Json:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Path": policy.path,
        "Arn": policy.arn,
        "DefaultVersionId": policy.version,
        **uses.of(policy.arn),
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }


@operation("iam", "CreatePolicy")
def create_policy(call: Call, request: Json) -> Json:
    statements(request["PolicyDocument"], trust=False)
    name, path = request["PolicyName"], path_of(request)
    spec = {"Path": path, "PolicyName": name, "PolicyId": unique_id("ANPA")}
    spec |= {"Description": request["Description"]} if "Description" in request else {}
    first = {"Document": request["PolicyDocument"], "CreateDate": call.platform.clock.now()}
    tags = tag_set(request)
    if name_is_taken(call.platform.resources, call.account, "Policy", name):
        raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    try:
        policy = call.platform.resources.create(
            account=call.account,
            region=GLOBAL,
            kind="Policy",
            name=name,
            arn=arn_of(call, "policy", path, name),
            spec=spec,
            status={"DefaultVersionId": "v1", "Latest": 1, "Versions": {"v1": first}},
            tag_set=tags,
        )
    except AlreadyExists:
        raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.") from None
    return {"Policy": {**_describe(policy, Uses()), **({"Tags": tag_list(tags)} if tags else {})}}


@operation("iam", "GetPolicy")
def get_policy(call: Call, request: Json) -> Json:
    arn = request["PolicyArn"]
    uses = Uses.find(call)
    shipped = aws_policies().get(arn)
    if shipped is not None:
        return {"Policy": _describe_shipped(shipped, uses)}
    if arn.startswith(AWS_POLICIES):
        raise NoSuchEntity(f"Policy {arn} was not found.")
    tags = tag_list(call.platform.tags.of(arn))
    return {"Policy": {**_describe(_own(call, arn), uses), **({"Tags": tags} if tags else {})}}


@operation("iam", "ListPolicies")
def list_policies(call: Call, request: Json) -> Json:
    scope, uses = request.get("Scope", "All"), Uses.find(call)
    described: list[Json] = []
    if scope != "Local":
        described += [_describe_shipped(policy, uses) for policy in aws_policies().values()]
    if scope != "AWS":
        own = call.platform.resources.list(call.account, GLOBAL, "Policy")
        described += [_describe(policy, uses) for policy in own]
    prefix, attached = request.get("PathPrefix", "/"), request.get("OnlyAttached", False)
    matching = (p for p in described if p["Path"].startswith(prefix) and (p["AttachmentCount"] or not attached))
    policies, more = page(request, matching, lambda policy: str(policy["Arn"]))
    for policy in policies:
        policy.pop("Description", None)  # as AWS does
    return {"Policies": policies, **more}


@operation("iam", "DeletePolicy")
def delete_policy(call: Call, request: Json) -> None:
    policy = _own(call, request["PolicyArn"])
    uses = Uses.find(call)
    if uses.attached[policy.arn] or uses.boundary[policy.arn]:
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(policy.status["Versions"]) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )
    call.platform.resources.delete(policy)


@operation("iam", "CreatePolicyVersion")
def create_policy_version(call: Call, request: Json) -> Json:
    statements(request["PolicyDocument"], trust=False)

    def edit(old: Json) -> Json:
        if len(old["Versions"]) >= VERSIONS_LIMIT:
            raise LimitExceeded(
                f"A managed policy can have up to {VERSIONS_LIMIT} versions. Before you create a new version, you "
                "must delete an existing version."
            )
        number = old["Latest"] + 1
        version = {"Document": request["PolicyDocument"], "CreateDate": call.platform.clock.now()}
        default = f"v{number}" if request.get("SetAsDefault") else old["DefaultVersionId"]
        versions = {**old["Versions"], f"v{number}": version}
        return {"DefaultVersionId": default, "Latest": number, "Versions": versions}

    policy = change_status(call, lambda: _own(call, request["PolicyArn"]), edit)
    return {"PolicyVersion": _version(policy, f"v{policy.status['Latest']}")}


@operation("iam", "GetPolicyVersion")
def get_policy_version(call: Call, request: Json) -> Json:
    arn, version = request["PolicyArn"], request["VersionId"]
    shipped = aws_policies().get(arn)
    if shipped is not None and shipped.version == version:
        return {"PolicyVersion": _shipped_version(shipped, encoded(shipped.document))}
    if arn.startswith(AWS_POLICIES):
        raise _no_version(arn, version)
    policy = _own(call, arn)
    if version not in policy.status["Versions"]:
        raise _no_version(arn, version)
    document = encoded(policy.status["Versions"][version]["Document"])
    return {"PolicyVersion": {**_version(policy, version), "Document": document}}


@operation("iam", "ListPolicyVersions")
def list_policy_versions(call: Call, request: Json) -> Json:
    shipped = aws_policies().get(request["PolicyArn"])
    if shipped is not None:
        return {"Versions": [_shipped_version(shipped)], "IsTruncated": False}
    policy = _own(call, request["PolicyArn"])
    names, more = page(request, policy.status["Versions"], lambda name: f"{10**9 - int(name[1:]):010d}")
    return {"Versions": [_version(policy, name) for name in names], **more}


@operation("iam", "DeletePolicyVersion")
def delete_policy_version(call: Call, request: Json) -> None:
    version = request["VersionId"]

    def edit(old: Json) -> Json:
        if version not in old["Versions"]:
            raise _no_version(request["PolicyArn"], version)
        if version == old["DefaultVersionId"]:
            raise DeleteConflict("Cannot delete the default version of a policy.")
        return {**old, "Versions": {name: old["Versions"][name] for name in old["Versions"] if name != version}}

    change_status(call, lambda: _own(call, request["PolicyArn"]), edit)


@operation("iam", "SetDefaultPolicyVersion")
def set_default_policy_version(call: Call, request: Json) -> None:
    version = request["VersionId"]

    def edit(old: Json) -> Json:
        if version not in old["Versions"]:
            raise _no_version(request["PolicyArn"], version)
        return {**old, "DefaultVersionId": version}

    change_status(call, lambda: _own(call, request["PolicyArn"]), edit)


def _version(policy: Resource, version: str) -> Json:
    return {
        "VersionId": version,
        "IsDefaultVersion": version == policy.status["DefaultVersionId"],
        "CreateDate": policy.status["Versions"][version]["CreateDate"],
    }


def _shipped_version(policy: AwsPolicy, document: str | None = None) -> Json:
    version: Json = {"VersionId": policy.version, "IsDefaultVersion": True, "CreateDate": policy.updated}
    return version if document is None else {**version, "Document": document}


def _no_version(arn: str, version: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} version {version} does not exist or is not attachable.")
