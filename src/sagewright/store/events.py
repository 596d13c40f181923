"""Events: every change of state, appended and never rewritten. SecondaryStatusTransitions are read from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from sagewright.store.database import Database
from sagewright.store.schema import events

_INSERT = insert(events)
_OF = (
    select(events.c.at, events.c.word, events.c.message, events.c.detail)
    .where(events.c.resource == bindparam("of"))
    .order_by(events.c.seq)
)


@dataclass(frozen=True, slots=True)
class Event:
    """At ``at`` (epoch seconds) the resource entered ``word``, for instance ``Downloading``."""

    at: float
    word: str
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def append_events(connection: Connection, resource: str, arn: str, new: Sequence[Event]) -> None:
    """Append within the caller's transaction."""
    if new:
        rows: list[dict[str, Any]] = [
            {"resource": resource, "arn": arn, "at": e.at, "word": e.word, "message": e.message, "detail": {**e.detail}}
            for e in new
        ]
        connection.execute(_INSERT, rows)


class EventStore:
    """Events of resources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, resource: str) -> list[Event]:
        """All events of the resource with this id, oldest first."""
        with self._database.read() as connection:
            return [Event(*row) for row in connection.execute(_OF, {"of": resource})]
