"""What conditions may look at: the caller, the request, its tags and members, and the resource's tags.

Sources: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference for the services' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sagewright.core.arns import Arn
from sagewright.kernel.asked import Permission, account_of, service_of, table
from sagewright.kernel.operations import Call
from sagewright.store.credentials import Credential
from sagewright.store.tags import TagStore

Context = dict[str, list[str]]
Json = Mapping[str, Any]
PRINCIPAL_TYPES = {"assumed-role": "AssumedRole", "federated-user": "FederatedUser", "user": "User"}


def request_context(
    call: Call, request: Json, permission: Permission, key: Credential | None, holder_arn: str | None
) -> Context:
    """The context of one question. ``holder_arn`` is the user or role behind the caller."""
    found = _about_request(call)
    found |= _about_caller(call, key, holder_arn)
    found |= _about_members(call, request)
    found |= _about_tags(call.platform.tags, request, permission)
    found |= {name: [value] for name, value in permission.keys}
    account = account_of(permission.resource) or call.account
    found["aws:ResourceAccount"] = found["s3:ResourceAccount"] = [account]
    return found


def _about_request(call: Call) -> Context:
    now, http = call.platform.clock.now(), call.http
    found = {
        "aws:CurrentTime": [_iso(now)],
        "aws:EpochTime": [str(int(now))],
        "aws:RequestedRegion": [call.region],
        "aws:SecureTransport": [_word(http.secure)],
        "aws:SourceIp": [http.client],
        "aws:PrincipalIsAWSService": ["false"],
        "aws:ViaAWSService": ["false"],
    }
    headers = {"aws:UserAgent": "user-agent", "aws:Referer": "referer"}
    found |= {name: [http.headers[header]] for name, header in headers.items() if header in http.headers}
    if call.service == "s3":
        signed_in_url = "authorization" not in http.headers
        found["s3:authType"] = ["REST-QUERY-STRING" if signed_in_url else "REST-HEADER"]
        found["s3:signatureversion"] = ["AWS" if http.parameter("AWSAccessKeyId") else "AWS4-HMAC-SHA256"]
    return found


def _about_caller(call: Call, key: Credential | None, holder_arn: str | None) -> Context:
    if key is None:
        return {"aws:PrincipalType": ["Anonymous"], "aws:userid": ["anonymous"]}
    resource = Arn.parse(key.principal).resource
    kind, _, name = resource.partition("/")
    holder = holder_arn if holder_arn is not None and kind == "assumed-role" else key.principal
    found = {
        # Of a role's session it is the role's own.
        "aws:PrincipalArn": [holder],
        "aws:PrincipalAccount": [key.account],
        "aws:PrincipalType": [PRINCIPAL_TYPES.get(kind, "Account")],
        "aws:userid": [key.user_id],
    }
    if kind == "user":
        found["aws:username"] = [name.rpartition("/")[2]]
    if key.expires is not None:
        found["aws:TokenIssueTime"] = [_iso(key.created)]
        found["aws:MultiFactorAuthPresent"] = ["false"]
    tags = call.platform.tags.of(holder) | key.session.get("Tags", {})
    return found | {f"aws:PrincipalTag/{name}": [value] for name, value in tags.items()}


def _about_members(call: Call, request: Json) -> Context:
    keys: Mapping[str, list[str]] = table()["keys"].get(service_of(call.service), {})
    if not keys:
        return {}
    wanted = {member: name for name, members in keys.items() for member in members}
    found: Context = {}
    for member, value in _members(request):
        if member in wanted:
            found.setdefault(wanted[member], []).append(value)
    return found


def _members(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every scalar below ``value`` with the name of the member that holds it, be it alone or in a list."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _members(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, name)
    elif isinstance(value, bool):
        yield name, _word(value)
    elif isinstance(value, str | int | float):
        yield name, str(value)


def _about_tags(tags: TagStore, request: Json, permission: Permission) -> Context:
    given = _request_tags(request)
    keys = [*given, *(key for key in request.get("TagKeys", request.get("tagKeys", ())))]
    found = {f"aws:RequestTag/{key}": [value] for key, value in given.items()}
    if keys:
        found["aws:TagKeys"] = keys
    service = permission.action.partition(":")[0]
    for key, value in tags.of(permission.resource.partition(":log-stream:")[0]).items():
        found[f"aws:ResourceTag/{key}"] = found[f"{service}:ResourceTag/{key}"] = [value]
    return found


def _request_tags(request: Json) -> dict[str, str]:
    """Tags of SageMaker, IAM and STS are lists of pairs, those of CloudWatch Logs a map."""
    tags = request.get("Tags", request.get("tags", ()))
    if isinstance(tags, Mapping):
        return dict(tags)
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _word(flag: bool) -> str:
    return "true" if flag else "false"
