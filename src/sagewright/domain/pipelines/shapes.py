"""Gives values the types that a request's shape wants: expressions yield numbers where texts belong, and vice versa.

An Integer parameter may stand among hyperparameters, which are texts, and a String parameter where a count belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.domain.pipelines.parameters import to_text

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


def fit(value: Any, shape: Any) -> Any:
    """The value with scalars of the types that ``shape``, one of botocore's, has; what does not fit stays as it is."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        members = shape.members
        return {name: fit(each, members[name]) if name in members else each for name, each in value.items()}
    if kind == "map" and isinstance(value, Mapping):
        return {name: fit(each, shape.value) for name, each in value.items()}
    if kind == "list" and isinstance(value, list):
        return [fit(each, shape.member) for each in value]
    return _scalar(value, kind)


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return to_text(value)
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind in _NUMBERS and isinstance(value, str | float) and not isinstance(value, bool):
        return _number(value, _NUMBERS[kind])
    return value


def _number(value: str | float, kind: type) -> Any:
    try:
        if kind is int and isinstance(value, str):
            return int(value)
        number = float(value)
    except ValueError:
        return value
    if kind is int:
        return int(number) if number.is_integer() else value
    return number
