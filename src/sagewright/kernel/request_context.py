"""What conditions may look at: the caller, the request, its tags and members, and the resource's tags.

Sources: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference for the services' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from sagewright.core.arns import Arn
from sagewright.kernel.asked import Permission, account_of, service_of, table
from sagewright.kernel.operations import Call
from sagewright.store.credentials import Credential

Context = dict[str, list[str]]
Json = Mapping[str, Any]
PRINCIPAL_TYPES = {"assumed-role": "AssumedRole", "federated-user": "FederatedUser", "user": "User"}


class RequestContext(Mapping[str, list[str]]):
    """The context of one question, in lower case. Each part is worked out when a condition first asks for it.

    ``key`` is the caller's, None for nobody's; ``holder_arn`` the user or role behind it.
    """

    def __init__(
        self, call: Call, request: Json, permission: Permission, key: Credential | None, holder_arn: str | None
    ) -> None:
        self._call = call
        self._request = request
        self._permission = permission
        self._key = key
        self._holder_arn = holder_arn

    def __getitem__(self, name: str) -> list[str]:
        family = name.partition("/")[0]
        if family == "aws:principaltag":
            return self._principal_tags[name]
        if family.endswith(":resourcetag"):
            return self._resource_tags[name]
        for part in _PLAIN:
            found: list[str] | None = getattr(self, part).get(name)
            if found is not None:
                return found
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        parts = (*_PLAIN, "_principal_tags", "_resource_tags")
        return iter(dict.fromkeys(name for part in parts for name in getattr(self, part)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def _asked(self) -> Context:
        return {name.lower(): [value] for name, value in self._permission.keys}

    @cached_property
    def _caller(self) -> Context:
        return _about_caller(self._key, self._holder)

    @cached_property
    def _http(self) -> Context:
        found = _about_request(self._call)
        account = account_of(self._permission.resource) or self._call.account
        found["aws:resourceaccount"] = found["s3:resourceaccount"] = [account]
        return found

    @cached_property
    def _members(self) -> Context:
        return _about_members(self._call, self._request) | _lowered(_request_tags(self._request))

    @cached_property
    def _holder(self) -> str:
        """Of a role's session the role; of all others themselves."""
        if self._key is None:
            return ""
        role = ":assumed-role/" in self._key.principal
        return self._holder_arn if role and self._holder_arn is not None else self._key.principal

    @cached_property
    def _principal_tags(self) -> Context:
        if self._key is None:
            return {}
        tags = self._call.platform.tags.of(self._holder) | self._key.session.get("Tags", {})
        return _lowered({f"aws:PrincipalTag/{name}": [value] for name, value in tags.items()})

    @cached_property
    def _resource_tags(self) -> Context:
        service = self._permission.action.partition(":")[0]
        tags = self._call.platform.tags.of(self._permission.resource.partition(":log-stream:")[0])
        families = ("aws", service)
        return _lowered({f"{family}:ResourceTag/{key}": [tags[key]] for key in tags for family in families})


_PLAIN = ("_asked", "_caller", "_http", "_members")
"""Where a key without a tag's name is looked for, in order."""


def _lowered(context: Context) -> Context:
    return {name.lower(): values for name, values in context.items()}


def _about_request(call: Call) -> Context:
    now, http = call.platform.clock.now(), call.http
    found = {
        "aws:currenttime": [_iso(now)],
        "aws:epochtime": [str(int(now))],
        "aws:requestedregion": [call.region],
        "aws:securetransport": [_word(http.secure)],
        "aws:sourceip": [http.client],
        "aws:principalisawsservice": ["false"],
        "aws:viaawsservice": ["false"],
    }
    headers = {"aws:useragent": "user-agent", "aws:referer": "referer"}
    found |= {name: [http.headers[header]] for name, header in headers.items() if header in http.headers}
    if call.service == "s3":
        signed_in_url = "authorization" not in http.headers
        found["s3:authtype"] = ["REST-QUERY-STRING" if signed_in_url else "REST-HEADER"]
        found["s3:signatureversion"] = ["AWS" if http.parameter("AWSAccessKeyId") else "AWS4-HMAC-SHA256"]
    return found


def _about_caller(key: Credential | None, holder: str) -> Context:
    if key is None:
        return {"aws:principaltype": ["Anonymous"], "aws:userid": ["anonymous"]}
    kind, _, name = Arn.parse(key.principal).resource.partition("/")
    found = {
        "aws:principalarn": [holder],
        "aws:principalaccount": [key.account],
        "aws:principaltype": [PRINCIPAL_TYPES.get(kind, "Account")],
        "aws:userid": [key.user_id],
    }
    if kind == "user":
        found["aws:username"] = [name.rpartition("/")[2]]
    if key.expires is not None:
        found["aws:tokenissuetime"] = [_iso(key.created)]
        found["aws:multifactorauthpresent"] = ["false"]
    return found


def _about_members(call: Call, request: Json) -> Context:
    wanted = _wanted(service_of(call.service))
    if not wanted:
        return {}
    found: Context = {}
    for member, value in _members(request):
        if member in wanted:
            found.setdefault(wanted[member], []).append(value)
    return found


@cache
def _wanted(service: str) -> Mapping[str, str]:
    """The condition key that tells each member of a request."""
    keys: Mapping[str, list[str]] = table()["keys"].get(service, {})
    return {member: name.lower() for name, members in keys.items() for member in members}


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


def _request_tags(request: Json) -> Context:
    """Tags of SageMaker, IAM and STS are lists of pairs, those of CloudWatch Logs a map."""
    tags = request.get("Tags", request.get("tags", ()))
    given = dict(tags) if isinstance(tags, Mapping) else {tag["Key"]: tag.get("Value", "") for tag in tags}
    keys = [*given, *request.get("TagKeys", request.get("tagKeys", ()))]
    found = {f"aws:RequestTag/{key}": [value] for key, value in given.items()}
    return found | ({"aws:TagKeys": keys} if keys else {})


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _word(flag: bool) -> str:
    return "true" if flag else "false"
