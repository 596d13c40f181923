"""Conditions of policy statements: operators, their sets and ``…IfExists``.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple context keys or
values".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt

from sagewright.access.patterns import Context, arn_like, fill, like

Check = Callable[[str, str], bool]
"""Whether a value of the request (second) fits the policy's value (first)."""


@dataclass(frozen=True, slots=True)
class Test:
    """One condition: ``operator`` holds between the context's values of ``key`` and ``values``."""

    operator: str
    key: str
    values: tuple[str, ...]
    variables: bool = False
    """Whether the policy's version lets values have ``${variables}``."""


def _order_check(read: Callable[[str], float], compare: Callable[[float, float], bool]) -> Check:
    def check(expected: str, value: str) -> bool:
        try:
            return compare(read(value), read(expected))
        except (ValueError, OverflowError):
            return False

    return check


@lru_cache(maxsize=1024)
def _time(text: str) -> float:
    """Seconds since the epoch, from an ISO 8601 date or such a number."""
    try:
        return float(text)
    except ValueError:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


@lru_cache(maxsize=1024)
def _in_network(network: str, value: str) -> bool:
    try:
        return ip_address(value) in ip_network(network, strict=False)
    except ValueError:
        return False


def _same_bytes(expected: str, value: str) -> bool:
    try:
        return base64.b64decode(expected, validate=True) == base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False


def _same(expected: str, value: str) -> bool:
    return expected.lower() == value.lower()


_ORDERS = {"Equals": eq, "LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge}
_CHECKS: dict[str, Check] = {
    "StringEquals": eq,
    "StringEqualsIgnoreCase": _same,
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "Bool": _same,
    "BinaryEquals": _same_bytes,
    "IpAddress": _in_network,
    **{f"Numeric{name}": _order_check(float, order) for name, order in _ORDERS.items()},
    **{f"Date{name}": _order_check(_time, order) for name, order in _ORDERS.items()},
}
_PATTERNS = ("StringLike", "ArnEquals", "ArnLike")
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
ALL, ANY = "ForAllValues", "ForAnyValue"


def is_operator(operator: str) -> bool:
    """Whether the language has such an operator."""
    sets, _, name = operator.rpartition(":")
    plain = name.removesuffix("IfExists")
    return sets in ("", ALL, ANY) and (name == "Null" or plain in _CHECKS or plain in _NEGATED)


Holds = Callable[[Context], bool]
"""Whether a condition holds in a context."""


@lru_cache(maxsize=4096)
def compiled(test: Test) -> Holds:
    """A condition as a function. Its values are alternatives; a negated condition holds when none of them fits."""
    sets, _, name = test.operator.rpartition(":")
    key, plain = test.key.lower(), name.removesuffix("IfExists")
    if name == "Null":
        wanted_empty = frozenset(value.lower() == "true" for value in test.values)
        return lambda context: (not context.get(key)) in wanted_empty
    negated = plain in _NEGATED
    absent = sets == ALL or (sets != ANY and negated) or plain != name
    every = sets == ALL or (negated and sets != ANY)
    expected_values = _expected_values(test, pattern=_NEGATED.get(plain, plain) in _PATTERNS)
    check = _CHECKS[_NEGATED.get(plain, plain)]

    def holds(context: Context) -> bool:
        values = context.get(key)
        if not values:
            return absent
        alternatives = expected_values(context)
        for value in values:
            fits = False
            for one in alternatives:
                if check(one, value):
                    fits = True
                    break
            result = fits != negated
            if result != every:
                return result
        return every

    return holds


def _expected_values(test: Test, *, pattern: bool) -> Callable[[Context], Sequence[str]]:
    """The policy's values with variables filled in, except those with a variable that the context lacks."""
    if not test.variables or not any("${" in value for value in test.values):
        return lambda _: test.values

    def filled(context: Context) -> list[str]:
        values = (fill(value, context, pattern=pattern) for value in test.values)
        return [value for value in values if value is not None]

    return filled
