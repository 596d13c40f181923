"""Metric math: arithmetic on the ids of other queries, and SUM, AVG, MIN and MAX.

A value is a number, a series, or several series. An operator on two series gives the times that both have. A function
reduces several series to one, leaving out missing points, and one series to a number.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sagewright.core import Json
from sagewright.core.errors import NotImplementedYet
from sagewright.services.cloudwatch._shared import invalid


@dataclass(frozen=True, slots=True)
class Series:
    """Values by time in seconds; ``stat`` is the MetricStat they come from, empty for an expression's."""

    points: dict[float, float]
    stat: Json = field(default_factory=dict)


Value: TypeAlias = "float | Series | list[Series]"

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


class Evaluator:
    """Evaluates the queries of one GetMetricData; ``read`` gives the series of a query with a MetricStat."""

    def __init__(self, queries: Mapping[str, Json], read: Callable[[Json], Series]) -> None:
        self._queries = queries
        self._read = read
        self._values: dict[str, Value] = {}
        self._open: set[str] = set()

    def results(self, query: Json) -> list[Series]:
        """The series of a query. Raises ``ValidationError`` for an expression that has none, 501 for unknown ones."""
        try:
            value = self._value(query["Id"])
        except (RecursionError, OverflowError):
            raise _wrong(query) from None
        if isinstance(value, float):
            raise invalid(f"The expression of '{query['Id']}' is a number and not a time series.")
        return [value] if isinstance(value, Series) else value

    def _value(self, name: str) -> Value:
        if name not in self._values:
            query = self._queries.get(name)
            if query is None:
                raise invalid(f"The expression names '{name}', which is no id of a MetricDataQuery.")
            if name in self._open:
                raise invalid(f"The expression of '{name}' is part of itself.")
            self._open.add(name)
            self._values[name] = self._read(query) if "MetricStat" in query else self._evaluate(_parse(query), query)
        return self._values[name]

    def _evaluate(self, node: ast.expr, query: Json) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                return self._value(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                factor = -1.0 if isinstance(sign, ast.USub) else 1.0
                return _combine(operator.mul, factor, self._evaluate(operand, query))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _combine(_OPERATORS[type(op)], self._evaluate(left, query), self._evaluate(right, query))
            case ast.List(elts=elements):
                values = [self._evaluate(element, query) for element in elements]
                return [series for value in values for series in _as_list(value, query)]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, query)
        raise _unknown(query)

    def _call(self, name: str, arguments: list[ast.expr], query: Json) -> Value:
        match name, arguments:
            case "METRICS", _:
                return self._metrics(arguments, query)
            case name, [argument] if name in _FUNCTIONS:
                return _reduce(_FUNCTIONS[name], self._evaluate(argument, query))
        raise _unknown(query)

    def _metrics(self, arguments: list[ast.expr], query: Json) -> list[Series]:
        """The series of all queries with a MetricStat, or of those whose ids contain a text."""
        part = ""
        match arguments:
            case []:
                pass
            case [ast.Constant(value=str(text))]:
                part = text
            case _:
                raise _wrong(query)
        names = [name for name, each in self._queries.items() if "MetricStat" in each and part in name]
        return [series for name in names for series in _as_list(self._value(name), query)]


def _parse(query: Json) -> ast.expr:
    """The expression's syntax tree, by Python's parser: the supported part of the language is written as in Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expression: ast.Expression = ast.parse(query["Expression"].strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _wrong(query) from None
    return expression.body


def _unknown(query: Json) -> Exception:
    return NotImplementedYet(
        f"The expression '{query['Expression']}' has more than numbers, ids, + - * / and SUM, AVG, MIN, MAX and "
        "METRICS, which is what this version of Sagewright works out."
    )


def _wrong(query: Json) -> Exception:
    return invalid(f"Error in expression '{query['Id']}': it cannot be read.")


def _as_list(value: Value, query: Json) -> list[Series]:
    if isinstance(value, float):
        raise _wrong(query)
    return [value] if isinstance(value, Series) else value


def _combine(compute: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        raise invalid("The operands of an arithmetic operation must not both be arrays of time series.")
    if isinstance(left, list):
        return [_points(compute, each, right) for each in left if not isinstance(right, list)]
    if isinstance(right, list):
        return [_points(compute, left, each) for each in right]
    if isinstance(left, Series) or isinstance(right, Series):
        return _points(compute, left, right)
    number = _compute(compute, left, right)
    if number is None:
        raise invalid("The expression divides by zero.")
    return number


def _points(compute: Callable[[float, float], float], left: float | Series, right: float | Series) -> Series:
    """Computes point by point, at times where both sides have a value and the result is finite."""
    times = {at: None for side in (left, right) if isinstance(side, Series) for at in side.points}
    points: dict[float, float] = {}
    for at in times:
        one = left.points.get(at) if isinstance(left, Series) else left
        other = right.points.get(at) if isinstance(right, Series) else right
        value = None if one is None or other is None else _compute(compute, one, other)
        if value is not None:
            points[at] = value
    return Series(points)


def _compute(compute: Callable[[float, float], float], one: float, other: float) -> float | None:
    try:
        value = compute(one, other)
    except (ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _reduce(function: Callable[[Sequence[float]], float], value: Value) -> Value:
    """Reduces several series to one, and one series to a number."""
    if isinstance(value, float):
        return value
    if isinstance(value, Series):
        return function(list(value.points.values())) if value.points else Series({})
    columns: dict[float, list[float]] = {}
    for series in value:
        for at, number in series.points.items():
            columns.setdefault(at, []).append(number)
    return Series({at: function(numbers) for at, numbers in columns.items()})
