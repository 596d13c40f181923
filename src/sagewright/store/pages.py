"""Pages of resources: the filters and orders of List operations as queries. A query is built once for each form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import ge, gt, le, lt
from typing import Any, Literal, NamedTuple

from sqlalchemy import Column, ColumnElement, Integer, Select, String, bindparam, case, func, or_, select

from sagewright.core import Json
from sagewright.store.schema import resources


@dataclass(frozen=True, slots=True)
class Query:
    """Filters of the List operations. ``order`` names a column, ``after`` is a page's last row.

    ``shown`` are the values of ``Resource.shown`` to list. In an order by ``shown``, ``ranks`` gives the position of
    each phase.
    """

    name_contains: str = ""
    shown: frozenset[str] | None = None
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    order: Literal["name", "created", "modified", "shown"] = "created"
    ranks: tuple[tuple[str, int], ...] = ()
    descending: bool = True
    after: tuple[Any, str] | None = None
    limit: int = 100
    specs: bool = True
    """Whether to read the specs too, by far the largest column."""


def page(
    columns: tuple[Column[Any], ...], scope: Mapping[str, str], query: Query
) -> tuple[Select[Any], Mapping[str, Any]]:
    """The statement for one page, and the values of its parameters. ``scope`` maps columns to what they must be."""
    filters = {name: value for name in _FILTERS if (value := getattr(query, name)) not in ("", None)}
    order = Order(query.order, query.ranks, query.descending)
    statement = _listing(columns, tuple(scope), order, query.after is not None, frozenset(filters))
    values: Json = {**scope, "most": query.limit, **filters}
    if query.name_contains:
        escaped = re.sub("([%_/])", r"/\1", query.name_contains.lower())
        values["name_contains"] = f"%{escaped}%"
    if query.after is not None:
        values["last"], values["last_name"] = query.after
    return statement, values


def _bound(name: str, column: Any, compare: Callable[[Any, Any], Any]) -> Any:
    return compare(column, bindparam(name, type_=column.type))


# The condition that each filter of a Query adds.
_FILTERS: Mapping[str, Any] = {
    "name_contains": func.lower(resources.c.name).like(bindparam("name_contains", type_=String), escape="/"),
    "shown": resources.c.shown.in_(bindparam("shown", expanding=True)),
    "created_after": _bound("created_after", resources.c.created, gt),
    "created_before": _bound("created_before", resources.c.created, lt),
    "modified_after": _bound("modified_after", resources.c.modified, gt),
    "modified_before": _bound("modified_before", resources.c.modified, lt),
}


class Order(NamedTuple):
    """The order of a listing: by a column, or by ``ranks`` of the phases in ``shown``."""

    column: str
    ranks: tuple[tuple[str, int], ...]
    descending: bool

    def expression(self) -> ColumnElement[Any]:
        column = resources.c[self.column]
        return case(dict(self.ranks), value=column, else_=-1) if self.ranks else column


@cache
def _listing(
    columns: tuple[Column[Any], ...], scope: tuple[str, ...], order: Order, continued: bool, filters: frozenset[str]
) -> Select[Any]:
    """The query for a page; ``continued`` when it begins after the last row of another."""
    column, name, descending = order.expression(), resources.c.name, order.descending
    where = [resources.c[each] == bindparam(each) for each in scope]
    where += [_FILTERS[each] for each in sorted(filters)]
    if continued:
        strictly, from_last = (lt, le) if descending else (gt, ge)
        last = bindparam("last", type_=column.type)
        # the second condition implies the first, by which an index finds the position
        where += [from_last(column, last), or_(strictly(column, last), strictly(name, bindparam("last_name")))]
    sorting = (column.desc(), name.desc()) if descending else (column.asc(), name.asc())
    return select(*columns).where(*where).order_by(*sorting).limit(bindparam("most", type_=Integer))
