"""Values, coordinates and draws of ranges."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kit.tuning import MIXED, PARAMETERS, SMALL, integers

from sagewright.domain.tuning.ranges import Categorical, Continuous, Integer, Parameter, Scaling, Space, automatic

UNIT = st.floats(0, 1)


def holds(parameter: Parameter, value: str) -> bool:
    if isinstance(parameter, Categorical):
        return value in parameter.values
    number = int(value) if isinstance(parameter, Integer) else float(value)
    return parameter.low <= number <= parameter.high


@given(PARAMETERS, UNIT)
def test_a_drawn_value_is_in_its_range(parameter: Parameter, uniform: float) -> None:
    assert holds(parameter, parameter.draw(uniform))


@given(PARAMETERS, st.floats(-1, 31))
def test_any_coordinate_has_a_value_in_the_range(parameter: Parameter, coordinate: float) -> None:
    assert holds(parameter, parameter.nearest(coordinate))


@given(st.one_of(integers(), st.just(MIXED.parameters[4])), UNIT)
def test_a_value_is_found_again_at_its_coordinate(parameter: Parameter, uniform: float) -> None:
    value = parameter.draw(uniform)
    assert parameter.nearest(parameter.coordinate(value)) == value


@given(UNIT, UNIT)
def test_numbers_keep_their_order(a: float, b: float) -> None:
    for parameter in MIXED.parameters[:4]:
        low, high = sorted([a, b])
        assert float(parameter.draw(low)) <= float(parameter.draw(high))


def test_each_integer_is_as_likely_as_the_next() -> None:
    counts = Counter(Integer("n", 3, 7).draw((i + 0.5) / 1000) for i in range(1000))
    assert counts == dict.fromkeys("34567", 200)


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [
        (Continuous("x", 0, 10), 5),
        (Continuous("x", 1e-4, 1, Scaling.LOGARITHMIC), 1e-2),
        (Continuous("x", 0, 0.9999, Scaling.REVERSE_LOGARITHMIC), 0.99),
        (Integer("x", 1, 10000, Scaling.LOGARITHMIC), 100),
    ],
)
def test_the_middle_of_each_scale(parameter: Continuous | Integer, middle: float) -> None:
    assert float(parameter.nearest(0.5)) == pytest.approx(middle)
    assert parameter.coordinate(parameter.nearest(0.5)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [(1e-5, 0.1, Scaling.LOGARITHMIC), (0.01, 0.2, Scaling.LINEAR), (0, 1000, Scaling.LINEAR), (-1, 9, Scaling.LINEAR)],
)
def test_auto_is_logarithmic_over_three_decades(low: float, high: float, scaling: Scaling) -> None:
    assert automatic(low, high) is scaling


def test_values_are_written_as_a_job_gets_them() -> None:
    assert MIXED.draw([0.0, 0.0, 0.999, 0.0, 0.4]) == {
        "rate": "1e-05",
        "momentum": "0.0",
        "depth": "12",
        "rounds": "1",
        "booster": "linear",
    }


def test_a_finite_space_counts_and_lists_its_points() -> None:
    points = list(SMALL.every_point())
    assert SMALL.size == len(points) == len({SMALL.key(each) for each in points}) == 6
    assert points[:2] == [{"depth": "1", "booster": "tree"}, {"depth": "1", "booster": "linear"}]
    assert MIXED.size is None
    with pytest.raises(ValueError, match="rate"):
        list(MIXED.every_point())


def test_a_range_of_one_value() -> None:
    space = Space((Continuous("x", 2, 2), Integer("n", 4, 4, Scaling.LOGARITHMIC)))
    assert space.size == 1
    assert list(space.every_point()) == [space.draw([0.7, 0.7])] == [space.point([0.3, 0.3])]
    assert space.coordinates(space.draw([0.7, 0.7])) == [0, 0]
