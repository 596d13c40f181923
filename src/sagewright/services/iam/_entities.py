"""What the nouns of IAM share: finding, changing, paging, and the words of its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote

from sagewright.access.identity import GLOBAL, managed, name_is_taken
from sagewright.access.policy import Malformed, Statement, parse
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call
from sagewright.store.resources import Resource, Stale

T = TypeVar("T")
TAG_LIMIT = 50


class NoSuchEntity(AwsError):
    """The role, user, policy or key is not there."""

    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(AwsError):
    """The name is taken."""

    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(AwsError):
    """The entity still has keys or policies, or is attached to others."""

    code = "DeleteConflict"
    status = 409


class LimitExceeded(AwsError):
    """A quota of IAM is reached."""

    code = "LimitExceeded"
    status = 409


class MalformedPolicyDocument(AwsError):
    """The document is not a policy, or not one of the kind asked for."""

    code = "MalformedPolicyDocument"


def entity(call: Call, kind: str, name: str) -> Resource:
    """The role or user of that name. Raises ``NoSuchEntity``."""
    resource = call.platform.resources.get(call.account, GLOBAL, kind, name)
    if resource is None:
        raise NoSuchEntity(f"The {kind.lower()} with name {name} cannot be found.")
    return resource


def require_new(call: Call, kind: str, name: str) -> None:
    """Raises ``EntityAlreadyExists`` when the account has an entity of that name, in capitals or not."""
    if name_is_taken(call.platform.resources, call.account, kind, name):
        raise EntityAlreadyExists(f"{kind} with name {name} already exists.")


def change_spec(call: Call, find: Callable[[], Resource], edit: Callable[[Json], Json]) -> Resource:
    """Write the spec that ``edit`` makes of the entity's; repeat when another call changed the entity meanwhile."""
    while True:
        resource = find()
        try:
            return call.platform.resources.update(resource, spec=edit(resource.spec))
        except Stale:
            continue


def change_status(call: Call, find: Callable[[], Resource], edit: Callable[[Json], Json]) -> Resource:
    """Like ``change_spec``, for the status."""
    while True:
        resource = find()
        try:
            return call.platform.resources.update(resource, status=edit(resource.status))
        except Stale:
            continue


def boundary(call: Call, request: Json) -> Json:
    """The status of a holder whose request names a permissions boundary. Raises ``NoSuchEntity``."""
    arn = request.get("PermissionsBoundary")
    if arn is None:
        return {}
    if managed(call.platform.resources, arn) is None:
        raise NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")
    return {"Boundary": arn}


def boundary_of(holder: Resource) -> Json:
    """A holder's permissions boundary as IAM shows it."""
    arn = holder.status.get("Boundary")
    if arn is None:
        return {}
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}


def path_of(request: Json) -> str:
    """The request's path, ``/`` where it has none."""
    path: str = request.get("Path", "/")
    return path


def arn_of(call: Call, kind: str, path: str, name: str) -> str:
    """The ARN of an entity; a path begins and ends with a slash."""
    return f"arn:aws:iam::{call.account}:{kind.lower()}{path}{name}"


def statements(document: str, *, trust: bool) -> tuple[Statement, ...]:
    """The statements of an identity policy or of a role's trust policy. Raises ``MalformedPolicyDocument``."""
    try:
        parsed = parse(document)
    except Malformed as error:
        raise MalformedPolicyDocument(str(error)) from None
    for statement in parsed:
        problem = _trust_problem(statement) if trust else _identity_problem(statement)
        if problem:
            raise MalformedPolicyDocument(problem)
    return parsed


def _identity_problem(statement: Statement) -> str:
    if statement.principals is not None:
        return "Policy document should not specify a principal."
    if not statement.resources.texts:
        return "Policy statement must contain resources."
    for text in statement.resources.texts:
        if text != "*" and not text.startswith(("arn:", "*")):
            return f'Resource {text} must be in ARN format or "*".'
    return ""


def _trust_problem(statement: Statement) -> str:
    if statement.principals is None:
        return "Missing required field Principal"
    if statement.resources.texts:
        return "Has prohibited field Resource"
    if any(not text.lower().startswith("sts:") and text != "*" for text in statement.actions.texts):
        return "AssumeRole policy may only specify STS AssumeRole actions."
    return ""


def encoded(document: str) -> str:
    """A document as IAM gives it back: percent-encoded (RFC 3986)."""
    return quote(document, safe="-_.~")


def page(request: Json, items: Iterable[T], key: Callable[[T], str]) -> tuple[list[T], Json]:
    """One page of ``items`` in the order of ``key``, and the members that say whether more follows."""
    limit = request.get("MaxItems", 100)
    marker = request.get("Marker")
    rest = sorted((item for item in items if marker is None or key(item) > marker), key=key)
    if len(rest) <= limit:
        return rest, {"IsTruncated": False}
    return rest[:limit], {"IsTruncated": True, "Marker": key(rest[limit - 1])}


def listing(call: Call, kind: str, request: Json) -> tuple[list[Resource], Json]:
    """One page of the account's entities of a kind below the request's ``PathPrefix``."""
    entities = call.platform.resources.list(call.account, GLOBAL, kind)
    prefix = request.get("PathPrefix", "/")
    return page(request, (each for each in entities if each.spec["Path"].startswith(prefix)), lambda each: each.name)


def tag_list(tags: Mapping[str, str]) -> list[Json]:
    """Tags as IAM lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_set(request: Json) -> dict[str, str]:
    """The request's tags. Raises ``InvalidInput`` for a key given twice."""
    pairs = request.get("Tags", [])
    tags = {tag["Key"]: tag["Value"] for tag in pairs}
    if len({key.lower() for key in tags}) < len(pairs):
        raise AwsError("Duplicate tag keys found. Please note that Tag keys are case insensitive.", code="InvalidInput")
    return tags
