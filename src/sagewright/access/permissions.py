"""Which permissions a call needs: actions on resources, found in the operation's name and its parameters.

The rule is ``service:Operation`` on the noun it names; ``actions.toml`` holds what AWS does otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.access.identity import GLOBAL, holder_of
from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.operations import Call, Permission
from sagewright.wire.models import service_model

READING = ("List", "Describe", "Get", "Search", "Simulate")


@cache
def table() -> Any:
    """The exceptions, as data."""
    return tomllib.loads((files("sagewright.access") / "actions.toml").read_text())


def service_of(service: str) -> str:
    """A service's name in actions."""
    name: str = table()["services"].get(service, service)
    return name


@cache
def action_of(service: str, operation: str) -> str | None:
    """The action an operation needs; None when it needs none, or when its handler checks each item."""
    if operation in (*table()["free"].get(service, ()), *table()["each"].get(service, ())):
        return None
    return f"{service_of(service)}:{table()['actions'].get(service, {}).get(operation, operation)}"


class _Rule(NamedTuple):
    """What calls of one operation need.

    They need ``action`` on ``resource`` and on the resources that the members in ``also`` name. On ``resource`` they
    also need the actions ``besides``, and those of ``members`` where the request has the member.
    """

    action: str | None
    versioned: bool
    resource: Callable[[Call, Json], str]
    also: tuple[tuple[str, str], ...]
    tags: bool
    besides: tuple[str, ...]
    members: tuple[tuple[str, str], ...]


@cache
def _rule(service: str, operation: str) -> _Rule:
    name = service_of(service)
    members = table()["members"].get(service, {}).get(operation, {})
    return _Rule(
        action=action_of(service, operation),
        versioned=operation in table()["versioned"].get(service, ()),
        resource=_RESOURCES.get(service_of(service), _anything),
        also=tuple(table()["also"].get(service, {}).get(operation, {}).items()),
        tags=service == "sagemaker" and operation.startswith("Create"),
        besides=tuple(f"{name}:{action}" for action in table()["besides"].get(service, {}).get(operation, ())),
        members=tuple((member, f"{name}:{action}") for member, action in members.items()),
    )


def needed(call: Call, request: Json) -> list[Permission]:
    """The permissions ``call`` needs, the main one first, without iam:PassRole."""
    rule = _rule(call.service, call.operation)
    if rule.action is None:
        return []
    action = f"{rule.action}Version" if rule.versioned and "VersionId" in request else rule.action
    resource = rule.resource(call, request)
    permissions = [Permission(action, resource)]
    permissions += [Permission(further, resource) for further in rule.besides]
    permissions += [Permission(further, resource) for member, further in rule.members if request.get(member)]
    for member, path in rule.also:
        if member in request:
            permissions.append(Permission(action, _sagemaker_arn(call, path, request[member])))
    if rule.tags and request.get("Tags"):
        permissions.append(Permission("sagemaker:AddTags", resource, (("sagemaker:TaggingAction", call.operation),)))
    return permissions


def passed_roles(call: Call, request: Json) -> list[str]:
    """The ARNs of roles that the call hands to the service, in order, each once."""
    if call.service != "sagemaker" or call.operation.startswith(READING):
        return []
    arns: dict[str, None] = {}
    for path in _role_paths(call.service, call.operation):
        arns.update((arn, None) for arn in _values_at(request, path))
    return list(arns)


@cache
def _role_paths(service: str, operation: str) -> tuple[tuple[str, ...], ...]:
    """Where an operation's input has members of the model's shape ``RoleArn``; a list or a map is a step ``*``."""
    shape = service_model(service).operation_model(operation).input_shape
    return tuple(_paths_below(shape, (), frozenset())) if shape is not None else ()


def _paths_below(shape: Shape, path: tuple[str, ...], above: frozenset[str]) -> Iterator[tuple[str, ...]]:
    if shape.name == "RoleArn":
        yield path
    elif shape.name in above:
        return
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from _paths_below(member, (*path, name), above | {shape.name})
    elif isinstance(shape, ListShape):
        yield from _paths_below(shape.member, (*path, "*"), above | {shape.name})
    elif isinstance(shape, MapShape):
        yield from _paths_below(shape.value, (*path, "*"), above | {shape.name})


def _values_at(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if not path:
        yield value
    elif path[0] != "*":
        if path[0] in value:
            yield from _values_at(value[path[0]], path[1:])
    else:
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _values_at(item, path[1:])


def account_of(arn: str) -> str:
    """The account an ARN names, empty when it names none."""
    try:
        return Arn.parse(arn).account
    except ValueError:
        return ""


# The resource of a call, service by service


def _anything(_call: Call, _request: Json) -> str:
    return "*"


def _s3(_call: Call, request: Json) -> str:
    if "Bucket" not in request:
        return "*"
    return s3_arn(request["Bucket"], request.get("Key"))


def s3_arn(bucket: str, key: str | None = None) -> str:
    """The ARN of a bucket or of an object in it."""
    return f"arn:aws:s3:::{bucket}" if key is None else f"arn:aws:s3:::{bucket}/{key}"


def _sagemaker(call: Call, request: Json) -> str:
    members, noun = _naming(call.service, call.operation)
    for member, path in members:
        if member in request:
            return _sagemaker_arn(call, path, request[member])
    if noun is None:
        return "*"
    name = noun.identity.pattern(request) or request.get(noun.facts.arn_member, "")
    return _sagemaker_arn(call, noun.path.replace("{name}", "{}"), name) if name else "*"


@cache
def _naming(service: str, operation: str) -> tuple[tuple[tuple[str, str], ...], Noun | None]:
    """The members that may name what an operation is about, with the ARN's resource for each; and its noun."""
    members: dict[str, str] = table()["resources"].get(service, {})
    noun = noun_of(operation) if service == "sagemaker" else None
    return tuple(members.items()), noun


def _sagemaker_arn(call: Call, path: str, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return f"arn:aws:sagemaker:{call.region}:{call.account}:{path.replace('{}', name)}"


@cache
def noun_of(operation: str) -> Noun | None:
    """The noun an operation of SageMaker is about: ``UpdateEndpointWeightsAndCapacities`` is about ``Endpoint``."""
    nouns = [noun for noun in all_nouns() if noun.service == "sagemaker" and _after_verb(operation, noun.kind)]
    exact = [noun for noun in nouns if operation.endswith(noun.kind)]
    return max(exact or nouns, key=lambda noun: len(noun.kind), default=None)


def _after_verb(operation: str, kind: str) -> bool:
    at = operation.find(kind)
    return at > 0 and operation[:at].isalpha() and operation[1:at].islower()


def _logs(call: Call, request: Json) -> str:
    if "resourceArn" in request:
        tagged_group = log_group_name(call, request["resourceArn"])
        return request["resourceArn"] if tagged_group is None else log_group_arn(call, tagged_group)
    group = request.get("logGroupName") or request.get("logGroupIdentifier") or ""
    group_name = log_group_name(call, group)
    name = group if group_name is None else group_name
    prefix = "log-group" if call.operation.find("Destination") < 0 else "destination"
    return str(Arn("logs", call.region, call.account, f"{prefix}:{name}:log-stream:{request.get('logStreamName', '')}"))


def log_group_name(call: Call, identifier: str) -> str | None:
    """The name of a log group of the caller's account and region, given its name or its ARN; None for any other."""
    if not identifier.startswith("arn:"):
        return identifier
    name = identifier.removeprefix(log_group_arn(call, "")).removesuffix(":*")
    return None if ":" in name else name


def log_group_arn(call: Call, name: str) -> str:
    """The ARN of a log group of the caller's account and region."""
    return str(Arn("logs", call.region, call.account, f"log-group:{name}"))


_IAM_KINDS = {"RoleName": "Role", "UserName": "User", "GroupName": "Group", "InstanceProfileName": "InstanceProfile"}
_OWN_USER = ("GetUser", "CreateAccessKey", "DeleteAccessKey", "ListAccessKeys", "UpdateAccessKey", "ChangePassword")


def _iam(call: Call, request: Json) -> str:
    for member, kind in _IAM_KINDS.items():
        if member in request:
            return _entity_arn(call, kind, request[member], request.get("Path", "/"))
    for member in ("PolicyArn", "PolicySourceArn"):
        if member in request:
            arn: str = request[member]
            return arn
    if call.operation == "CreatePolicy":
        return f"arn:aws:iam::{call.account}:policy{request.get('Path', '/')}{request['PolicyName']}"
    if call.operation in _OWN_USER:
        holder = holder_of(call.platform.resources, call.principal.arn)
        return holder.arn if holder is not None and holder.kind == "User" else "*"
    return "*"


def _entity_arn(call: Call, kind: str, name: str, path: str) -> str:
    entity = call.platform.resources.get(call.account, GLOBAL, kind, name)
    if entity is not None:
        return entity.arn
    words = {"InstanceProfile": "instance-profile"}.get(kind, kind.lower())
    return f"arn:aws:iam::{call.account}:{words}{path}{name}"


def _sts(call: Call, request: Json) -> str:
    if call.operation == "GetFederationToken":
        return f"arn:aws:sts::{call.account}:federated-user/{request['Name']}"
    arn: str = request.get("RoleArn", "*")
    return arn


_RESOURCES: Mapping[str, Callable[[Call, Json], str]] = {
    "s3": _s3,
    "sagemaker": _sagemaker,
    "logs": _logs,
    "iam": _iam,
    "sts": _sts,
}
