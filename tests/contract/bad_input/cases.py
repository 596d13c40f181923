"""What is tried: an operation with a valid request, and requests that have one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.model import StructureShape
from tests.contract.bad_input.wire import Shot, encode

from sagewright.wire.models import service_model

Tree: TypeAlias = dict[str, Any]
TOP = "(the request)"


@dataclass(frozen=True, slots=True)
class Mutation:
    """``must_fail`` when the model says so; ``member`` is what the answer then has to name."""

    what: str
    where: str
    shot: Shot
    must_fail: bool = False
    member: str = ""
    transport: bool = False
    """HTTP itself is broken: the server may answer in its own words, or hang up."""

    def __str__(self) -> str:
        return f"{self.what} at {self.where}"


@dataclass(frozen=True, slots=True)
class Target:
    """An operation in a protocol, and how a valid request for it is made."""

    service: str
    operation: str
    protocol: str
    base: Callable[[], Tree]
    names: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.service}:{self.operation}:{self.protocol}"

    @property
    def shape(self) -> StructureShape | None:
        return service_model(self.service).operation_model(self.operation).input_shape

    def shot(self, tree: Tree | None = None) -> Shot:
        return encode(self.service, self.operation, self.protocol, self.base() if tree is None else tree)


Thunk: TypeAlias = tuple[str, Callable[[], Mutation | None]]
"""The kind of a mistake, and how to make it."""


def readable(mutation: Mutation, target: Target, answer: str) -> str:
    """A failure as it should be read."""
    return f"{target.id}: {mutation}\n    " + f"{mutation.shot}\n--> {answer}".replace("\n", "\n    ")


def members_of(body: bytes) -> dict[str, Any]:
    """A JSON object, or nothing."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
