"""What the nouns of CloudWatch Logs share: finding groups and streams, tokens, and the words of its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagewright.access.permissions import log_group_name
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call
from sagewright.store.logs import DAY_MS, LogGroup, LogStream, Window


class InvalidParameter(AwsError):
    """A member breaks a rule that the model does not state."""

    code = "InvalidParameterException"


class NotFound(AwsError):
    """The group or the stream does not exist. Both SDKs wait for it."""

    code = "ResourceNotFoundException"


class AlreadyThere(AwsError):
    """The group or the stream is there already."""

    code = "ResourceAlreadyExistsException"


def group_of(call: Call, request: Mapping[str, Any]) -> LogGroup:
    """The group the request names by ``logGroupName``, or by name or ARN in ``logGroupIdentifier``."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise InvalidParameter("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    if identifier is not None:
        name = log_group_name(call, identifier)
    group = call.platform.logs.group(call.account, call.region, name) if name is not None else None
    if group is None:
        raise NotFound("The specified log group does not exist.")
    return group


def stream_of(call: Call, group: LogGroup, name: str) -> LogStream:
    """The stream of that name. Raises ``NotFound``."""
    stream = call.platform.logs.stream(group, name)
    if stream is None:
        raise NotFound("The specified log stream does not exist.")
    return stream


def window_of(call: Call, group: LogGroup, start: int | None, end: int | None) -> Window:
    """The time range of a request, without the time before the group's retention, even if events are still on disk."""
    if group.retention_days is not None:
        start = max(start or 0, milliseconds(call.platform.clock.now()) - group.retention_days * DAY_MS)
    return Window(start, end)


def milliseconds(seconds: float) -> int:
    """Seconds since the epoch as milliseconds, the unit of the API."""
    return round(seconds * 1000)


def token(position: object) -> str:
    """A position as text.

    Hexadecimal, since SDK v3 hands ``nextToken`` to botocore's paginator as its ``StartingToken``, which takes
    anything that looks like base64 of JSON for a token of its own.
    """
    return json.dumps(position, separators=(",", ":")).encode().hex()


def position_of(text: str) -> Any:
    """The position that ``token`` encoded. Raises ``InvalidParameter`` for any other text."""
    try:
        return json.loads(bytes.fromhex(text))
    except (ValueError, RecursionError):
        raise InvalidParameter("The specified nextToken is invalid.") from None
