"""May this caller do that? The gateway asks here after it read a call's parameters and before it carries the call out.

A caller's policies are compiled once and kept until IAM changes: ``ResourceStore.changes`` counts the writes of this
server, and after ``STALE_SECONDS`` this server sees the writes of others on the same database too. Answers that depend
on no condition and no variable are kept as well, so that a call usually costs one look into a dictionary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Generic, Protocol, TypeVar

from sagewright.access.decision import EVERYBODY, NOTHING, Layer, Outcome, Principal, decide
from sagewright.access.identity import GLOBAL, bucket_policy, holder_of_key, principal_of, role_of, with_ids
from sagewright.access.permissions import account_of, needed, passed_roles
from sagewright.access.policy import Access, Decision, Policies, Policy, parse
from sagewright.access.request_context import MustWait, RequestContext
from sagewright.access.role_making import MAKING, can_be_made, command, make_at_first_use
from sagewright.core.clock import Clock
from sagewright.core.errors import AccessDeniedException, AwsError, ValidationException
from sagewright.nouns.operations import Call, Permission
from sagewright.store.credentials import Credential, CredentialStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.store.tags import TagStore
from sagewright.wire.models import SERVED

Json = Mapping[str, Any]
T = TypeVar("T")
STALE_SECONDS = 5.0
MEMORY = 20_000
"""The most values that a memory keeps; when it is full it forgets all of them."""
SERVICE = "sagemaker.amazonaws.com"
ANONYMOUS = "anonymous"
ASSUMING = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
"""The actions that a role's trust policy decides about."""
_S3 = "arn:aws:s3:::"
NAMED_ROLES = {("sts", "AssumeRole"): "RoleArn", ("iam", "SimulatePrincipalPolicy"): "PolicySourceArn"}
"""Members of requests that use a role without passing it."""
POLICY_OPERATIONS = ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")
"""A bucket's owner may do these whatever the policy says, so that a mistake in it locks nobody out."""


class Memory(Generic[T]):
    """Values that hold until IAM changes, and no longer than ``STALE_SECONDS``."""

    def __init__(self, resources: ResourceStore, clock: Clock) -> None:
        self._resources = resources
        self._clock = clock
        self._kept: dict[Any, tuple[int, float, T]] = {}

    def get(self, key: object) -> T | None:
        """The value kept for ``key``, None when there is none any more."""
        found = self._kept.get(key)
        if found is None or found[0] != self._resources.changes(GLOBAL) or self._clock.now() >= found[1]:
            return None
        return found[2]

    def version(self) -> tuple[int, float]:
        """The state of IAM now. Take it before you compute a value, and give it to ``put``."""
        return self._resources.changes(GLOBAL), self._clock.now() + STALE_SECONDS

    def put(self, key: object, version: tuple[int, float], value: T) -> None:
        if len(self._kept) >= MEMORY:
            self._kept = {}
        self._kept[key] = (*version, value)

    def of(self, key: object, make: Callable[[], T]) -> T:
        """The value kept for ``key``; when there is none, ``make`` computes it."""
        found = self.get(key)
        if found is None:
            version = self.version()
            found = make()
            self.put(key, version, found)
        return found


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who asks: the key (None for nobody's), what its policies say, and the ARN of the user or role behind it."""

    key: Credential | None
    principal: Principal
    holder_arn: str | None


@dataclass(frozen=True, slots=True)
class _Target:
    """The policy of a resource, None when it has none; its owner's account, empty when that is the call's."""

    policies: Policies | None = None
    account: str = ""


class Samples(Protocol):
    """Knows the public sample buckets, and the account that they are in."""

    @property
    def account(self) -> str: ...

    def public(self, name: str) -> bool:
        """Whether everybody may read this bucket, as no policy of ours says."""
        ...


@lru_cache(maxsize=256)
def _readable_by_all(bucket: str) -> Policies:
    """The policy of a public sample bucket."""
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resource}
        for actions, resource in (
            (["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectTagging"], "/*"),
            (["s3:ListBucket", "s3:GetBucketLocation"], ""),
        )
        for resource in (f"{_S3}{bucket}{resource}",)
    ]
    return Policies([Policy(bucket, "resource", parse(json.dumps({"Version": "2012-10-17", "Statement": statements})))])


_PLAIN = _Target()
_NOBODY = _Caller(None, Principal(itself=EVERYBODY, identity=Policies(())), None)


class Authorizer:
    """Decides for all calls of one server. Thread-safe: at worst two threads compute the same value."""

    def __init__(
        self,
        resources: ResourceStore,
        credentials: CredentialStore,
        clock: Clock,
        samples: Samples | None = None,
        *,
        make_roles: bool = False,
    ) -> None:
        self._resources = resources
        self._credentials = credentials
        self._samples = samples
        self._make_roles = make_roles
        self._callers = Memory[_Caller](resources, clock)
        self._targets = Memory[_Target](resources, clock)
        self._granted = Memory[bool](resources, clock)
        self._tags = Memory[Mapping[str, str]](resources, clock)

    def require(self, call: Call, request: Json) -> Call:
        """The call, when its caller may make it; in the account of the resource's owner, when that is another.

        Raises ``AwsError`` in AWS's words: AccessDenied, and ValidationException for a role that cannot be passed.
        """
        named = request.get(NAMED_ROLES.get((call.service, call.operation), ""))
        if isinstance(named, str):
            self._make_missing(call, named)
        target = "*"
        for number, permission in enumerate(needed(call, request)):
            target = permission.resource if number == 0 else target
            call = self._demand(call, request, permission)
        for arn in passed_roles(call, request):
            self._require_passable(call, request, arn, target)
        return call

    def demand(self, call: Call, action: str, resource: str, request: Json | None = None) -> Call:
        """As ``require``, for ``action`` on ``resource`` that a handler finds itself."""
        return self._demand(call, request or {}, Permission(action, resource))

    def first_refused(
        self, call: Call, key: Credential, permissions: Sequence[Permission], owner: str
    ) -> tuple[Permission, AwsError] | None:
        """The first permission that the session ``key`` does not have, with AWS's error; None when it has all.

        ``owner`` is the account of what all of them are about. The key need not be one that anybody signs with.
        """
        caller = self._caller(key)
        for permission in permissions:
            target = replace(self._target(permission), account=owner)
            outcome, _ = self._ask(call, {}, permission, caller, target)
            if not outcome.allowed:
                return permission, denied(call, permission, outcome)
        return None

    def trusts_sagemaker(self, call: Call, role_arn: str, work: str) -> bool:
        """Whether there is such a role, and SageMaker may take it on for ``work``, an ARN."""
        if self._granted.get((SERVICE, role_arn)) is not None:
            return True
        version = self._granted.version()
        trust = self._targets.of(role_arn, partial(self._find_role, role_arn)).policies
        decision = _ask_trust(trust, role_arn, call, work) if trust is not None else NOTHING
        if decision.allowed and decision.fixed:
            self._granted.put((SERVICE, role_arn), version, True)
        return decision.allowed

    def is_remembered(self, access_key_id: str, action: str, resource: str) -> bool:
        """Whether memory holds a yes to exactly this question. False means unknown: call ``require``. Never waits."""
        key = self._credentials.find(access_key_id) if access_key_id else None
        if key is not None and key.administrator and not key.session and not action.startswith("s3:"):
            return True
        return self._granted.get((access_key_id, action, resource)) is not None

    def allows_at_once(self, call: Call, request: Json, permission: Permission) -> bool:
        """Whether memory alone shows that the caller may do that, to a resource that has no policy of its own.

        False means unknown: call ``require``. Never waits.
        """
        key = self._credentials.find(call.principal.access_key_id)
        caller = self._callers.get(key.id) if key is not None else None
        if caller is None:
            return False
        version = self._granted.version()
        try:
            outcome, lasting = self._ask(call, request, permission, caller, _PLAIN, hurry=True)
        except MustWait:
            return False
        if outcome.allowed and lasting:
            self._granted.put((call.principal.access_key_id, permission.action, permission.resource), version, True)
        return outcome.allowed

    def known_tags(self, tags: TagStore, arn: str, *, look: bool) -> Mapping[str, str] | None:
        """The tags of an ARN, from memory until tags or resources change; None when memory lacks them and not ``look``.

        Resources are created with their tags, so a change of a region's resources may be a change of tags there.
        """
        parts = arn.split(":", 4)
        region = (parts[3] if len(parts) > 3 else "") or GLOBAL
        key = (arn, tags.changes, self._resources.changes(region))
        return self._tags.of(key, partial(tags.of, arn)) if look else self._tags.get(key)

    def trusts(self, call: Call, request: Json, role: Resource, action: str) -> bool:
        """Whether a role's trust policy lets the caller do ``action``, such as sts:AssumeRole, to it."""
        caller = self._caller(self._credentials.find(call.principal.access_key_id))
        permission = Permission(action, role.arn)
        context = RequestContext(call, request, permission, caller.key, caller.holder_arn)
        access = Access(permission.action, role.arn, lambda: context, caller.principal.names)
        return self._trust(role).decide(access).allowed

    def _demand(self, call: Call, request: Json, permission: Permission) -> Call:
        key_id = call.principal.access_key_id
        if self.is_remembered(key_id, permission.action, permission.resource):
            return call
        version = self._granted.version()
        key = self._credentials.find(key_id) if key_id else None
        target = self._target(permission)
        owner = target.account or call.account
        own = key is not None and key.account == owner
        unlimited = own and key is not None and key.administrator and not key.session
        if unlimited and (target.policies is None or call.operation in POLICY_OPERATIONS):
            return call
        outcome, lasting = self._ask(call, request, permission, self._caller(key), target)
        if not outcome.allowed:
            raise denied(call, permission, outcome)
        if owner != call.account:
            return call._replace(principal=call.principal._replace(account=owner))
        if own and lasting:
            self._granted.put((key_id, permission.action, permission.resource), version, True)
        return call

    def _ask(
        self,
        call: Call,
        request: Json,
        permission: Permission,
        caller: _Caller,
        target: _Target,
        *,
        hurry: bool = False,
    ) -> tuple[Outcome, bool]:
        """The answer, and whether it is the same whenever the same caller asks for the same.

        In a ``hurry`` it raises ``MustWait`` rather than look something up in the store.
        """
        context = RequestContext(call, request, permission, caller.key, caller.holder_arn, hurry=hurry)
        access = Access(permission.action, permission.resource, lambda: context, caller.principal.names)
        # A call that another account's bucket let in acts in that account, but its caller stays a stranger there.
        foreign = caller.key is not None and caller.key.account != (target.account or call.account)
        outcome = decide(caller.principal, access, target.policies, foreign=foreign)
        return outcome, outcome.fixed or context.lasting

    def _caller(self, key: Credential | None) -> _Caller:
        return self._callers.of(key.id, partial(self._find_caller, key)) if key is not None else _NOBODY

    def _find_caller(self, key: Credential) -> _Caller:
        holder = holder_of_key(self._resources, key)
        return _Caller(key, principal_of(self._resources, key, holder), holder.arn if holder is not None else None)

    def _target(self, permission: Permission) -> _Target:
        """The policy of the resource, when it has one: a bucket's policy, or the trust policy of a role."""
        action, resource = permission.action, permission.resource
        if action in ASSUMING:
            return self._targets.of(resource, partial(self._find_role, resource))
        name = resource.removeprefix(_S3).partition("/")[0] if resource.startswith(_S3) else ""
        if not name or not action.startswith("s3:"):
            return _PLAIN
        if self._samples is not None and action != "s3:CreateBucket" and self._samples.public(name):
            return _Target(_readable_by_all(name), self._samples.account)
        return self._targets.of(f"{_S3}{name}", partial(self._find_bucket, name))

    def _find_bucket(self, name: str) -> _Target:
        row = bucket_policy(self._resources, name)
        if row is None:
            return _PLAIN
        text = _restricted(row) if "Restricted" in row.spec else row.spec["Policy"]
        statements = with_ids(self._resources, parse(text), row.spec.get("Principals", {}))
        return _Target(Policies([Policy(name, "resource", statements)]), row.account)

    def _find_role(self, arn: str) -> _Target:
        role = role_of(self._resources, arn)
        return _Target(self._trust(role), role.account) if role is not None and role.arn == arn else _PLAIN

    def _trust(self, role: Resource) -> Policies:
        statements = parse(role.spec["AssumeRolePolicyDocument"])
        statements = with_ids(self._resources, statements, role.spec.get("Principals", {}))
        return Policies([Policy(role.name, "resource", statements)])

    def _require_passable(self, call: Call, request: Json, arn: str, target: str) -> None:
        """Raises unless the caller may hand the role to SageMaker and the role trusts SageMaker."""
        if account_of(arn) != call.account:
            raise AccessDeniedException("Cross-account pass role is not allowed.")
        keys = (("iam:PassedToService", SERVICE), ("iam:AssociatedResourceArn", target))
        self._demand(call, request, Permission("iam:PassRole", arn, keys))
        self._make_missing(call, arn)
        if not self.trusts_sagemaker(call, arn, target):
            raise ValidationException(not_assumed(arn) + self._advice(call, arn))

    def _make_missing(self, call: Call, arn: str) -> None:
        """Make a role at its first use, when the server is to make roles and the caller may make this one."""
        if not self._make_roles or not can_be_made(arn, call.account) or role_of(self._resources, arn) is not None:
            return
        try:
            for action, policy in MAKING:
                keys = (("iam:PolicyARN", policy),) if policy else ()
                self._demand(call, {}, Permission(action, arn, keys))
        except AwsError:
            return
        make_at_first_use(self._resources, arn, call.principal.arn)

    def _advice(self, call: Call, arn: str) -> str:
        """What to do about a role that is not there."""
        if role_of(self._resources, arn) is not None or not can_be_made(arn, call.account):
            return ""
        alike = self._resources.get(call.account, GLOBAL, "Role", arn.rpartition("/")[2])
        if alike is not None:
            return f" The role of that name here is {alike.arn}."
        return f" There is no such role here. This makes it: {command(arn)}"


def not_assumed(arn: str) -> str:
    """What AWS says of a role that SageMaker cannot take on."""
    return (
        f"Could not assume role {arn}. Please ensure that the role exists and allows principal '{SERVICE}' to assume "
        "the role."
    )


def _restricted(row: Resource) -> str:
    """The policy of a bucket whose public access block keeps other accounts out (RestrictPublicBuckets)."""
    document = json.loads(row.spec["Policy"])
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    others = {"StringNotEquals": {"aws:PrincipalAccount": row.account}}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": others}
    return json.dumps({**document, "Statement": [*statements, denied]})


def _ask_trust(trust: Policies, arn: str, call: Call, target: str) -> Decision:
    context = {
        "aws:SourceAccount": [call.account],
        "aws:SourceArn": [target],
        "aws:PrincipalIsAWSService": ["true"],
        "aws:PrincipalServiceName": [SERVICE],
    }
    return trust.decide(Access("sts:AssumeRole", arn, context, frozenset((("Service", SERVICE),))))


def denied(call: Call, permission: Permission, outcome: Outcome) -> AwsError:
    """AccessDenied in the words of the service's protocol.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    action, resource = permission.action, permission.resource
    words = (action, resource) if call.service != "s3" else (f'"{action}"', f'"{resource}"')
    if call.principal.arn == ANONYMOUS:
        return AwsError("Access Denied", code="AccessDenied", status=403)
    text = f"User: {call.principal.arn} is not authorized to perform: {words[0]} on resource: {words[1]} "
    layer = outcome.layer.value
    article = "an" if outcome.layer is Layer.IDENTITY else "a"
    if outcome.decision.verdict == "explicitDeny":
        text += f"with an explicit deny in {article} {layer}"
    else:
        text += f"because no {layer} allows the {action} action"
    rpc = call.http.headers.keys() & {"x-amz-target", "smithy-protocol"}
    protocol = "json" if rpc else SERVED[call.service].protocols[-1]
    if protocol in ("query", "rest-xml"):
        return AwsError(text, code="AccessDenied", status=403)
    return AccessDeniedException(text, status=400 if protocol == "json" else 403)
