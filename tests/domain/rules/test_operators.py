"""Operators of patterns, each by itself."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.domain.rules.operators import OPERATORS, equals


@pytest.mark.parametrize(("wanted", "same"), [(1, 1.0), ("1", "1"), (True, True), (None, None), (0.5, 0.5)])
def test_the_same_value_is_equal_and_no_other_type_is(wanted: Any, same: Any) -> None:
    test = equals(wanted)
    assert test(same)
    assert not any(test(other) for other in ("2", 2, [], {}) if other != wanted)


def test_a_truth_value_is_no_number() -> None:
    assert not equals(1)(True)
    assert not equals(True)(1)
    assert not OPERATORS["numeric"](["=", 1])(True)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_refuses_what_it_cannot_mean(name: str) -> None:
    for wanted in (None, {"x": 1}, [[]]):
        with pytest.raises(ValueError, match=r"."):
            OPERATORS[name](wanted)


def test_escaped_stars_are_stars() -> None:
    test = OPERATORS["wildcard"]("a\\*b\\\\*")
    assert test("a*b\\c")
    assert not test("axb\\c")
