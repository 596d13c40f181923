r"""Logs: groups and streams are rows, the events of a stream are lines of one append-only file.

The agents of jobs write to the same files, so the format is theirs too: one event is one line,
``<milliseconds since the epoch>\t<message>\n`` in UTF-8, where the message has ``\\`` for a backslash, ``\n`` for a
line feed and ``\r`` for a carriage return. A line is appended with one ``write``. The last line is not there until its
line feed is; a line that is not of this form (a writer died in the middle of it) is passed over.

A position in a stream is a byte offset at the beginning of a line: it stays right while the file grows.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeAlias

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.core.clock import Clock
from sagewright.core.ids import run_id
from sagewright.store.database import Database
from sagewright.store.room import require_room
from sagewright.store.schema import log_groups, log_streams

PAGE_BYTES = 1_048_576
"""A page of events carries at most this much text, as in GetLogEvents."""

_BLOCK = 65_536
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_MEANINGS = {written: meant for meant, written in _ESCAPES.items()}
_Line: TypeAlias = tuple[int, bytes]


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


@dataclass(frozen=True, slots=True)
class Extent:
    """What a stream holds: bytes, and the times of its first and last event in milliseconds, if it has one."""

    size: int
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: milliseconds since the epoch, text, and where its line begins."""

    timestamp: int
    message: str
    offset: int


@dataclass(frozen=True, slots=True)
class Window:
    """Which events: those with ``start <= timestamp < end``, in milliseconds."""

    start: int | None = None
    end: int | None = None

    def __contains__(self, timestamp: int) -> bool:
        return (self.start is None or timestamp >= self.start) and (self.end is None or timestamp < self.end)


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order of the file. What came before ends at ``backward``; what comes next begins at ``forward``."""

    events: list[LogEvent] = field(default_factory=list)
    backward: int = 0
    forward: int = 0


_GROUP = [log_groups.c[name] for name in LogGroup.__slots__]
_STREAM = [log_streams.c[name] for name in LogStream.__slots__ if name != "path"]


def escape(message: str) -> str:
    """The message as it is written to a line."""
    return re.sub(r"[\\\n\r]", lambda match: _ESCAPES[match[0]], message)


def unescape(text: str) -> str:
    """The message that a line holds."""
    if "\\" not in text:
        return text
    return re.sub(r"\\[\\nr]", lambda match: _MEANINGS[match[0]], text)


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
        made = LogGroup(run_id(), account, region, name, self._clock.now(), None, log_class, kms_key)
        try:
            with self._database.write() as connection:
                connection.execute(insert(log_groups).values({key: getattr(made, key) for key in LogGroup.__slots__}))
        except IntegrityError:
            raise AlreadyExists(name) from None
        return made

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
            stream.path.unlink(missing_ok=True)

    def _groups(self, account: str, region: str, *where: ColumnElement[bool]) -> list[LogGroup]:
        mine = (log_groups.c.account == account, log_groups.c.region == region)
        with self._database.read() as connection:
            rows = connection.execute(select(*_GROUP).where(*mine, *where).order_by(log_groups.c.name)).all()
        return [LogGroup(*row) for row in rows]

    # --- streams -------------------------------------------------------------------------------------------------

    def create_stream(self, group: LogGroup, name: str) -> LogStream:
        """Add a stream and its empty file. Raises ``AlreadyExists``."""
        made = self._stream(run_id(), group.id, name, self._clock.now())
        try:
            with self._database.write() as connection:
                row = {"id": made.id, "group_id": group.id, "name": name, "created": made.created}
                connection.execute(insert(log_streams).values(row))
        except IntegrityError:
            raise AlreadyExists(name) from None
        made.path.parent.mkdir(parents=True, exist_ok=True)
        made.path.touch()
        return made

    def open_stream(self, account: str, region: str, group: str, stream: str) -> LogStream:
        """The stream of that name, made with its group where it is missing. For those who write logs of jobs."""
        found = self.group(account, region, group)
        try:
            found = found or self.create_group(account, region, group)
            return self.stream(found, stream) or self.create_stream(found, stream)
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
        stream.path.unlink(missing_ok=True)

    def _streams(self, group: LogGroup, where: ColumnElement[bool]) -> list[LogStream]:
        query = select(*_STREAM).where(log_streams.c.group_id == group.id, where).order_by(log_streams.c.name)
        with self._database.read() as connection:
            return [self._stream(*row) for row in connection.execute(query)]

    def _stream(self, identifier: str, group_id: str, name: str, created: float) -> LogStream:
        path = self._root / identifier[:2] / f"{identifier}.log"
        return LogStream(identifier, group_id, name, created, path)

    def wipe(self) -> None:
        """Remove everything."""
        with self._database.write() as connection:
            connection.execute(delete(log_streams))
            connection.execute(delete(log_groups))
        shutil.rmtree(self._root, ignore_errors=True)

    # --- events --------------------------------------------------------------------------------------------------

    def put(self, stream: LogStream, events: Iterable[tuple[int, str]]) -> None:
        """Append events, each a time in milliseconds and a text."""
        text = "".join(f"{timestamp}\t{escape(message)}\n" for timestamp, message in events)
        descriptor = os.open(stream.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            require_room(descriptor)
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            left = memoryview((b"\n" if torn else b"") + text.encode("utf-8", "replace"))
            while left:  # a disk that is nearly full takes a part, and says so at the next write
                left = left[file.write(left) or 0 :]

    def read(self, stream: LogStream, offset: int, limit: int, window: Window = Window()) -> Page:
        """Up to ``limit`` events from ``offset`` on. At the end of the file the page is empty and stays where it is."""
        found: list[LogEvent] = []
        size, position = 0, offset
        for line in lines(stream, offset):
            event = parse(line)
            if event is not None and event.timestamp in window:
                size += len(line[1])
                if len(found) == limit or (found and size > PAGE_BYTES):
                    break
                found.append(event)
            position = line[0] + len(line[1])
        return Page(found, offset, position)

    def read_back(self, stream: LogStream, offset: int | None, limit: int, window: Window = Window()) -> Page:
        """The last ``limit`` events that end at ``offset``, or at the end of the stream when that is None."""
        found: list[LogEvent] = []
        size = 0
        with _open(stream) as file:
            size_now = file.seek(0, os.SEEK_END)
            end = position = size_now if offset is None else min(offset, size_now)
            for line in _lines_back(file, end):
                if not line[1].endswith(b"\n"):  # torn: it belongs to the next page forward
                    end = position = line[0]
                    continue
                event = parse(line)
                if event is not None and event.timestamp in window:
                    size += len(line[1])
                    if len(found) == limit or (found and size > PAGE_BYTES):
                        break
                    found.append(event)
                position = line[0]
        return Page(found[::-1], position, end)

    def size(self, stream: LogStream) -> int:
        """How many bytes a stream takes."""
        try:
            return stream.path.stat().st_size
        except FileNotFoundError:
            return 0

    def extent(self, stream: LogStream) -> Extent:
        """How much a stream holds, and from when to when."""
        return _extent(stream, self.size(stream))


def parse(line: _Line) -> LogEvent | None:
    """The event of a line, or None when the line is not one."""
    timestamp, separator, text = line[1][:-1].partition(b"\t")
    if not separator or not timestamp.isdigit() or len(timestamp) > 18:
        return None
    return LogEvent(int(timestamp), unescape(text.decode("utf-8", "replace")), line[0])


def lines(stream: LogStream, offset: int) -> Iterator[_Line]:
    """The complete lines from ``offset`` on, each with where it begins."""
    with _open(stream) as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield offset, line
            offset += len(line)


def _lines_back(file: BinaryIO, end: int) -> Iterator[_Line]:
    """The lines that end at ``end`` or before, the last one first."""
    rest = b""
    while end > 0:
        size = min(_BLOCK, end)
        end -= size
        file.seek(end)
        parts = _split(file.read(size) + rest)
        rest = b"" if end == 0 else parts.pop(0)
        position = end + len(rest) + sum(map(len, parts))
        for part in reversed(parts):
            position -= len(part)
            yield position, part


def _split(data: bytes) -> list[bytes]:
    """Lines with their line feeds. (``splitlines`` would cut at other bytes too.)"""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _open(stream: LogStream) -> BinaryIO:
    try:
        return stream.path.open("rb")
    except FileNotFoundError:  # deleted meanwhile, or never begun
        return Path(os.devnull).open("rb")


@lru_cache(maxsize=65_536)
def _extent(stream: LogStream, size: int) -> Extent:
    """Append-only files have one content for one size, so this may be remembered."""
    first = next((event.timestamp for event in map(parse, lines(stream, 0)) if event is not None), None)
    with _open(stream) as file:
        complete = (line for line in _lines_back(file, size) if line[1].endswith(b"\n"))
        last = next((event.timestamp for event in map(parse, complete) if event is not None), None)
    return Extent(size, first, last)


def _begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Names that begin with ``prefix``, as a range that the index can serve."""
    return (column >= prefix) & (column < prefix + chr(0x10FFFF))
