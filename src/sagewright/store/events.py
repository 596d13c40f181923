"""Events: every change of state, appended and never rewritten. SecondaryStatusTransitions are read from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from sagewright.store.database import Database
from sagewright.store.prepared import Prepared
from sagewright.store.schema import events

_NAMES = ("resource", "arn", "at", "word", "message", "detail")
_INSERT = Prepared(insert(events).values({name: bindparam(name) for name in _NAMES}))
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
    for each in new:
        values = (resource, arn, each.at, each.word, each.message, {**each.detail})
        _INSERT.execute(connection, dict(zip(_NAMES, values, strict=True)))


class EventStore:
    """Events of resources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, resource: str) -> list[Event]:
        """All events of the resource with this id, oldest first."""
        with self._database.read() as connection:
            return [Event(*row) for row in connection.execute(_OF, {"of": resource})]
