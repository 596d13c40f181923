"""FilterLogEvents: the events of many streams in order of time, searched for words."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sagewright.core.errors import NotImplementedYet
from sagewright.kernel.operations import Call, operation
from sagewright.services.logs._shared import InvalidParameter, NotFound, group_of, position_of, token
from sagewright.services.logs.events import described
from sagewright.store.logs import PAGE_BYTES, LogEvent, LogGroup, LogStore, LogStream, Window

Json = dict[str, Any]
Matcher: TypeAlias = Callable[[str], bool]

PAGE = 10_000
SEARCHED_BYTES = 16 * PAGE_BYTES
"""A call that has searched this much answers with what it found and a token."""
_READ_AHEAD = 100
_FURTHEST = 1 << 62
_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')


@dataclass(slots=True)
class _Cursor:
    """A place in a stream. It holds no open file, so that a group may have any number of streams."""

    logs: LogStore
    stream: LogStream
    window: Window
    position: int
    _ahead: list[LogEvent] = field(default_factory=list)
    _beyond: int = 0

    def peek(self) -> LogEvent | None:
        """The next event, or None at the end."""
        if not self._ahead:
            page = self.logs.read(self.stream, self.position, _READ_AHEAD, self.window)
            self._ahead, self._beyond = page.events[::-1], page.forward
            if not self._ahead:
                self.position = page.forward
        return self._ahead[-1] if self._ahead else None

    def take(self) -> LogEvent:
        """The next event, which the cursor leaves behind."""
        event = self._ahead.pop()
        self.position = self._ahead[-1].offset if self._ahead else self._beyond
        return event


@operation("logs", "FilterLogEvents")
def filter_log_events(call: Call, request: Json) -> Json:
    group = group_of(call, request)
    if not request.get("startFromHead", True):
        raise NotImplementedYet("FilterLogEvents with startFromHead=false is not implemented yet.")
    matches = matcher(request.get("filterPattern", ""))
    end = request.get("endTime")
    window = Window(request.get("startTime"), None if end is None else end + 1)  # here the end is included
    positions = _positions(request["nextToken"]) if "nextToken" in request else {}
    cursors = [
        _Cursor(call.platform.logs, stream, window, positions.get(stream.id, 0))
        for stream in _streams(call, group, request)
    ]
    found, more = _merge(cursors, matches, request.get("limit", PAGE))
    answer: Json = {"events": found, "searchedLogStreams": []}
    if more:
        answer["nextToken"] = token({cursor.stream.id: cursor.position for cursor in cursors if cursor.position})
    return answer


def _merge(cursors: list[_Cursor], matches: Matcher, limit: int) -> tuple[list[Json], bool]:
    """Up to ``limit`` matching events, the earliest first, and whether there is more to look at."""
    heap = [(event.timestamp, number) for number, cursor in enumerate(cursors) if (event := cursor.peek())]
    heapq.heapify(heap)
    found: list[Json] = []
    searched = size = 0
    while heap and len(found) < limit and size < PAGE_BYTES and searched < SEARCHED_BYTES:
        number = heap[0][1]
        cursor = cursors[number]
        event = cursor.take()
        searched += len(event.message)
        if matches(event.message):
            size += len(event.message)
            identity = f"{int(cursor.stream.id[:16], 16):020d}{event.offset:036d}"
            found.append({"logStreamName": cursor.stream.name, **described(event), "eventId": identity})
        following = cursor.peek()
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.timestamp, number))
    return found, bool(heap)


def _streams(call: Call, group: LogGroup, request: Json) -> list[LogStream]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise InvalidParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    if not names:
        return call.platform.logs.streams(group, prefix or "")
    found = [call.platform.logs.stream(group, name) for name in dict.fromkeys(names)]
    if None in found:
        raise NotFound("The specified log stream does not exist.")
    return [stream for stream in found if stream is not None]


def _positions(text: str) -> dict[str, int]:
    found = position_of(text)
    if not isinstance(found, dict) or not all(type(at) is int and 0 <= at <= _FURTHEST for at in found.values()):
        raise InvalidParameter("The specified nextToken is invalid.")
    return found


def matcher(pattern: str) -> Matcher:
    """What a filter pattern of words asks for.

    Words and quoted phrases must all be there, ``-word`` must not; ``?word`` is one of several, and is ignored beside
    the others. Case counts. Raises ``NotImplementedYet`` for JSON, space-delimited and regular-expression patterns.
    (CloudWatch Logs: "Filter pattern syntax")
    """
    pattern = pattern.strip()
    if pattern.startswith(("{", "[", "%")):
        raise NotImplementedYet(f"The filter pattern {pattern!r} is of a kind that is not implemented yet.")
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    for sign, phrase, word in _TERM.findall(pattern):
        if text := word or re.sub(r"\\(.)", r"\1", phrase):
            terms[sign].append(text)
    wanted, unwanted, either = terms[""], terms["-"], terms["?"]
    if not wanted and not unwanted:
        return lambda message: not either or any(term in message for term in either)
    return lambda message: all(term in message for term in wanted) and not any(term in message for term in unwanted)
