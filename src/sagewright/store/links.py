"""Links: one resource is connected to another, from a source to a destination, in a way that a type names.

Associations of experiments and lineage are links, and so is whatever else belongs together without being a part.
Links of a resource go when it is deleted (``store.resources``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.store.database import Database
from sagewright.store.schema import links

Direction: TypeAlias = Literal["ascendants", "descendants", "both"]
BATCH = 500
"""ARNs in one query: SQLite and PostgreSQL bound the number of parameters."""


class Link(NamedTuple):
    """One link. ``source`` and ``destination`` are ARNs; their types are the resources' own, such as ``Model``."""

    source: str
    destination: str
    type: str
    account: str
    region: str
    source_type: str
    destination_type: str
    created: float
    created_by: Json


class Step(NamedTuple):
    """A link that a walk found, ``depth`` links away from where it began (the first are at 1)."""

    link: Link
    depth: int


@dataclass(frozen=True, slots=True)
class LinkQuery:
    """What to list. ``equal`` maps columns (source, destination, type, source_type, destination_type) to their values.

    ``after`` is the last link of the page before.
    """

    equal: Mapping[str, str] = field(default_factory=dict)
    created_after: float | None = None
    created_before: float | None = None
    order: Literal["created", "source", "destination", "source_type", "destination_type"] = "created"
    descending: bool = True
    after: Link | None = None
    limit: int = 100


_FIELDS = [links.c[name] for name in Link._fields]
_FILTERS = ("source", "destination", "type", "source_type", "destination_type")
_IDENTITY = ("source", "destination", "type")


class LinkStore:
    """Links in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(  # noqa: PLR0913 - a row has these members
        self,
        account: str,
        region: str,
        *,
        source: str,
        destination: str,
        type: str,
        source_type: str = "",
        destination_type: str = "",
        created_by: Json | None = None,
    ) -> bool:
        """Link two resources; False, and nothing is changed, when this link is there."""
        now = self._clock.now()
        link = Link(source, destination, type, account, region, source_type, destination_type, now, created_by or {})
        try:
            with self._database.write() as connection:
                connection.execute(insert(links), link._asdict())
        except IntegrityError:
            return False
        return True

    def remove(self, source: str, destination: str, type: str | None = None) -> int:
        """Remove the links from ``source`` to ``destination``, of one type or of all; returns how many there were."""
        where = [links.c.source == source, links.c.destination == destination]
        if type is not None:
            where.append(links.c.type == type)
        with self._database.write() as connection:
            return connection.execute(delete(links).where(*where)).rowcount

    def list(self, account: str, region: str, query: LinkQuery | None = None) -> Sequence[Link]:
        """One page of an account's links in a region, in order. Raises ``KeyError`` for a filter that is no column."""
        query = query or LinkQuery()
        where = [links.c.account == account, links.c.region == region]
        where += [links.c[_known(name)] == value for name, value in query.equal.items()]
        if query.created_after is not None:
            where.append(links.c.created > query.created_after)
        if query.created_before is not None:
            where.append(links.c.created < query.created_before)
        order = [links.c[name] for name in (query.order, *(name for name in _IDENTITY if name != query.order))]
        if query.after is not None:
            where.append(_beyond(order, query.after, query.descending))
        sorting = [each.desc() if query.descending else each.asc() for each in order]
        statement = select(*_FIELDS).where(*where).order_by(*sorting).limit(query.limit)
        with self._database.read() as connection:
            return [Link._make(row) for row in connection.execute(statement)]

    def of(self, arn: str) -> Sequence[Link]:
        """All links that begin or end at an ARN, oldest first."""
        ends = or_(links.c.source == arn, links.c.destination == arn)
        with self._database.read() as connection:
            return [
                Link._make(row) for row in connection.execute(select(*_FIELDS).where(ends).order_by(links.c.created))
            ]

    def walk(
        self,
        starts: Collection[str],
        direction: Direction,
        *,
        depth: int = 10,
        limit: int = 1000,
        types: Collection[str] = (),
    ) -> Sequence[Step]:
        """The links that lead from ``starts`` to their descendants, ascendants or both, the nearest first, each once.

        Two queries at most for each batch of a depth. ``types`` keeps to links of these types.
        """
        found: dict[tuple[str, str, str], Step] = {}
        seen, frontier = set(starts), list(dict.fromkeys(starts))
        with self._database.read() as connection:
            for level in range(1, depth + 1):
                following: dict[str, None] = {}
                for batch in (frontier[at : at + BATCH] for at in range(0, len(frontier), BATCH)):
                    for near, far in _ENDS[direction]:
                        query = select(*_FIELDS).where(links.c[near].in_(batch))
                        query = query.where(links.c.type.in_(types)) if types else query
                        for row in connection.execute(query.order_by(links.c.created, links.c.source)).all():
                            link = Link._make(row)
                            found.setdefault((link.source, link.destination, link.type), Step(link, level))
                            following[getattr(link, far)] = None
                            if len(found) >= limit:
                                return list(found.values())
                frontier = [arn for arn in following if arn not in seen]
                seen.update(frontier)
                if not frontier:
                    break
        return list(found.values())

    def wipe(self) -> None:
        """Delete all links."""
        with self._database.write() as connection:
            connection.execute(delete(links))


_ENDS: Mapping[str, Sequence[tuple[str, str]]] = {
    "descendants": (("source", "destination"),),
    "ascendants": (("destination", "source"),),
    "both": (("source", "destination"), ("destination", "source")),
}


def _known(name: str) -> str:
    if name not in _FILTERS:
        raise KeyError(name)
    return name


def _beyond(order: Sequence[ColumnElement[Any]], last: Link, descending: bool) -> ColumnElement[bool]:
    """The rows that come after ``last`` in the order."""
    terms = []
    for position, column in enumerate(order):
        same = [each == getattr(last, str(each.key)) for each in order[:position]]
        value = getattr(last, str(column.key))
        terms.append(and_(*same, column < value if descending else column > value))
    return or_(*terms)
