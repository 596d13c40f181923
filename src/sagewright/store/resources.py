"""Resources: one row for each training job, model, endpoint, role …; the truth about all of them.

``spec`` is the accepted request and changes only by an Update operation, ``status`` is what the platform adds, ``run``
is the engine's own. Handlers write ``spec`` and ``wish``; the reconciler, holding the lease, writes the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Float,
    Integer,
    Select,
    String,
    bindparam,
    cast,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.core.ids import run_id
from sagewright.store.changes import Verb, record_change
from sagewright.store.database import Database
from sagewright.store.events import Event, append_events
from sagewright.store.pages import Query, page
from sagewright.store.prepared import Prepared
from sagewright.store.schema import events, links, resources, tags


class AlreadyExists(Exception):
    """A resource of this kind and name exists already; ``existing`` is it."""

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
    wish: Json
    created: float
    modified: float
    version: int
    due: float | None
    shown: str = ""
    """The phase that callers see. It follows a handler's wish at once, before the engine carries it out."""
    parent: str | None = None
    """The id of the resource whose work this is a part of."""
    wakes: int = 0
    """How often others made the resource due: its children, by moving, and whoever brings news from outside."""

    @property
    def wished(self) -> str:
        """The word of the wish, such as ``stopped``; empty when nothing is wished."""
        return str(self.wish.get("word", ""))


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
_COLUMNS = tuple(resources.c[name] for name in Resource._fields)
_SPEC = Resource._fields.index("spec")
_WITHOUT_SPEC = tuple(column for column in _COLUMNS if column.name != "spec")
_LEASE = (resources.c.lease_owner, resources.c.lease_until)
_NOTES = cast(resources.c.run, String)
"""As text: PostgreSQL cannot query a document that holds a \\0. Quotes inside the document's strings are escaped."""
_NOW = bindparam("now", type_=Float)
_INSERTS = 20
"""Attempts to insert a name that other callers take and free at the same time."""
_FREE = or_(resources.c.lease_until.is_(None), resources.c.lease_until < _NOW)

# Statements are built once: building one costs more than SQLite needs to carry it out.
_INSERT = Prepared(insert(resources).values({name: bindparam(name) for name in Resource._fields}))
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
_POKE = (
    update(resources)
    .where(resources.c.id == bindparam("which"))
    .values(wakes=resources.c.wakes + 1, due=bindparam("now", type_=Float))
)
_REMOVE = delete(resources).where(resources.c.id == bindparam("which"))
_REMOVE_TAGS = delete(tags).where(tags.c.arn == bindparam("its_arn"))
_REMOVE_EVENTS = delete(events).where(events.c.resource == bindparam("which"))
_REMOVE_LINKS = delete(links).where(
    or_(links.c.source == bindparam("its_arn"), links.c.destination == bindparam("its_arn"))
)
_COUNTS = (
    select(resources.c.kind, resources.c.shown, func.count())
    .where(resources.c.parent == bindparam("parent"))
    .group_by(resources.c.kind, resources.c.shown)
)
_APPLY_COLUMNS = ("phase", "shown", "status", "run", "due", "modified")
_APPLY = Prepared(
    update(resources)
    .where(resources.c.id == bindparam("which"))
    .values(lease_owner=null(), lease_until=null(), **{name: bindparam(f"new_{name}") for name in _APPLY_COLUMNS})
)


def _resource(row: Sequence[Any]) -> Resource:
    return Resource._make(row[: len(_COLUMNS)])


class ResourceStore:
    """Resources in the database. Where servers of several machines share it, each reconciles those of its ``place``.

    Each write is recorded in the feed of changes. A child's move makes its parent due in the same transaction, and
    ``hint`` is called with the parent's id after the commit.
    """

    def __init__(
        self, database: Database, clock: Clock, place: str = "", hint: Callable[[str], None] = lambda _: None
    ) -> None:
        self._database = database
        self._clock = clock
        self.hint = hint
        """Lets the reconciler look at the resource with this id, after a commit."""
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
        wish: Json | None = None,
        due: float | None = None,
        parent: str | None = None,
        tag_set: Mapping[str, str] | None = None,
        events: Sequence[Event] = (),
    ) -> Resource:
        """Add a resource with its tags and first events, in one transaction. Raises ``AlreadyExists``."""
        now = self._clock.now()
        notes = self._notes | (run or {})
        resource = Resource(
            id=run_id(),
            account=account,
            region=region,
            kind=kind,
            name=name,
            arn=arn,
            spec=spec,
            status=status or {},
            run=notes,
            phase=phase,
            wish=wish or {},
            created=now,
            modified=now,
            version=1,
            due=due,
            shown=phase,
            parent=parent,
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
        self._announce(resource, moved=True)
        return resource

    def _insert(self, resource: Resource, tag_set: Mapping[str, str], first_events: Sequence[Event]) -> None:
        with self._database.write() as connection:
            _INSERT.execute(connection, resource._asdict())
            if tag_set:
                connection.execute(
                    insert(tags), [{"arn": resource.arn, "key": k, "value": v} for k, v in tag_set.items()]
                )
            append_events(connection, resource.id, resource.arn, first_events)
            self._record(connection, resource, "created", "", resource.shown)

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
        return self._page({"account": account, "region": region, "kind": kind}, query)

    def children(self, parent: str, query: Query | None = None, *, kind: str = "") -> Sequence[Resource]:
        """The children of the resource with this id, of one kind or of all; the oldest first without a ``query``."""
        scope = {"parent": parent} | ({"kind": kind} if kind else {})
        return self._page(scope, query or Query(limit=1_000_000, descending=False))

    def phase_counts(self, parent: str) -> Mapping[tuple[str, str], int]:
        """How many children there are of each kind in each phase that callers see."""
        with self._database.read() as connection:
            rows = connection.execute(_COUNTS, {"parent": parent}).all()
        return {(kind, shown): count for kind, shown, count in rows}

    def _page(self, scope: Mapping[str, str], query: Query) -> Sequence[Resource]:
        statement, values = page(_COLUMNS if query.specs else _WITHOUT_SPEC, scope, query)
        with self._database.read() as connection:
            rows = connection.execute(statement, values).all()
        return [Resource._make(row if query.specs else (*row[:_SPEC], {}, *row[_SPEC:])) for row in rows]

    def update(
        self,
        resource: Resource,
        *,
        spec: Json | None = None,
        status: Json | None = None,
        wish: tuple[Json, str] | None = None,
        due: float | None = None,
    ) -> Resource:
        """A handler's write, refused with ``Stale`` when the version moved on since ``resource`` was read.

        ``wish`` is a document with a ``word``, perhaps an ``id`` that tells it from the same wish made before, and
        content; with it comes the phase that callers see until the wish is granted. ``due`` wakes the reconciler; None
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
            updated = _resource(connection.execute(_BY_ID, {"id": resource.id}).one())
            moved = updated.shown != resource.shown
            self._record(connection, updated, "moved" if moved else "updated", resource.shown, updated.shown)
        self._announce(updated, moved=moved)
        return updated

    def delete(self, resource: Resource, *, below: Collection[str] = ()) -> None:
        """Remove the resource, its tags, events and links; one that does not exist is no error.

        Its children of the kinds ``below`` go with it, and theirs. Other children stay.
        """
        with self._database.write() as connection:
            gone = [resource]
            for each in gone:
                children = _children(each.id, below) if below else None
                gone += map(_resource, connection.execute(children).all()) if children is not None else ()
            for each in reversed(gone):
                if _remove(connection, each.id, each.arn):
                    self._record(connection, each, "deleted", each.shown, "")
        self._announce(resource, moved=True)

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
            current = _resource(row)
            if change.gone:
                _remove(connection, loaded.id, loaded.arn)
                self._record(connection, current, "deleted", current.shown, "")
                updated = None
            else:
                updated = _after(current, loaded, change, now)
                new = {f"new_{name}": getattr(updated, name) for name in _APPLY_COLUMNS}
                _APPLY.execute(connection, {"which": loaded.id, **new})
                if updated.shown != current.shown or updated.status != current.status:
                    verb: Verb = "moved" if updated.shown != current.shown else "updated"
                    self._record(connection, updated, verb, current.shown, updated.shown)
        if current.parent is not None and (updated is None or updated.shown != current.shown):
            self.hint(current.parent)
        return updated

    def poke(self, identifier: str) -> None:
        """Make a resource due now because of news from outside. An act under way is followed by another."""
        with self._database.write() as connection:
            connection.execute(_POKE, {"which": identifier, "now": self._clock.now()})
        self.hint(identifier)

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

    def _record(self, connection: Connection, resource: Resource, verb: Verb, before: str, after: str) -> None:
        """Record a change, and make the parent due when the phase that callers see changed."""
        now = self._clock.now()
        values = {
            "at": now,
            "account": resource.account,
            "region": resource.region,
            "kind": resource.kind,
            "resource": resource.id,
            "arn": resource.arn,
            "name": resource.name,
            "verb": verb,
            "before": before,
            "after": after,
        }
        record_change(connection, values)
        if resource.parent is not None and before != after:
            connection.execute(_POKE, {"which": resource.parent, "now": now})

    def _announce(self, resource: Resource, *, moved: bool) -> None:
        """After the commit: count the write, and let the reconciler look at the parent of a resource that moved."""
        self.changed(resource.region)
        if moved and resource.parent is not None:
            self.hint(resource.parent)

    def _one(self, query: Select[Any], values: Json) -> Resource | None:
        with self._database.read() as connection:
            row = connection.execute(query, values).first()
        return _resource(row) if row is not None else None


def _after(current: Resource, loaded: Resource, change: Change, now: float) -> Resource:
    """The resource with a change applied. News that came since the act loaded it makes it due at once."""
    phase_changed = change.phase is not None and change.phase != current.phase
    news = (current.version, current.wakes) != (loaded.version, loaded.wakes)
    updated = current._replace(
        phase=change.phase or current.phase,
        status=_merge(current.status, change.status),
        run=_merge(current.run, change.run),
        due=now if news else change.due,
        modified=now if phase_changed or change.status or change.events else current.modified,
    )
    return updated._replace(shown=_visible_phase(updated))


def _visible_phase(resource: Resource) -> str:
    """The phase that callers see: the wish's until the wish is granted, or until work that was to stop has ended."""
    granted = (resource.run.get("granted") or {}) == resource.wish
    has_ended = resource.wished == "stopped" and resource.phase in ENDED
    return resource.phase if granted or has_ended else resource.shown


def _merge(document: Json, changes: Mapping[str, Any]) -> Json:
    merged = {**document, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _children(parent: str, kinds: Collection[str]) -> Select[Any]:
    return select(*_COLUMNS).where(resources.c.parent == parent, resources.c.kind.in_(kinds))


def _remove(connection: Connection, identifier: str, arn: str) -> bool:
    """Remove a resource and all that is said of it; False when there was none."""
    found = connection.execute(_REMOVE, {"which": identifier}).rowcount == 1
    connection.execute(_REMOVE_TAGS, {"its_arn": arn})
    connection.execute(_REMOVE_EVENTS, {"which": identifier})
    connection.execute(_REMOVE_LINKS, {"its_arn": arn})
    return found


__all__ = ["ENDED", "AlreadyExists", "Change", "Query", "Resource", "ResourceStore", "Stale"]
