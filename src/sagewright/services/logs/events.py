"""The events of one stream: written in batches, read in pages from either end.

GetLogEvents always gives both tokens, and at an end the one it was given: that is how the SDKs follow a job's log.
"""

from __future__ import annotations

import re
from itertools import pairwise

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.logs._shared import InvalidParameter, group_of, milliseconds, stream_of, window_of
from sagewright.store.logs import LogEvent

BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
HOUR = 3_600_000
DAY = 24 * HOUR
"""Limits of PutLogEvents, in bytes and milliseconds."""
PAGE = 10_000

_TOKEN = re.compile(r"([fb])/(\d{1,56})/s", re.ASCII)
_FURTHEST = 1 << 62


@operation("logs", "PutLogEvents")
def put_log_events(call: Call, request: Json) -> Json:
    group = group_of(call, request)
    stream = stream_of(call, group, request["logStreamName"])
    batch = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    size = sum(len(message.encode("utf-8", "replace")) + EVENT_OVERHEAD for _, message in batch)
    if size > BATCH_BYTES:
        raise InvalidParameter(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES}")
    if any(later[0] < earlier[0] for earlier, later in pairwise(batch)):
        raise InvalidParameter("Log events in a single PutLogEvents request must be in chronological order.")
    now = milliseconds(call.platform.clock.now())
    first = sum(timestamp < now - 14 * DAY for timestamp, _ in batch)
    oldest = now - (group.retention_days or 14) * DAY
    expired = sum(timestamp < oldest for timestamp, _ in batch)
    end = sum(timestamp <= now + 2 * HOUR for timestamp, _ in batch)
    accepted = batch[max(first, expired) : end]
    if accepted and accepted[-1][0] - accepted[0][0] > DAY:
        raise InvalidParameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    call.platform.logs.put(stream, accepted)
    rejected = {
        "tooOldLogEventEndIndex": first or None,
        "expiredLogEventEndIndex": expired if expired > first else None,
        "tooNewLogEventStartIndex": end if end < len(batch) else None,
    }
    answer: Json = {"nextSequenceToken": "1"}
    if any(index is not None for index in rejected.values()):
        answer["rejectedLogEventsInfo"] = rejected
    return answer


@operation("logs", "GetLogEvents")
def get_log_events(call: Call, request: Json) -> Json:
    group = group_of(call, request)
    stream = stream_of(call, group, request["logStreamName"])
    window = window_of(call, group, request.get("startTime"), request.get("endTime"))
    limit = request.get("limit", PAGE)
    forward, offset = request.get("startFromHead", False), None
    if "nextToken" in request:
        forward, offset = _position(request["nextToken"])
    logs = call.platform.logs
    if offset is not None and not logs.reaches(stream, offset):
        raise InvalidParameter("The specified nextToken is invalid.")
    page = logs.read(stream, offset or 0, limit, window) if forward else logs.read_back(stream, offset, limit, window)
    return {
        "events": [event_members(event) for event in page.events],
        "nextForwardToken": f"f/{page.forward:056d}/s",
        "nextBackwardToken": f"b/{page.backward:056d}/s",
    }


def event_members(event: LogEvent) -> Json:
    """The members of an event in an answer."""
    return {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested}


def _position(token: str) -> tuple[bool, int]:
    """The direction and the offset of a token; the token, not ``startFromHead``, decides on the direction."""
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[2]) > _FURTHEST:
        raise InvalidParameter("The specified nextToken is invalid.")
    return match[1] == "f", int(match[2])
