"""Statements compiled once, for the few that every call and every act carries out.

SQLAlchemy looks up, checks and describes a statement each time; in SQLite that costs more than carrying it out. Where
the database is another, a statement goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Update


class Prepared:
    """An INSERT, or an UPDATE, whose parameters are named by ``execute``'s values."""

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._text = ""
        self._parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...] = ()

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Carry the statement out. Raises what ``Connection.execute`` raises."""
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, dict(values))
            return
        if not self._text:
            self._compile(connection.dialect)
        bound = tuple(values[name] if convert is None else convert(values[name]) for name, convert in self._parameters)
        connection.exec_driver_sql(self._text, bound)

    def _compile(self, dialect: Dialect) -> None:
        compiled = self._statement.compile(dialect=dialect)
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        self._parameters = tuple((name, kinds[name].bind_processor(dialect)) for name in compiled.positiontup or ())
        self._text = str(compiled)
