"""FilterLogEvents: the events of many streams in order of time, from either end, searched by a pattern."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.logs._patterns import Pattern, compile_pattern
from sagewright.services.logs._shared import InvalidParameter, NotFound, group_of, position_of, token, window_of
from sagewright.services.logs.events import event_members
from sagewright.store.logs import PAGE_BYTES, LogEvent, LogGroup, LogStore, LogStream, Window

PAGE = 10_000
SEARCHED_BYTES = 16 * PAGE_BYTES
"""A call that has searched this much answers with the events so far and a token."""
_READ_AHEAD = 100
_FURTHEST = 1 << 62


@dataclass(slots=True)
class _Cursor:
    """A position in a stream. It holds no open file, so that a group may have any number of streams."""

    logs: LogStore
    stream: LogStream
    window: Window
    position: int | None
    """The offset up to which the stream has been read; None at its end, for a cursor that goes backwards."""
    forward: bool
    _ahead: list[LogEvent] = field(default_factory=list)
    _beyond: int = 0

    def peek(self) -> LogEvent | None:
        """The next event, or None at the end."""
        if not self._ahead:
            self._read_ahead()
            if not self._ahead:
                self.position = self._beyond
        return self._ahead[-1] if self._ahead else None

    def _read_ahead(self) -> None:
        if self.forward:
            page = self.logs.read(self.stream, self.position or 0, _READ_AHEAD, self.window)
            self._ahead, self._beyond = page.events[::-1], page.forward
        else:
            page = self.logs.read_back(self.stream, self.position, _READ_AHEAD, self.window)
            self._ahead, self._beyond = page.events, page.backward

    def take(self) -> LogEvent:
        """Return the next event and advance."""
        event = self._ahead.pop()
        if not self.forward:
            self.position = event.offset
        else:
            self.position = self._ahead[-1].offset if self._ahead else self._beyond
        return event


@operation("logs", "FilterLogEvents")
def filter_log_events(call: Call, request: Json) -> Json:
    group = group_of(call, request)
    forward = request.get("startFromHead", True)
    pattern = compile_pattern(request.get("filterPattern", ""))
    end = request.get("endTime")
    window = window_of(call, group, request.get("startTime"), None if end is None else end + 1)  # here it is included
    positions = _positions(request["nextToken"]) if "nextToken" in request else {}
    cursors = [
        _Cursor(call.platform.logs, stream, window, positions.get(stream.id), forward)
        for stream in _streams(call, group, request)
    ]
    if not all(
        cursor.position is None or call.platform.logs.reaches(cursor.stream, cursor.position) for cursor in cursors
    ):
        raise InvalidParameter("The specified nextToken is invalid.")
    events, more = _merge(cursors, pattern, request.get("limit", PAGE))
    answer: Json = {"events": events, "searchedLogStreams": []}
    if more:
        answer["nextToken"] = token({cursor.stream.id: at for cursor in cursors if (at := cursor.position) is not None})
    return answer


@operation("logs", "TestMetricFilter")
def test_metric_filter(call: Call, request: Json) -> Json:  # noqa: ARG001 - it asks nothing of the platform
    """The messages of the request that a pattern matches, and the values that it extracts."""
    pattern = compile_pattern(request["filterPattern"])
    return {
        "matches": [
            {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extracted(message)}
            for number, message in enumerate(request["logEventMessages"], 1)
            if pattern.matches(message)
        ]
    }


def _merge(cursors: list[_Cursor], pattern: Pattern, limit: int) -> tuple[list[Json], bool]:
    """Up to ``limit`` matching events in order of time, and whether more events remain to be searched."""
    heap = [(_rank(cursor, event), number) for number, cursor in enumerate(cursors) if (event := cursor.peek())]
    heapq.heapify(heap)
    events: list[Json] = []
    searched = size = 0
    while heap and len(events) < limit and size < PAGE_BYTES and searched < SEARCHED_BYTES:
        number = heap[0][1]
        cursor = cursors[number]
        event = cursor.take()
        searched += len(event.message)
        if pattern.matches(event.message):
            size += len(event.message)
            identity = f"{int(cursor.stream.id[:16], 16):020d}{event.offset:036d}"
            events.append({"logStreamName": cursor.stream.name, **event_members(event), "eventId": identity})
        next_event = cursor.peek()
        if next_event is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (_rank(cursor, next_event), number))
    return events, bool(heap)


def _rank(cursor: _Cursor, event: LogEvent) -> int:
    return event.timestamp if cursor.forward else -event.timestamp


def _streams(call: Call, group: LogGroup, request: Json) -> list[LogStream]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise InvalidParameter("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    if not names:
        return call.platform.logs.streams(group, prefix or "")
    streams = [call.platform.logs.stream(group, name) for name in dict.fromkeys(names)]
    if None in streams:
        raise NotFound("The specified log stream does not exist.")
    return [stream for stream in streams if stream is not None]


def _positions(text: str) -> dict[str, int]:
    positions = position_of(text)
    if not isinstance(positions, dict) or not all(
        type(at) is int and 0 <= at <= _FURTHEST for at in positions.values()
    ):
        raise InvalidParameter("The specified nextToken is invalid.")
    return positions
