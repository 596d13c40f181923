"""Filter patterns of CloudWatch Logs, compiled to functions of an event's text.

Three languages. Words: ``ERROR -"disk full" ?WARN %4\\d\\d%``. JSON: ``{ $.status >= 400 && $.user EXISTS }``. Fields:
``[ip, user, ..., status = 4*, bytes > 1000]``.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import json
import operator
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import regex

from sagewright.services.logs._shared import InvalidParameter

LONGEST = 1024
EXPRESSIONS_LIMIT = 2
TIMEOUT_SECONDS = 2.0
"""Limits of a pattern: its length, the regular expressions in it, and the seconds that each may take in all."""
DEPTH_LIMIT = 20

_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_WORD = regex.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))', regex.DOTALL)
_TOKEN = regex.compile(
    r"""\s*(?:(?P<symbol>\&\&|\|\||!=|>=|<=|\.\.\.|[=<>(){}\[\],])
    |"(?P<text>(?:[^"\\]|\\.)*)"
    |%(?P<expression>(?:[^%\\]|\\.)+)%
    |(?P<selector>\$(?:\.[\w:@/-]+|\.\*|\.?\["[^"]*"\]|\.?\['[^']*'\]|\[\d+\]|\[\*\])*)
    |(?P<word>(?:(?!\&\&|\|\|)[^\s=<>!(){}\[\],"])+))""",
    regex.VERBOSE | regex.DOTALL,
)
_STEP = regex.compile(r"""\.?\["([^"]*)"\]|\.?\['([^']*)'\]|\[(\d+|\*)\]|\.([\w:@/*-]+)""")
_FIELD = regex.compile(r'"((?:[^"\\]|\\.)*+)"|\[([^\]]*+)\]|(\S++)')
_FIELD_BEGIN = regex.compile(r"\S")
_PLAIN = 3
"""The group of ``_FIELD`` that is a field without quotes or brackets."""
_NUMBER = regex.compile(r"[+-]?(\d++\.?\d*+|\.\d++)([eE][+-]?\d++)?", regex.ASCII)
_PLAIN_FIELD = regex.compile(r"(\S++)")


class Pattern(Protocol):
    """A compiled filter pattern."""

    def matches(self, message: str) -> bool: ...

    def extracted(self, message: str) -> dict[str, str]:
        """The values of the pattern's selectors and fields in a matching message, by name: ``$.a`` or ``$field``."""
        ...


def compile_pattern(pattern: str) -> Pattern:
    """The pattern that a text stands for. Raises ``InvalidParameter`` for an invalid one."""
    pattern = pattern.strip()
    if len(pattern) > LONGEST:
        raise _invalid()
    if pattern.startswith("{"):
        return _Parser(pattern).document()
    if pattern.startswith("["):
        return _Parser(pattern).fields()
    return _words(pattern)


def _invalid() -> InvalidParameter:
    return InvalidParameter("Invalid filter pattern")


# --- words -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Words:
    required: list[Callable[[str], bool]] = field(default_factory=list)
    excluded: list[Callable[[str], bool]] = field(default_factory=list)
    optional: list[Callable[[str], bool]] = field(default_factory=list)

    def matches(self, message: str) -> bool:
        if not self.required and not self.excluded:
            return not self.optional or any(fits(message) for fits in self.optional)
        return all(fits(message) for fits in self.required) and not any(fits(message) for fits in self.excluded)

    def extracted(self, message: str) -> dict[str, str]:  # noqa: ARG002 - words name nothing
        return {}


def _words(pattern: str) -> _Words:
    """A pattern of words: all must occur, ``-word`` must not, one ``?word`` must where there are only such."""
    words, position, expressions = _Words(), 0, 0
    groups = {"": words.required, "-": words.excluded, "?": words.optional}
    while position < len(pattern):
        term = _WORD.match(pattern, position)
        if term is None:
            raise _invalid()
        position = term.end()
        sign, phrase, expression, word = term.groups()
        if expression is not None:
            expressions += 1
            groups[sign].append(_expression(expression))
        elif text := word or _unquoted(phrase):
            groups[sign].append(_contains(text))
    if expressions > EXPRESSIONS_LIMIT:
        raise _invalid()
    return words


def _contains(text: str) -> Callable[[str], bool]:
    return lambda message: text in message


def _unquoted(text: str) -> str:
    return regex.sub(r"\\(.)", r"\1", text, flags=regex.DOTALL)


def _expression(text: str) -> Callable[[str], bool]:
    try:
        compiled = regex.compile(text)
    except (regex.error, RecursionError, OverflowError):
        raise _invalid() from None

    seconds_left = TIMEOUT_SECONDS

    def fits(message: str) -> bool:
        nonlocal seconds_left
        start = time.monotonic()
        try:
            return compiled.search(message, timeout=max(seconds_left, 0.001)) is not None
        except TimeoutError:
            raise InvalidParameter("The regular expression of the filter pattern takes too long.") from None
        finally:
            seconds_left -= time.monotonic() - start

    return fits


# --- conditions on one value ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Test:
    """A comparison with a constant. ``values`` come from a selector or a field; without any there is no match."""

    accepts: Callable[[Any], bool]

    def __call__(self, values: list[Any]) -> bool:
        return any(self.accepts(value) for value in values)


def _comparison(sign: str, kind: str, text: str) -> _Test:
    """``sign`` and a constant: an ``expression``, a quoted ``text`` or a bare ``word`` (``*`` is any text)."""
    number = _number(text) if kind == "word" else None
    if sign in _ORDER:
        if number is None:
            raise _invalid()
        compare, bound = _ORDER[sign], number
        return _Test(lambda value: (actual := _number(value)) is not None and compare(actual, bound))
    equal = _equality(kind, text, number)
    return _Test(equal if sign == "=" else lambda value: not equal(value))


def _equality(kind: str, text: str, number: float | None) -> Callable[[Any], bool]:
    if kind == "expression":
        fits = _expression(text)
        return lambda value: not isinstance(value, dict | list) and fits(_text(value))
    if number is not None:
        return lambda value: _number(value) == number
    parts = text.split("*")
    return lambda value: not isinstance(value, dict | list) and _fits(parts, _text(value))


def _fits(parts: Sequence[str], text: str) -> bool:
    """Whether ``text`` is the ``parts`` in order with any text between them.

    Each part is put at its leftmost position, which leaves the most text for the others, so no position is tried
    twice: the time is linear in the text, where that of a regular expression may be exponential.
    """
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        position = text.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True


def _number(value: object) -> float | None:
    """A number, or a text that is one. (Booleans are none; nor are NaN and infinity.)"""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- JSON ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Document:
    """A condition on an event that is a JSON object; any other event does not match."""

    condition: Callable[[Any], bool]
    selectors: dict[str, Callable[[Any], list[Any]]]

    def matches(self, message: str) -> bool:
        document = _read_object(message)
        return document is not None and self.condition(document)

    def extracted(self, message: str) -> dict[str, str]:
        document = _read_object(message)
        return {name: _text(values[0]) for name, select in self.selectors.items() if (values := select(document))}


def _read_object(message: str) -> dict[str, Any] | None:
    if not message.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _selector(text: str) -> Callable[[Any], list[Any]]:
    """The values at a path such as ``$.users[0].name``, ``$.*.name`` or ``$['a.b'][*]``."""
    steps = [next(group for group in step.groups() if group is not None) for step in _STEP.finditer(text)]

    def select(document: Any) -> list[Any]:
        values = [document]
        for step in steps:
            values = [inner for value in values for inner in _inside(value, step)]
        return values

    return select


def _inside(value: Any, step: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if step == "*":
            yield from value.values()
        elif step in value:
            yield value[step]
    elif isinstance(value, list):
        if step == "*":
            yield from value
        elif step.isascii() and step.isdigit() and int(step) < len(value):
            yield value[int(step)]


# --- fields --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fields:
    """Conditions on the fields of an event, which blanks separate; ``"…"`` and ``[…]`` are one field each."""

    names: list[str]
    conditions: list[tuple[int, Callable[[str], bool]]]
    gap: int | None
    """The index of the name before which any number of fields may stand."""

    def matches(self, message: str) -> bool:
        fields = self._named_fields(message)
        return fields is not None and all(accepts(fields[index]) for index, accepts in self.conditions)

    def extracted(self, message: str) -> dict[str, str]:
        fields = self._named_fields(message) or []
        return {f"${name}": value for name, value in zip(self.names, fields, strict=False)}

    def _named_fields(self, message: str) -> list[str] | None:
        """The fields that have names, or None when there are too few or too many."""
        fields = _split_fields(message)
        surplus = len(fields) - len(self.names)
        if surplus < 0 or (surplus and self.gap is None):
            return None
        return fields if self.gap is None else fields[: self.gap] + fields[self.gap + surplus :]


def _split_fields(message: str) -> list[str]:
    """The fields of a message.

    An opening ``"`` or ``[`` that nothing closes is searched to the end of the message. That happens only once for
    each of the two signs; otherwise a message of such signs would take quadratic time.
    """
    fields: list[str] = []
    position, closing = 0, {'"': True, "[": True}
    while (start := _FIELD_BEGIN.search(message, position)) is not None:
        sign = message[start.start()]
        may_close = closing.get(sign, False)
        match = (_FIELD if may_close else _PLAIN_FIELD).match(message, start.start())
        if match is None:  # a blank cannot be here, so this is the end
            break
        if may_close and match.lastindex == _PLAIN:
            closing[sign] = False
        fields.append(match[match.lastindex or 0])
        position = match.end()
    return fields


# --- the parser of the two structured languages --------------------------------------------------------------------


class _Parser:
    """Recursive descent over the tokens of one pattern."""

    def __init__(self, pattern: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._selectors: dict[str, Callable[[Any], list[Any]]] = {}
        position, end = 0, len(pattern.rstrip())
        while position < end:
            token = _TOKEN.match(pattern, position)
            if token is None:
                raise _invalid()
            position = token.end()
            kind = str(token.lastgroup)
            self._tokens.append((kind, _unquoted(token[kind]) if kind == "text" else token[kind]))
        if sum(kind == "expression" for kind, _ in self._tokens) > EXPRESSIONS_LIMIT:
            raise _invalid()

    def document(self) -> _Document:
        """``{ condition }``"""
        self._expect("{")
        condition = self._either(self._property, 0)
        self._expect("}")
        self._end()
        return _Document(condition, self._selectors)

    def fields(self) -> _Fields:
        """``[name, name condition, ...]``"""
        names: list[str] = []
        conditions: list[tuple[int, Callable[[str], bool]]] = []
        gap_index: int | None = None
        self._expect("[")
        while True:
            if self._takes("..."):
                if gap_index is not None:
                    raise _invalid()
                gap_index = len(names)
            elif self._next() in (("symbol", ","), ("symbol", "]")):
                names.append(str(len(names) + 1))
            else:
                name = self._take("word")
                if not regex.fullmatch(r"\w+", name) or name in names:
                    raise _invalid()
                if self._next()[1] in ("=", "!=", *_ORDER):
                    first = self._read_comparison()
                    conditions.append((len(names), self._joined(name, first)))
                names.append(name)
            if not self._takes(","):
                break
        self._expect("]")
        self._end()
        return _Fields(names, conditions, gap_index)

    def _joined(self, name: str, first: _Test) -> Callable[[str], bool]:
        """More conditions on the same field: ``status = 404 || status = 410``, with ``&&`` binding closer."""
        choices: list[list[_Test]] = [[first]]
        while self._next() in (("symbol", "&&"), ("symbol", "||")):
            both = self._step() == ("symbol", "&&")
            if self._take("word") != name:
                raise _invalid()
            if both:
                choices[-1].append(self._read_comparison())
            else:
                choices.append([self._read_comparison()])
        return lambda value: any(all(test([value]) for test in tests) for tests in choices)

    def _read_comparison(self) -> _Test:
        sign = self._take("symbol")
        if sign not in ("=", "!=", *_ORDER):
            raise _invalid()
        kind, text = self._step()
        if kind not in ("word", "text", "expression"):
            raise _invalid()
        return _comparison(sign, kind, text)

    def _either(self, leaf: Callable[[int], Callable[[Any], bool]], depth: int) -> Callable[[Any], bool]:
        choices = [self._both(leaf, depth)]
        while self._takes("||"):
            choices.append(self._both(leaf, depth))
        return choices[0] if len(choices) == 1 else lambda value: any(choice(value) for choice in choices)

    def _both(self, leaf: Callable[[int], Callable[[Any], bool]], depth: int) -> Callable[[Any], bool]:
        needs = [leaf(depth)]
        while self._takes("&&"):
            needs.append(leaf(depth))
        return needs[0] if len(needs) == 1 else lambda value: all(need(value) for need in needs)

    def _property(self, depth: int) -> Callable[[Any], bool]:
        """``(condition)``, or a selector with a comparison, IS or EXISTS."""
        if self._takes("("):
            if depth >= DEPTH_LIMIT:
                raise _invalid()
            inner = self._either(self._property, depth + 1)
            self._expect(")")
            return inner
        name = self._take("selector")
        select = self._selectors.setdefault(name, _selector(name))
        kind, word = self._next()
        if kind != "word":
            test = self._read_comparison()
            return lambda document: test(select(document))
        self._step()
        match word.upper():
            case "EXISTS":
                return lambda document: bool(select(document))
            case "NOT":
                self._keyword("EXISTS")
                return lambda document: not select(document)
            case "IS":
                constant = self._constant()
                return lambda document: any(value is constant for value in select(document))
        raise _invalid()

    def _constant(self) -> bool | None:
        constants = {"NULL": None, "TRUE": True, "FALSE": False}
        word = self._take("word").upper()
        if word not in constants:
            raise _invalid()
        return constants[word]

    def _keyword(self, word: str) -> None:
        if self._take("word").upper() != word:
            raise _invalid()

    def _next(self) -> tuple[str, str]:
        return self._tokens[0] if self._tokens else ("end", "")

    def _step(self) -> tuple[str, str]:
        if not self._tokens:
            raise _invalid()
        return self._tokens.pop(0)

    def _take(self, kind: str) -> str:
        token = self._step()
        if token[0] != kind:
            raise _invalid()
        return token[1]

    def _takes(self, symbol: str) -> bool:
        if self._next() != ("symbol", symbol):
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, symbol: str) -> None:
        if not self._takes(symbol):
            raise _invalid()

    def _end(self) -> None:
        if self._tokens:
            raise _invalid()
