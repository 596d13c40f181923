"""What becomes of the members of a request that no code reads: a table beside the nouns says it.

Each path of a request is read by code, or stands in a table ``members.toml`` under its operation as one of

- ``refused``: the request fails, and the error names the member. ``"Path=A|B"`` refuses these values alone. The text is
  a hint that is added to the error, often empty.
- ``harmless``: accepted without effect, because the result is the same. The text is the reason.
- ``logged``: harmless too, and the log of the work says so. The text is the reason.
- ``shown``: kept, and Describe shows it: that is all it is for. The text may say who reads it.
- ``stored``: kept and shown for an operation that does not work yet. The text is the name of that operation.

A path names members with dots, and ``[]`` stands for each item of a list: ``InputDataConfig[].ShuffleConfig``. A row is
true of everything below its path. A member that is false, zero or empty counts as absent.
``tests/contract/test_members.py`` holds the tables to botocore's model and to what code reads.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from sagewright.core import Json
from sagewright.core.errors import ValidationException


class _Row(NamedTuple):
    """A row of ``refused``, taken apart: values are empty where all are refused."""

    path: tuple[str, ...]
    first: str
    values: frozenset[str]
    hint: str


@dataclass(frozen=True)
class Members:
    """The rows of one operation; each maps a path to its text."""

    refused: Mapping[str, str] = field(default_factory=dict)
    harmless: Mapping[str, str] = field(default_factory=dict)
    logged: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)

    def check(self, request: Json) -> None:
        """Raises ValidationException that names the first refused member of the request."""
        for row in self._rows:
            if row.first not in request:
                continue
            for name, value in _found(request, row.path):
                if row.values and _text(value) not in row.values:
                    continue
                what = f"{name} {_text(value)}" if row.values and value is not True else name
                raise ValidationException(f"{what} is not supported yet{f': {row.hint}' if row.hint else '.'}")

    @cached_property
    def _rows(self) -> list[_Row]:
        rows = []
        for row, hint in self.refused.items():
            name, _, values = row.partition("=")
            path = tuple(name.split("."))
            rows.append(_Row(path, path[0].removesuffix("[]"), frozenset(filter(None, values.split("|"))), hint))
        return rows

    def notes(self, request: Json) -> tuple[str, ...]:
        """A sentence for the log about each ``logged`` row that the request has a member of."""
        return tuple(
            f"{path.replace('[]', '')} has no effect here: {reason}"
            for path, reason in self.logged.items()
            if any(_found(request, tuple(path.split("."))))
        )


def _found(value: Any, parts: tuple[str, ...], name: str = "") -> Iterator[tuple[str, Any]]:
    """Each non-empty value at a path, with its full name: ``InputDataConfig[0].InputMode``."""
    if not value or not parts:
        if value:
            yield name, value
        return
    member, each = parts[0].removesuffix("[]"), parts[0].endswith("[]")
    inner = dict.get(value, member)  # what the tests note of reads are those by code, not these
    full = f"{name}.{member}" if name else member
    for index, item in enumerate(inner or ()) if each else [(None, inner)]:
        yield from _found(item, parts[1:], full if index is None else f"{full}[{index}]")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_EMPTY = Members()
_tables: dict[tuple[str, str], Members] = {}


def register(service: str, table: Path) -> None:
    """Read the table of an area. Raises ``ValueError`` for an operation that has one already."""
    for operation, rows in tomllib.loads(table.read_text()).items():
        if (service, operation) in _tables:
            raise ValueError(f"{service}:{operation} has two tables of members")
        _tables[service, operation] = Members(**rows)


def all_members() -> list[tuple[str, Members]]:
    """Every operation that has a table, by name."""
    return [(operation, rows) for (_, operation), rows in sorted(_tables.items(), key=lambda item: item[0])]


def members_of(service: str, operation: str) -> Members:
    """The rows of an operation; none where no table names it."""
    return _tables.get((service, operation), _EMPTY)
