"""Roles: who may take them on (the trust policy) and their tags. Their permissions are in ``holder_policies``."""

from __future__ import annotations

from typing import Any

from sagewright.access.identity import GLOBAL, ids_of_principals
from sagewright.core.ids import unique_id
from sagewright.nouns.operations import Call, operation
from sagewright.services.iam._entities import (
    TAG_LIMIT,
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    arn_of,
    boundary,
    boundary_of,
    change_spec,
    encoded,
    entity,
    listing,
    page,
    path_of,
    require_new,
    statements,
    tag_list,
    tag_set,
)
from sagewright.store.resources import AlreadyExists, Resource

Json = dict[str, Any]


def describe(role: Resource) -> Json:
    """A role as IAM shows it, without its tags."""
    spec = {key: value for key, value in role.spec.items() if key not in ("AssumeRolePolicyDocument", "Principals")}
    return {
        **spec,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": encoded(role.spec["AssumeRolePolicyDocument"]),
        **boundary_of(role),
    }


def _described(call: Call, role: Resource) -> Json:
    tags = tag_list(call.platform.tags.of(role.arn))
    return {"Role": {**describe(role), **({"Tags": tags} if tags else {})}}


@operation("iam", "CreateRole")
def create_role(call: Call, request: Json) -> Json:
    trust = _trust(call, request["AssumeRolePolicyDocument"])
    name, path = request["RoleName"], path_of(request)
    require_new(call, "Role", name)
    spec = {
        "Path": path,
        "RoleName": name,
        "RoleId": unique_id("AROA"),
        **trust,
        "MaxSessionDuration": request.get("MaxSessionDuration", 3600),
    }
    spec |= {"Description": request["Description"]} if "Description" in request else {}
    try:
        role = call.platform.resources.create(
            account=call.account,
            region=GLOBAL,
            kind="Role",
            name=name,
            arn=arn_of(call, "role", path, name),
            spec=spec,
            status={"Attached": [], "Inline": {}, **boundary(call, request)},
            tag_set=tag_set(request),
        )
    except AlreadyExists:
        raise EntityAlreadyExists(f"Role with name {name} already exists.") from None
    return _described(call, role)


@operation("iam", "GetRole")
def get_role(call: Call, request: Json) -> Json:
    return _described(call, entity(call, "Role", request["RoleName"]))


@operation("iam", "ListRoles")
def list_roles(call: Call, request: Json) -> Json:
    roles, more = listing(call, "Role", request)
    return {"Roles": [describe(role) for role in roles], **more}


@operation("iam", "DeleteRole")
def delete_role(call: Call, request: Json) -> None:
    role = entity(call, "Role", request["RoleName"])
    if role.status["Attached"]:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if role.status["Inline"]:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    call.platform.resources.delete(role)


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(call: Call, request: Json) -> None:
    _edit(call, request["RoleName"], _trust(call, request["PolicyDocument"]))


@operation("iam", "UpdateRole")
def update_role(call: Call, request: Json) -> Json:
    members = ("Description", "MaxSessionDuration")
    _edit(call, request["RoleName"], {key: request[key] for key in members if key in request})
    return {}


@operation("iam", "UpdateRoleDescription")
def update_role_description(call: Call, request: Json) -> Json:
    return {"Role": describe(_edit(call, request["RoleName"], {"Description": request["Description"]}))}


def _trust(call: Call, document: str) -> Json:
    """A trust policy as a role keeps it: with the ids of those it names. Raises ``MalformedPolicyDocument``."""
    ids = ids_of_principals(call.platform.resources, statements(document, trust=True))
    return {"AssumeRolePolicyDocument": document, "Principals": ids}


def _edit(call: Call, name: str, members: Json) -> Resource:
    return change_spec(call, lambda: entity(call, "Role", name), lambda spec: {**spec, **members})


@operation("iam", "TagRole")
def tag_role(call: Call, request: Json) -> None:
    role = entity(call, "Role", request["RoleName"])
    if not call.platform.tags.add(role.arn, tag_set(request), TAG_LIMIT):
        raise LimitExceeded(f"The number of tags has reached the maximum limit: {TAG_LIMIT}.")


@operation("iam", "UntagRole")
def untag_role(call: Call, request: Json) -> None:
    call.platform.tags.remove(entity(call, "Role", request["RoleName"]).arn, request["TagKeys"])


@operation("iam", "ListRoleTags")
def list_role_tags(call: Call, request: Json) -> Json:
    tags = call.platform.tags.of(entity(call, "Role", request["RoleName"]).arn)
    keys, more = page(request, tags, str)
    return {"Tags": tag_list({key: tags[key] for key in keys}), **more}
