"""One database, SQLite or PostgreSQL, behind two context managers: ``read`` and ``write``.

SQLite runs in WAL mode with synchronous=NORMAL: a killed process loses nothing, readers never wait for the writer. A
durable one (FULL) does not lose the last commits to a power cut either.
Writers queue on a lock here rather than on SQLite's busy handler, which would sleep.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event


class Database:
    """A pool of connections. ``url`` is a SQLAlchemy URL, for instance ``sqlite:////data/sagewright.db``."""

    def __init__(self, url: str, *, durable: bool = False) -> None:
        self.url = url
        self.engine = _engine(url, durable)
        self._writer = threading.RLock() if self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that commits at the end, or rolls back on an exception.

        Never hold it across a process or network call. Do not nest ``write`` in ``write``.
        """
        if self._writer is None:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._writer, self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def close(self) -> None:
        """Give the connections back; a closed SQLite database folds its write-ahead log in."""
        self.engine.dispose()


def _engine(url: str, durable: bool) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=16, max_overflow=16)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30}, pool_size=32)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours: the driver's own would start transactions too late
        cursor = connection.cursor()
        level = "FULL" if durable else "NORMAL"
        for pragma in ("journal_mode=WAL", f"synchronous={level}", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
