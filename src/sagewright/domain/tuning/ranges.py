"""The ranges of hyperparameters: their values as strings, as coordinates from 0 to 1, and as uniform draws.

A *coordinate* places a value on its range after scaling: 0 is the lowest value, 1 the highest. Of a categorical
parameter it is the index of the value.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

Point = Mapping[str, str]
"""A value for each tunable hyperparameter, as the training job receives it."""

WIDE = 1000.0
"""How often the lowest value must fit into the highest for ``Auto`` to mean a logarithmic scale."""


class Scaling(enum.Enum):
    """How a numeric range is spread over the coordinates from 0 to 1."""

    LINEAR = "Linear"
    LOGARITHMIC = "Logarithmic"
    REVERSE_LOGARITHMIC = "ReverseLogarithmic"


def automatic(low: float, high: float) -> Scaling:
    """Choose a scale: logarithmic where the values are positive and span three decades, else linear."""
    return Scaling.LOGARITHMIC if low > 0 and high / low >= WIDE else Scaling.LINEAR


@dataclass(frozen=True)
class _Scale:
    """The monotone map between values and coordinates."""

    low: float
    high: float
    scaling: Scaling

    def coordinate(self, value: float) -> float:
        """Place ``value``; 0 where the range is a single value, or so narrow that its ends have the same logarithm."""
        first, last = self._even(self.low), self._even(self.high)
        return (self._even(value) - first) / (last - first) if first != last else 0.0

    def value(self, coordinate: float) -> float:
        """Find the value at ``coordinate``, which is cut to 0 … 1."""
        if coordinate <= 0 or coordinate >= 1:
            return self.low if coordinate <= 0 else self.high
        even = self._even(self.low) * (1 - coordinate) + self._even(self.high) * coordinate
        found = even
        if self.scaling is Scaling.LOGARITHMIC:
            found = math.exp(even)
        elif self.scaling is Scaling.REVERSE_LOGARITHMIC:
            found = -math.expm1(-even)
        return min(max(found, self.low), self.high)

    def _even(self, value: float) -> float:
        """What grows evenly with the coordinate."""
        if self.scaling is Scaling.LOGARITHMIC:
            return math.log(value)
        return -math.log1p(-value) if self.scaling is Scaling.REVERSE_LOGARITHMIC else value


@dataclass(frozen=True)
class Continuous:
    """A real number from ``low`` to ``high``, both included."""

    name: str
    low: float
    high: float
    scaling: Scaling = Scaling.LINEAR

    @property
    def levels(self) -> int | None:
        """The number of values: none can be given, but for a range of one value."""
        return 1 if self.low == self.high else None

    def draw(self, uniform: float) -> str:
        """Turn a uniform number from 0 to 1 into a value that is uniform on the scale."""
        return self.nearest(uniform)

    def nearest(self, coordinate: float) -> str:
        """Write the value at ``coordinate``, with all digits that a float has."""
        return repr(float(_Scale(self.low, self.high, self.scaling).value(coordinate)))

    def coordinate(self, value: str) -> float:
        """Place a value on the range."""
        return _Scale(self.low, self.high, self.scaling).coordinate(float(value))


@dataclass(frozen=True)
class Integer:
    """A whole number from ``low`` to ``high``, both included."""

    name: str
    low: int
    high: int
    scaling: Scaling = Scaling.LINEAR

    @property
    def levels(self) -> int:
        """The number of values."""
        return self.high - self.low + 1

    def edges(self) -> tuple[float, float]:
        """The coordinates half a step below the lowest value and above the highest: each value owns its surrounding."""
        if self.low == self.high:
            return 0.0, 0.0
        scale = _Scale(self.low, self.high, self.scaling)
        return scale.coordinate(self.low - 0.5), scale.coordinate(self.high + 0.5)

    def draw(self, uniform: float) -> str:
        """Turn a uniform number from 0 to 1 into a value: on a linear scale each is as likely as the others."""
        first, last = self.edges()
        c = first + uniform * (last - first)
        if self.scaling is Scaling.LOGARITHMIC:
            found = self.low * (self.high / self.low) ** c
        else:
            found = self.low + (self.high - self.low) * c
        return str(min(max(round(found), self.low), self.high))

    def nearest(self, coordinate: float) -> str:
        """Write the whole number nearest to ``coordinate``."""
        return str(round(_Scale(self.low, self.high, self.scaling).value(coordinate)))

    def coordinate(self, value: str) -> float:
        """Place a value on the range."""
        return _Scale(self.low, self.high, self.scaling).coordinate(int(value))


@dataclass(frozen=True)
class Categorical:
    """One of some strings, without an order."""

    name: str
    values: tuple[str, ...]

    @property
    def levels(self) -> int:
        """The number of values."""
        return len(self.values)

    def draw(self, uniform: float) -> str:
        """Turn a uniform number from 0 to 1 into a value, each as likely as the others."""
        return self.values[min(int(uniform * len(self.values)), len(self.values) - 1)]

    def nearest(self, coordinate: float) -> str:
        """Give the value at an index."""
        return self.values[min(max(round(coordinate), 0), len(self.values) - 1)]

    def coordinate(self, value: str) -> float:
        """Give the index of a value."""
        return float(self.values.index(value))


Parameter = Continuous | Integer | Categorical


@dataclass(frozen=True)
class Space:
    """The hyperparameters that are tuned together, in a fixed order."""

    parameters: tuple[Parameter, ...]

    @property
    def size(self) -> int | None:
        """The number of different points, None where a real number makes it endless."""
        size = 1
        for parameter in self.parameters:
            if parameter.levels is None:
                return None
            size *= parameter.levels
        return size

    def draw(self, uniforms: Sequence[float]) -> Point:
        """Turn a uniform number for each parameter into a point."""
        return {each.name: each.draw(u) for each, u in zip(self.parameters, uniforms, strict=True)}

    def point(self, coordinates: Sequence[float]) -> Point:
        """Find the point nearest to the coordinates."""
        return {each.name: each.nearest(c) for each, c in zip(self.parameters, coordinates, strict=True)}

    def coordinates(self, point: Point) -> list[float]:
        """Place a point."""
        return [each.coordinate(point[each.name]) for each in self.parameters]

    def key(self, point: Point) -> tuple[str, ...]:
        """Give the point's values in order; two points are the same where their keys are."""
        return tuple(point[each.name] for each in self.parameters)

    def every_point(self) -> Iterator[Point]:
        """Go through all points of a finite space; the last parameter changes fastest."""
        for values in product(*(_all_values(each) for each in self.parameters)):
            yield {each.name: value for each, value in zip(self.parameters, values, strict=True)}


def _all_values(parameter: Parameter) -> Sequence[str]:
    if isinstance(parameter, Categorical):
        return parameter.values
    if isinstance(parameter, Integer):
        return [str(value) for value in range(parameter.low, parameter.high + 1)]
    if parameter.low == parameter.high:
        return [parameter.nearest(0.0)]
    raise ValueError(f"{parameter.name} has no end of values")
