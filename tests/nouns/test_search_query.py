"""SearchExpressions become conditions."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.core.errors import ValidationException
from sagewright.nouns.properties import ITEM
from sagewright.nouns.search_query import MOST_CONDITIONS, condition_of, names_of, require_few
from sagewright.store.property_search import All, Has, Match, Not, OneItem, Some

IDS = {"A": 1, "B": 2, f"L{ITEM}x": 3, f"L{ITEM}y.z": 4}


def filters(*each: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [dict(zip(("Name", "Operator", "Value"), one, strict=True)) for one in each]


def test_filters_are_joined_by_the_operator() -> None:
    expression: dict[str, Any] = {"Filters": filters(("A", "GreaterThan", "5"), ("B", "NotEquals", "x"))}
    parts = (Has(1, Match("gt", "5", 5.0)), Not(Has(2, Match("equals", "x"))))
    assert condition_of(expression, IDS) == All(parts)
    assert condition_of({**expression, "Operator": "Or"}, IDS) == Some(parts)
    assert condition_of({"SubExpressions": [expression]}, IDS) == All(parts)
    assert condition_of({}, IDS) is None


def test_a_nested_filter_is_about_one_item() -> None:
    nested = {"NestedPropertyName": "L", "Filters": filters(("L.x", "In", "p, q"), ("L.y.z", "Contains", "r"))}
    either = Some((Has(3, Match("equals", "p")), Has(3, Match("equals", "q"))))
    expression = {"NestedFilters": [nested]}
    assert names_of(expression) == {f"L{ITEM}x", f"L{ITEM}y.z"}
    assert condition_of(expression, IDS) == OneItem(3, (either, Has(4, Match("contains", "r"))))


def test_conditions_are_counted_through_all_levels() -> None:
    most = {"SubExpressions": [{"Filters": filters(*[("A", "Equals", "1")] * (MOST_CONDITIONS - 1))}]}
    require_few(most)
    with pytest.raises(ValidationException, match="50"):
        require_few({**most, "Filters": filters(("B", "Equals", "1"))})


def test_a_comparison_needs_a_value() -> None:
    with pytest.raises(ValidationException, match="needs a Value"):
        condition_of({"Filters": [{"Name": "A", "Operator": "LessThan"}]}, IDS)
