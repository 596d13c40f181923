"""Operations and what they are called with. A decorated function is an operation; there is no other registration."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.core.config import Settings
from sagewright.core.errors import AwsError, NotImplementedYet
from sagewright.engine.run import RunController
from sagewright.nouns.members import Members, members_of
from sagewright.store.changes import ChangeLog
from sagewright.store.credentials import Credential, CredentialStore
from sagewright.store.events import EventStore
from sagewright.store.links import LinkStore
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.store.tags import TagStore
from sagewright.wire.http import Request


class Principal(NamedTuple):
    """Who calls: ``arn`` of a user or an assumed role, the account, and the access key used."""

    arn: str
    account: str
    access_key_id: str
    user_id: str = ""


class Permission(NamedTuple):
    """An action on a resource. ``keys`` is context that only this question has."""

    action: str
    resource: str = "*"
    keys: tuple[tuple[str, str], ...] = ()


class Access(Protocol):
    """Whether a caller or a role may do something. ``access.authorization`` decides."""

    def require(self, call: Call, request: Json) -> Call:
        """The call, when its caller may make it, in the account of the resource's owner. Raises ``AwsError``."""

    def demand(self, call: Call, action: str, resource: str, request: Json | None = None) -> Call:
        """The call, in the account of the resource's owner; raises AccessDenied unless the caller may do ``action``."""

    def session_of(self, role_arn: str) -> Credential | None:
        """The session in which SageMaker takes on a role; None when there is no such role."""

    def first_refused(
        self,
        call: Call,
        key: Credential,
        permissions: Sequence[Permission],
        owner: str,
        request: Json | None = None,
    ) -> tuple[Permission, AwsError] | None:
        """The first permission that the session ``key`` does not have, with AWS's error; None when it has all."""

    def trusts_service(self, call: Call, role_arn: str, work: str, service: str = ...) -> bool:
        """Whether there is such a role, and a service, by rule SageMaker, may take it on for ``work``, an ARN."""

    def trusts(self, call: Call, request: Json, role: Resource, action: str) -> bool:
        """Whether a role's trust policy lets the caller do ``action``, such as sts:AssumeRole, to it."""

    def is_remembered(self, access_key_id: str, action: str, resource: str) -> bool:
        """Whether memory holds a yes to exactly this question. False means unknown. Never waits."""

    def allows_at_once(self, call: Call, request: Json, permission: Permission) -> bool:
        """Whether the caller may, as far as memory alone can tell. False means unknown. Never waits."""

    def tags_of(self, tags: TagStore, arn: str, *, may_read: bool) -> Mapping[str, str] | None:
        """The tags of an ARN; None when they are not in memory and may not be looked up."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Stores and services shared by all operations of one server."""

    settings: Settings
    clock: Clock
    resources: ResourceStore
    events: EventStore
    changes: ChangeLog
    links: LinkStore
    tags: TagStore
    credentials: CredentialStore
    logs: LogStore
    metrics: MetricStore
    objects: ObjectStore
    access: Access
    hint: Callable[[str], None]
    """Wake the reconciler for the resource with this id, after the commit."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the server stops: answers without an end shall end."""
    queues: Mapping[str, RunController] = field(default_factory=dict)
    """Who knows, for kinds of work that may have to wait for room, whether it has to."""


class Call(NamedTuple):
    """One verified API call."""

    service: str
    operation: str
    region: str
    principal: Principal
    request_id: str
    http: Request
    platform: Platform
    parent: str | None = None
    """The id of the resource whose work the call is a part of: what it makes is that resource's child."""

    @property
    def account(self) -> str:
        return self.principal.account


Result: TypeAlias = Mapping[str, Any] | None
Handler: TypeAlias = Callable[[Call, dict[str, Any]], Result]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that works: the service as botocore names it, AWS's name, the function."""

    service: str
    name: str
    handler: Handler


_operations: dict[tuple[str, str], Operation] = {}


def operation(service: str, name: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as ``service``'s operation ``name``."""

    def register(handler: Handler) -> Handler:
        add(Operation(service, name, handler))
        return handler

    return register


def add(op: Operation) -> None:
    """Register an operation; a second function for the same operation is a programming error."""
    if (op.service, op.name) in _operations:
        raise ValueError(f"{op.service}:{op.name} is registered twice")
    members = members_of(op.service, op.name)
    if members.refused:
        op = Operation(op.service, op.name, _refusing(members, op.handler))
    _operations[op.service, op.name] = op


def _refusing(members: Members, handler: Handler) -> Handler:
    def refuse_or_handle(call: Call, request: dict[str, Any]) -> Result:
        members.check(request)
        return handler(call, request)

    return refuse_or_handle


def find(service: str, name: str) -> Operation | None:
    """The operation, or None when it does not work yet."""
    return _operations.get((service, name))


def working(service: str, name: str) -> Handler:
    """The function that carries an operation out. Raises ``NotImplementedYet``."""
    found = find(service, name)
    if found is None:
        raise NotImplementedYet(
            f"{service}:{name} is known to Sagewright but does not work yet. "
            "docs/coverage.md lists the operations that do."
        )
    return found.handler


def all_operations() -> list[Operation]:
    """Everything registered, in order of service and name."""
    return [_operations[key] for key in sorted(_operations)]
