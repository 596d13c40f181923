"""Users and their access keys."""

from __future__ import annotations

from sagewright.access.identity import GLOBAL, holder_of
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.core.ids import unique_id
from sagewright.nouns.operations import Call, operation
from sagewright.services.iam._entities import (
    TAG_LIMIT,
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
    arn_of,
    boundary,
    boundary_of,
    entity,
    listing,
    page,
    path_of,
    require_new,
    tag_list,
    tag_set,
)
from sagewright.store.credentials import Credential
from sagewright.store.resources import AlreadyExists, Resource

KEYS_PER_USER = 2


def _describe(user: Resource) -> Json:
    return {**user.spec, "Arn": user.arn, "CreateDate": user.created, **boundary_of(user)}


def _user_of(call: Call, request: Json) -> Resource:
    """The user that the request names, or the caller where it names none."""
    if "UserName" in request:
        return entity(call, "User", request["UserName"])
    holder = holder_of(call.platform.resources, call.principal.arn)
    if holder is None or holder.kind != "User":
        raise AwsError("Must specify userName when calling with non-User credentials", code="ValidationError")
    return holder


@operation("iam", "CreateUser")
def create_user(call: Call, request: Json) -> Json:
    name, path = request["UserName"], path_of(request)
    tags = tag_set(request)
    require_new(call, "User", name)
    try:
        user = call.platform.resources.create(
            account=call.account,
            region=GLOBAL,
            kind="User",
            name=name,
            arn=arn_of(call, "user", path, name),
            spec={"Path": path, "UserName": name, "UserId": unique_id("AIDA")},
            status={"Attached": [], "Inline": {}, **boundary(call, request)},
            tag_set=tags,
        )
    except AlreadyExists:
        raise EntityAlreadyExists(f"User with name {name} already exists.") from None
    return {"User": {**_describe(user), **({"Tags": tag_list(tags)} if tags else {})}}


@operation("iam", "GetUser")
def get_user(call: Call, request: Json) -> Json:
    user = _user_of(call, request)
    tags = tag_list(call.platform.tags.of(user.arn))
    return {"User": {**_describe(user), **({"Tags": tags} if tags else {})}}


@operation("iam", "ListUsers")
def list_users(call: Call, request: Json) -> Json:
    users, more = listing(call, "User", request)
    return {"Users": [_describe(user) for user in users], **more}


@operation("iam", "DeleteUser")
def delete_user(call: Call, request: Json) -> None:
    user = entity(call, "User", request["UserName"])
    if _keys(call, user):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    if user.status["Attached"]:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if user.status["Inline"]:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    call.platform.resources.delete(user)
    for session in call.platform.credentials.of(user.arn):
        call.platform.credentials.remove(session.access_key_id)


@operation("iam", "CreateAccessKey")
def create_access_key(call: Call, request: Json) -> Json:
    user = _user_of(call, request)
    if len(_keys(call, user)) >= KEYS_PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}")
    key = call.platform.credentials.issue(user.arn, user.spec["UserId"])
    return {"AccessKey": {**_brief(user, key), "SecretAccessKey": key.secret}}


@operation("iam", "ListAccessKeys")
def list_access_keys(call: Call, request: Json) -> Json:
    user = _user_of(call, request)
    keys, more = page(request, _keys(call, user), lambda key: key.access_key_id)
    return {"AccessKeyMetadata": [_brief(user, key) for key in keys], **more}


@operation("iam", "DeleteAccessKey")
def delete_access_key(call: Call, request: Json) -> None:
    user, access_key_id = _user_of(call, request), request["AccessKeyId"]
    if access_key_id not in (key.access_key_id for key in _keys(call, user)):
        raise NoSuchEntity(f"The Access Key with id {access_key_id} cannot be found.")
    call.platform.credentials.remove(access_key_id)


@operation("iam", "UpdateAccessKey")
def update_access_key(call: Call, request: Json) -> None:
    """Switch a key off or on again."""
    user, access_key_id = _user_of(call, request), request["AccessKeyId"]
    if access_key_id not in (key.access_key_id for key in _keys(call, user)):
        raise NoSuchEntity(f"The Access Key with id {access_key_id} cannot be found.")
    call.platform.credentials.switch(access_key_id, on=request["Status"] == "Active")


@operation("iam", "TagUser")
def tag_user(call: Call, request: Json) -> None:
    user = entity(call, "User", request["UserName"])
    if not call.platform.tags.add(user.arn, tag_set(request), TAG_LIMIT):
        raise LimitExceeded(f"The number of tags has reached the maximum limit: {TAG_LIMIT}.")


@operation("iam", "UntagUser")
def untag_user(call: Call, request: Json) -> None:
    call.platform.tags.remove(entity(call, "User", request["UserName"]).arn, request["TagKeys"])


@operation("iam", "ListUserTags")
def list_user_tags(call: Call, request: Json) -> Json:
    tags = call.platform.tags.of(entity(call, "User", request["UserName"]).arn)
    keys, more = page(request, tags, str)
    return {"Tags": tag_list({key: tags[key] for key in keys}), **more}


def _keys(call: Call, user: Resource) -> list[Credential]:
    """The user's lasting keys; IAM does not show the keys of sessions."""
    return [key for key in call.platform.credentials.of(user.arn) if key.expires is None]


def _brief(user: Resource, key: Credential) -> Json:
    status = "Active" if key.active else "Inactive"
    return {"UserName": user.name, "AccessKeyId": key.access_key_id, "Status": status, "CreateDate": key.created}
