"""May this caller do that? Every call is asked here, between reading its parameters and carrying it out.

What a principal's policies say is worked out once and kept until IAM changes: ``ResourceStore.changes`` counts the
writes of this server, and after ``STALE_SECONDS`` those of others on the same database are seen too. Answers that no
condition or variable had a part in are kept as well, so that a call's usual cost is one look into a dictionary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Generic, Protocol, TypeVar

from sagewright.access import permissions as questions
from sagewright.access.decision import EVERYBODY, NOTHING, Layer, Outcome, Principal, decide
from sagewright.access.identity import (
    GLOBAL,
    bucket_policy,
    holder_of,
    principal_of,
    role_of,
    session_arn,
    session_id,
)
from sagewright.access.permissions import account_of
from sagewright.access.policy import Access, Decision, Policies, Policy, parse
from sagewright.access.request_context import MustWait, RequestContext
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
"""Answers kept; beyond that all are forgotten."""
SERVICE = "sagemaker.amazonaws.com"
ANONYMOUS = "anonymous"
_S3 = "arn:aws:s3:::"
POLICY_OPERATIONS = ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")
"""What a bucket's owner may do whatever its policy says, lest a mistake lock everybody out."""


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
        """What ``put`` wants of the moment before the value was worked out."""
        return self._resources.changes(GLOBAL), self._clock.now() + STALE_SECONDS

    def put(self, key: object, version: tuple[int, float], value: T) -> None:
        if len(self._kept) >= MEMORY:
            self._kept = {}
        self._kept[key] = (*version, value)

    def of(self, key: object, make: Callable[[], T]) -> T:
        """The value kept for ``key``, else what ``make`` makes."""
        found = self.get(key)
        if found is None:
            version = self.version()
            found = make()
            self.put(key, version, found)
        return found


@dataclass(frozen=True, slots=True)
class _Known:
    """A principal ready to be asked about, and the ARN of the user or role behind it."""

    principal: Principal
    holder_arn: str | None


@dataclass(frozen=True, slots=True)
class _Target:
    """The policy of what is asked for, None when it has none, and then also its owner's account."""

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
_NOBODY = _Known(Principal(itself=EVERYBODY, identity=Policies(())), None)


class Authorizer:
    """Decides for all calls of one server. Thread-safe: what threads race for is only who works something out."""

    def __init__(
        self, resources: ResourceStore, credentials: CredentialStore, clock: Clock, samples: Samples | None = None
    ) -> None:
        self._resources = resources
        self._credentials = credentials
        self._samples = samples
        self._principals = Memory[_Known](resources, clock)
        self._targets = Memory[_Target](resources, clock)
        self._granted = Memory[bool](resources, clock)
        self._tags = Memory[Mapping[str, str]](resources, clock)

    def require(self, call: Call, request: Json) -> Call:
        """The call, when its caller may make it; in the account of the resource's owner, when that is another.

        Raises ``AwsError`` in AWS's words: AccessDenied, and ValidationException for a role that cannot be passed.
        """
        target = "*"
        for number, permission in enumerate(questions.asked(call, request)):
            target = permission.resource if number == 0 else target
            call = self._demand(call, request, permission)
        for arn in questions.passed_roles(call, request):
            self._require_passable(call, request, arn, target)
        return call

    def demand(self, call: Call, action: str, resource: str, request: Json | None = None) -> Call:
        """As ``require``, for ``action`` on ``resource`` that a handler finds itself."""
        return self._demand(call, request or {}, Permission(action, resource))

    def role_may(self, call: Call, role_arn: str, action: str, resource: str, request: Json | None = None) -> bool:
        """Whether a role that SageMaker takes on for the call's work may do ``action`` on ``resource``."""
        question = (role_arn, call.account, action, resource)
        if self._granted.get(question) is not None:
            return True
        version = self._granted.version()
        role = role_of(self._resources, role_arn)
        if role is None:
            return False
        now, session = call.platform.clock.now(), session_arn(role, "SageMaker")
        key = Credential(role.arn, "", session, role.account, session_id(role, "SageMaker"), None, now + 1, now)
        permission = Permission(action, resource)
        outcome, lasting = self._ask(call, request or {}, permission, key, self._target(permission))
        if outcome.allowed and lasting:
            self._granted.put(question, version, True)
        return outcome.allowed

    def settled(self, access_key_id: str, action: str, resource: str) -> bool:
        """Whether the answer is known to be yes. No is no answer: ask ``require``. Never waits."""
        key = self._credentials.find(access_key_id) if access_key_id else None
        if key is not None and key.administrator and not key.session and not action.startswith("s3:"):
            return True
        return self._granted.get((access_key_id, action, resource)) is not None

    def allows_at_once(self, call: Call, request: Json, permission: Permission) -> bool:
        """Whether the caller may do that to a resource without a policy of its own, as far as memory alone can tell.

        No is no answer: ask ``require``. Never waits.
        """
        key = self._credentials.find(call.principal.access_key_id)
        known = self._principals.get(key.id) if key is not None else None
        if known is None:
            return False
        version = self._granted.version()
        try:
            outcome, lasting = self._ask(call, request, permission, key, _PLAIN, known)
        except MustWait:
            return False
        if outcome.allowed and lasting:
            self._granted.put((call.principal.access_key_id, permission.action, permission.resource), version, True)
        return outcome.allowed

    def known_tags(self, tags: TagStore, arn: str, *, look: bool) -> Mapping[str, str] | None:
        """The tags of an ARN, from memory while nothing changed; None when they are not there and may not be looked up.

        Resources bring their tags along, so what changes a region's resources may change tags there.
        """
        parts = arn.split(":", 4)
        region = (parts[3] if len(parts) > 3 else "") or GLOBAL
        key = (arn, tags.changes, self._resources.changes(region))
        return self._tags.of(key, partial(tags.of, arn)) if look else self._tags.get(key)

    def trusts(self, call: Call, request: Json, role: Resource) -> bool:
        """Whether a role's trust policy lets the caller take it on."""
        key = self._credentials.find(call.principal.access_key_id)
        known = self._principal(key)
        permission = Permission("sts:AssumeRole", role.arn)
        context = RequestContext(call, request, permission, key, known.holder_arn)
        access = Access(permission.action, role.arn, lambda: context, known.principal.names)
        return _trust(role).decide(access).allowed

    def _demand(self, call: Call, request: Json, permission: Permission) -> Call:
        key_id = call.principal.access_key_id
        if self.settled(key_id, permission.action, permission.resource):
            return call
        version = self._granted.version()
        key = self._credentials.find(key_id) if key_id else None
        target = self._target(permission)
        owner = target.account or call.account
        own = key is not None and key.account == owner
        unlimited = own and key is not None and key.administrator and not key.session
        if unlimited and (target.policies is None or call.operation in POLICY_OPERATIONS):
            return call
        outcome, lasting = self._ask(call, request, permission, key, target)
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
        key: Credential | None,
        target: _Target,
        remembered: _Known | None = None,
    ) -> tuple[Outcome, bool]:
        """The answer, and whether it is the same whenever the same caller asks for the same; with who is
        ``remembered`` it raises ``MustWait`` rather than look something up.
        """
        known = remembered or self._principal(key)
        context = RequestContext(call, request, permission, key, known.holder_arn, hurry=remembered is not None)
        access = Access(permission.action, permission.resource, lambda: context, known.principal.names)
        # A call that another account's bucket let in acts in that account, but its caller stays a stranger there.
        foreign = key is not None and key.account != (target.account or call.account)
        outcome = decide(known.principal, access, target.policies, foreign=foreign)
        return outcome, outcome.fixed or context.lasting

    def _principal(self, key: Credential | None) -> _Known:
        return self._principals.of(key.id, partial(self._find_principal, key)) if key is not None else _NOBODY

    def _find_principal(self, key: Credential) -> _Known:
        holder = holder_of(self._resources, key.session.get("Source", key.principal))
        return _Known(principal_of(self._resources, key, holder), holder.arn if holder is not None else None)

    def _target(self, permission: Permission) -> _Target:
        """What is asked for, as far as it has a policy of its own: a bucket, or a role to take on."""
        action, resource = permission.action, permission.resource
        if action == "sts:AssumeRole":
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
        return _Target(Policies([Policy(name, "resource", parse(text))]), row.account)

    def _find_role(self, arn: str) -> _Target:
        role = role_of(self._resources, arn)
        return _Target(_trust(role), role.account) if role is not None and role.arn == arn else _PLAIN

    def _require_passable(self, call: Call, request: Json, arn: str, target: str) -> None:
        """Raises unless the caller may hand the role to SageMaker and the role trusts SageMaker."""
        if account_of(arn) != call.account:
            raise AccessDeniedException("Cross-account pass role is not allowed.")
        keys = (("iam:PassedToService", SERVICE), ("iam:AssociatedResourceArn", target))
        self._demand(call, request, Permission("iam:PassRole", arn, keys))
        if self._granted.get((SERVICE, arn)) is not None:
            return
        version = self._granted.version()
        trust = self._targets.of(arn, partial(self._find_role, arn)).policies
        decision = _ask_trust(trust, arn, call, target) if trust is not None else NOTHING
        if decision.allowed and decision.fixed:
            self._granted.put((SERVICE, arn), version, True)
        if not decision.allowed:
            raise ValidationException(
                f"Could not assume role {arn}. Please ensure that the role exists and allows principal '{SERVICE}' to "
                "assume the role."
            )


def _restricted(row: Resource) -> str:
    """The policy of a bucket whose public access block keeps other accounts out (RestrictPublicBuckets)."""
    document = json.loads(row.spec["Policy"])
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    others = {"StringNotEquals": {"aws:PrincipalAccount": row.account}}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": others}
    return json.dumps({**document, "Statement": [*statements, denied]})


def _trust(role: Resource) -> Policies:
    return Policies([Policy(role.name, "resource", parse(role.spec["AssumeRolePolicyDocument"]))])


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
