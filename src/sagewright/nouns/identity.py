"""Who a resource is: from which members of a request come the row's one name and the ARN.

Four kinds. *Given*: the caller names it. *Generated*: the server does, ``d-k3x…``. *Numbered*: it is the next of a
parent, ``group/3``. *Composite*: several members together name it. Whatever the kind, a request may say the ARN where
it says the name, and the ARN's resource is the noun's ``path`` with the row's name in it.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from sagewright.core import Json
from sagewright.core.errors import ServiceUnavailable, ValidationException
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import DeclarationError
from sagewright.store.resources import Resource, Stale

Require: TypeAlias = Callable[[Call, str, str], Resource]
"""The resource of a kind by its name or ARN; raises the kind's refusal."""
_ALPHABET = string.ascii_lowercase + string.digits
_ATTEMPTS = 200
"""To number a row while other servers number theirs."""


class New(NamedTuple):
    """The name of a resource to be made, and what its answers say beside the request because of it."""

    name: str
    status: Mapping[str, Any] = {}


class Identity(Protocol):
    """How one kind's resources are named."""

    @property
    def members(self) -> tuple[str, ...]:
        """The members that name a resource in requests about it."""

    @property
    def member(self) -> str:
        """The one member that is the row's name in requests and answers; empty where there is none."""

    def new(self, call: Call, request: Json, require: Require) -> New:
        """The name of what a Create makes."""

    def named(self, call: Call, kind: str, request: Json, require: Require) -> str:
        """The row's name, or an ARN, in a request about what exists; empty where the request has neither."""

    def pattern(self, request: Json) -> str:
        """The row's name as far as a request says it, with ``*`` for what it does not: what a policy is asked about."""

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        """Raises ``DeclarationError`` when the input of an operation lacks what it is identified by."""


@dataclass(frozen=True, slots=True)
class Given:
    """The caller names it; ``member`` by rule is the one required member of Describe's input."""

    member: str = ""

    @property
    def members(self) -> tuple[str, ...]:
        return (self.member,)

    def new(self, _call: Call, request: Json, _require: Require) -> New:
        return New(request[self.member])

    def named(self, _call: Call, _kind: str, request: Json, _require: Require) -> str:
        return str(request.get(self.member, ""))

    def pattern(self, request: Json) -> str:
        return str(request.get(self.member, ""))

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        _require_members(kind, operation, (self.member,), inputs)


BY_RULE = Given()
"""The name is the one required member of Describe's input."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The server makes the name: ``prefix`` and random letters. ``member`` is the id, or the ARN."""

    member: str
    prefix: str = ""
    length: int = 12

    @property
    def members(self) -> tuple[str, ...]:
        return (self.member,)

    def new(self, _call: Call, _request: Json, _require: Require) -> New:
        return New(self.prefix + "".join(secrets.choice(_ALPHABET) for _ in range(self.length)))

    def named(self, _call: Call, _kind: str, request: Json, _require: Require) -> str:
        return str(request.get(self.member, ""))

    def pattern(self, request: Json) -> str:
        return str(request.get(self.member, "*"))

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        if not operation.startswith("Create"):
            _require_members(kind, operation, (self.member,), inputs)


@dataclass(frozen=True, slots=True)
class Composite:
    """Several members name it, in the order of the ARN; ``UserProfileName|SpaceName`` is one or the other."""

    parts: tuple[str, ...]

    @property
    def member(self) -> str:
        return ""

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(each for part in self.parts for each in part.split("|"))

    def new(self, _call: Call, request: Json, _require: Require) -> New:
        return New("/".join(_part(request, part) for part in self.parts))

    def named(self, _call: Call, _kind: str, request: Json, _require: Require) -> str:
        if not any(each in request for each in self.members):
            return ""
        return "/".join(_part(request, part) for part in self.parts)

    def pattern(self, request: Json) -> str:
        return "/".join(
            next((str(request[each]) for each in part.split("|") if each in request), "*") for part in self.parts
        )

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        _require_members(kind, operation, self.members, inputs)


def _part(request: Json, part: str) -> str:
    """The value of the one member of a part that the request has."""
    names = part.split("|")
    found = [str(request[each]) for each in names if request.get(each)]
    if len(found) != 1:
        raise ValidationException(f"You must specify {'one of ' if names[1:] else ''}{', '.join(names)}.")
    return found[0]


@dataclass(frozen=True, slots=True)
class Numbered:
    """The next number under a parent, or (where ``alone`` says a member) a name of its own without a parent.

    ``parent`` is the parent's kind, ``under`` the member that names it by name or ARN, ``number`` the member that the
    number is in requests and answers. A number is never given again while the parent stands, even when what had it is
    deleted. Two callers at once get two numbers, in whatever servers they are.
    """

    parent: str
    under: str
    number: str
    alone: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock, init=False, compare=False)

    @property
    def member(self) -> str:
        return ""

    @property
    def members(self) -> tuple[str, ...]:
        return (self.alone,) if self.alone else (self.under, self.number)

    def new(self, call: Call, request: Json, require: Require) -> New:
        if self.under not in request:
            if not self.alone or not request.get(self.alone):
                names = " or ".join(filter(None, (self.alone, self.under)))
                raise ValidationException(f"You must specify {names}.")
            return New(request[self.alone])
        with self.lock:  # among the threads of one server nobody has to try again
            for _ in range(_ATTEMPTS):
                parent = require(call, self.parent, request[self.under])
                number = self.last(parent) + 1
                try:
                    status = {**parent.status, _COUNTER: {**parent.status.get(_COUNTER, {}), self.number: number}}
                    call.platform.resources.update(parent, status=status)
                except Stale:  # another server's number, or the parent was changed or deleted
                    continue
                return New(f"{parent.name}/{number}", {self.under: parent.name, self.number: number})
        raise ServiceUnavailable(f"{request[self.under]} is being added to by many callers. Try again.")

    def last(self, parent: Resource) -> int:
        """The highest number that was given under the parent; 0 before the first."""
        return int(parent.status.get(_COUNTER, {}).get(self.number, 0))

    def named(self, call: Call, kind: str, request: Json, require: Require) -> str:
        """``alone`` may be an ARN of either kind. Without a number the latest is meant that exists."""
        if self.alone and self.alone in request:
            return str(request[self.alone])
        if self.under not in request:
            return ""
        parent = require(call, self.parent, request[self.under])
        if self.number in request:
            return f"{parent.name}/{request[self.number]}"
        last = self.last(parent)
        names = (f"{parent.name}/{number}" for number in range(last, 0, -1))
        exists = (each for each in names if call.platform.resources.get(call.account, call.region, kind, each))
        return next(exists, f"{parent.name}/{last}")

    def pattern(self, request: Json) -> str:
        under = str(request.get(self.under, ""))
        if under:
            return f"{under.rpartition('/')[2]}/{request.get(self.number, '*')}"
        return str(request.get(self.alone, "*"))

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        alone = (self.alone,) if self.alone else ()
        others = alone or (self.under,)
        _require_members(kind, operation, (self.under, *alone) if operation.startswith("Create") else others, inputs)


_COUNTER = "NumbersGiven"
"""In the status of a parent; no answer has a member of this name."""


def _require_members(kind: str, operation: str, wanted: tuple[str, ...], inputs: frozenset[str]) -> None:
    for name in wanted:
        if name not in inputs:
            raise DeclarationError(f"{kind}: {operation} has no member {name} to be identified by")
