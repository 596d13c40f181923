"""Operations and what they are called with. A decorated function is an operation; there is no other registration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sagewright.kernel.platform import Platform
from sagewright.wire.http import Request


class Principal(NamedTuple):
    """Who calls: ``arn`` of a user or an assumed role, the account, and the access key used."""

    arn: str
    account: str
    access_key_id: str
    user_id: str = ""


class Call(NamedTuple):
    """One verified API call."""

    service: str
    operation: str
    region: str
    principal: Principal
    request_id: str
    http: Request
    platform: Platform

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
    _operations[op.service, op.name] = op


def find(service: str, name: str) -> Operation | None:
    """The operation, or None when it does not work yet."""
    return _operations.get((service, name))


def all_operations() -> list[Operation]:
    """Everything registered, in order of service and name."""
    return [_operations[key] for key in sorted(_operations)]
