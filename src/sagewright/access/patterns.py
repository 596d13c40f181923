"""Patterns of the policy language: ``*``, ``?`` and ``${variables}``.

Source: IAM User Guide, "IAM JSON policy elements: Variables and tags" and "… Resource".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

Context: TypeAlias = Mapping[str, Sequence[str]]
"""The context of a request: the values of each condition key, in lower case."""

_LITERAL = "\0"
"""Escapes the next character. It occurs in no ARN, and policies that contain it are refused."""
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"\s*([^,]+?)\s*,\s*'([^']*)'\s*")


def like(pattern: str, text: str) -> bool:
    """Whether ``text`` matches ``pattern``: ``*`` is any text, ``?`` any one character."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _regex(pattern).fullmatch(text) is not None


def any_like(patterns: Sequence[str]) -> Callable[[str], bool]:
    """``like`` for any of several, as a function."""
    if "*" in patterns:
        return lambda _: True
    if not any("*" in pattern or "?" in pattern for pattern in patterns):
        return frozenset(patterns).__contains__
    matches = re.compile("|".join(f"(?:{_regex(pattern).pattern})" for pattern in patterns), re.DOTALL).fullmatch
    return lambda text: matches(text) is not None


def arn_like(pattern: str, text: str) -> bool:
    """``like`` for ARNs in conditions, whose six parts are compared one by one."""
    pattern_parts, text_parts = pattern.split(":", 5), text.split(":", 5)
    return len(pattern_parts) == len(text_parts) == 6 and all(map(like, pattern_parts, text_parts))


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    """Matches each piece between two ``*`` at its first position only, without backtracking.

    That is correct for such patterns, and keeps a hostile one (``*a*a*a*…``) from taking exponential time.
    """
    first, *rest = (_piece(piece) for piece in re.split(rf"(?<!{_LITERAL})\*", pattern))
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _piece(text: str) -> str:
    plain = re.split(rf"(?<!{_LITERAL})\?", text)
    return ".".join(re.escape(re.sub(f"{_LITERAL}(.)", r"\1", part, flags=re.DOTALL)) for part in plain)


def fill(text: str, context: Context, *, pattern: bool) -> str | None:
    """``text`` with its variables replaced, or None when the context lacks one and it has no default.

    In a ``pattern``, wildcards that come from a variable's value mean only themselves.
    """
    if "${" not in text:
        return text
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        replacement = _value(match[1], context)
        missing = missing or replacement is None
        return re.sub(r"([*?])", rf"{_LITERAL}\1", replacement or "") if pattern else replacement or ""

    filled = _VARIABLE.sub(value, text)
    return None if missing else filled


def _value(variable: str, context: Context) -> str | None:
    if variable in ("*", "?", "$"):
        return variable
    with_default = _DEFAULT.fullmatch(variable)
    name, default = (with_default[1], with_default[2]) if with_default else (variable.strip(), None)
    values = context.get(name.lower(), ())
    return values[0] if len(values) == 1 else default
