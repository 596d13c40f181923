"""The operators of event patterns: each makes a test of a value from what a pattern says. All raise ``ValueError``."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Test: TypeAlias = Callable[[Any], bool]

LARGEST = 5e9
"""The bound on numbers in ranges, either sign."""
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equals(wanted: Any) -> Test:
    """The same string, number, truth value or null; a truth value is no number."""
    if _is_number(wanted):
        return lambda value: _is_number(value) and bool(value == wanted)
    return lambda value: type(value) is type(wanted) and bool(value == wanted)


def _of_text(test: Callable[[str], bool]) -> Test:
    return lambda value: isinstance(value, str) and test(value)


def _text(name: str, wanted: Any) -> str:
    if not isinstance(wanted, str):
        raise ValueError(f"{name} match pattern must be a string")
    return wanted


def ignoring_case(wanted: Any) -> Test:
    """The same string, whatever the case."""
    folded = _text("equals-ignore-case", wanted).casefold()
    return _of_text(lambda text: text.casefold() == folded)


def _edge(name: str, compare: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    """``prefix`` or ``suffix``, in the case given or in any."""

    def make(wanted: Any) -> Test:
        if isinstance(wanted, dict):
            if list(wanted) != ["equals-ignore-case"]:
                raise ValueError(f"Unsupported {name} pattern: equals-ignore-case is the only one")
            folded = _text(name, wanted["equals-ignore-case"]).casefold()
            return _of_text(lambda text: compare(text.casefold(), folded))
        edge = _text(name, wanted)
        return _of_text(lambda text: compare(text, edge))

    return make


prefix = _edge("prefix", str.startswith)
suffix = _edge("suffix", str.endswith)


def wildcard(wanted: Any) -> Test:
    """A string in which each ``*`` stands for any characters; ``\\*`` and ``\\\\`` are those characters."""
    pieces = _pieces(_text("wildcard", wanted))
    if len(pieces) == 1:
        return _of_text(lambda text: text == pieces[0])
    first, *middle, last = pieces

    def fits(text: str) -> bool:
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return _of_text(fits)


def _pieces(text: str) -> list[str]:
    """What stands between the stars."""
    pieces, at = [""], 0
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise ValueError(f"Invalid escape character at pos {at}")
            pieces[-1] += text[at + 1]
            at += 1
        elif text[at] == "*":
            if at and text[at - 1] == "*" and not pieces[-1]:
                raise ValueError(f"Consecutive wildcard characters at pos {at - 1}")
            pieces.append("")
        else:
            pieces[-1] += text[at]
        at += 1
    return pieces


def numeric(wanted: Any) -> Test:
    """A number within a range: ``[">", 0, "<=", 5]``."""
    if not isinstance(wanted, list):
        raise ValueError("numeric match pattern must be an array")
    if len(wanted) not in (2, 4):
        raise ValueError("numeric match pattern must have one or two comparisons")
    bounds = list(zip(wanted[::2], wanted[1::2], strict=True))
    for word, bound in bounds:
        if word not in _COMPARISONS:
            raise ValueError(f"Unrecognized numeric range operator: {word}")
        if not _is_number(bound):
            raise ValueError(f"Value of {word} must be numeric")
        if abs(bound) > LARGEST:
            raise ValueError(f"Value of {word} must be between -{LARGEST:.0f} and {LARGEST:.0f}, inclusive")
    if len(bounds) == 2:
        (low_word, low), (high_word, high) = bounds
        if not low_word.startswith(">") or not high_word.startswith("<"):
            raise ValueError("A numeric range must be a lower bound and then an upper one")
        if low >= high:
            raise ValueError("Bottom must be less than top")
    return lambda value: _is_number(value) and all(_COMPARISONS[word](value, bound) for word, bound in bounds)


def cidr(wanted: Any) -> Test:
    """An address within a block, IPv4 or IPv6."""
    text = _text("cidr", wanted)
    if text.count("/") != 1:
        raise ValueError("Malformed CIDR, one '/' required")
    try:
        block = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"Malformed CIDR: {text}") from None

    def within(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in block
        except ValueError:
            return False

    return _of_text(within)


def anything_but(wanted: Any) -> Test:
    """Any value that is none of those listed, or that another operator does not match."""
    if isinstance(wanted, dict):
        if len(wanted) != 1 or not wanted.keys() <= _NEGATED.keys():
            raise ValueError(f"Unsupported anything-but pattern: it may have one of {', '.join(_NEGATED)}")
        ((name, inner),) = wanted.items()
        listed = inner if isinstance(inner, list) else [inner]
        if not listed:
            raise ValueError("Empty arrays are not allowed")
        tests = [_NEGATED[name](each) for each in listed]
    else:
        listed = wanted if isinstance(wanted, list) else [wanted]
        if not listed:
            raise ValueError("Empty arrays are not allowed")
        if not (all(isinstance(each, str) for each in listed) or all(map(_is_number, listed))):
            raise ValueError(
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            )
        tests = [equals(each) for each in listed]
    return lambda value: not any(test(value) for test in tests)


_NEGATED: Mapping[str, Callable[[Any], Test]] = {
    "prefix": prefix,
    "suffix": suffix,
    "equals-ignore-case": ignoring_case,
    "wildcard": wildcard,
}
OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    **_NEGATED,
    "anything-but": anything_but,
    "numeric": numeric,
    "cidr": cidr,
}
"""``exists`` is not among them: it is about a value that may not be there."""
