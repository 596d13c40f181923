"""The policies of callers and of resources, compiled once and kept until IAM changes.

``ResourceStore.changes`` counts the writes of this server. Writes of other servers on the same database take effect
here within ``STALE_SECONDS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Generic, Protocol, TypeVar

from sagewright.access.decision import EVERYBODY, Principal
from sagewright.access.identity import (
    GLOBAL,
    bucket_policy,
    group_policy,
    holder_of_key,
    principal_of,
    role_of,
    session_arn,
    session_id,
    with_ids,
)
from sagewright.access.policy import Policies, Policy, parse
from sagewright.core.clock import Clock
from sagewright.nouns.operations import Permission
from sagewright.store.credentials import Credential
from sagewright.store.resources import Resource, ResourceStore

T = TypeVar("T")
STALE_SECONDS = 5.0
HOUR = 3600.0
MEMORY = 20_000
"""The most values that a memory keeps; a full one drops all of them."""
SESSION = "SageMaker"
"""The name that SageMaker gives to its sessions of roles."""
ASSUMING = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
"""The actions that a role's trust policy decides about."""
_S3 = "arn:aws:s3:::"
_GROUP = re.compile(r"(arn:aws[a-z-]*:sagemaker:[^:]*:\d{12}):(?:model-package-group/([^/]+)|model-package/([^/]+)/.+)")


class Memory(Generic[T]):
    """Values that hold until IAM changes, and no longer than ``STALE_SECONDS``."""

    def __init__(self, resources: ResourceStore, clock: Clock) -> None:
        self._resources = resources
        self._clock = clock
        self._entries: dict[Any, tuple[int, float, T]] = {}

    def get(self, key: object) -> T | None:
        """The value kept for ``key``, None when there is none any more."""
        entry = self._entries.get(key)
        if entry is None or entry[0] != self._resources.changes(GLOBAL) or self._clock.now() >= entry[1]:
            return None
        return entry[2]

    def version(self) -> tuple[int, float]:
        """The state of IAM now. Take it before you compute a value, and give it to ``put``."""
        return self._resources.changes(GLOBAL), self._clock.now() + STALE_SECONDS

    def put(self, key: object, version: tuple[int, float], value: T) -> None:
        if len(self._entries) >= MEMORY:
            self._entries = {}
        self._entries[key] = (*version, value)

    def of(self, key: object, make: Callable[[], T]) -> T:
        """The value kept for ``key``; when there is none, ``make`` computes it."""
        value = self.get(key)
        if value is None:
            version = self.version()
            value = make()
            self.put(key, version, value)
        return value


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: its key (None for a request without one), its policies, and the ARN of the user or role behind it."""

    key: Credential | None
    principal: Principal
    holder_arn: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """The policy of a resource, None when it has none; and its owner's account, empty when that is the call's."""

    policies: Policies | None = None
    account: str = ""


class Samples(Protocol):
    """Knows the public sample buckets, and the account that they are in."""

    @property
    def account(self) -> str: ...

    def public(self, name: str) -> bool:
        """Whether the bucket is a public sample bucket, which everybody may read."""
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


PLAIN = Target()
NOBODY = Caller(None, Principal(itself=EVERYBODY, identity=Policies(())), None)


class PolicyCache:
    """The policies of callers and of resources. Thread-safe: at worst two threads compute the same value."""

    def __init__(self, resources: ResourceStore, clock: Clock, samples: Samples | None) -> None:
        self._resources = resources
        self._clock = clock
        self._samples = samples
        self._callers = Memory[Caller](resources, clock)
        self._targets = Memory[Target](resources, clock)
        self._sessions = Memory[Credential](resources, clock)

    def session_of(self, role_arn: str) -> Credential | None:
        """The session in which SageMaker takes on a role, as a key that nobody signs with; None without the role."""
        session = self._sessions.get(role_arn)
        if session is None:
            version, role = self._sessions.version(), role_of(self._resources, role_arn)
            if role is None:
                return None
            principal, identifier, now = session_arn(role, SESSION), session_id(role, SESSION), self._clock.now()
            session = Credential(role.arn, "", principal, role.account, identifier, None, now + HOUR, now)
            self._sessions.put(role_arn, version, session)
        return session

    def caller(self, key: Credential | None) -> Caller:
        """The signer with the key, and its policies."""
        return self._callers.of(key.id, partial(self._find_caller, key)) if key is not None else NOBODY

    def remembered_caller(self, key: Credential) -> Caller | None:
        """Like ``caller``, from memory alone; None when memory lacks it."""
        return self._callers.get(key.id)

    def _find_caller(self, key: Credential) -> Caller:
        holder = holder_of_key(self._resources, key)
        return Caller(key, principal_of(self._resources, key, holder), holder.arn if holder is not None else None)

    def target(self, permission: Permission) -> Target:
        """The policy of the resource, when it has one: a bucket's policy, or the trust policy of a role."""
        action, resource = permission.action, permission.resource
        if action in ASSUMING:
            return self._targets.of(resource, partial(self._find_role, resource))
        group = _group_of(resource)
        if group:
            return self._targets.of(group, partial(self._find_group, group))
        name = resource.removeprefix(_S3).partition("/")[0] if resource.startswith(_S3) else ""
        if not name or not action.startswith("s3:"):
            return PLAIN
        if self._samples is not None and action != "s3:CreateBucket" and self._samples.public(name):
            return Target(_readable_by_all(name), self._samples.account)
        return self._targets.of(f"{_S3}{name}", partial(self._find_bucket, name))

    def trust_at(self, role_arn: str) -> Policies | None:
        """The trust policy of the role with that ARN, None when there is no such role."""
        return self._targets.of(role_arn, partial(self._find_role, role_arn)).policies

    def _find_bucket(self, name: str) -> Target:
        row = bucket_policy(self._resources, name)
        if row is None:
            return PLAIN
        text = _restricted(row) if "Restricted" in row.spec else row.spec["Policy"]
        statements = with_ids(self._resources, parse(text), row.spec.get("Principals", {}))
        return Target(Policies([Policy(name, "resource", statements)]), row.account)

    def _find_group(self, arn: str) -> Target:
        row = group_policy(self._resources, arn)
        if row is None:
            return PLAIN
        statements = with_ids(self._resources, parse(row.spec["ResourcePolicy"]), row.spec.get("Principals", {}))
        return Target(Policies([Policy(arn, "resource", statements)]), row.account)

    def _find_role(self, arn: str) -> Target:
        role = role_of(self._resources, arn)
        return Target(self.trust(role), role.account) if role is not None and role.arn == arn else PLAIN

    def trust(self, role: Resource) -> Policies:
        """The trust policy of a role."""
        statements = parse(role.spec["AssumeRolePolicyDocument"])
        statements = with_ids(self._resources, statements, role.spec.get("Principals", {}))
        return Policies([Policy(role.name, "resource", statements)])


def _group_of(arn: str) -> str:
    """The ARN of the model package group that an ARN names, or of the group of the version it names; else empty."""
    found = _GROUP.fullmatch(arn)
    return f"{found[1]}:model-package-group/{found[2] or found[3]}" if found else ""


def _restricted(row: Resource) -> str:
    """The policy of a bucket whose public access block keeps other accounts out (RestrictPublicBuckets)."""
    document = json.loads(row.spec["Policy"])
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    others = {"StringNotEquals": {"aws:PrincipalAccount": row.account}}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": others}
    return json.dumps({**document, "Statement": [*statements, denied]})
