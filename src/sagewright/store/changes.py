"""Changes: what happened to resources, in the order in which it was committed, for those who react to it.

The store of resources records a change in the transaction that makes it, so there is none without the other. A
**reader** has a name and a cursor, and gets every change at least once: it reads, does its work, and then moves the
cursor. Servers that share a database share a reader's cursor under a lease.

PostgreSQL's sequences number rows in the order of insertion, and a transaction may commit after one that began later.
So the order is that of the transactions, and a read ends before the oldest one that is still open: no row can appear
behind a cursor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError

from sagewright.core.clock import Clock
from sagewright.store.database import Database
from sagewright.store.prepared import Prepared
from sagewright.store.schema import changes, cursors

Verb: TypeAlias = Literal["created", "updated", "moved", "deleted"]
READ_SECONDS = 3600.0
"""How long a change is kept that all readers have read."""
UNREAD_SECONDS = 30 * 86_400.0
"""How long a change is kept that a reader has not read."""


class Position(NamedTuple):
    """A place in the order of changes: after the change with these numbers."""

    transaction: int = 0
    seq: int = 0


class ChangeRecord(NamedTuple):
    """One change of a resource. ``before`` and ``after`` are the phases that callers see, empty where there is none.

    ``created``, ``moved`` to another phase, ``updated`` in its spec or status within a phase, ``deleted``.
    """

    position: Position
    at: float
    account: str
    region: str
    kind: str
    resource: str
    """The resource's id."""
    arn: str
    name: str
    verb: Verb
    before: str
    after: str


_COLUMNS = [changes.c[name] for name in ("transaction_id", "seq", *ChangeRecord._fields[1:])]
_FIELDS = ("at", "account", "region", "kind", "resource", "arn", "name", "verb", "before", "after")
_values: dict[str, Any] = {name: bindparam(name) for name in _FIELDS}
_IN_SQLITE = Prepared(insert(changes).values(_values))
_IN_POSTGRESQL = insert(changes).values(transaction_id=func.txid_current(), **_values)
_order = tuple_(changes.c.transaction_id, changes.c.seq)
_OPEN = text("SELECT txid_snapshot_xmin(now), txid_snapshot_xmax(now) FROM (SELECT txid_current_snapshot() AS now) s")


def record_change(connection: Connection, values: Mapping[str, Any]) -> None:
    """Record a change within the caller's transaction. ``values`` are a ``ChangeRecord``'s without its position."""
    if connection.dialect.name == "sqlite":
        _IN_SQLITE.execute(connection, values)
    else:
        connection.execute(_IN_POSTGRESQL, dict(values))


class ChangeLog:
    """Changes in the database, and the cursors of their readers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def after(self, position: Position, limit: int, kinds: Collection[str] = ()) -> Sequence[ChangeRecord]:
        """The next changes after ``position``, of these kinds or of all."""
        with self._database.read() as connection:
            closed, _ = _open(connection)
            query = select(*_COLUMNS).where(_order > tuple_(*position), changes.c.transaction_id < closed)
            if kinds:
                query = query.where(changes.c.kind.in_(kinds))
            rows = connection.execute(query.order_by(changes.c.transaction_id, changes.c.seq).limit(limit)).all()
        return [ChangeRecord(Position(row[0], row[1]), *row[2:]) for row in rows]

    def head(self) -> Position:
        """The position after all changes so far."""
        with self._database.read() as connection:
            closed, _ = _open(connection)
            return _last(connection, closed)

    def register(self, reader: str, *, from_start: bool = False) -> None:
        """Give a reader its cursor, unless it has one: at the changes to come, or at the oldest that are kept."""
        with self._database.read() as connection:
            if connection.execute(select(cursors.c.seq).where(cursors.c.reader == reader)).first() is not None:
                return
        position = Position() if from_start else self.head()
        values = {"reader": reader, "transaction_id": position.transaction, "seq": position.seq}
        try:
            with self._database.write() as connection:
                connection.execute(insert(cursors).values(values))
        except IntegrityError:
            return  # another server was first

    def take(self, reader: str, owner: str, seconds: float) -> Position | None:
        """The reader's cursor, for ``owner`` alone until it moves it or ``seconds`` have passed; None when taken."""
        now = self._clock.now()
        free = or_(cursors.c.lease_until.is_(None), cursors.c.lease_until < now, cursors.c.lease_owner == owner)
        statement = (
            update(cursors)
            .where(cursors.c.reader == reader, free)
            .values(lease_owner=owner, lease_until=now + seconds)
            .returning(cursors.c.transaction_id, cursors.c.seq)
        )
        with self._database.write() as connection:
            row = connection.execute(statement).first()
            return None if row is None else _settled(connection, Position(*row))

    def move(self, reader: str, owner: str, position: Position) -> bool:
        """Note that the reader is done up to ``position``, and let others read; False when its turn was lost."""
        statement = (
            update(cursors)
            .where(cursors.c.reader == reader, cursors.c.lease_owner == owner)
            .values(transaction_id=position.transaction, seq=position.seq, lease_owner=None, lease_until=None)
        )
        with self._database.write() as connection:
            return connection.execute(statement).rowcount == 1

    def forget(self, reader: str) -> None:
        """Delete a reader's cursor."""
        with self._database.write() as connection:
            connection.execute(delete(cursors).where(cursors.c.reader == reader))

    def prune(self) -> int:
        """Delete changes that all readers have read and some time ago, and very old ones; returns how many.

        The newest stays, so that the numbers of the next ones are higher in SQLite too.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            positions = connection.execute(select(cursors.c.transaction_id, cursors.c.seq)).all()
            done = [changes.c.at < now - READ_SECONDS]
            if positions:
                done.append(_order <= tuple_(*min(tuple(each) for each in positions)))
            newest = select(func.max(changes.c.seq)).scalar_subquery()
            removable = or_(and_(*done), changes.c.at < now - UNREAD_SECONDS)
            return connection.execute(delete(changes).where(removable, changes.c.seq < newest)).rowcount

    def wipe(self) -> None:
        """Delete all changes. Readers stay, and read what comes next."""
        with self._database.write() as connection:
            connection.execute(delete(changes))
            connection.execute(update(cursors).values(transaction_id=0, seq=0, lease_owner=None, lease_until=None))


def _open(connection: Connection) -> tuple[int, int]:
    """The oldest transaction that may be open, and the first that has not begun."""
    if connection.dialect.name == "sqlite":
        return 1, 1
    oldest, following = connection.execute(_OPEN).one()
    return oldest, following


def _last(connection: Connection, closed: int) -> Position:
    query = (
        select(changes.c.transaction_id, changes.c.seq)
        .where(changes.c.transaction_id < closed)
        .order_by(changes.c.transaction_id.desc(), changes.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return Position() if row is None else Position(*row)


def _settled(connection: Connection, position: Position) -> Position:
    """A cursor of this database. One that was restored from another, where transactions had come further, is moved."""
    _, following = _open(connection)
    if position.transaction < following:
        return position
    connection.execute(update(changes).where(changes.c.transaction_id >= following).values(transaction_id=0))
    return Position(0, position.seq)
