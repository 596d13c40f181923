"""Logs: groups and streams are rows, the events of a stream are the lines of a file (``store.log_files``)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.core.clock import Clock
from sagewright.core.ids import run_id
from sagewright.store import log_files
from sagewright.store.database import Database
from sagewright.store.log_files import EVERYTHING, PAGE_BYTES, Extent, LogEvent, Page, Window, escape, unescape
from sagewright.store.schema import log_groups, log_streams

DAY_MS = 86_400_000


class AlreadyExists(Exception):
    """A group or a stream of that name is there already."""


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A group of streams. ``created`` is in seconds since the epoch; ``retention_days`` None keeps events forever."""

    id: str
    account: str
    region: str
    name: str
    created: float
    retention_days: int | None
    log_class: str
    kms_key: str | None

    @property
    def arn(self) -> str:
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.name}"


@dataclass(frozen=True, slots=True)
class LogStream:
    """A stream of events, kept in the file at ``path``."""

    id: str
    group_id: str
    name: str
    created: float
    path: Path


_GROUP = [log_groups.c[name] for name in LogGroup.__slots__]
_STREAM = [log_streams.c[name] for name in LogStream.__slots__ if name != "path"]


class LogStore:
    """Groups and streams in the database, events in files below ``root``. Names are never part of a path."""

    def __init__(self, database: Database, root: Path, clock: Clock) -> None:
        self._database = database
        self._root = root
        self._clock = clock

    # --- groups --------------------------------------------------------------------------------------------------

    def create_group(
        self, account: str, region: str, name: str, log_class: str = "STANDARD", kms_key: str | None = None
    ) -> LogGroup:
        """Add a group. Raises ``AlreadyExists``."""
        group = LogGroup(run_id(), account, region, name, self._clock.now(), None, log_class, kms_key)
        try:
            with self._database.write() as connection:
                connection.execute(insert(log_groups).values({key: getattr(group, key) for key in LogGroup.__slots__}))
        except IntegrityError:
            raise AlreadyExists(name) from None
        return group

    def group(self, account: str, region: str, name: str) -> LogGroup | None:
        """The group of that name, or None."""
        return next(iter(self._groups(account, region, log_groups.c.name == name)), None)

    def groups(self, account: str, region: str, prefix: str = "", after: str = "") -> list[LogGroup]:
        """The groups whose names begin with ``prefix`` and sort after ``after``, by name."""
        return self._groups(account, region, _begins(log_groups.c.name, prefix), log_groups.c.name > after)

    def retain(self, group: LogGroup, days: int | None) -> None:
        """Keep the group's events for so many days; None keeps them forever."""
        with self._database.write() as connection:
            connection.execute(update(log_groups).where(log_groups.c.id == group.id).values(retention_days=days))

    def delete_group(self, group: LogGroup) -> None:
        """Remove a group with its streams and their events."""
        streams = self.streams(group)
        with self._database.write() as connection:
            connection.execute(delete(log_streams).where(log_streams.c.group_id == group.id))
            connection.execute(delete(log_groups).where(log_groups.c.id == group.id))
        for stream in streams:
            log_files.remove(stream.path)

    def _groups(self, account: str, region: str, *where: ColumnElement[bool]) -> list[LogGroup]:
        scope = (log_groups.c.account == account, log_groups.c.region == region)
        with self._database.read() as connection:
            rows = connection.execute(select(*_GROUP).where(*scope, *where).order_by(log_groups.c.name)).all()
        return [LogGroup(*row) for row in rows]

    # --- streams -------------------------------------------------------------------------------------------------

    def create_stream(self, group: LogGroup, name: str) -> LogStream:
        """Add a stream and its empty file. Raises ``AlreadyExists``."""
        stream = self._stream(run_id(), group.id, name, self._clock.now())
        try:
            with self._database.write() as connection:
                row = {"id": stream.id, "group_id": group.id, "name": name, "created": stream.created}
                connection.execute(insert(log_streams).values(row))
        except IntegrityError:
            raise AlreadyExists(name) from None
        stream.path.parent.mkdir(parents=True, exist_ok=True)
        stream.path.touch()
        return stream

    def open_stream(self, account: str, region: str, group: str, stream: str) -> LogStream:
        """The stream of that name; it and its group are created where they are missing. For writers of jobs' logs."""
        log_group = self.group(account, region, group)
        try:
            log_group = log_group or self.create_group(account, region, group)
            return self.stream(log_group, stream) or self.create_stream(log_group, stream)
        except AlreadyExists:  # another writer was faster
            return self.open_stream(account, region, group, stream)

    def stream(self, group: LogGroup, name: str) -> LogStream | None:
        """The stream of that name, or None."""
        return next(iter(self._streams(group, log_streams.c.name == name)), None)

    def streams(self, group: LogGroup, prefix: str = "") -> list[LogStream]:
        """The streams whose names begin with ``prefix``, by name."""
        return self._streams(group, _begins(log_streams.c.name, prefix))

    def delete_stream(self, stream: LogStream) -> None:
        """Remove a stream and its events."""
        with self._database.write() as connection:
            connection.execute(delete(log_streams).where(log_streams.c.id == stream.id))
        log_files.remove(stream.path)

    def _streams(self, group: LogGroup, where: ColumnElement[bool]) -> list[LogStream]:
        query = select(*_STREAM).where(log_streams.c.group_id == group.id, where).order_by(log_streams.c.name)
        with self._database.read() as connection:
            return [self._stream(*row) for row in connection.execute(query)]

    def _stream(self, identifier: str, group_id: str, name: str, created: float) -> LogStream:
        return LogStream(identifier, group_id, name, created, self._path(identifier))

    def _path(self, identifier: str) -> Path:
        return self._root / identifier[:2] / f"{identifier}.log"

    def wipe(self) -> None:
        """Remove everything."""
        with self._database.write() as connection:
            connection.execute(delete(log_streams))
            connection.execute(delete(log_groups))
        shutil.rmtree(self._root, ignore_errors=True)

    # --- events --------------------------------------------------------------------------------------------------

    def put(self, stream: LogStream, events: Iterable[tuple[int, str]]) -> None:
        """Append events, each a time in milliseconds and a text."""
        log_files.append(stream.path, list(events), round(self._clock.now() * 1000))

    def read(self, stream: LogStream, offset: int, limit: int, window: Window = EVERYTHING) -> Page:
        """Up to ``limit`` events from ``offset`` on. At the end of the file the page is empty and stays where it is."""
        return log_files.read(stream.path, offset, limit, window)

    def read_back(self, stream: LogStream, offset: int | None, limit: int, window: Window = EVERYTHING) -> Page:
        """The last ``limit`` events that end at ``offset``, or at the end of the stream when that is None."""
        return log_files.read_back(stream.path, offset, limit, window)

    def size(self, stream: LogStream) -> int:
        """How many bytes of events a stream holds."""
        return log_files.held(stream.path)

    def reaches(self, stream: LogStream, offset: int) -> bool:
        """Whether the stream's file is at least that long, counting the events that were cut off."""
        return offset <= log_files.size(stream.path)

    def extent(self, stream: LogStream) -> Extent:
        """How much a stream holds, and from when to when."""
        return log_files.extent(stream.path, log_files.size(stream.path))

    # --- sweeps --------------------------------------------------------------------------------------------------

    def expire(self) -> int:
        """Delete the events that are older than the retention of their groups. Returns the bytes freed."""
        query = select(log_streams.c.id, log_groups.c.retention_days).join_from(log_streams, log_groups)
        with self._database.read() as connection:
            rows = connection.execute(query.where(log_groups.c.retention_days.is_not(None))).all()
        now = round(self._clock.now() * 1000)
        return sum(log_files.forget(self._path(identifier), now - days * DAY_MS) for identifier, days in rows)

    def trim(self, most: int) -> int:
        """Delete the oldest events of streams that come near ``most`` bytes. Returns the bytes freed."""
        return sum(log_files.keep(path, most) for path in self._root.glob("*/*.log"))


def _begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Names that begin with ``prefix``, as a range that the index can serve."""
    return (column >= prefix) & (column < prefix + chr(0x10FFFF))


__all__ = [
    "DAY_MS",
    "PAGE_BYTES",
    "AlreadyExists",
    "Extent",
    "LogEvent",
    "LogGroup",
    "LogStore",
    "LogStream",
    "Page",
    "Window",
    "escape",
    "unescape",
]
