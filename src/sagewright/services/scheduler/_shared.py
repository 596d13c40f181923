"""What schedules and their groups share: names, pages, and the words of Scheduler's errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import AwsError, ValidationException
from sagewright.nouns.operations import Call
from sagewright.store.resources import Query, Resource

T = TypeVar("T")
DEFAULT = "default"
SCHEDULE = "Schedule"
GROUP = "ScheduleGroup"
PAGE = 100
BATCH = 1000


class NotFound(AwsError):
    """The schedule or the group does not exist. SDK v2 creates a schedule when it reads this code."""

    code = "ResourceNotFoundException"
    status = 404


class Conflict(AwsError):
    """The name is taken, or another call changed the schedule meanwhile."""

    code = "ConflictException"
    status = 409


def arn_of(call: Call, resource: str) -> str:
    """The ARN of a schedule or a group."""
    return str(Arn("scheduler", call.region, call.account, resource))


def group_arn(call: Call, name: str) -> str:
    """The ARN of a group."""
    return arn_of(call, f"schedule-group/{name}")


def require_group(call: Call, name: str) -> str:
    """The name of a group that exists; the default one always does, and has no row. Raises ``NotFound``."""
    if name != DEFAULT and call.platform.resources.get(call.account, call.region, GROUP, name) is None:
        raise NotFound(f"Schedule group {name} does not exist.")
    return name


def all_of(call: Call, kind: str) -> Iterator[Resource]:
    """Every resource of a kind in the caller's account and region, in order of names."""
    after: tuple[str, str] | None = None
    while True:
        query = Query(order="name", descending=False, after=after, limit=BATCH)
        found = call.platform.resources.list(call.account, call.region, kind, query)
        yield from found
        if len(found) < BATCH:
            return
        after = (found[-1].name, found[-1].name)


def page(request: Json, items: Iterable[T], name: Callable[[T], str]) -> tuple[list[T], Json]:
    """One page of items in order of their names, and the NextToken when more follows."""
    after = _position(request["NextToken"]) if "NextToken" in request else ""
    limit = int(request.get("MaxResults", PAGE))
    found = sorted((each for each in items if name(each) > after), key=name)
    if len(found) <= limit:
        return found, {}
    return found[:limit], {"NextToken": json.dumps(name(found[limit - 1])).encode().hex()}


def _position(token: str) -> str:
    try:
        position = json.loads(bytes.fromhex(token))
    except (ValueError, RecursionError):
        position = None
    if not isinstance(position, str):
        raise ValidationException("Invalid NextToken: it was not made by this operation.")
    return position
