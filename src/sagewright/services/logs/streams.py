"""Log streams: one for each instance of a job, listed in the order that the SDKs expect."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.logs._shared import (
    AlreadyThere,
    InvalidParameter,
    group_of,
    milliseconds,
    position_of,
    stream_of,
    token,
)
from sagewright.store.logs import AlreadyExists, LogGroup, LogStream

PAGE = 50


@operation("logs", "CreateLogStream")
def create_log_stream(call: Call, request: Json) -> None:
    try:
        call.platform.logs.create_stream(group_of(call, request), request["logStreamName"])
    except AlreadyExists:
        raise AlreadyThere("The specified log stream already exists") from None


@operation("logs", "DeleteLogStream")
def delete_log_stream(call: Call, request: Json) -> None:
    call.platform.logs.delete_stream(stream_of(call, group_of(call, request), request["logStreamName"]))


@operation("logs", "DescribeLogStreams")
def describe_log_streams(call: Call, request: Json) -> Json:
    """A page of streams. It has a ``nextToken`` only when more remain: SDK v2 reads on as long as there is one."""
    group = group_of(call, request)
    prefix, by_time = request.get("logStreamNamePrefix", ""), request.get("orderBy") == "LastEventTime"
    if prefix and by_time:
        raise InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
    descending = request.get("descending", False)
    streams = [(_key(call, stream, by_time), stream) for stream in call.platform.logs.streams(group, prefix)]
    streams.sort(key=lambda pair: pair[0], reverse=descending)
    if "nextToken" in request:
        after = _position(request["nextToken"])
        streams = [pair for pair in streams if (pair[0] < after if descending else pair[0] > after)]
    limit = request.get("limit", PAGE)
    answer: Json = {"logStreams": [_describe(call, group, stream) for _, stream in streams[:limit]]}
    if len(streams) > limit:
        answer["nextToken"] = token(streams[limit - 1][0])
    return answer


def _key(call: Call, stream: LogStream, by_time: bool) -> tuple[int, str]:
    last = call.platform.logs.extent(stream).last if by_time else None
    return (last or 0, stream.name)


def _position(text: str) -> tuple[int, str]:
    match position_of(text):
        case [int(last), str(name)]:
            return last, name
    raise InvalidParameter("The specified nextToken is invalid.")


def _describe(call: Call, group: LogGroup, stream: LogStream) -> Json:
    extent = call.platform.logs.extent(stream)
    return {
        "logStreamName": stream.name,
        "creationTime": milliseconds(stream.created),
        "firstEventTimestamp": extent.first,
        "lastEventTimestamp": extent.last,
        "lastIngestionTime": extent.ingested,
        "uploadSequenceToken": "1",
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,  # so since 2019, whatever the stream holds
    }
