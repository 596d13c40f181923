"""List operations: the filters, sorting and paging that recur in some 95 of them, read off the model.

A filter that is not read here is refused by the operation's table of members, and an order by the code below.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, Literal

from botocore.model import ListShape, StructureShape

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun
from sagewright.nouns.operations import Call
from sagewright.store.resources import Query
from sagewright.wire.models import input_shape, output_shape

Order = Literal["name", "created", "modified", "shown"]
_ORDERS: dict[str, Order] = {
    "Name": "name",
    "CreationTime": "created",
    "CreatedAt": "created",
    "LastModifiedTime": "modified",
    "Status": "shown",
}
PAGE = 100


def list_resources(noun: Noun, call: Call, request: Json) -> Json:
    """One page of a noun's List operation, with NextToken only when more follows."""
    member, shown, specs = _summary(noun.service, noun.kind, noun.list_operation)
    limit = int(request.get("MaxResults", PAGE))
    query = _query(noun, request, limit, specs)
    found = call.platform.resources.list(call.account, call.region, noun.kind, query)
    page = found[:limit]
    items = [{k: v for k, v in noun.brief(each).items() if k in shown} for each in page]
    answer: Json = {member: items}
    if len(found) > limit:
        last: Any = getattr(page[-1], query.order)
        answer["NextToken"] = token_of(dict(query.ranks).get(last, -1) if query.ranks else last, page[-1].name)
    return answer


@cache
def _summary(service: str, kind: str, operation: str) -> tuple[str, frozenset[str], bool]:
    """The list in the output, what it shows of a resource, and whether any of that is in the spec."""
    output = output_shape(service, operation)
    member, shown = next(
        (name, frozenset(shape.member.members))
        for name, shape in output.members.items()
        if isinstance(shape, ListShape) and isinstance(shape.member, StructureShape)
    )
    name = input_shape(service, f"Describe{kind}").required_members[0]
    return member, shown, not shown.isdisjoint(set(input_shape(service, f"Create{kind}").members) - {name})


def _query(noun: Noun, request: Json, limit: int, specs: bool) -> Query:
    wanted = request.get("StatusEquals")
    order = _order(request.get("SortBy", "CreationTime"))
    return Query(
        name_contains=request.get("NameContains", ""),
        shown=None if wanted is None else frozenset(phase for phase, word in noun.words.items() if word == wanted),
        created_after=_seconds(request.get("CreationTimeAfter")),
        created_before=_seconds(request.get("CreationTimeBefore")),
        modified_after=_seconds(request.get("LastModifiedTimeAfter")),
        modified_before=_seconds(request.get("LastModifiedTimeBefore")),
        order=order,
        ranks=_ranks(noun) if order == "shown" else (),
        descending=request.get("SortOrder", "Descending") == "Descending",
        after=_after(request["NextToken"]) if "NextToken" in request else None,
        limit=limit + 1,
        specs=specs,
    )


def _order(wanted: str) -> Order:
    if wanted not in _ORDERS:
        raise ValidationException(f"SortBy {wanted} is not supported yet.")
    return _ORDERS[wanted]


def _ranks(noun: Noun) -> tuple[tuple[str, int], ...]:
    """Each phase with its place in the order of the words that callers see."""
    words = sorted(set(noun.words.values()))
    return tuple((phase, words.index(word)) for phase, word in noun.words.items())


def _seconds(moment: datetime | float | None) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else moment


def token_of(*position: float | str) -> str:
    """A NextToken that says after which item the next page begins."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def position_of(token: str, types: Sequence[type | UnionType]) -> tuple[Any, ...]:
    """What ``token_of`` was given, of these types. Raises ValidationException for a token that it did not make."""
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, RecursionError):
        position = None
    if not isinstance(position, list) or len(position) != len(types) or not all(map(isinstance, position, types)):
        raise ValidationException("Invalid NextToken: it was not made by this operation.")
    return tuple(position)


def _after(token: str) -> tuple[Any, str]:
    value, name = position_of(token, (str | float | int, str))
    return value, name
