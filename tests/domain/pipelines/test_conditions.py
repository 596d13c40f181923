"""Conditions hold or do not, in both spellings."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.domain.pipelines.conditions import check, holds


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


TRUE, FALSE = compare("Equals", 1, 1), compare("Equals", 1, 2)


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (TRUE, True),
        (compare("Equals", "1", 1), True),
        (compare("Equals", "a", 1), False),
        (compare("NotEquals", "a", 1), True),
        (compare("Equals", "True", True), True),
        (compare("Equals", 1, True), False),
        (compare("Equals", None, None), True),
        (compare("Equals", 1, 1.0), True),
        (compare("GreaterThan", 2, 1), True),
        (compare("GreaterThan", "10", 9), True),
        (compare("GreaterThan", "b", "a"), True),
        (compare("GreaterThanOrEqualTo", 1.0, 1), True),
        (compare("LessThan", 1, 1), False),
        (compare("LessThanOrEqualTo", 1, 1), True),
        ({"Type": "In", "QueryValue": "a", "Values": ["a", 1]}, True),
        ({"Type": "In", "Value": "b", "In": ["a", 1]}, False),
        ({"Type": "NotIn", "Value": 1, "In": ["a", 2]}, True),
        ({"Type": "Not", "Condition": TRUE}, False),
        ({"Type": "Or", "Conditions": [FALSE, TRUE]}, True),
        ({"Type": "Or", "Conditions": [FALSE, FALSE]}, False),
        ({"Type": "And", "Conditions": [TRUE, FALSE]}, False),
    ],
)
def test_outcomes(condition: dict[str, Any], outcome: bool) -> None:
    check([condition], "Conditions")
    assert holds([condition]) is outcome
    assert holds([TRUE, condition]) is outcome


@pytest.mark.parametrize(("left", "right"), [("a", 1), (None, 1), ([1], [2]), (True, 5), ({}, {})])
def test_what_cannot_be_compared_says_so(left: Any, right: Any) -> None:
    with pytest.raises(ValueError, match="GreaterThan cannot compare"):
        holds([compare("GreaterThan", left, right)])
