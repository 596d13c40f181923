"""The values that conditions may compare: the caller, the request, its tags and members, and the resource's tags.

Sources: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference for the services' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl

from sagewright.access.permissions import account_of, service_of, table
from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.nouns.operations import Call, Permission
from sagewright.store.credentials import Credential

Context = dict[str, list[str]]
_S3 = "arn:aws:s3:::"
PRINCIPAL_TYPES = {"assumed-role": "AssumedRole", "federated-user": "FederatedUser", "user": "User"}


class MustWait(Exception):
    """A condition depends on something that only the store knows, and the caller may not wait for the store."""


class RequestContext(Mapping[str, list[str]]):
    """The context of one access, by keys in lower case. Each value is computed when a condition first reads it.

    ``key`` is the caller's, None for a request without one; ``holder_arn`` the user or role behind it. On the event
    loop the context is in a ``hurry``: it raises ``MustWait`` rather than read tags.
    """

    def __init__(
        self,
        call: Call,
        request: Json,
        permission: Permission,
        key: Credential | None,
        holder_arn: str | None,
        *,
        hurry: bool = False,
    ) -> None:
        self.call = call
        self.key = key
        self.resource = permission.resource
        self.lasting = True
        """Whether every value read so far is the same for each such access of this caller."""
        self._request = request
        self._permission = permission
        self._holder_arn = holder_arn
        self._hurry = hurry

    def get(self, name: str, default: Any = None) -> Any:
        """The values of a key, ``default`` when it has none."""
        if name not in _LASTING:
            self.lasting = False
        for key, value in self._permission.keys:
            if key.lower() == name:
                return [value]
        plain = _PLAIN.get(name)
        if plain is not None:
            result = plain(self)
            return default if result is None else [result]
        family = name.partition("/")[0]
        if family == "aws:principaltag":
            return self._principal_tags.get(name, default)
        if family.endswith(":resourcetag"):
            return self._resource_tags.get(name, default)
        if family == "s3:existingobjecttag":
            return self._object_tags.get(name, default)
        return self._members.get(name, default)

    def __getitem__(self, name: str) -> list[str]:
        values: list[str] | None = self.get(name)
        if values is None:
            raise KeyError(name)
        return values

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        names = [name.lower() for name, _ in self._permission.keys]
        names += [name for name in _PLAIN if name in self]
        tags = (*self._principal_tags, *self._resource_tags, *self._object_tags)
        return iter(dict.fromkeys((*names, *self._members, *tags)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def holder(self) -> str | None:
        """The ARN of the role for a session of a role, the caller's own for others."""
        if self.key is None:
            return None
        role = ":assumed-role/" in self.key.principal
        return self._holder_arn if role and self._holder_arn is not None else self.key.principal

    @cached_property
    def _members(self) -> Context:
        return _member_context(self.call, self._request) | _lowered(_request_tags(self._request))

    @cached_property
    def _principal_tags(self) -> Context:
        if self.key is None:
            return {}
        tags = {**self._tags(self.holder or ""), **self.key.session.get("Tags", {})}
        return _lowered({f"aws:PrincipalTag/{name}": [value] for name, value in tags.items()})

    @cached_property
    def _resource_tags(self) -> Context:
        service = self._permission.action.partition(":")[0]
        tags = self._tags(self.resource.partition(":log-stream:")[0])
        families = ("aws", service)
        return _lowered({f"{family}:ResourceTag/{key}": [tags[key]] for key in tags for family in families})

    @cached_property
    def _object_tags(self) -> Context:
        """The tags of the S3 object that the access is about."""
        bucket, _, key = self.resource.removeprefix(_S3).partition("/")
        if not self.resource.startswith(_S3) or not key:
            return {}
        if self._hurry:
            raise MustWait
        stored = self.call.platform.objects.head(bucket, key)
        tags = stored.attributes.tags if stored is not None else {}
        return _lowered({f"s3:ExistingObjectTag/{name}": [value] for name, value in tags.items()})

    def _tags(self, arn: str) -> Mapping[str, str]:
        platform = self.call.platform
        tags = platform.access.tags_of(platform.tags, arn, may_read=not self._hurry)
        if tags is None:
            raise MustWait
        return tags


def _lowered(context: Context) -> Context:
    return {name.lower(): values for name, values in context.items()}


def _principal_type(about: RequestContext) -> str:
    if about.key is None:
        return "Anonymous"
    return PRINCIPAL_TYPES.get(_principal(about.key)[0], "Account")


def _user_name(about: RequestContext) -> str | None:
    kind, name = _principal(about.key) if about.key is not None else ("", "")
    return name.rpartition("/")[2] if kind == "user" else None


def _principal(key: Credential) -> tuple[str, str]:
    """The kind and the name of the signer."""
    kind, _, name = Arn.parse(key.principal).resource.partition("/")
    return kind, name


def _resource_account(about: RequestContext) -> str:
    return account_of(about.resource) or about.call.account


def _auth_type(about: RequestContext) -> str | None:
    if about.call.service != "s3":
        return None
    return "REST-HEADER" if "authorization" in about.call.http.headers else "REST-QUERY-STRING"


def _signature_version(about: RequestContext) -> str | None:
    if about.call.service != "s3":
        return None
    return "AWS" if about.call.http.parameter("AWSAccessKeyId") else "AWS4-HMAC-SHA256"


def _temporary(about: RequestContext) -> Credential | None:
    return about.key if about.key is not None and about.key.expires is not None else None


# The keys that have one value, with the function that gives it; None where the request lacks the key.
_PLAIN: Mapping[str, Callable[[RequestContext], str | None]] = {
    "aws:principalarn": lambda about: about.holder,
    "aws:principalaccount": lambda about: about.key.account if about.key is not None else None,
    "aws:principaltype": _principal_type,
    "aws:userid": lambda about: about.key.user_id if about.key is not None else "anonymous",
    "aws:username": _user_name,
    "aws:sourceidentity": lambda about: about.key.session.get("SourceIdentity") if about.key is not None else None,
    "aws:tokenissuetime": lambda about: _iso(key.created) if (key := _temporary(about)) is not None else None,
    "aws:multifactorauthpresent": lambda about: "false" if _temporary(about) is not None else None,
    "aws:currenttime": lambda about: _iso(about.call.platform.clock.now()),
    "aws:epochtime": lambda about: str(int(about.call.platform.clock.now())),
    "aws:requestedregion": lambda about: about.call.region,
    "aws:securetransport": lambda about: _word(about.call.http.secure),
    "aws:sourceip": lambda about: about.call.http.client or None,
    "aws:principalisawsservice": lambda _: "false",
    "aws:viaawsservice": lambda _: "false",
    "aws:useragent": lambda about: about.call.http.headers.get("user-agent"),
    "aws:referer": lambda about: about.call.http.headers.get("referer"),
    "aws:resourceaccount": _resource_account,
    "s3:resourceaccount": _resource_account,
    "s3:authtype": _auth_type,
    "s3:signatureversion": _signature_version,
}
_LASTING = frozenset(
    (
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principaltype",
        "aws:sourceidentity",
        "aws:userid",
        "aws:username",
        "aws:multifactorauthpresent",
        "iam:passedtoservice",
    )
)
"""Keys whose values follow from the access key, and the service that roles are passed to,
which is remembered with the role."""


def _member_context(call: Call, request: Json) -> Context:
    keys = _condition_keys(service_of(call.service))
    if not keys:
        return {}
    context: Context = {}
    for member, value in _members(request):
        if member in keys:
            context.setdefault(keys[member], []).append(value)
    return context


@cache
def _condition_keys(service: str) -> Mapping[str, str]:
    """The condition key of each member of a request."""
    keys: Mapping[str, list[str]] = table()["keys"].get(service, {})
    return {member: name.lower() for name, members in keys.items() for member in members}


def _members(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every scalar below ``value`` with the name of its member, or of the list's member that it is in."""
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
    """The tags of a request: a list of pairs in SageMaker, IAM and STS, a map in Logs, a query string in S3."""
    if "Tagging" in request:
        return _request_object_tags(request["Tagging"])
    tags: Any = request.get("Tags", request.get("tags", ()))
    values = dict(tags) if isinstance(tags, Mapping) else {tag["Key"]: tag.get("Value", "") for tag in tags}
    names: Any = request.get("TagKeys", request.get("tagKeys", ()))
    keys = [*values, *names]
    context = {f"aws:RequestTag/{key}": [value] for key, value in values.items()}
    return context | ({"aws:TagKeys": keys} if keys else {})


def _request_object_tags(tagging: Any) -> Context:
    pairs = parse_qsl(tagging, keep_blank_values=True) if isinstance(tagging, str) else ()
    if isinstance(tagging, Mapping):
        pairs = [(tag.get("Key", ""), tag.get("Value", "")) for tag in tagging.get("TagSet", ())]
    context = {f"s3:RequestObjectTag/{key}": [value] for key, value in pairs}
    return context | ({"s3:RequestObjectTagKeys": [key for key, _ in pairs]} if pairs else {})


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _word(flag: bool) -> str:
    return "true" if flag else "false"
