r"""The file of one log stream: append-only, read from either end, and cut off at its old end.

The agents of jobs write to the same files, so the format is theirs too: one event is one line,
``<milliseconds since the epoch>[,<milliseconds at which it came>]\t<message>\n`` in UTF-8, where the message has ``\\``
for a backslash, ``\n`` for a line feed and ``\r`` for a carriage return. Without the second number an event came when
it happened. A line is appended with one ``write``. The last line is not there until its line feed is; a line that is
not of this form (a writer died in the middle of it) is passed over.

A position is a byte offset at the beginning of a line: it stays right while the file grows, and when old events go as
well, for they leave a hole behind and nothing moves. Lines are in order of time, so a time is found by bisection; a
stream in which somebody put an older event after a newer one has a file ``.mixed`` beside it, and is read through.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from sagewright.store.disk_reserve import require_room

PAGE_BYTES = 1_048_576
"""A page of events carries at most this much text, as in GetLogEvents."""

_BLOCK = 65_536
_LONGEST = 4 * 1024 * 1024
_PUNCH_HOLE, _KEEP_SIZE = 2, 1
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_MEANINGS = {written: meant for meant, written in _ESCAPES.items()}
_Line: TypeAlias = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a stream holds: bytes, and of its first and last event, if it has one, the times in milliseconds."""

    size: int
    first: int | None = None
    last: int | None = None
    ingested: int | None = None
    """When the last event came."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: milliseconds since the epoch, text, where its line begins, and when it came."""

    timestamp: int
    message: str
    offset: int
    ingested: int


@dataclass(frozen=True, slots=True)
class Window:
    """Which events: those with ``start <= timestamp < end``, in milliseconds."""

    start: int | None = None
    end: int | None = None

    def __contains__(self, timestamp: int) -> bool:
        return (self.start is None or timestamp >= self.start) and (self.end is None or timestamp < self.end)


EVERYTHING = Window()


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order of the file. What came before ends at ``backward``; what comes next begins at ``forward``."""

    events: list[LogEvent] = field(default_factory=list)
    backward: int = 0
    forward: int = 0


def escape(message: str) -> str:
    """The message as it is written to a line."""
    return re.sub(r"[\\\n\r]", lambda match: _ESCAPES[match[0]], message)


def unescape(text: str) -> str:
    """The message that a line holds."""
    if "\\" not in text:
        return text
    return re.sub(r"\\[\\nr]", lambda match: _MEANINGS[match[0]], text)


# --- writing -----------------------------------------------------------------------------------------------------


def append(path: Path, events: Sequence[tuple[int, str]], now: int) -> None:
    """Add events, each a time in milliseconds and a text, that come at the time ``now``."""
    text = "".join(
        f"{at}\t{escape(message)}\n" if at == now else f"{at},{now}\t{escape(message)}\n" for at, message in events
    )
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # else two writers would each believe to be in order
        require_room(descriptor)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        if events and not _mixed(path).exists() and not _follows(path, size, [at for at, _ in events]):
            _mixed(path).touch()
        left = memoryview((b"\n" if torn else b"") + text.encode("utf-8", "replace"))
        while left:  # a disk that is nearly full takes a part, and says so at the next write
            left = left[file.write(left) or 0 :]


def begin(path: Path, notes: Sequence[str], now: int) -> None:
    """Put notes of the platform at the beginning of a log, unless something is there already: then they came before."""
    if notes and not size(path):
        append(path, [(now, f"[sagewright] {note}") for note in notes], now)


def _follows(path: Path, size: int, times: Sequence[int]) -> bool:
    """Whether events of these times keep the file in order."""
    last = extent(path, size).last
    return (last is None or last <= times[0]) and all(earlier <= later for earlier, later in pairwise(times))


def _mixed(path: Path) -> Path:
    return path.with_suffix(".mixed")


def remove(path: Path) -> None:
    """Delete the file, and what lies beside it."""
    path.unlink(missing_ok=True)
    _mixed(path).unlink(missing_ok=True)


# --- reading -----------------------------------------------------------------------------------------------------


def read(path: Path, offset: int, limit: int, window: Window) -> Page:
    """Up to ``limit`` events from ``offset`` on. At the end of the file the page is empty and stays where it is."""
    found: list[LogEvent] = []
    with _open(path) as file:
        begin, end = _range(path, file, window)
        size, position = 0, _line_begin(file, max(offset, begin))
        for line in _lines(file, position):
            if line[0] >= end:
                break
            event = _event_in(line, window)
            if event is not None:
                size += len(line[1])
                if len(found) == limit or (found and size > PAGE_BYTES):
                    break
                found.append(event)
            position = line[0] + len(line[1])
    return Page(found, offset, position)


def read_back(path: Path, offset: int | None, limit: int, window: Window) -> Page:
    """The last ``limit`` events that end at ``offset``, or at the end of the stream when that is None."""
    found: list[LogEvent] = []
    size = 0
    with _open(path) as file:
        begin, last = _range(path, file, window)
        end = position = last if offset is None else min(_line_begin(file, offset), last)
        for line in _lines_back(file, begin, end):
            if not line[1].endswith(b"\n"):  # torn: it belongs to the next page forward
                end = position = line[0]
                continue
            event = _event_in(line, window)
            if event is not None:
                size += len(line[1])
                if len(found) == limit or (found and size > PAGE_BYTES):
                    break
                found.append(event)
            position = line[0]
    return Page(found[::-1], position, end)


def size(path: Path) -> int:
    """How many bytes the file has, with those that were cut off."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def held(path: Path) -> int:
    """How many bytes of events there are."""
    with _open(path) as file:
        return file.seek(0, os.SEEK_END) - _begin(file)


def extent(path: Path, size: int) -> Extent:
    """How much a file of that size holds, and from when to when."""
    with _open(path) as file:
        return _extent(path, _begin(file), size)


@lru_cache(maxsize=65_536)
def _extent(path: Path, begin: int, size: int) -> Extent:
    """Between the same ends the content is the same, so this may be remembered."""
    with _open(path) as file:
        complete = (line for line in _lines_back(file, begin, size) if line[1].endswith(b"\n"))
        first, last = (
            next((event for line in lines if (event := _event_in(line, EVERYTHING)) is not None), None)
            for lines in (_lines(file, begin), complete)
        )
    if first is None or last is None:
        return Extent(size)
    return Extent(size, first.timestamp, last.timestamp, last.ingested)


def _time(line: _Line) -> int | None:
    """When the event of a line was, or None when the line is not one."""
    head, tab, _ = line[1].partition(b"\t")
    timestamp, comma, ingested = head.partition(b",")
    if not tab or not timestamp.isdigit() or len(head) > 37 or (comma and not ingested.isdigit()):
        return None
    return int(timestamp) if len(timestamp) <= 18 else None


def _event_in(line: _Line, window: Window) -> LogEvent | None:
    at = _time(line)
    if at is None or at not in window:
        return None
    head, _, text = line[1].partition(b"\t")
    ingested = head.partition(b",")[2]
    return LogEvent(at, unescape(text[:-1].decode("utf-8", "replace")), line[0], int(ingested) if ingested else at)


def _range(path: Path, file: BinaryIO, window: Window) -> tuple[int, int]:
    """From where to where the file has to be read for the events of ``window``."""
    begin, end = _begin(file), file.seek(0, os.SEEK_END)
    if window == EVERYTHING or _mixed(path).exists():
        return begin, end
    first = begin if window.start is None else _first_at(file, begin, end, window.start)
    return first, end if window.end is None else _first_at(file, first, end, window.end)


def _first_at(file: BinaryIO, begin: int, end: int, at: int) -> int:
    """Where the first event of the time ``at`` or later begins, or ``end``. The lines must be in order of time."""
    low, high = begin, end  # low is the beginning of a line, and all before it is too early
    while high - low > _BLOCK:
        middle = (low + high) // 2
        file.seek(middle - 1)
        start = middle - 1 + len(file.readline(_LONGEST))
        found = next(((line, time) for line in _lines(file, start) if (time := _time(line)) is not None), None)
        if found is None or found[0][0] >= high or found[1] >= at:
            high = middle
        else:
            low = found[0][0] + len(found[0][1])
    return next((line[0] for line in _lines(file, low) if _reaches(line, at) or line[0] >= end), end)


def _reaches(line: _Line, at: int) -> bool:
    time = _time(line)
    return time is not None and time >= at


def _begin(file: BinaryIO) -> int:
    """Where the events begin: behind the hole that those leave which were cut off."""
    try:
        position = os.lseek(file.fileno(), 0, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            return 0
        return file.seek(0, os.SEEK_END)
    file.seek(position)
    while block := file.read(_BLOCK):  # a hole covers whole blocks, and the rest of the last one is zeros
        kept = len(block.lstrip(b"\0"))
        position += len(block) - kept
        if kept:
            break
    return position


def _line_begin(file: BinaryIO, offset: int) -> int:
    """``offset``, or where the next line begins if it is in the middle of one; at most the size of the file."""
    size = file.seek(0, os.SEEK_END)
    if not 0 < offset < size:
        return max(0, min(offset, size))
    file.seek(offset - 1)
    before = file.read(1)
    if before in (b"\n", b"\0"):
        return offset
    while part := file.readline(_LONGEST):
        offset += len(part)
        if part.endswith(b"\n"):
            break
    return min(offset, size)


def _lines(file: BinaryIO, offset: int) -> Iterator[_Line]:
    """The complete lines from ``offset`` on, each with where it begins."""
    file.seek(offset)
    while line := file.readline(_LONGEST):
        if not line.endswith(b"\n") and len(line) < _LONGEST:
            return
        kept = line.lstrip(b"\0") if line[0] == 0 else line  # what lies before was cut off a moment ago
        yield offset + len(line) - len(kept), kept
        offset += len(line)


def _lines_back(file: BinaryIO, begin: int, end: int) -> Iterator[_Line]:
    """The lines between ``begin`` and ``end``, the last one first."""
    rest = b""
    while end > begin:
        length = min(_BLOCK, end - begin)
        end -= length
        file.seek(end)
        parts = _split(file.read(length) + rest)
        rest = b"" if end == begin or not parts or len(parts[0]) > _LONGEST else parts.pop(0)
        position = end + len(rest) + sum(map(len, parts))
        for part in reversed(parts):
            position -= len(part)
            yield position, part


def _split(data: bytes) -> list[bytes]:
    """Lines with their line feeds. (``splitlines`` would cut at other bytes too.)"""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:  # deleted meanwhile, or never begun
        return Path(os.devnull).open("rb")


# --- cutting off -------------------------------------------------------------------------------------------------


def forget(path: Path, before: int) -> int:
    """Free the events of the beginning that are older than ``before`` milliseconds; returns the bytes they took."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        begin, end = _begin(file), file.seek(0, os.SEEK_END)
        if _mixed(path).exists():
            cut = next((line[0] for line in _lines(file, begin) if _reaches(line, before)), end)
        else:
            cut = _first_at(file, begin, end, before)
        return _cut(file, begin, min(cut, _last_line_end(file, begin, end)))
    return 0


def keep(path: Path, most: int) -> int:
    """When a file takes more than three quarters of ``most`` bytes, free all but the newest half; returns the bytes.

    Writers stop at ``most`` and go on when there is room again.
    """
    with suppress(FileNotFoundError), path.open("r+b") as file:
        state = os.fstat(file.fileno())
        if min(state.st_blocks * 512, state.st_size) <= most * 3 // 4:
            return 0
        begin = _begin(file)
        middle = max(begin, state.st_size - most // 2)
        file.seek(middle)
        cut = middle + len(file.readline(_LONGEST))
        return _cut(file, begin, min(cut, _last_line_end(file, begin, state.st_size)))
    return 0


def _last_line_end(file: BinaryIO, begin: int, end: int) -> int:
    """The end of the last whole line: a line that is being written stays."""
    return next((at + len(line) for at, line in _lines_back(file, begin, end) if line.endswith(b"\n")), begin)


def _cut(file: BinaryIO, begin: int, cut: int) -> int:
    """Make a hole of what lies before ``cut``. Other systems than Linux, and some file systems, keep the bytes."""
    punch = _puncher()
    if cut <= begin or punch is None:
        return 0
    if punch(file.fileno(), _PUNCH_HOLE | _KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(cut)) != 0:
        return 0
    return cut - begin


@cache
def _puncher() -> Any:
    return getattr(ctypes.CDLL(ctypes.util.find_library("c")), "fallocate64", None)


__all__ = [
    "EVERYTHING",
    "PAGE_BYTES",
    "Extent",
    "LogEvent",
    "Page",
    "Window",
    "append",
    "escape",
    "extent",
    "forget",
    "held",
    "keep",
    "read",
    "read_back",
    "remove",
    "size",
    "unescape",
]
