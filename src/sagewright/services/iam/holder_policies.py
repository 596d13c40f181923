"""The policies of roles and of users, attached and inline: the same nine operations for both holders."""

from __future__ import annotations

from functools import partial
from typing import Any

from sagewright.access.identity import aws_policies
from sagewright.core import Json
from sagewright.nouns.operations import Call, Operation, add
from sagewright.services.iam._entities import (
    LimitExceeded,
    NoSuchEntity,
    boundary,
    change_status,
    encoded,
    entity,
    page,
    statements,
)

ATTACHED_LIMIT = 20
INLINE_CHARACTERS = {"Role": 10_240, "User": 2_048}
"""The quotas of IAM: attached policies, and non-blank characters of all inline policies of one holder."""


def attach(kind: str, call: Call, request: Json) -> None:
    """Attach a managed policy; one that is attached already is no error."""
    arn = request["PolicyArn"]
    if arn not in aws_policies():
        policy = call.platform.resources.by_arn(arn)
        if policy is None or policy.kind != "Policy":
            raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    attached = _status(kind, call, request, "Attached")
    if arn in attached:
        return
    if len(attached) >= ATTACHED_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPer{kind}: {ATTACHED_LIMIT}")
    _change(kind, call, request, "Attached", lambda old: [*old, *([] if arn in old else [arn])])


def detach(kind: str, call: Call, request: Json) -> None:
    arn = request["PolicyArn"]
    if arn not in _status(kind, call, request, "Attached"):
        raise NoSuchEntity(f"Policy {arn} was not found.")
    _change(kind, call, request, "Attached", lambda old: [each for each in old if each != arn])


def list_attached(kind: str, call: Call, request: Json) -> Json:
    arns = [arn for arn in _status(kind, call, request, "Attached") if _path(arn).startswith(_prefix(request))]
    arns_of_page, more = page(request, arns, lambda arn: arn.rpartition("/")[2])
    return {
        "AttachedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns_of_page],
        **more,
    }


def put(kind: str, call: Call, request: Json) -> None:
    """Add an inline policy or replace the one of that name."""
    document = request["PolicyDocument"]
    statements(document, trust=False)
    inline = {**_status(kind, call, request, "Inline"), request["PolicyName"]: document}
    if sum(len("".join(text.split())) for text in inline.values()) > INLINE_CHARACTERS[kind]:
        name = request[f"{kind}Name"]
        limit = INLINE_CHARACTERS[kind]
        raise LimitExceeded(f"Maximum policy size of {limit} bytes exceeded for {kind.lower()} {name}")
    _change(kind, call, request, "Inline", lambda old: {**old, request["PolicyName"]: document})


def get(kind: str, call: Call, request: Json) -> Json:
    document = _inline(kind, call, request)
    name = f"{kind}Name"
    return {name: request[name], "PolicyName": request["PolicyName"], "PolicyDocument": encoded(document)}


def delete(kind: str, call: Call, request: Json) -> None:
    _inline(kind, call, request)
    name = request["PolicyName"]
    _change(kind, call, request, "Inline", lambda old: {key: old[key] for key in old if key != name})


def list_inline(kind: str, call: Call, request: Json) -> Json:
    names, more = page(request, _status(kind, call, request, "Inline"), str)
    return {"PolicyNames": names, **more}


def put_boundary(kind: str, call: Call, request: Json) -> None:
    """Set the managed policy beyond which the holder's permissions cannot reach."""
    new = boundary(call, request)
    change_status(call, lambda: entity(call, kind, request[f"{kind}Name"]), lambda status: {**status, **new})


def delete_boundary(kind: str, call: Call, request: Json) -> None:
    if "Boundary" not in entity(call, kind, request[f"{kind}Name"]).status:
        raise NoSuchEntity(f"{kind} {request[f'{kind}Name']} does not have a permissions boundary.")
    change_status(
        call,
        lambda: entity(call, kind, request[f"{kind}Name"]),
        lambda status: {key: value for key, value in status.items() if key != "Boundary"},
    )


def _status(kind: str, call: Call, request: Json, member: str) -> Any:
    return entity(call, kind, request[f"{kind}Name"]).status[member]


def _change(kind: str, call: Call, request: Json, member: str, edit: Any) -> None:
    change_status(
        call,
        lambda: entity(call, kind, request[f"{kind}Name"]),
        lambda status: {**status, member: edit(status[member])},
    )


def _inline(kind: str, call: Call, request: Json) -> str:
    name = request["PolicyName"]
    text: str | None = _status(kind, call, request, "Inline").get(name)
    if text is None:
        raise NoSuchEntity(f"The {kind.lower()} policy with name {name} cannot be found.")
    return text


def _path(arn: str) -> str:
    return "/" + arn.partition(":policy/")[2].rpartition("/")[0]


def _prefix(request: Json) -> str:
    prefix: str = request.get("PathPrefix", "/")
    return prefix.rstrip("/") or "/"


for _kind in ("Role", "User"):
    for _name, _handler in {
        f"Attach{_kind}Policy": attach,
        f"Detach{_kind}Policy": detach,
        f"ListAttached{_kind}Policies": list_attached,
        f"Put{_kind}Policy": put,
        f"Get{_kind}Policy": get,
        f"Delete{_kind}Policy": delete,
        f"List{_kind}Policies": list_inline,
        f"Put{_kind}PermissionsBoundary": put_boundary,
        f"Delete{_kind}PermissionsBoundary": delete_boundary,
    }.items():
        add(Operation("iam", _name, partial(_handler, _kind)))
