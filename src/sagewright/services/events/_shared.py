"""What rules, targets and events share: the bus, pages, and the words of EventBridge's errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import AwsError, ValidationException
from sagewright.nouns.operations import Call
from sagewright.store.resources import Query, Resource, ResourceStore, Stale

T = TypeVar("T")
BUS = "default"
RULE = "Rule"
PAGE = 100
BATCH = 1000


class NotFound(AwsError):
    """The rule or the bus does not exist."""

    code = "ResourceNotFoundException"


class LimitExceeded(AwsError):
    """A quota of EventBridge is reached."""

    code = "LimitExceededException"


class InvalidPattern(AwsError):
    """The pattern is not JSON, or says what no pattern can say."""

    code = "InvalidEventPatternException"


class Concurrent(AwsError):
    """Other calls change the rule all the time."""

    code = "ConcurrentModificationException"


def bus_arn(call: Call) -> str:
    """The ARN of the one bus that there is."""
    return str(Arn("events", call.region, call.account, f"event-bus/{BUS}"))


def require_bus(call: Call, request: Json) -> None:
    """Raises ``NotFound`` for a bus other than the default one."""
    name = request.get("EventBusName", BUS)
    if name not in (BUS, bus_arn(call)):
        raise NotFound(f"Event bus {name} does not exist.")


def rule_of(call: Call, request: Json, member: str = "Name") -> Resource:
    """The rule that a request names. Raises ``NotFound``."""
    require_bus(call, request)
    found = call.platform.resources.get(call.account, call.region, RULE, request[member])
    if found is None:
        raise NotFound(f"Rule {request[member]} does not exist on EventBus {BUS}.")
    return found


def change(call: Call, request: Json, edit: Callable[[Json], Json], member: str = "Name") -> Resource:
    """Write the spec that ``edit`` makes of a rule's, and make its timer look; repeat when another call was first."""
    for _ in range(20):
        rule = rule_of(call, request, member)
        try:
            rule = call.platform.resources.update(rule, spec=edit(rule.spec), due=call.platform.clock.now())
        except Stale:
            continue
        call.platform.hint(rule.id)
        return rule
    raise Concurrent(f"Rule {request[member]} was modified concurrently.")


def rules(resources: ResourceStore, account: str, region: str) -> Iterator[Resource]:
    """All rules of an account and region, in order of names."""
    after: tuple[str, str] | None = None
    while True:
        query = Query(order="name", descending=False, after=after, limit=BATCH)
        found = resources.list(account, region, RULE, query)
        yield from found
        if len(found) < BATCH:
            return
        after = (found[-1].name, found[-1].name)


def page(request: Json, items: Sequence[T], name: Callable[[T], str]) -> tuple[list[T], Json]:
    """One page of items in order of their names, and the NextToken when more follows."""
    after, limit = _position(request["NextToken"]) if "NextToken" in request else "", int(request.get("Limit", PAGE))
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
        raise ValidationException("Token was invalid.")
    return position
