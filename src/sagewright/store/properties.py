"""Properties of resources, indexed when a search first uses them: what is never searched costs nothing.

The values are what callers see of a resource. The store cannot know them, so it is given a function that extracts them.
A row of ``resources`` counts the changes of what is shown in ``revision``; ``indexed`` is the revision whose values are
in ``property_values``. Before a search those that differ are extracted again. Whatever is written is compared with the
revision that was read, under a lock of the row, so searches at the same time and a kill at any moment leave a right
index.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, tuple_, update

from sagewright.core.clock import Clock
from sagewright.store.database import Database, queue
from sagewright.store.property_search import (
    ABSENT,
    HEAD,
    NUMBER,
    TEXT,
    Condition,
    Hit,
    Paging,
    count,
    encoded,
    is_number,
    page,
)
from sagewright.store.resources import Resource
from sagewright.store.schema import indexed_properties, property_values, resources, tags

BATCH = 1000
"""Resources whose values are extracted and written at a time."""
MOST = 60
"""Properties of a kind that stay indexed, more than one search can name; the one not used for longest goes first."""
NOTED_SECONDS = 60.0
"""How exact the time of a property's last use is."""
_TRIES = 100
_FORGET = delete(property_values).where(
    property_values.c.property == bindparam("of"), property_values.c.resource == bindparam("which")
)


class Scope(NamedTuple):
    """The resources of a kind of an account in a region."""

    account: str
    region: str
    kind: str


class Value(NamedTuple):
    """A value: its text, the number it is, and the item of a list that it is in."""

    text: str
    number: float | None = None
    item: int = -1


class Item(NamedTuple):
    """An item of a list that has no value of the property."""

    item: int


Values: TypeAlias = Mapping[str, Sequence[Value | Item]]
"""Values by property; a property without any may be left out."""
Extract: TypeAlias = Callable[[Resource, Mapping[str, str], Sequence[str]], Values]
"""The values of a resource with these tags, of the properties with these names."""


class Source(NamedTuple):
    """How the values of a scope's properties are made. An index by another version of the code is built anew."""

    scope: Scope
    extract: Extract
    version: str


class _Indexed(NamedTuple):
    """A row of ``indexed_properties``."""

    id: int
    name: bytes
    maker: str
    upto: str | None
    used: float


class _State(NamedTuple):
    """A resource as it was read, and which state of it that was."""

    resource: Resource
    revision: int
    indexed: int


class PropertyStore:
    """The index of properties in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._locks: defaultdict[Scope, threading.Lock] = defaultdict(threading.Lock)

    def ready(self, source: Source, names: Iterable[str]) -> Mapping[str, int]:
        """The ids of these properties, by name, once their index holds every resource as it is now."""
        wanted = {encoded(name): name for name in names}
        with self._locks[source.scope]:
            self._drop_others(source, wanted)
            self._register(source, wanted)
            self._build(source)
            self._catch_up(source)
            return {wanted[each.name]: each.id for each in self._indexed(source.scope) if each.name in wanted}

    def search(
        self,
        source: Source,
        condition: Callable[[Mapping[str, int]], Condition | None],
        names: Iterable[str],
        paging: Callable[[Mapping[str, int]], Paging],
    ) -> tuple[int, list[Hit]]:
        """How many resources satisfy the condition, and a page of them.

        ``condition`` and ``paging`` are made of the properties' ids.
        """
        names = set(names)
        for _ in range(_TRIES):
            ids = self.ready(source, names)
            wanted, paged = condition(ids), paging(ids)
            with self._database.read() as connection:
                hits = count(connection, paged.property, wanted)
                found = page(connection, paged, wanted, hits)
                if self._are_there(connection, list(ids.values())):
                    return hits, found
        raise RuntimeError("properties are dropped as fast as they are indexed")

    def outdated(self, identifiers: Sequence[str]) -> None:
        """Have the values of these resources extracted again: something else that is shown of them changed."""
        with self._database.write() as connection:
            where = resources.c.id.in_(identifiers)
            connection.execute(update(resources).where(where).values(revision=resources.c.revision + 1))

    def resources(self, identifiers: Sequence[str]) -> dict[str, tuple[Resource, dict[str, str]]]:
        """The resources with these ids that exist, and their tags."""
        with self._database.read() as connection:
            states = _states(connection, resources.c.id.in_(identifiers))
            tagged = _tags(connection, states)
        return {each.resource.id: (each.resource, tagged.get(each.resource.arn, {})) for each in states}

    def wipe(self) -> None:
        """Remove everything."""
        with self._database.write() as connection:
            connection.execute(delete(property_values))
            connection.execute(delete(indexed_properties))

    # --- which properties are indexed ------------------------------------------------------------------------------

    def _indexed(self, scope: Scope) -> list[_Indexed]:
        with self._database.read() as connection:
            return _indexed(connection, scope)

    def _are_there(self, connection: Connection, ids: Sequence[int]) -> bool:
        """Whether no property was dropped while a search read its values."""
        there = select(func.count()).where(indexed_properties.c.id.in_(ids), indexed_properties.c.name.is_not(None))
        return connection.execute(there).scalar_one() == len(ids)

    def _register(self, source: Source, wanted: Mapping[bytes, str]) -> None:
        """Have the wanted properties indexed, and note that they are used."""
        now = self._clock.now()
        there = {each.name: each for each in self._indexed(source.scope)}
        new = [name for name in wanted if name not in there]
        used = [each.id for name, each in there.items() if name in wanted and each.used < now - NOTED_SECONDS]
        if not new and not used:
            return
        with self._database.write() as connection:
            queue(connection, f"properties {source.scope}")
            there_now = {each.name for each in _indexed(connection, source.scope)}
            rows: list[dict[str, Any]] = [
                {**source.scope._asdict(), "name": name, "maker": source.version, "upto": "", "used": now}
                for name in new
                if name not in there_now
            ]
            if rows:
                connection.execute(insert(indexed_properties), rows)
            if used:
                connection.execute(update(indexed_properties).where(indexed_properties.c.id.in_(used)).values(used=now))

    def _drop_others(self, source: Source, wanted: Mapping[bytes, str]) -> None:
        """Drop what another version of the code made, and what was not used for longest where there are too many."""
        there = self._indexed(source.scope)
        old = [each.id for each in there if each.maker != source.version]
        kept = sorted((each for each in there if each.maker == source.version), key=lambda each: each.used)
        idle = [each.id for each in kept if each.name not in wanted]
        new = len(wanted) - (len(kept) - len(idle))
        surplus = len(kept) + new - MOST
        gone = [*old, *(idle[:surplus] if surplus > 0 else ())]
        if gone:
            with self._database.write() as connection:
                where = indexed_properties.c.id.in_(gone)
                connection.execute(update(indexed_properties).where(where).values(name=None))
        self._delete_dropped(source.scope)

    def _delete_dropped(self, scope: Scope) -> None:
        """Delete the values of dropped properties in small transactions, then the properties."""
        query = select(indexed_properties.c.id).where(
            *_within(indexed_properties, scope), indexed_properties.c.name.is_(None)
        )
        with self._database.read() as connection:
            dropped = connection.execute(query).scalars().all()
        for each in dropped:
            value = property_values.c
            keys = [value.property, value.resource, value.position]
            some = select(*keys).where(value.property == each).limit(BATCH * 5)
            removed = 1
            while removed:
                with self._database.write() as connection:
                    removed = connection.execute(delete(property_values).where(tuple_(*keys).in_(some))).rowcount
            with self._database.write() as connection:
                connection.execute(delete(indexed_properties).where(indexed_properties.c.id == each))

    # --- values ----------------------------------------------------------------------------------------------------

    def _build(self, source: Source) -> None:
        """Index the properties that are new, from where an earlier build ended."""
        while True:
            unfinished = [each for each in self._indexed(source.scope) if each.upto is not None]
            if not unfinished:
                return
            start = min(each.upto or "" for each in unfinished)
            with self._database.read() as connection:
                states = _states(connection, *_within(resources, source.scope), resources.c.name > start, ordered=True)
            last = states[-1].resource.name if len(states) == BATCH else None
            self._write(source, states, unfinished, last)

    def _catch_up(self, source: Source) -> None:
        """Index what changed since the last search."""
        for _ in range(_TRIES):
            with self._database.read() as connection:
                changed = (*_within(resources, source.scope), resources.c.revision != resources.c.indexed)
                states = _states(connection, *changed)
            if not states:
                return
            self._write(source, states, (), None)

    def _write(self, source: Source, states: Sequence[_State], building: Sequence[_Indexed], last: str | None) -> None:
        """Write the values of resources: all where these changed, else of the properties that are being built.

        Nothing is written when other properties came meanwhile, and of resources that changed meanwhile.
        """
        with self._database.read() as connection:
            properties = _indexed(connection, source.scope)
            tagged = _tags(connection, states)
        ids = {each.id for each in building}
        names = {each.id: each.name.decode("utf-8", "surrogatepass") for each in properties}
        rows: dict[str, list[dict[str, Any]]] = {}
        for state in states:
            chosen = {id_: name for id_, name in names.items() if state.revision != state.indexed or id_ in ids}
            found = source.extract(state.resource, tagged.get(state.resource.arn, {}), list(chosen.values()))
            rows[state.resource.id] = [
                row for id_, name in chosen.items() for row in _rows(id_, state.resource, found.get(name, ()))
            ]
        with self._database.write() as connection:
            if {each.id for each in _indexed(connection, source.scope)} != set(names):
                return
            same = _unchanged(connection, states)
            _replace(connection, [row for each in same for row in rows[each.resource.id]], same, names, ids)
            if building:
                connection.execute(update(indexed_properties).where(indexed_properties.c.id.in_(ids)).values(upto=last))


def _within(table: Any, scope: Scope) -> list[ColumnElement[bool]]:
    return [table.c[column] == value for column, value in scope._asdict().items()]


def _indexed(connection: Connection, scope: Scope) -> list[_Indexed]:
    columns = [indexed_properties.c[name] for name in _Indexed._fields]
    query = select(*columns).where(*_within(indexed_properties, scope), indexed_properties.c.name.is_not(None))
    return [_Indexed(row.id, bytes(row.name), row.maker, row.upto, row.used) for row in connection.execute(query)]


def _states(connection: Connection, *where: ColumnElement[bool], ordered: bool = False) -> list[_State]:
    """Such resources, ``BATCH`` at most; the first in order of their names when ``ordered``.

    Without an order the database finds what changed by its index, instead of reading all resources by their names.
    """
    columns = [resources.c[name] for name in Resource._fields]
    query = select(*columns, resources.c.revision, resources.c.indexed).where(*where)
    rows: Sequence[Any] = connection.execute(
        (query.order_by(resources.c.name) if ordered else query).limit(BATCH)
    ).all()
    return [_State(Resource._make(row[:-2]), row[-2], row[-1]) for row in rows]


def _tags(connection: Connection, states: Sequence[_State]) -> dict[str, dict[str, str]]:
    """The tags of the resources, by ARN, in order of their keys."""
    query = select(tags).where(tags.c.arn.in_([each.resource.arn for each in states])).order_by(tags.c.key)
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.arn, {})[row.key] = row.value
    return found


def _unchanged(connection: Connection, states: Sequence[_State]) -> list[_State]:
    """Those resources that still are what was read; their rows stay locked until the transaction ends."""
    query = select(resources.c.id, resources.c.revision).where(
        resources.c.id.in_([each.resource.id for each in states])
    )
    rows = connection.execute(query.order_by(resources.c.id).with_for_update())
    revisions: dict[str, int] = {row.id: row.revision for row in rows}
    return [each for each in states if revisions.get(each.resource.id) == each.revision]


def _replace(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    states: Sequence[_State],
    properties: Iterable[int],
    building: Iterable[int],
) -> None:
    """Write the rows in place of the old ones. What changed has values of all ``properties``."""
    changed = [each.resource.id for each in states if each.revision != each.indexed]
    other = [each.resource.id for each in states if each.revision == each.indexed]
    pairs = [(each, id_) for some, ids in ((changed, properties), (other, building)) for each in some for id_ in ids]
    if pairs:
        connection.execute(_FORGET, [{"which": each, "of": id_} for each, id_ in pairs])
    if rows:
        connection.execute(insert(property_values), rows)
    if changed:
        where = resources.c.id.in_(changed)
        connection.execute(update(resources).where(where).values(indexed=resources.c.revision))


def _rows(wanted: int, resource: Resource, values: Sequence[Value | Item]) -> list[dict[str, Any]]:
    """The rows of a property's values, at least one."""
    names = {"property": wanted, "resource": resource.id, "name": resource.name}
    absent = {"rank": ABSENT, "number": 0.0, "head": b"", "text": None}
    rows: list[dict[str, Any]] = []
    for position, value in enumerate(values or (Item(-1),)):
        row = {**names, "position": position, "item": value.item, **absent}
        if isinstance(value, Value):
            text, number = encoded(value.text), value.number
            rank, number = (NUMBER, number) if is_number(number) else (TEXT, 0.0)
            row |= {"rank": rank, "number": number, "head": text[:HEAD], "text": text if len(text) > HEAD else None}
        rows.append(row)
    return rows
