"""Event patterns: JSON documents shaped like the events that they match, with lists of what each value may be.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
A value that is a list matches when one of its items does. Conditions below one list of objects hold for the same item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sagewright.domain.rules import operators
from sagewright.domain.rules.operators import Test, equals

OR = "$or"
_ABSENT: Any = object()
Node: TypeAlias = "Fields | Leaf | AnyOf"


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one value may be. ``absent`` is also true of a value that is not there, ``present`` of any that is."""

    tests: tuple[Test, ...]
    absent: bool = False
    present: bool = False

    def matches(self, value: Any) -> bool:
        values = [] if value is _ABSENT or isinstance(value, Mapping) else _items(value)
        if not values:
            return self.absent
        return self.present or any(test(each) for test in self.tests for each in values)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``$or``: one of several sets of fields."""

    choices: tuple[Fields, ...]

    def matches(self, value: Any) -> bool:
        return any(each.matches(value) for each in self.choices)


@dataclass(frozen=True, slots=True)
class Fields:
    """Conditions on the members of an object, all of which hold."""

    members: tuple[tuple[str, Node], ...]

    def matches(self, value: Any) -> bool:
        if isinstance(value, list):
            return any(self.matches(each) for each in value) if value else self.matches(_ABSENT)
        return all(
            node.matches(value if isinstance(node, AnyOf) else _member(value, name)) for name, node in self.members
        )


def _member(value: Any, name: str) -> Any:
    return value.get(name, _ABSENT) if isinstance(value, Mapping) else _ABSENT


def _items(value: Any) -> list[Any]:
    """The values of a list that may hold lists, without objects."""
    if not isinstance(value, list):
        return [value]
    return [item for each in value if not isinstance(each, Mapping) for item in _items(each)]


def parse(text: str) -> Fields:
    """Read a pattern. Raises ``ValueError`` that says what is wrong with it."""
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise ValueError("Pattern is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    if not isinstance(document, dict):
        raise ValueError("Filter is not an object")
    return _fields(document)


def matches(pattern: str, event: Mapping[str, Any]) -> bool:
    """Whether a pattern's text matches an event. Raises ``ValueError`` for a text that is no pattern."""
    return parse(pattern).matches(event)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"Path `{name}` cannot be allowed multiple times")
        found[name] = value
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _fields(document: Mapping[str, Any]) -> Fields:
    if not document:
        raise ValueError("Empty objects are not allowed")
    return Fields(tuple((name, _node(name, value)) for name, value in document.items()))


def _node(name: str, value: Any) -> Node:
    if name == OR and isinstance(value, list) and len(value) > 1 and all(isinstance(each, dict) for each in value):
        return AnyOf(tuple(_fields(each) for each in value))
    if isinstance(value, dict):
        return _fields(value)
    if isinstance(value, list):
        return _leaf(value)
    raise ValueError(f'"{name}" must be an object or an array')


def _leaf(values: list[Any]) -> Leaf:
    if not values:
        raise ValueError("Empty arrays are not allowed")
    tests: list[Test] = []
    absent = present = False
    for value in values:
        if isinstance(value, list):
            raise ValueError("Match value must be String, number, true, false, or null")
        if not isinstance(value, dict):
            tests.append(equals(value))
        elif "exists" in value and len(value) == 1:
            if not isinstance(value["exists"], bool):
                raise ValueError("exists match pattern must be either true or false.")
            absent, present = absent or not value["exists"], present or value["exists"]
        else:
            tests.append(_test(value))
    return Leaf(tuple(tests), absent, present)


def _test(value: Mapping[str, Any]) -> Test:
    """The test that an object with one member says."""
    if len(value) != 1:
        raise ValueError("Only one key allowed in match expression")
    ((name, wanted),) = value.items()
    makers: Mapping[str, Callable[[Any], Test]] = operators.OPERATORS
    if name not in makers:
        raise ValueError(f"Unrecognized match type {name}")
    return makers[name](wanted)
