"""StartLiveTail: the new events of streams of some groups, in an update each second.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html
"""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

from sagewright.access.permissions import log_group_arn, log_group_name
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call, operation
from sagewright.services.logs._patterns import Pattern, compile_pattern
from sagewright.services.logs._shared import InvalidParameter, group_of
from sagewright.services.logs.events import event_members
from sagewright.store.logs import LogGroup, LogStore, LogStream

SESSIONS = 15
"""How many sessions may be open at once. Each holds a thread of the server."""
SESSION_SECONDS = 3 * 3600
UPDATE_SECONDS = 1.0
UPDATE_EVENTS = 500
"""How many events one update has. Of more it has the newest, and says that it was sampled."""
_READ_AT_ONCE = 10_000
_sessions = threading.BoundedSemaphore(SESSIONS)


@operation("logs", "StartLiveTail")
def start_live_tail(call: Call, request: Json) -> Json:
    groups = [_group(call, identifier) for identifier in request["logGroupIdentifiers"]]
    names, prefixes = request.get("logStreamNames"), request.get("logStreamNamePrefixes")
    if names and prefixes:
        raise InvalidParameter("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
    if (names or prefixes) and len(groups) > 1:
        raise InvalidParameter("Log streams can be named for one log group only.")
    pattern = compile_pattern(request.get("logEventFilterPattern", ""))
    tail = _Tail(call.platform.logs, groups, frozenset(names or ()), tuple(prefixes or [""]), pattern)
    if not _sessions.acquire(blocking=False):
        raise AwsError(f"There are {SESSIONS} Live Tail sessions already.", code="LimitExceededException")
    return {"responseStream": _Session(call, request, tail)}


def _group(call: Call, identifier: str) -> LogGroup:
    name = log_group_name(call, identifier)
    resource = identifier if name is None else f"{log_group_arn(call, name)}:log-stream:"
    call.platform.access.demand(call, "logs:StartLiveTail", resource)
    return group_of(call, {"logGroupIdentifier": identifier})


class _Session:
    """The events of a session. It counts as open until nothing refers to this object any more."""

    def __init__(self, call: Call, request: Json, tail: _Tail) -> None:
        self._events = _events(call, request, tail)
        weakref.finalize(self, _sessions.release)

    def __iter__(self) -> Iterator[Json]:
        return self._events


def _events(call: Call, request: Json, tail: _Tail) -> Iterator[Json]:
    yield {
        "sessionStart": {
            "requestId": call.request_id,
            "sessionId": str(uuid.uuid4()),
            "logGroupIdentifiers": request["logGroupIdentifiers"],
            "logStreamNames": request.get("logStreamNames", []),
            "logStreamNamePrefixes": request.get("logStreamNamePrefixes", []),
            "logEventFilterPattern": request.get("logEventFilterPattern", ""),
        }
    }
    end = time.monotonic() + SESSION_SECONDS
    while time.monotonic() < end:
        events = tail.new()
        yield {
            "sessionUpdate": {
                "sessionMetadata": {"sampled": len(events) > UPDATE_EVENTS},
                "sessionResults": events[-UPDATE_EVENTS:],
            }
        }
        if call.platform.stopping.wait(UPDATE_SECONDS):
            return
    raise AwsError(f"The session has lasted {SESSION_SECONDS} seconds.", code="SessionTimeoutException")


@dataclass(slots=True)
class _Tail:
    """The positions in the streams. Existing streams are followed from their ends, later ones from their beginnings."""

    logs: LogStore
    groups: list[LogGroup]
    names: frozenset[str]
    prefixes: tuple[str, ...]
    pattern: Pattern
    positions: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for _, stream in self._streams():
            self.positions[stream.id] = self.logs.read_back(stream, None, 1).forward

    def new(self) -> list[Json]:
        """The matching events since the last call, in order of time."""
        events: list[Json] = []
        for group, stream in self._streams():
            page = self.logs.read(stream, self.positions.get(stream.id, 0), _READ_AT_ONCE)
            self.positions[stream.id] = page.forward
            source = {"logGroupIdentifier": f"{group.account}:{group.name}", "logStreamName": stream.name}
            events += [
                {**source, **event_members(event)} for event in page.events if self.pattern.matches(event.message)
            ]
        events.sort(key=lambda event: event["timestamp"])
        return events

    def _streams(self) -> Iterator[tuple[LogGroup, LogStream]]:
        for group in self.groups:
            for stream in self.logs.streams(group):
                if stream.name in self.names if self.names else stream.name.startswith(self.prefixes):
                    yield group, stream
