"""One database, SQLite or PostgreSQL, behind two context managers: ``read`` and ``write``.

SQLite runs in WAL mode with synchronous=NORMAL: a killed process loses nothing, readers never wait for the writer. A
durable one (FULL) does not lose the last commits to a power cut either.
Writers queue on a lock here rather than on SQLite's busy handler, which would sleep.

PostgreSQL is spoken to by pg8000 (BSD, pure Python); a URL that names another driver of SQLAlchemy's gets that one.
"""

from __future__ import annotations

import json
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from sagewright.store.outages import sqlstate

_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 14}
"""A server has two such pools, 44 connections. PostgreSQL allows 100 by default, so two servers fit."""
_BUSY_SECONDS = 30.0
IDLE_CONNECTIONS = 16
"""Connections to SQLite that stay open while unused."""
CHECKPOINT_PAGES = 4000
"""16 MB of write-ahead log. The writer that reaches it copies the pages into the database and waits for the disk."""
_CONNECTION_ENDED = ("08", "57P")
"""Classes of SQLSTATE after which a connection is of no use: it broke, or the server shuts down."""


class Database:
    """A pool of connections. ``url`` is a SQLAlchemy URL, for instance ``sqlite:////data/sagewright.db``.

    Raises ``ValueError`` for a URL that cannot be used, or whose driver is not installed.
    """

    def __init__(self, url: str, *, durable: bool = False) -> None:
        self.url = url
        try:
            address = make_url(url)
            self.engine = _engine(address, durable)
        except (ArgumentError, ModuleNotFoundError) as error:
            hint = "; pip install 'sagewright[postgres]'" if isinstance(error, ModuleNotFoundError) else ""
            raise ValueError(f"the database URL cannot be used: {error}{hint}") from None
        self.shared = self.engine.dialect.name != "sqlite"
        """Whether other servers may use the database at the same time."""
        # Reads are single statements, for which PostgreSQL needs no BEGIN and no ROLLBACK over the wire. A pool of
        # their own, because changing a connection's mode and back would cost as much again.
        self._reader = _engine(address, durable, isolation_level="AUTOCOMMIT") if self.shared else self.engine
        self._writer = None if self.shared else threading.RLock()
        # To check a connection out of SQLAlchemy's pool and in again costs as much as one of SQLite's queries.
        self._idle: list[Connection] = []

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries."""
        with self._reader.connect() if self.shared else self._pooled() as connection:
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
        with self._writer, self._pooled() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    @contextmanager
    def _pooled(self) -> Iterator[Connection]:
        """An idle connection, returned to the pool afterwards; after an exception it is closed, which rolls back."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.engine.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Give the connections back; a closed SQLite database folds its write-ahead log in."""
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()
        self._reader.dispose()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def _document(value: Any) -> str:
    """The JSON text of a document.

    msgspec is ten times as fast as json, but refuses lone surrogates and writes NaN and infinity as null. So a text
    with "null" in it is written again by json, which is right for both.
    """
    try:
        encoded = _encode(value).decode()
    except (TypeError, UnicodeEncodeError):
        return json.dumps(value)
    return encoded if "null" not in encoded else json.dumps(value)


def _value(text: str) -> Any:
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


_DOCUMENTS: dict[str, Any] = {"json_serializer": _document, "json_deserializer": _value}


def sqlite_url(directory: Path) -> str:
    """The URL of the database in a data directory."""
    return f"sqlite:///{directory / 'sagewright.db'}"


def queue(connection: Connection, name: str) -> None:
    """Let transactions with the same ``name`` go one after the other. This one holds the name until its end.

    So even rows that do not exist yet can be locked. SQLite needs no such lock: it has one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 4566))"), {"name": name})


def _engine(url: URL, durable: bool, **options: Any) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, durable)
    return _postgresql(url, **_DOCUMENTS, **options)


def _sqlite(url: URL, durable: bool) -> Engine:
    arguments = {"check_same_thread": False, "timeout": _BUSY_SECONDS}
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool, **_DOCUMENTS)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN: the driver would begin transactions too late
        cursor = connection.cursor()
        level = "FULL" if durable else "NORMAL"
        _use_wal(cursor)
        for pragma in (f"synchronous={level}", "foreign_keys=ON", f"wal_autocheckpoint={CHECKPOINT_PAGES}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _use_wal(cursor: Any) -> None:
    """Switch to WAL. SQLite refuses this without waiting when two connections do it at once, so it is tried again."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def _postgresql(url: URL, **options: Any) -> Engine:
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+pg8000")
    if url.drivername != "postgresql+pg8000":
        return create_engine(url, **_POOL, **options)
    url, arguments = _as_libpq_means(url)
    engine = create_engine(url, connect_args=arguments, **_POOL, **options)

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
        try:
            return dialect.connect(*cargs, **cparams)
        except OSError as error:
            raise dialect.loaded_dbapi.InterfaceError(str(error)) from error

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.register_out_adapter(str, _storable)

    @event.listens_for(engine, "handle_error")
    def _notice_the_end(context: Any) -> Exception | None:
        error = context.original_exception
        if sqlstate(error).startswith(_CONNECTION_ENDED):
            context.is_disconnect = True
        if not isinstance(error, OSError):
            return None
        context.is_disconnect = True  # pg8000 lets some errors of its socket through as they are
        return OperationalError(context.statement, None, error, connection_invalidated=True)

    return engine


def _storable(value: str) -> str:
    """PostgreSQL's text has no NUL. (In documents it is written as an escape, and kept.)"""
    return value.replace("\0", "\ufffd")


def _as_libpq_means(url: URL) -> tuple[URL, dict[str, Any]]:
    """The parameters that every PostgreSQL URL may have, in pg8000's words: host (a directory), sslmode, sslrootcert.

    https://www.postgresql.org/docs/current/libpq-connect.html
    """
    query = dict(url.query)
    arguments: dict[str, Any] = {}
    if directory := query.pop("host", ""):
        arguments["unix_sock"] = f"{directory}/.s.PGSQL.{url.port or 5432}"
        arguments["ssl_context"] = False
    mode, root = query.pop("sslmode", ""), query.pop("sslrootcert", None)
    if mode in ("require", "verify-ca", "verify-full"):
        arguments["ssl_context"] = context = ssl.create_default_context(cafile=root if isinstance(root, str) else None)
        context.check_hostname = mode == "verify-full"
        if mode == "require" and root is None:
            context.verify_mode = ssl.CERT_NONE
    return url.set(query=query), arguments
