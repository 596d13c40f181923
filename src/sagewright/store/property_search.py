"""Conditions on indexed properties as SQL: how many resources satisfy them, and one page of these in order.

A property is named by its id in ``indexed_properties``. A condition has two forms: a predicate on one resource,
answered by the values' primary key; and a superset of the resources that satisfy it, read off the index of values. A
query begins with a superset where there is one, and tests the predicate on each resource of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from sagewright.store.schema import indexed_properties, property_values

NUMBER, TEXT, ABSENT = 0, 1, 2
HEAD = 256
"""Bytes of a text by which it is found and sorted: PostgreSQL's indexes take few more."""
FEW = 5000
"""Up to so many hits are sorted by themselves; of more, a page is read off the index of the sorted property."""


class Match(NamedTuple):
    """A test of one value. ``number`` is the number that ``text`` is, or None."""

    operator: Literal["exists", "equals", "contains", "gt", "ge", "lt", "le"]
    text: str = ""
    number: float | None = None


class Has(NamedTuple):
    """A value of the property passes the test."""

    property: int
    match: Match


class Not(NamedTuple):
    """The condition is false."""

    condition: Condition


class All(NamedTuple):
    """Every condition is true; of none, true."""

    conditions: tuple[Condition, ...]


class Some(NamedTuple):
    """One condition is true or several; of none, false."""

    conditions: tuple[Condition, ...]


class OneItem(NamedTuple):
    """One item of a list satisfies all conditions, which are of ``Has``, ``Not`` and ``Some`` alone."""

    property: int
    """Any property of the items: each item has a row of it."""
    conditions: tuple[Condition, ...]


Condition: TypeAlias = Has | Not | All | Some | OneItem


class Position(NamedTuple):
    """Where a resource stands in the order by a property."""

    rank: int
    number: float
    head: bytes
    name: str


class Hit(NamedTuple):
    """The id of a resource that satisfies a condition, and its place."""

    resource: str
    position: Position


@dataclass(frozen=True, slots=True)
class Paging:
    """The order by a property's first value: numbers, then text, or reversed; what has no value is last in both."""

    property: int
    ascending: bool
    limit: int
    after: Position | None = None


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {"gt": gt, "ge": ge, "lt": lt, "le": le}
REMOVE_VALUES = delete(property_values).where(
    property_values.c.property.in_(select(indexed_properties.c.id)),
    property_values.c.resource == bindparam("which"),
)
"""Delete the values of the resource with the id ``which``."""


class _Within(FunctionElement[int]):
    """The place of the second text in the first, from 1; 0 when it is not there."""

    type = Integer()
    inherit_cache = True


@compiles(_Within, "sqlite")
def _within_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Within, "postgresql")
def _within_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    text, part = (compiler.process(each, **options) for each in element.clauses)
    return f"position(CAST({part} AS bytea) IN {text})"


def encoded(text: str) -> bytes:
    """The UTF-8 bytes of any text, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def is_number(number: float | None) -> bool:
    """Whether it is a number that can be compared."""
    return number is not None and number == number  # noqa: PLR0124 - NaN is not equal to itself


def count(connection: Connection, sorted_by: int, condition: Condition | None) -> int:
    """The number of resources that satisfy the condition. ``sorted_by`` is any property: all resources have it."""
    value = property_values.alias("each")
    everything = select(func.count()).where(value.c.property == sorted_by, value.c.position == 0)
    if condition is None:
        return _scalar(connection, everything)
    if isinstance(condition, Not):
        return _scalar(connection, everything) - count(connection, sorted_by, condition.condition)
    sources = _sources(condition)
    if sources is None:
        return _scalar(connection, everything.where(_predicate(condition, value.c.resource)))
    found = _found(sources)
    query = select(func.count()).select_from(found)
    return _scalar(connection, query if _exact(condition) else query.where(_predicate(condition, found.c.resource)))


def page(connection: Connection, paging: Paging, condition: Condition | None, hits: int) -> list[Hit]:
    """The next hits in order. ``hits`` is how many there are in all, roughly: by it the faster query is chosen."""
    found = _page(connection, paging, condition, hits, present=True) if not _is_absent(paging.after) else []
    if len(found) == paging.limit:
        return found
    after = paging.after if _is_absent(paging.after) else None
    rest = Paging(paging.property, paging.ascending, paging.limit - len(found), after)
    return found + _page(connection, rest, condition, hits, present=False)


def having(resource: ColumnElement[Any], wanted: int, match: Match) -> ColumnElement[bool]:
    """Whether a resource has a value of the property ``wanted`` that passes the test."""
    value = property_values.alias()
    return resource.in_(select(value.c.resource).where(value.c.property == wanted, _matches(value, match)))


def _is_absent(after: Position | None) -> bool:
    return after is not None and after.rank == ABSENT


def _page(
    connection: Connection, paging: Paging, condition: Condition | None, hits: int, *, present: bool
) -> list[Hit]:
    value = property_values.alias("sorted")
    columns = [value.c.rank, value.c.number, value.c.head, value.c.name]
    sources = _sources(condition) if condition is not None and hits <= FEW else None
    # An expression instead of the column keeps the databases from the index, where few resources are sorted.
    rank = value.c.rank if sources is None else value.c.rank + 0
    query = select(value.c.resource, *columns).where(value.c.property == paging.property, value.c.position == 0)
    query = query.where(rank < ABSENT if present else rank == ABSENT)
    if sources is not None:
        found = _found(sources)
        query = query.where(value.c.resource == found.c.resource)
    if condition is not None and (sources is None or not _exact(condition)):
        query = query.where(_predicate(condition, value.c.resource))
    if paging.after is not None:
        place = tuple_(*columns) if sources is None else tuple_(rank, *columns[1:])
        query = query.where((gt if paging.ascending else lt)(place, tuple_(*_literals(paging.after))))
    order = [rank, *columns[1:]]
    sorting = order if paging.ascending else [each.desc() for each in order]
    rows = connection.execute(query.order_by(*sorting).limit(paging.limit)).all()
    return [Hit(row[0], Position(row[1], row[2], bytes(row[3]), row[4])) for row in rows]


def _literals(position: Position) -> list[ColumnElement[Any]]:
    names = ("rank", "number", "head", "name")
    return [literal(getattr(position, name), property_values.c[name].type) for name in names]


def _scalar(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def _found(sources: Sequence[Select[Any]]) -> Any:
    return (union(*sources) if len(sources) > 1 else sources[0].distinct()).subquery("found")


def _exact(condition: Condition) -> bool:
    """Whether the superset is the set."""
    if isinstance(condition, Some):
        return all(map(_exact, condition.conditions))
    return isinstance(condition, Has)


def _sources(condition: Condition) -> list[Select[Any]] | None:
    """Queries whose results together hold every resource that satisfies the condition; None for all resources."""
    if isinstance(condition, Has):
        value = property_values.alias()
        # An expression: for the column alone SQLite reads all values by their key, which makes them distinct for free.
        resource = (value.c.resource + "").label("resource")
        return [select(resource).where(value.c.property == condition.property, _matches(value, condition.match))]
    if isinstance(condition, Some):
        parts = [_sources(each) for each in condition.conditions]
        if not parts or None in parts:
            return None
        return [each for part in parts if part is not None for each in part]
    if isinstance(condition, All | OneItem):
        for each in sorted(condition.conditions, key=_selectivity):
            if sources := _sources(each):
                return sources
    return None


_SELECTIVITY = {"equals": 0, "gt": 1, "ge": 1, "lt": 1, "le": 1, "contains": 2, "exists": 3}


def _selectivity(condition: Condition) -> int:
    """A guess: the lower, the fewer resources satisfy the condition."""
    if isinstance(condition, Has):
        return _SELECTIVITY[condition.match.operator]
    if isinstance(condition, Not) or not condition.conditions:
        return 4
    pick = max if isinstance(condition, Some) else min
    return pick(map(_selectivity, condition.conditions))


def _predicate(condition: Condition, resource: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the resource with this id satisfies the condition."""
    match condition:
        case Has():
            value = property_values.alias()
            return exists().where(
                *_of(value, condition.property, resource), _matches(value, condition.match, probe=True)
            )
        case Not():
            return not_(_predicate(condition.condition, resource))
        case All():
            return and_(true(), *(_predicate(each, resource) for each in condition.conditions))
        case Some():
            return or_(false(), *(_predicate(each, resource) for each in condition.conditions))
        case OneItem():
            item = property_values.alias()
            conditions = (_of_item(each, item) for each in condition.conditions)
            return exists().where(*_of(item, condition.property, resource), item.c.item >= 0, *conditions)


def _of_item(condition: Condition, item: Any) -> ColumnElement[bool]:
    """Whether the item that a row is of satisfies a condition of ``OneItem``."""
    if isinstance(condition, Not):
        return not_(_of_item(condition.condition, item))
    if isinstance(condition, Has):
        value = property_values.alias()
        match = _matches(value, condition.match, probe=True)
        here = _of(value, condition.property, item.c.resource)
        return exists().where(*here, value.c.item == item.c.item, match)
    return or_(false(), *(_of_item(each, item) for each in condition.conditions))


def _of(value: Any, wanted: int, resource: ColumnElement[Any]) -> tuple[ColumnElement[bool], ...]:
    return value.c.property == wanted, value.c.resource == resource


def _matches(value: Any, match: Match, *, probe: bool = False) -> ColumnElement[bool]:
    """Whether a row's value passes the test. ``probe``: one resource's rows are tested, so no index is to be used."""
    rank = value.c.rank + 0 if probe else value.c.rank
    if match.operator == "exists":
        return rank < ABSENT  # type: ignore[no-any-return]
    if match.operator == "contains":
        return and_(rank < ABSENT, _contains(value, encoded(match.text)))
    if match.operator == "equals":
        if is_number(match.number):
            return and_(rank == NUMBER, value.c.number == match.number)
        return and_(rank == TEXT, value.c.number == 0.0, *_same_text(value, match.text))
    if not is_number(match.number):
        return false()
    return and_(rank == NUMBER, _COMPARE[match.operator](value.c.number, match.number))


def _same_text(value: Any, text: str) -> tuple[ColumnElement[bool], ...]:
    whole = encoded(text)
    return value.c.head == whole[:HEAD], (value.c.text == whole if len(whole) > HEAD else value.c.text.is_(None))


def _contains(value: Any, part: bytes) -> ColumnElement[bool]:
    """Whether the text contains the bytes. SQL's ``position`` is called instr in SQLite."""
    return _Within(func.coalesce(value.c.text, value.c.head), literal(part, LargeBinary)) > 0
