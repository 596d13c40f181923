"""Conditions of a Condition step: their form, and whether they hold.

Accepts what the SDKs write (``QueryValue`` and ``Values`` of In) and what the published schema says (``Value`` and
``In``, the types NotEquals and NotIn).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda left, right: bool(left == right),
    "NotEquals": lambda left, right: bool(left != right),
    "GreaterThan": lambda left, right: bool(left > right),
    "GreaterThanOrEqualTo": lambda left, right: bool(left >= right),
    "LessThan": lambda left, right: bool(left < right),
    "LessThanOrEqualTo": lambda left, right: bool(left <= right),
}
_EQUALITIES = ("Equals", "NotEquals")
_DEEPEST = 32


def check(documents: Any, where: str, depth: int = 0) -> None:
    """Raises ``ValueError``, naming the place, where the list of conditions has not the form it needs."""
    if not isinstance(documents, list) or not documents:
        raise ValueError(f"{where} has to be a list of at least one condition")
    for position, document in enumerate(documents):
        _check_one(document, f"{where}[{position}]", depth)


def _check_one(document: Any, where: str, depth: int) -> None:
    if not isinstance(document, Mapping):
        raise ValueError(f"{where} has to be an object")
    if depth > _DEEPEST:
        raise ValueError(f"{where}: conditions are nested more than {_DEEPEST} deep")
    kind = document.get("Type")
    if kind in _COMPARISONS:
        _members(document, where, ("LeftValue", "RightValue"))
    elif kind in ("In", "NotIn"):
        members = ("QueryValue", "Values") if "QueryValue" in document or "Values" in document else ("Value", "In")
        _members(document, where, members)
        if not isinstance(document[members[1]], list):
            raise ValueError(f"{where}.{members[1]} has to be a list")
    elif kind == "Not":
        _members(document, where, ("Condition",))
        _check_one(document["Condition"], f"{where}.Condition", depth + 1)
    elif kind in ("Or", "And"):
        _members(document, where, ("Conditions",))
        check(document["Conditions"], f"{where}.Conditions", depth + 1)
    else:
        raise ValueError(f"{where}.Type '{kind}' is unknown")


def _members(document: Mapping[str, Any], where: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in document:
            raise ValueError(f"{where}.{name} is missing")
    unknown = sorted(set(document) - {"Type", *names})
    if unknown:
        raise ValueError(f"{where}: Cannot parse object, unknown property '{unknown[0]}'")


def holds(documents: list[Mapping[str, Any]]) -> bool:
    """Whether all conditions of a list hold, whose expressions are resolved. Raises ``ValueError``: not comparable."""
    return all(_holds(document) for document in documents)


def _holds(document: Mapping[str, Any]) -> bool:
    kind = str(document["Type"])
    if kind == "Not":
        return not _holds(document["Condition"])
    if kind in ("Or", "And"):
        outcomes = (_holds(each) for each in document["Conditions"])
        return any(outcomes) if kind == "Or" else all(outcomes)
    if kind in ("In", "NotIn"):
        query, values = ("QueryValue", "Values") if "QueryValue" in document else ("Value", "In")
        found = any(_compare("Equals", document[query], each) for each in document[values])
        return found == (kind == "In")
    return _compare(kind, document["LeftValue"], document["RightValue"])


def _compare(kind: str, left: Any, right: Any) -> bool:
    """Compares two values: numbers with numbers, and a text that is a number with a number; else like with like."""
    left, right = _alike(left, right), _alike(right, left)
    comparable = type(left) is type(right) or (_is_number(left) and _is_number(right))
    if not comparable and kind in _EQUALITIES:
        return kind == "NotEquals"
    if not comparable or isinstance(left, list | dict) or (left is None and kind not in _EQUALITIES):
        raise ValueError(f"{kind} cannot compare {_shown(left)} with {_shown(right)}")
    return _COMPARISONS[kind](left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _alike(value: Any, other: Any) -> Any:
    if not isinstance(value, str):
        return value
    if isinstance(other, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    if _is_number(other):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
