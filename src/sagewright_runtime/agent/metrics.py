"""Metric definitions: regular expressions of the user's, matched on every line the job prints."""

from __future__ import annotations

import json
import math
import re
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_MAX_CHARACTERS = 4096
_PATIENCE_SECONDS = 0.25
_MAX_TIMEOUTS = 8
MAX_BYTES = 256 * 1024 * 1024
"""Values beyond are not kept: a job that prints them without end must not fill the disk."""


class _Slow(Exception):
    """A regular expression is taking too long."""


class Metrics:
    """Appends ``{"name", "value", "at"}`` to ``path`` for each value found; ``at`` in epoch seconds.

    Built-in algorithms' documented expressions spell a TAB as ``#011`` (syslog's way), so a line with TABs is tried in
    both forms. An expression that backtracks without end is interrupted, and dropped when it keeps doing so: the
    matching engine looks at pending signals, and an alarm's handler may raise. Only for the main thread.
    """

    def __init__(self, definitions: list[tuple[str, str]], path: str) -> None:
        self._path = path
        self._expressions: list[tuple[str, re.Pattern[str]]] = []
        self._timeouts = dict.fromkeys((name for name, _ in definitions), 0)
        self._warnings: list[str] = []
        for name, text in definitions:
            try:
                self._expressions.append((name, re.compile(text)))
            except (re.error, RecursionError, OverflowError) as error:
                self._warnings.append(f"metric {name!r} is off: its regular expression is wrong: {error}")
        signal.signal(signal.SIGALRM, _raise)

    def match(self, lines: list[str], now: float) -> list[str]:
        """Look for values; returns warnings for the job's log."""
        found: list[str] = []
        for line in lines:
            forms = [line[:_MAX_CHARACTERS]]
            if "\t" in forms[0]:
                forms.append(forms[0].replace("\t", "#011"))
            for name, expression in tuple(self._expressions):
                value = self._search(name, expression, forms)
                if value is not None:
                    found.append(json.dumps({"name": name, "value": value, "at": now}) + "\n")
        if found:
            try:
                with open(self._path, "a", encoding="utf-8") as file:
                    file.write("".join(found))
                    if file.tell() > MAX_BYTES:
                        self._expressions = []
                        self._warnings.append(f"metrics are off: their values have filled {MAX_BYTES >> 20} MiB")
            except OSError as error:
                self._warnings.append(f"metrics were lost: {error}")
        warnings, self._warnings = self._warnings, []
        return warnings

    def _search(self, name: str, expression: re.Pattern[str], forms: list[str]) -> float | None:
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS)
                hit = next((hit for hit in map(expression.search, forms) if hit), None)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except _Slow:
            self._timeouts[name] += 1
            if self._timeouts[name] >= _MAX_TIMEOUTS:
                self._expressions = [pair for pair in self._expressions if pair[0] != name]
                self._warnings.append(f"metric {name!r} is off: its regular expression takes too long")
            return None
        if hit is None:
            return None
        try:
            value = float(hit.group(1 if expression.groups else 0) or "")
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise _Slow
