"""Resources: one row for each training job, model, endpoint, role …; the truth about all of them.

``spec`` is the accepted request and changes only by an Update operation, ``status`` is what the platform adds, ``run``
is the engine's own. Handlers write ``spec`` and ``wish``; the reconciler, holding the lease, writes the rest.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import ge, gt, le, lt
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.core.ids import run_id
from sagewright.store.database import Database
from sagewright.store.events import Event, append_events
from sagewright.store.schema import events, resources, tags


class AlreadyExists(Exception):
    """A resource of this kind and name is there already; ``existing`` is it."""

    def __init__(self, existing: Resource) -> None:
        super().__init__(existing.arn)
        self.existing = existing


class Stale(Exception):
    """The resource changed or went away between the read and the write."""


class Resource(NamedTuple):
    """A row as a value. Times are seconds since the epoch. ``due`` None: the reconciler has nothing to do."""

    id: str
    account: str
    region: str
    kind: str
    name: str
    arn: str
    spec: Json
    status: Json
    run: Json
    phase: str
    wish: str
    created: float
    modified: float
    version: int
    due: float | None
    shown: str = ""
    """The phase that callers see. It follows a handler's wish at once, before the engine carries it out."""


@dataclass(frozen=True, slots=True)
class Query:
    """Filters of the List operations. ``order`` names a column, ``after`` is a page's last row.

    ``shown`` are the values of ``Resource.shown`` to list. In an order by ``shown``, ``ranks`` gives the position of
    each phase.
    """

    name_contains: str = ""
    shown: frozenset[str] | None = None
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    order: Literal["name", "created", "modified", "shown"] = "created"
    ranks: tuple[tuple[str, int], ...] = ()
    descending: bool = True
    after: tuple[Any, str] | None = None
    limit: int = 100
    specs: bool = True
    """Whether to read the specs too, by far the largest column."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an act of the reconciler wants written. None leaves a member as it is; ``status`` and ``run`` are merged.

    A value of None inside ``status`` or ``run`` removes that key. ``due`` is always written.
    """

    due: float | None
    phase: str | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    gone: bool = False
    """Delete the row: a caller deleted the resource, and nothing of its work remains."""


ENDED = ("stopped", "succeeded", "failed")
"""The phases of work that has ended."""
_COLUMNS = [resources.c[name] for name in Resource._fields]
_SPEC = Resource._fields.index("spec")
_LEASE = (resources.c.lease_owner, resources.c.lease_until)
_NOTES = cast(resources.c.run, String)
"""As text: PostgreSQL cannot query a document that holds a \\0. Quotes inside the document's strings are escaped."""
_NOW = bindparam("now", type_=Float)
_INSERTS = 20
"""Attempts to insert a name that other callers take and free at the same time."""
_FREE = or_(resources.c.lease_until.is_(None), resources.c.lease_until < _NOW)

# Statements are built once: building one costs more than SQLite needs to carry it out.
_INSERT = insert(resources)
_BY_NAME = select(*_COLUMNS).where(
    *(resources.c[name] == bindparam(name) for name in ("account", "region", "kind", "name"))
)
_BY_ARN = select(*_COLUMNS).where(resources.c.arn == bindparam("arn"))
_BY_ID = select(*_COLUMNS).where(resources.c.id == bindparam("id"))
_LEASED = select(*_COLUMNS, *_LEASE).where(resources.c.id == bindparam("id")).with_for_update()
_DUE = (
    select(resources.c.id, resources.c.due)
    .where(resources.c.due.is_not(None), _FREE)
    .order_by(resources.c.due, resources.c.created)
    .limit(bindparam("most", type_=Integer))
)
_TAKE = (
    update(resources)
    .where(resources.c.id == bindparam("which"), resources.c.due.is_not(None), _FREE)
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"))
    .returning(*_COLUMNS)
)
_APPLY_COLUMNS = ("phase", "shown", "status", "run", "due", "modified")
_APPLY = (
    update(resources)
    .where(resources.c.id == bindparam("which"))
    .values(lease_owner=None, lease_until=None, **{name: bindparam(f"new_{name}") for name in _APPLY_COLUMNS})
)


def _resource(row: Sequence[Any]) -> Resource:
    return Resource._make(row[: len(_COLUMNS)])


class ResourceStore:
    """Resources in the database. Where servers of several machines share it, each reconciles those of its ``place``."""

    def __init__(self, database: Database, clock: Clock, place: str = "") -> None:
        self._database = database
        self._clock = clock
        self._notes = {"place": place} if place else {}
        self._of_place = [or_(_NOTES.contains(f'"{place}"'), ~_NOTES.contains('"place":'))] if place else []
        self._due, self._take = (_DUE.where(*self._of_place), _TAKE.where(*self._of_place)) if place else (_DUE, _TAKE)
        self._lock = threading.Lock()
        self._changes: dict[str, int] = {}

    def changes(self, region: str) -> int:
        """A counter of the writes to the region. A cache of resources is fresh while the counter stays the same."""
        return self._changes.get(region, 0)

    def changed(self, region: str) -> None:
        """Count a write to the region, by this server or possibly by another."""
        with self._lock:
            self._changes[region] = self._changes.get(region, 0) + 1

    def create(  # noqa: PLR0913 - a row has these members
        self,
        *,
        account: str,
        region: str,
        kind: str,
        name: str,
        arn: str,
        spec: Json,
        status: Json | None = None,
        run: Json | None = None,
        phase: str = "ready",
        wish: str = "",
        due: float | None = None,
        tag_set: Mapping[str, str] | None = None,
        events: Sequence[Event] = (),
    ) -> Resource:
        """Add a resource with its tags and first events, in one transaction. Raises ``AlreadyExists``."""
        now = self._clock.now()
        notes = self._notes | (run or {})
        resource = Resource(
            run_id(), account, region, kind, name, arn, spec, status or {}, notes, phase, wish, now, now, 1, due, phase
        )
        for attempt in range(_INSERTS):
            try:
                self._insert(resource, tag_set or {}, events)
                break
            except IntegrityError:
                existing = self.get(account, region, kind, name) or self.by_arn(arn)
                if existing is not None:
                    raise AlreadyExists(existing) from None
                if attempt == _INSERTS - 1:
                    raise
                # It was deleted between insert and read, so the name is free; another caller may take it first again.
        self.changed(region)
        return resource

    def _insert(self, resource: Resource, tag_set: Mapping[str, str], first_events: Sequence[Event]) -> None:
        with self._database.write() as connection:
            connection.execute(_INSERT, resource._asdict())
            if tag_set:
                connection.execute(
                    insert(tags), [{"arn": resource.arn, "key": k, "value": v} for k, v in tag_set.items()]
                )
            append_events(connection, resource.id, resource.arn, first_events)

    def get(self, account: str, region: str, kind: str, name: str) -> Resource | None:
        """The resource of that name, or None."""
        names = {"account": account, "region": region, "kind": kind, "name": name}
        return self._one(_BY_NAME, names)

    def by_arn(self, arn: str) -> Resource | None:
        """The resource with that ARN, or None."""
        return self._one(_BY_ARN, {"arn": arn})

    def by_id(self, identifier: str) -> Resource | None:
        """The resource with that id, or None."""
        return self._one(_BY_ID, {"id": identifier})

    def list(self, account: str, region: str, kind: str, query: Query | None = None) -> Sequence[Resource]:
        """One page, in order; ask for one more than a page to know whether another follows."""
        query = query or Query(limit=1_000_000)
        filters = {name: value for name in _FILTERS if (value := getattr(query, name)) not in ("", None)}
        order = _Order(query.order, query.ranks, query.descending)
        statement = _listing(order, query.specs, query.after is not None, frozenset(filters))
        values = {"account": account, "region": region, "kind": kind, "most": query.limit, **filters}
        if query.name_contains:
            escaped = re.sub("([%_/])", r"/\1", query.name_contains.lower())
            values["name_contains"] = f"%{escaped}%"
        if query.after is not None:
            values["last"], values["last_name"] = query.after
        with self._database.read() as connection:
            rows = connection.execute(statement, values).all()
        return [Resource._make(row if query.specs else (*row[:_SPEC], {}, *row[_SPEC:])) for row in rows]

    def update(
        self,
        resource: Resource,
        *,
        spec: Json | None = None,
        status: Json | None = None,
        wish: tuple[str, str] | None = None,
        due: float | None = None,
    ) -> Resource:
        """A handler's write, refused with ``Stale`` when the version moved on since ``resource`` was read.

        ``wish`` comes with the phase that callers see until the wish is granted. ``due`` wakes the reconciler; None
        leaves it as it is.
        """
        values: dict[str, Any] = {"version": resource.version + 1, "modified": self._clock.now()}
        columns = {"spec": spec, "status": status, "due": due}
        values.update({key: value for key, value in columns.items() if value is not None})
        if wish is not None:
            values["wish"], values["shown"] = wish
        with self._database.write() as connection:
            where = (resources.c.id == resource.id, resources.c.version == resource.version)
            if connection.execute(update(resources).where(*where).values(values)).rowcount != 1:
                raise Stale(resource.arn)
            row = connection.execute(_BY_ID, {"id": resource.id}).one()
        self.changed(resource.region)
        return _resource(row)

    def delete(self, resource: Resource) -> None:
        """Remove the resource, its tags and its events; one that does not exist is no error."""
        with self._database.write() as connection:
            _remove(connection, resource.id, resource.arn)
        self.changed(resource.region)

    # --- the reconciler's side -----------------------------------------------------------------------------------

    def lease(self, owner: str, identifier: str, seconds: float) -> Resource | None:
        """Take the lease of one resource that is due; None when another holds it or nothing is due."""
        now = self._clock.now()
        values = {"which": identifier, "now": now, "owner": owner, "until": now + seconds}
        with self._database.write() as connection:
            row = connection.execute(self._take, values).first()
        return _resource(row) if row is not None else None

    def is_ours(self, resource: Resource) -> bool:
        """Whether the servers of this place reconcile the resource."""
        return not self._notes or resource.run.get("place", self._notes["place"]) == self._notes["place"]

    def due(self, limit: int) -> Sequence[tuple[str, float]]:
        """Ids and times of the resources that the reconciler has to act on and nobody leases, soonest first."""
        with self._database.read() as connection:
            rows = connection.execute(self._due, {"now": self._clock.now(), "most": limit}).all()
        return [(row.id, row.due) for row in rows]

    def renew(self, owner: str, identifiers: Sequence[str], seconds: float) -> None:
        """Extend leases whose acts are still in progress."""
        where = (resources.c.id.in_(identifiers), resources.c.lease_owner == owner)
        with self._database.write() as connection:
            connection.execute(update(resources).where(*where).values(lease_until=self._clock.now() + seconds))

    def apply(self, owner: str, loaded: Resource, change: Change) -> Resource | None:
        """Write what an act decided and give the lease back; None when the lease was lost, and nothing is written.

        A wish written by a handler meanwhile is kept, and makes the resource due at once.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            row = connection.execute(_LEASED, {"id": loaded.id}).first()
            if row is None or row.lease_owner != owner or row.lease_until < now:
                return None
            append_events(connection, loaded.id, loaded.arn, change.events)
            if change.gone:
                _remove(connection, loaded.id, loaded.arn)
                return None
            current = _resource(row)
            phase_changed = change.phase is not None and change.phase != current.phase
            updated = current._replace(
                phase=change.phase or current.phase,
                status=_merge(current.status, change.status),
                run=_merge(current.run, change.run),
                due=now if current.version != loaded.version else change.due,
                modified=now if phase_changed or change.status or change.events else current.modified,
            )
            updated = updated._replace(shown=_visible_phase(updated))
            new = {f"new_{name}": getattr(updated, name) for name in _APPLY_COLUMNS}
            connection.execute(_APPLY, {"which": loaded.id, **new})
        return updated

    def release(self, owner: str | None = None) -> None:
        """Give back all leases of an owner that is ending; of every owner here, when none can be alive."""
        statement = update(resources).where(*self._of_place).values(lease_owner=None, lease_until=None)
        with self._database.write() as connection:
            connection.execute(statement.where(resources.c.lease_owner == owner) if owner else statement)

    def wake(self, kinds: Sequence[str], phases: Sequence[str]) -> None:
        """Make resources due now, such as those that waited for a server that ended."""
        where = (resources.c.kind.in_(kinds), resources.c.phase.in_(phases), *self._of_place)
        with self._database.write() as connection:
            connection.execute(update(resources).where(*where).values(due=self._clock.now()))

    def phases(self, identifiers: Sequence[str]) -> dict[str, str]:
        """The phases by id of those resources that exist."""
        query = select(resources.c.id, resources.c.phase).where(resources.c.id.in_(identifiers))
        with self._database.read() as connection:
            return {row.id: row.phase for row in connection.execute(query)}

    def in_phases(self, kinds: Sequence[str], phases: Sequence[str]) -> Sequence[Resource]:
        """All resources of these kinds in these phases here, oldest first, over all accounts and regions."""
        query = select(*_COLUMNS).where(resources.c.kind.in_(kinds), resources.c.phase.in_(phases), *self._of_place)
        with self._database.read() as connection:
            return [_resource(row) for row in connection.execute(query.order_by(resources.c.created)).all()]

    def _one(self, query: Select[Any], values: Json) -> Resource | None:
        with self._database.read() as connection:
            row = connection.execute(query, values).first()
        return _resource(row) if row is not None else None


def _bound(name: str, column: Any, compare: Callable[[Any, Any], Any]) -> Any:
    return compare(column, bindparam(name, type_=column.type))


# The condition that each filter of a Query adds.
_FILTERS: Mapping[str, Any] = {
    "name_contains": func.lower(resources.c.name).like(bindparam("name_contains", type_=String), escape="/"),
    "shown": resources.c.shown.in_(bindparam("shown", expanding=True)),
    "created_after": _bound("created_after", resources.c.created, gt),
    "created_before": _bound("created_before", resources.c.created, lt),
    "modified_after": _bound("modified_after", resources.c.modified, gt),
    "modified_before": _bound("modified_before", resources.c.modified, lt),
}


class _Order(NamedTuple):
    """The order of a listing: by a column, or by ``ranks`` of the phases in ``shown``."""

    column: str
    ranks: tuple[tuple[str, int], ...]
    descending: bool

    def expression(self) -> ColumnElement[Any]:
        column = resources.c[self.column]
        return case(dict(self.ranks), value=column, else_=-1) if self.ranks else column


@cache
def _listing(order: _Order, specs: bool, continued: bool, filters: frozenset[str]) -> Select[Any]:
    """The query for a page; ``continued`` when it begins after the last row of another."""
    column, name, descending = order.expression(), resources.c.name, order.descending
    where = [resources.c[each] == bindparam(each) for each in ("account", "region", "kind")]
    where += [_FILTERS[each] for each in sorted(filters)]
    if continued:
        strictly, from_last = (lt, le) if descending else (gt, ge)
        last = bindparam("last", type_=column.type)
        # the second condition implies the first, by which an index finds the position
        where += [from_last(column, last), or_(strictly(column, last), strictly(name, bindparam("last_name")))]
    columns = _COLUMNS if specs else [each for each in _COLUMNS if each.name != "spec"]
    sorting = (column.desc(), name.desc()) if descending else (column.asc(), name.asc())
    return select(*columns).where(*where).order_by(*sorting).limit(bindparam("most", type_=Integer))


def _visible_phase(resource: Resource) -> str:
    """The phase that callers see: the wish's until the wish is granted, or until work that was to stop has ended."""
    wish_granted = resource.run.get("granted", "") == resource.wish
    return (
        resource.phase if wish_granted or (resource.wish == "stopped" and resource.phase in ENDED) else resource.shown
    )


def _merge(document: Json, changes: Mapping[str, Any]) -> Json:
    merged = {**document, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _remove(connection: Connection, identifier: str, arn: str) -> None:
    connection.execute(delete(resources).where(resources.c.id == identifier))
    connection.execute(delete(tags).where(tags.c.arn == arn))
    connection.execute(delete(events).where(events.c.resource == identifier))
