"""Metric definitions: regular expressions of the user's, matched on every line the job prints.

Matching never holds the job up. It works for a moment and then lets its caller look at the clock, and expressions that
take long share a budget: once that is spent, they are not looked for until it has grown again.
"""

from __future__ import annotations

import json
import math
import re
import signal
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType
    from typing import Any

_MAX_CHARACTERS = 4096
_SEARCH_SECONDS = 0.25
_MAX_TIMEOUTS = 8
_SLOW_SECONDS = 0.002
"""A search that takes longer is slow, and paid for from the budget of all slow ones."""
_BUDGET_SECONDS = 3.0
_BUDGET_PER_SECOND = 0.05
_SINGLE_VALUES = 32
"""So many values of a metric that were printed in one moment are kept one by one; more become one statistic."""
MAX_BYTES = 256 * 1024 * 1024
"""Values beyond are not kept: a job that prints them without end must not fill the disk."""


class _Slow(Exception):
    """A regular expression is taking too long."""


class _Definition:
    """A metric's name and expression, and how it did so far."""

    def __init__(self, name: str, expression: re.Pattern[str]) -> None:
        self.name = name
        self.expression = expression
        self.timeouts = 0
        self.is_slow = False
        self.was_skipped = False


class Metrics:
    """Appends ``{"name", "value", "at"}`` to ``path`` for each value found; ``at`` in epoch seconds.

    Many values of one moment become one entry, with ``samples``, ``total``, ``minimum`` and ``maximum`` beside the last
    ``value``. Built-in algorithms' documented expressions spell a TAB as ``#011`` (syslog's way), so a line with TABs
    is tried in both forms. An expression that backtracks without end is interrupted, and dropped when it keeps doing
    so: the matching engine looks at pending signals, and an alarm's handler may raise. Only for the main thread.
    """

    def __init__(self, definitions: list[tuple[str, str]], path: str) -> None:
        self._path = path
        self._definitions: list[_Definition] = []
        self._warnings: list[str] = []
        self._lines: deque[tuple[float, str]] = deque()
        self._budget = _BUDGET_SECONDS
        self._budget_at = time.monotonic()
        for name, text in definitions:
            try:
                self._definitions.append(_Definition(name, re.compile(text)))
            except (re.error, RecursionError, OverflowError) as error:
                self._warnings.append(f"metric {name!r} is off: its regular expression is wrong: {error}")
        signal.signal(signal.SIGALRM, _raise)

    @property
    def waiting(self) -> int:
        """How many lines ``match`` has not looked at yet."""
        return len(self._lines)

    def warnings(self) -> list[str]:
        """What the job's log has not been told yet."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def match(self, lines: Iterable[str], now: float, seconds: float = math.inf) -> list[str]:
        """Look for values in what waits and in ``lines``, for so many seconds; returns warnings for the job's log."""
        self._lines.extend((now, line) for line in lines)
        values: dict[tuple[float, str], list[float]] = {}
        end = time.monotonic() + seconds
        while self._lines and self._definitions:
            at, line = self._lines.popleft()
            for name, value in self._values(line[:_MAX_CHARACTERS]):
                values.setdefault((at, name), []).append(value)
            if time.monotonic() >= end:
                break
        if not self._definitions:
            self._lines.clear()
        if values:
            self._keep(values)
        return self.warnings()

    def _values(self, line: str) -> list[tuple[str, float]]:
        forms = [line]
        if "\t" in line:
            forms.append(line.replace("\t", "#011"))
        found = ((each.name, self._search(each, forms)) for each in tuple(self._definitions))
        return [(name, value) for name, value in found if value is not None]

    def _search(self, definition: _Definition, forms: list[str]) -> float | None:
        if definition.is_slow and not self._has_budget(time.monotonic()):
            if not definition.was_skipped:
                definition.was_skipped = True
                self._warnings.append(
                    f"metric {definition.name!r} is looked for in some lines only: its regular expression takes long"
                )
            return None
        began = time.thread_time()  # not by the clock: on a busy machine every expression may take long
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, _SEARCH_SECONDS)
                hit = next((hit for hit in map(definition.expression.search, forms) if hit), None)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except _Slow:
            hit = None
            definition.timeouts += 1
            if definition.timeouts >= _MAX_TIMEOUTS:
                self._definitions.remove(definition)
                self._warnings.append(f"metric {definition.name!r} is off: its regular expression takes too long")
        took = time.thread_time() - began
        definition.is_slow = took > _SLOW_SECONDS
        if definition.is_slow:
            self._budget -= took
        return _number(hit, definition.expression) if hit else None

    def _has_budget(self, now: float) -> bool:
        self._budget = min(_BUDGET_SECONDS, self._budget + (now - self._budget_at) * _BUDGET_PER_SECOND)
        self._budget_at = now
        return self._budget > 0

    def _keep(self, values: dict[tuple[float, str], list[float]]) -> None:
        entries = [entry for (at, name), each in values.items() for entry in _entries(name, at, each)]
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write("".join(json.dumps(entry) + "\n" for entry in entries))
                if file.tell() > MAX_BYTES:
                    self._definitions = []
                    self._warnings.append(f"metrics are off: their values have filled {MAX_BYTES >> 20} MiB")
        except OSError as error:
            self._warnings.append(f"metrics were lost: {error}")


def _entries(name: str, at: float, values: list[float]) -> list[dict[str, Any]]:
    """The values of one metric at one moment, as they are kept."""
    if len(values) <= _SINGLE_VALUES:
        return [{"name": name, "value": value, "at": at} for value in values]
    total = sum(values)
    if not math.isfinite(total):  # they are near the largest number there is, and CloudWatch takes none of them
        return []
    statistic = {"samples": len(values), "total": total, "minimum": min(values), "maximum": max(values)}
    return [{"name": name, "value": values[-1], "at": at, **statistic}]


def _number(hit: re.Match[str], expression: re.Pattern[str]) -> float | None:
    try:
        value = float(hit.group(1 if expression.groups else 0) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise _Slow
