"""List operations: filters, sorting and paging, as ``Facts.listed`` matched them to columns, paths and links at import.

Columns are the database's work. What lies on a path of a resource's Describe, or is linked, is looked at here, page by
page: an order by a path reads all. A filter that nothing is known of fails at import, an order is refused below.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import UnionType
from typing import Any, TypeAlias

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import Filter, Listed, Passes, Test
from sagewright.store.resources import Query, Resource

PAGE = 100
_READ = 200
"""Rows read at a time where each is looked at."""


def list_resources(noun: Noun, call: Call, request: Json) -> Json:
    """One page of a noun's List operation, with NextToken only when more follows."""
    listed = noun.facts.listed
    assert listed is not None
    limit = int(request.get("MaxResults", PAGE))
    order = _order(noun, listed, request)
    columns, tests = _matched(noun, call, listed, request)
    query = Query(
        **columns,
        order=order if order in _COLUMNS else "created",  # type: ignore[arg-type] # a str that is one of the columns
        ranks=_ranks(noun) if order == "shown" else (),
        descending=_descending(noun, request),
        limit=limit + 1,
        specs=listed.specs or bool(tests) or order not in _COLUMNS,
    )
    if order in _COLUMNS:
        after = position_of(request["NextToken"], (str | float | int, str)) if "NextToken" in request else None
        page, token = _by_column(noun, call, replace(query, after=after), tests)
    else:
        page, token = _by_path(noun, call, query, tests, (order[1:], request.get("NextToken")))
    shown = listed.shown
    items = [{key: value for key, value in noun.brief(each).items() if key in shown} for each in page]
    if listed.summary:
        for item, each in zip(items, page, strict=True):
            item.update(_by_paths(noun, call, listed, each))
    answer: Json = {listed.member: items}
    if token:
        answer["NextToken"] = token
    return answer


_COLUMNS = ("name", "created", "modified", "shown")
Page: TypeAlias = tuple[Sequence[Resource], str]
"""Resources, and the NextToken where more follow."""


def _by_paths(noun: Noun, call: Call, listed: Listed, resource: Resource) -> Json:
    """What the list shows of a resource under other names than Describe."""
    full = noun.full(call, resource)
    found = {name: next(values_at(full, path), None) for name, path in listed.summary.items()}
    return {name: value for name, value in found.items() if value is not None}


def _order(noun: Noun, listed: Listed, request: Json) -> str:
    wanted = request.get("SortBy", noun.shape.order)
    if wanted not in listed.orders:
        raise ValidationException(f"SortBy {wanted} is not supported yet.")
    return listed.orders[wanted]


def _descending(noun: Noun, request: Json) -> bool:
    wanted: str = request.get("SortOrder", "Ascending" if noun.shape.ascending else "Descending")
    return wanted.lower() == "descending"


def _matched(noun: Noun, call: Call, listed: Listed, request: Json) -> tuple[Json, list[Passes]]:
    """The filters of a request: those that the store carries out, and tests of what it gives."""
    columns: Json = {}
    tests: list[Passes] = []
    for name, filter_ in listed.filters.items():
        if name not in request:
            continue
        value = request[name]
        if filter_.column == "shown":
            columns["shown"] = frozenset(phase for phase, word in noun.words.items() if word == value)
        elif filter_.column:
            columns[filter_.column] = value.timestamp() if isinstance(value, datetime) else value
        elif filter_.choose is not None:
            tests.append(filter_.choose(call, value))
        else:
            tests.append(_holds(noun, call, filter_, value))
    return columns, tests


def _holds(noun: Noun, call: Call, filter_: Filter, wanted: Any) -> Passes:
    compare = _COMPARE[filter_.test]
    wanted = seconds(wanted)
    top = filter_.path.partition(".")[0]

    def passes(resource: Resource) -> bool:
        document = noun.brief(resource)
        if top not in document:
            document = noun.full(call, resource)
        return any(compare(seconds(value), wanted) for value in values_at(document, filter_.path))

    return passes


_COMPARE: dict[Test, Callable[[Any, Any], bool]] = {
    "Equals": lambda value, wanted: bool(value == wanted),
    "Contains": lambda value, wanted: str(wanted).lower() in str(value).lower(),
    "Prefix": lambda value, wanted: str(value).startswith(str(wanted)),
    "After": lambda value, wanted: bool(value > wanted),
    "Before": lambda value, wanted: bool(value < wanted),
}


def _by_column(noun: Noun, call: Call, query: Query, tests: Sequence[Passes]) -> Page:
    """A page in an order that the database knows."""
    limit = query.limit - 1
    read = replace(query, limit=max(_READ, query.limit)) if tests else query
    found: list[Resource] = []
    while True:
        rows = call.platform.resources.list(call.account, call.region, noun.kind, read)
        found += [each for each in rows if all(passes(each) for passes in tests)] if tests else rows
        if len(found) > limit or len(rows) < read.limit:
            break
        read = replace(read, after=_position(read, rows[-1]))
    page = found[:limit]
    return page, token_of(*_position(query, page[-1])) if len(found) > limit else ""


def _position(query: Query, resource: Resource) -> tuple[Any, str]:
    last: Any = getattr(resource, query.order)
    return dict(query.ranks).get(last, -1) if query.ranks else last, resource.name


def _by_path(noun: Noun, call: Call, query: Query, tests: Sequence[Passes], order: tuple[str, str | None]) -> Page:
    """A page in the order of what lies at a path; what has nothing there comes first."""
    path, token = order
    rows = call.platform.resources.list(call.account, call.region, noun.kind, replace(query, limit=1_000_000))
    found = []
    for each in rows:
        if all(passes(each) for passes in tests):
            values = list(values_at(noun.full(call, each), path))
            found.append(((*_sortable(values[:1]), each.name), each))
    found.sort(key=lambda pair: pair[0], reverse=query.descending)
    if token is not None:
        last = position_of(token, (int, float | int, str, str))
        found = [pair for pair in found if (pair[0] < last if query.descending else pair[0] > last)]
    page, more = found[: query.limit - 1], len(found) >= query.limit
    return [each for _, each in page], token_of(*page[-1][0]) if more else ""


def _sortable(values: Sequence[Any]) -> tuple[int, float, str]:
    if not values:
        return (0, 0.0, "")
    value = seconds(values[0])
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))


def values_at(document: Any, path: str) -> Iterator[Any]:
    """What lies at a dotted path of a document; of a list, what lies there in each item."""
    if isinstance(document, list):
        for each in document:
            yield from values_at(each, path)
    elif not path:
        yield document
    elif isinstance(document, dict):
        name, _, rest = path.partition(".")
        if name in document:
            yield from values_at(document[name], rest)


def _ranks(noun: Noun) -> tuple[tuple[str, int], ...]:
    """Each phase with its place in the order of the words that callers see."""
    words = sorted(set(noun.words.values()))
    return tuple((phase, words.index(word)) for phase, word in noun.words.items())


def seconds(moment: Any) -> Any:
    """A moment as seconds since the epoch; anything else as it is."""
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
