"""A pipeline's parameters: what a definition declares, and the values of one execution."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST, LONGEST_VALUE = 200, 1024
Value = str | int | float | bool

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,256}")
_INTEGER = re.compile(r"[+-]?\d{1,20}")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "String": str,
    "Integer": int,
    "Float": (int, float),
    "Boolean": bool,
}
_MEMBERS = frozenset({"Name", "Type", "DefaultValue", "EnumValues", "Description"})


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; ``default`` is None where a start has to give a value."""

    name: str
    type: str
    default: Value | None = None
    choices: tuple[Value, ...] = ()


def parse(document: Any) -> tuple[Parameter, ...]:
    """Reads ``Parameters`` of a definition. Raises ``ValueError`` with a sentence that names parameter and member."""
    if document is None:
        return ()
    if not isinstance(document, list):
        raise ValueError("'Parameters' has to be a list")
    if len(document) > MOST:
        raise ValueError(f"there are {len(document)} parameters, and {MOST} are allowed")
    found: dict[str, Parameter] = {}
    for position, each in enumerate(document):
        parameter = _parameter(each, position)
        if parameter.name in found:
            raise ValueError(f"the parameter '{parameter.name}' is declared twice")
        found[parameter.name] = parameter
    return tuple(found.values())


def _parameter(document: Any, position: int) -> Parameter:
    if not isinstance(document, Mapping):
        raise ValueError(f"Parameters[{position}] has to be an object")
    name, kind = document.get("Name"), document.get("Type", "")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"Parameters[{position}].Name has to be 1 to 256 letters, digits, '-' and '_'")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"the parameter '{name}': Type has to be one of {', '.join(_TYPES)}")
    unknown = sorted(set(document) - _MEMBERS)
    if unknown:
        raise ValueError(f"the parameter '{name}': unknown property '{unknown[0]}'")
    choices = document.get("EnumValues") or []
    if not isinstance(choices, list):
        raise ValueError(f"the parameter '{name}': EnumValues has to be a list")
    default = document.get("DefaultValue")
    made = Parameter(
        name,
        kind,
        None if default is None else _typed(name, kind, default, "DefaultValue"),
        tuple(_typed(name, kind, choice, "EnumValues") for choice in choices),
    )
    if made.default is not None and made.choices and made.default not in made.choices:
        raise ValueError(f"the parameter '{name}': DefaultValue is none of EnumValues")
    return made


def _typed(name: str, kind: str, value: Any, member: str) -> Value:
    """A value as a definition writes it, of the declared type."""
    wrong = not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "Boolean")
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"the parameter '{name}': {member} holds a value that is no {kind}")
    made: Value = float(value) if kind == "Float" else value
    return made


def values(declared: Sequence[Parameter], given: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """The values of one execution: those given, as strings, else the defaults.

    Raises ``ValueError``: a name is unknown or given twice, a text is no value of the type or none of EnumValues, a
    parameter has neither value nor default.
    """
    by_name = {parameter.name: parameter for parameter in declared}
    texts: dict[str, str] = {}
    for name, text in given:
        if name in texts:
            raise ValueError(f"the parameter '{name}' is given twice")
        texts[name] = text
    unknown = sorted(set(texts) - set(by_name))
    if unknown:
        raise ValueError(f"the pipeline has no parameter '{unknown[0]}'")
    missing = [name for name, parameter in by_name.items() if name not in texts and parameter.default is None]
    if missing:
        raise ValueError(f"the parameter '{missing[0]}' has no default and is not given")
    return {
        name: from_text(parameter, texts[name]) if name in texts else _default(parameter)
        for name, parameter in by_name.items()
    }


def _default(parameter: Parameter) -> Value:
    assert parameter.default is not None
    return parameter.default


def from_text(parameter: Parameter, text: str) -> Value:
    """The value that a text given at a start means. Raises ``ValueError``."""
    if len(text) > LONGEST_VALUE:
        raise ValueError(f"the value of '{parameter.name}' is longer than {LONGEST_VALUE} characters")
    value = _read(parameter.type, text)
    if value is None:
        raise ValueError(f"the value '{text}' of '{parameter.name}' is no {parameter.type}")
    if parameter.choices and value not in parameter.choices:
        allowed = ", ".join(to_text(choice) for choice in parameter.choices)
        raise ValueError(f"the value '{text}' of '{parameter.name}' is none of {allowed}")
    return value


def _read(kind: str, text: str) -> Value | None:
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text.strip().lower())
    if kind == "Integer":
        return int(text) if _INTEGER.fullmatch(text.strip()) else None
    if kind == "Float":
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return text


def to_text(value: Value) -> str:
    """A value as lists of an execution's parameters and Join show it: ``true``, ``5``, ``0.5``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
