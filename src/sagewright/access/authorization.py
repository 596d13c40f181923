"""Whether a caller may do what it asks for. The gateway checks after reading a call's parameters, before the handler.

``policy_cache`` keeps policies compiled until IAM changes. Decisions that depend on no condition and no variable are
kept as well, so that a check usually costs one look-up in a dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from sagewright.access.decision import NOTHING, Layer, Outcome, decide
from sagewright.access.identity import GLOBAL, role_of
from sagewright.access.permissions import account_of, needed, passed_roles, table
from sagewright.access.policy import Access, Decision, Policies
from sagewright.access.policy_cache import PLAIN, Caller, Memory, PolicyCache, Samples, Target
from sagewright.access.request_context import MustWait, RequestContext
from sagewright.access.role_making import MAKING, can_be_made, command, make_at_first_use
from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.core.errors import AccessDeniedException, AwsError, ValidationException
from sagewright.nouns.operations import Call, Permission
from sagewright.store.credentials import Credential, CredentialStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.store.tags import TagStore
from sagewright.wire.models import SERVED

SERVICE = "sagemaker.amazonaws.com"
ANONYMOUS = "anonymous"
NAMED_ROLES = {("sts", "AssumeRole"): "RoleArn", ("iam", "SimulatePrincipalPolicy"): "PolicySourceArn"}
"""Members of requests that name a role without passing it to a service."""
POLICY_OPERATIONS = (
    *("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    *("GetModelPackageGroupPolicy", "PutModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"),
)
"""A bucket's owner may always do these, so that a mistake in the policy does not lock the owner out."""


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
        self._make_roles = make_roles
        self._policies = PolicyCache(resources, clock, samples)
        self._allowed = Memory[bool](resources, clock)
        self._tags = Memory[Mapping[str, str]](resources, clock)

    def require(self, call: Call, request: Json) -> Call:
        """The call, when its caller may make it; in the account of the resource's owner, when that is another.

        Raises ``AwsError`` in AWS's words: AccessDenied, and ValidationException for a role that cannot be passed.
        """
        role_arn = request.get(NAMED_ROLES.get((call.service, call.operation), ""))
        if isinstance(role_arn, str):
            self._make_missing_role(call, role_arn)
        target = "*"
        for number, permission in enumerate(needed(call, request)):
            target = permission.resource if number == 0 else target
            call = self._demand(call, request, permission)
        for arn in passed_roles(call, request):
            self._require_passable(call, request, arn, target)
        return call

    def demand(self, call: Call, action: str, resource: str, request: Json | None = None) -> Call:
        """Like ``require``, for an ``action`` on a ``resource`` that only the handler knows."""
        return self._demand(call, request or {}, Permission(action, resource))

    def session_of(self, role_arn: str) -> Credential | None:
        """The session in which SageMaker takes on a role, as a key that nobody signs with; None without the role."""
        return self._policies.session_of(role_arn)

    def first_refused(
        self,
        call: Call,
        key: Credential,
        permissions: Sequence[Permission],
        owner: str,
        request: Json | None = None,
    ) -> tuple[Permission, AwsError] | None:
        """The first permission that the session ``key`` does not have, with AWS's error; None when it has all.

        ``owner`` is the account of what all of them are about. The key need not be one that anybody signs with.
        """
        caller = self._policies.caller(key)
        for permission in permissions:
            target = replace(self._policies.target(permission), account=owner)
            outcome, _ = self._decide(call, request or {}, permission, caller, target)
            if not outcome.allowed:
                return permission, denied(call, permission, outcome)
        return None

    def trusts_service(self, call: Call, role_arn: str, work: str, service: str = SERVICE) -> bool:
        """Whether there is such a role, and a service, by rule SageMaker, may take it on for ``work``, an ARN."""
        if self._allowed.get((service, role_arn)) is not None:
            return True
        version = self._allowed.version()
        trust = self._policies.trust_at(role_arn)
        decision = _decide_trust(trust, role_arn, call, work, service) if trust is not None else NOTHING
        if decision.allowed and decision.fixed:
            self._allowed.put((service, role_arn), version, True)
        return decision.allowed

    def is_remembered(self, access_key_id: str, action: str, resource: str) -> bool:
        """Whether memory holds that this is allowed. False means unknown: call ``require``. Never waits."""
        key = self._credentials.find(access_key_id) if access_key_id else None
        if key is not None and key.administrator and not key.session and not action.startswith("s3:"):
            return True
        return self._allowed.get((access_key_id, action, resource)) is not None

    def allows_at_once(self, call: Call, request: Json, permission: Permission) -> bool:
        """Whether memory alone shows that the caller may do that, to a resource that has no policy of its own.

        False means unknown: call ``require``. Never waits.
        """
        key = self._credentials.find(call.principal.access_key_id)
        caller = self._policies.remembered_caller(key) if key is not None else None
        if caller is None:
            return False
        version = self._allowed.version()
        try:
            outcome, lasting = self._decide(call, request, permission, caller, PLAIN, hurry=True)
        except MustWait:
            return False
        if outcome.allowed and lasting:
            self._allowed.put((call.principal.access_key_id, permission.action, permission.resource), version, True)
        return outcome.allowed

    def tags_of(self, tags: TagStore, arn: str, *, may_read: bool) -> Mapping[str, str] | None:
        """The tags of an ARN, from memory until tags or resources change. None: not in memory, and not ``may_read``.

        Resources are created with their tags, so a change of a region's resources may be a change of tags there.
        """
        parts = arn.split(":", 4)
        region = (parts[3] if len(parts) > 3 else "") or GLOBAL
        key = (arn, tags.changes, self._resources.changes(region))
        return self._tags.of(key, partial(tags.of, arn)) if may_read else self._tags.get(key)

    def trusts(self, call: Call, request: Json, role: Resource, action: str) -> bool:
        """Whether a role's trust policy lets the caller do ``action``, such as sts:AssumeRole, to it."""
        caller = self._policies.caller(self._credentials.find(call.principal.access_key_id))
        permission = Permission(action, role.arn)
        context = RequestContext(call, request, permission, caller.key, caller.holder_arn)
        access = Access(permission.action, role.arn, lambda: context, caller.principal.names)
        return self._policies.trust(role).decide(access).allowed

    def _demand(self, call: Call, request: Json, permission: Permission) -> Call:
        key_id, subject = call.principal.access_key_id, _subject(permission)
        if self.is_remembered(key_id, permission.action, subject):
            return call
        version = self._allowed.version()
        key = self._key(key_id)
        target = self._policies.target(permission)
        owner = target.account or call.account
        if call.principal.arn == SERVICE and owner == call.account:
            return call  # SageMaker itself, by an inner call; no request of a client has this principal
        own = key is not None and key.account == owner
        unlimited = own and key is not None and key.administrator and not key.session
        if unlimited and (target.policies is None or call.operation in POLICY_OPERATIONS):
            return call
        outcome, lasting = self._decide(call, request, permission, self._policies.caller(key), target)
        if not outcome.allowed:
            raise denied(call, permission, outcome)
        if owner != call.account:
            return call._replace(principal=call.principal._replace(account=owner))
        if own and lasting:
            self._allowed.put((key_id, permission.action, subject), version, True)
        return call

    def _key(self, identifier: str) -> Credential | None:
        """The key with which a call was signed; of an inner call, the session of the role whose ARN stands there."""
        if identifier.startswith("arn:"):
            return self._policies.session_of(identifier)
        return self._credentials.find(identifier) if identifier else None

    def _decide(
        self,
        call: Call,
        request: Json,
        permission: Permission,
        caller: Caller,
        target: Target,
        *,
        hurry: bool = False,
    ) -> tuple[Outcome, bool]:
        """The outcome, and whether it is the same for every such access of the caller.

        In a ``hurry`` it raises ``MustWait`` rather than read the store.
        """
        context = RequestContext(call, request, permission, caller.key, caller.holder_arn, hurry=hurry)
        access = Access(permission.action, permission.resource, lambda: context, caller.principal.names)
        # A call to another account's bucket acts in that account, but its caller still belongs to its own account.
        foreign = caller.key is not None and caller.key.account != (target.account or call.account)
        outcome = decide(caller.principal, access, target.policies, foreign=foreign)
        return outcome, outcome.fixed or context.lasting

    def _require_passable(self, call: Call, request: Json, arn: str, target: str) -> None:
        """Raises unless the caller may hand the role to the service and the role trusts the service."""
        if account_of(arn) != call.account:
            raise AccessDeniedException("Cross-account pass role is not allowed.")
        service = table()["passing"][call.service]
        keys = (("iam:PassedToService", service), ("iam:AssociatedResourceArn", target))
        self._demand(call, request, Permission("iam:PassRole", arn, keys))
        if self.trusts_service(call, arn, target, service):  # memory knows it, mostly; to look for it asks the store
            return
        self._make_missing_role(call, arn)
        if not self.trusts_service(call, arn, target, service):
            raise ValidationException(not_assumed(arn, service) + self._advice(call, arn))

    def _make_missing_role(self, call: Call, arn: str) -> None:
        """Create a role at its first use, when the server creates roles and the caller may create this one."""
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
        """Advice on a role that does not exist, for the end of an error message."""
        if role_of(self._resources, arn) is not None or not can_be_made(arn, call.account):
            return ""
        alike = self._resources.get(call.account, GLOBAL, "Role", arn.rpartition("/")[2])
        if alike is not None:
            return f" The role of that name here is {alike.arn}."
        return f" There is no such role here. This makes it: {command(arn)}"


def _subject(permission: Permission) -> str:
    """Under what a yes is remembered: the resource, and the service that a role is passed to, unless SageMaker."""
    for name, value in permission.keys:
        if name == "iam:PassedToService" and value != SERVICE:
            return f"{permission.resource} {value}"
    return permission.resource


def not_assumed(arn: str, service: str = SERVICE) -> str:
    """AWS's message for a role that a service cannot assume."""
    if service == table()["passing"]["scheduler"]:
        return f"The execution role you provide must allow AWS EventBridge Scheduler to assume the role: {arn}."
    if service == table()["passing"]["events"]:
        return f"Provided role '{arn}' cannot be assumed by principal '{service}'."
    return (
        f"Could not assume role {arn}. Please ensure that the role exists and allows principal '{service}' to assume "
        "the role."
    )


def _decide_trust(trust: Policies, arn: str, call: Call, target: str, service: str) -> Decision:
    context = {
        "aws:SourceAccount": [call.account],
        "aws:SourceArn": [target],
        "aws:PrincipalIsAWSService": ["true"],
        "aws:PrincipalServiceName": [service],
    }
    return trust.decide(Access("sts:AssumeRole", arn, context, frozenset((("Service", service),))))


def denied(call: Call, permission: Permission, outcome: Outcome) -> AwsError:
    """AccessDenied with the code, status and message of the service's protocol.

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
