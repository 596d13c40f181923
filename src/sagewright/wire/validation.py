"""The constraints of the model, checked and reported in AWS's own words.

    2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null;
    Value '0' at 'resourceConfig.instanceCount' failed to satisfy constraint: Member must have value greater than or
    equal to 1

A path names members in lower camel case, list items as ``tags.1.member.key`` (from 1) and map values as
``channels.train.member``. Scalars inside lists and maps are reported at the collection, with all their constraints.
Each shape is compiled once into a function; shapes without constraints cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias

import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.core.errors import ValidationException

_PATTERN_SECONDS = 0.5
_SHORT = 256
_SHOWN_CHARACTERS = 2048
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{\d*,\d*\})")
_SURROGATE_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")

_Path: TypeAlias = "tuple[_Path, str] | None"
_Check: TypeAlias = Callable[[Any, _Path, list[str]], None]
_Constraint: TypeAlias = tuple[str, Callable[[Any], bool]]
"""The words after "failed to satisfy constraint: ", and whether a value keeps it."""


def validate(shape: Shape, value: Any) -> None:
    """Raises ``ValidationException`` naming every broken constraint in ``value``. Unknown members are ignored."""
    found = violations(shape, value)
    if found:
        raise validation_exception(found)


def violations(shape: Shape, value: Any) -> list[str]:
    """Every broken constraint, each as ``Value '…' at '…' failed to satisfy constraint: …``."""
    found: list[str] = []
    check = _checker(shape)
    if check is not None:
        check(value, None, found)
    return found


def validation_exception(found: list[str], code: str = "ValidationException") -> ValidationException:
    """The error for ``found``, spelled ``code`` as the service does."""
    plural = "error" if len(found) == 1 else "errors"
    return ValidationException(f"{len(found)} validation {plural} detected: {'; '.join(found)}", code=code)


@cache
def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """A pattern of a model, which is Java's and means the whole value; use ``match``.

    Java writes characters beyond the BMP as surrogate pairs, and its ``\\w``, ``\\d`` and ``\\s`` are ASCII.
    """
    pattern = _SURROGATE_PAIR.sub(_astral, pattern)
    flags = regex.V0 if r"\p" in pattern else regex.V0 | regex.ASCII
    return regex.compile(rf"(?:{pattern})\Z", flags)


def _astral(match: re.Match[str]) -> str:
    high, low = int(match[1], 16), int(match[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


@cache
def _checker(shape: Shape) -> _Check | None:
    """The check of a shape, or None when nothing in it can be wrong."""
    if isinstance(shape, StructureShape):
        return None if shape.is_document_type else _structure_check(shape)
    if isinstance(shape, ListShape):
        return _list_check(shape)
    if isinstance(shape, MapShape):
        return _map_check(shape)
    return _scalar_check(shape)


def _structure_check(shape: StructureShape) -> _Check:
    required = shape.required_members
    members = {name: (_lower_camel(name), member) for name, member in shape.members.items()}
    union = shape.is_tagged_union

    def check(value: Mapping[str, Any], path: _Path, found: list[str]) -> None:
        for name in required:
            if value.get(name) is None:
                found.append(_violation("null", (path, _lower_camel(name)), "Member must not be null"))
        for name, item in value.items():
            if item is not None and name in members:
                word, member = members[name]
                check_item = _checker(member)
                if check_item is not None:
                    check_item(item, (path, word), found)
        if union and sum(item is not None for item in value.values()) != 1:
            found.append(_violation(_quoted(shape, value), path, "Member must have exactly one member set"))

    return check


def _scalar_check(shape: Shape) -> _Check | None:
    constraints = _constraints(shape)
    if not constraints:
        return None

    def check(value: Any, path: _Path, found: list[str]) -> None:
        for words, holds in constraints:
            if not holds(value):
                found.append(_violation(_quoted(shape, value), path, words))

    return check


def _list_check(shape: ListShape) -> _Check:
    sizes = _constraints(shape)
    nested = isinstance(shape.member, StructureShape | ListShape | MapShape)
    constraints = [] if nested else _constraints(shape.member)
    words = f"Member must satisfy constraint: {_all_words(constraints)}"

    def check(value: list[Any], path: _Path, found: list[str]) -> None:
        for size, holds in sizes:
            if not holds(value):
                found.append(_violation(_quoted(shape, value), path, size))
        check_item = _checker(shape.member) if nested else None
        for number, item in enumerate(value, 1):
            if item is None:
                found.append(_violation("null", ((path, str(number)), "member"), "Member must not be null"))
            elif check_item is not None:
                check_item(item, ((path, str(number)), "member"), found)
        if constraints and not _all_hold(constraints, value):
            found.append(_violation(_quoted(shape, value), path, words))

    return check


def _map_check(shape: MapShape) -> _Check:
    sizes = _constraints(shape)
    keys = _constraints(shape.key)
    nested = isinstance(shape.value, StructureShape | ListShape | MapShape)
    values = [] if nested else _constraints(shape.value)
    key_words = f"Map keys must satisfy constraint: {_all_words(keys)}"
    value_words = f"Map value must satisfy constraint: {_all_words(values)}"

    def check(value: Mapping[str, Any], path: _Path, found: list[str]) -> None:
        for size, holds in sizes:
            if not holds(value):
                found.append(_violation(_quoted(shape, value), path, size))
        if keys and not _all_hold(keys, value):
            found.append(_violation(_quoted(shape, value), path, key_words))
        if values and not _all_hold(values, value.values()):
            found.append(_violation(_quoted(shape, value), path, value_words))
        check_item = _checker(shape.value) if nested else None
        for key, item in value.items():
            if item is None:
                found.append(_violation("null", ((path, key), "member"), "Member must not be null"))
            elif check_item is not None:
                check_item(item, ((path, key), "member"), found)

    return check


def _all_hold(constraints: list[_Constraint], values: Iterable[Any]) -> bool:
    for item in values:
        for _, holds in constraints:
            if item is not None and not holds(item):
                return False
    return True


def _all_words(constraints: list[_Constraint]) -> str:
    return f"[{', '.join(words for words, _ in constraints)}]"


def _constraints(shape: Shape) -> list[_Constraint]:
    """The constraints of one value, in the order in which AWS lists them."""
    found: list[_Constraint] = []
    model = shape.metadata
    if shape.type_name in ("integer", "long", "float", "double"):
        if (top := model.get("max")) is not None:
            found.append((f"Member must have value less than or equal to {top}", lambda value: bool(value <= top)))
        if (bottom := model.get("min")) is not None:
            words = f"Member must have value greater than or equal to {bottom}"
            found.append((words, lambda value: bool(value >= bottom)))
        return found
    # The length of a stream is known only when it has been read.
    length = len if not shape.serialization.get("streaming") else lambda _: model.get("min", 0)
    if (most := model.get("max")) is not None:
        words = f"Member must have length less than or equal to {most}"
        found.append((words, lambda value: length(value) <= most))
    if (least := model.get("min")) is not None:
        words = f"Member must have length greater than or equal to {least}"
        found.append((words, lambda value: length(value) >= least))
    if "pattern" in model and shape.type_name == "string":
        pattern = model["pattern"]
        words = f"Member must satisfy regular expression pattern: {pattern}"
        found.append((words, lambda value: _matches(pattern, value)))
    if model.get("enum"):
        allowed = frozenset(model["enum"])
        words = f"Member must satisfy enum value set: [{', '.join(model['enum'])}]"
        found.append((words, lambda value: value in allowed))
    return found


def _matches(pattern: str, value: str) -> bool:
    """Whether the whole value matches; a match that takes too long, which no honest value does, is none."""
    compiled, may_explode = compile_pattern(pattern), _may_explode(pattern)
    try:
        # Watching the clock costs three times as much as a usual match.
        timeout = _PATTERN_SECONDS if may_explode or len(value) > _SHORT else None
        return compiled.match(value, timeout=timeout) is not None
    except TimeoutError:
        return False


@cache
def _may_explode(pattern: str) -> bool:
    """Whether something repeated is repeated again, the one way to exponential time."""
    return _REPEATED_GROUP.search(pattern) is not None


def _violation(value: str, path: _Path, words: str) -> str:
    shown = f"Value {value}" if value else "Value"
    return f"{shown} at '{_joined(path)}' failed to satisfy constraint: {words}"


def _joined(path: _Path) -> str:
    parts = []
    while path is not None:
        path, part = path
        parts.append(part)
    return ".".join(reversed(parts))


def _lower_camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _quoted(shape: Shape, value: Any) -> str:
    """The value in quotes as AWS prints it; nothing at all for a sensitive one."""
    return "" if shape.metadata.get("sensitive") else f"'{_shown(value)[:_SHOWN_CHARACTERS]}'"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={_shown(item)}' for key, item in value.items())}}}"
    return "null" if value is None else str(value)
