"""SearchExpressions as conditions on indexed properties.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SearchExpression.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.properties import ITEM, number_of
from sagewright.store.property_search import All, Condition, Has, Match, Not, OneItem, Some

MOST_CONDITIONS = 50
_COMPARISONS: Mapping[str, Literal["contains", "gt", "ge", "lt", "le"]] = {
    "Contains": "contains",
    "GreaterThan": "gt",
    "GreaterThanOrEqualTo": "ge",
    "LessThan": "lt",
    "LessThanOrEqualTo": "le",
}


def require_few(expression: Json) -> None:
    """Raises ValidationException for more conditions than AWS takes."""
    if _count(expression) > MOST_CONDITIONS + 1:
        raise ValidationException(f"A SearchExpression can have {MOST_CONDITIONS} conditions at most.")


def _count(expression: Json) -> int:
    count = 1 + len(expression.get("Filters", ()))
    count += sum(len(each["Filters"]) for each in expression.get("NestedFilters", ()))
    return count + sum(map(_count, expression.get("SubExpressions", ())))


def names_of(expression: Json) -> set[str]:
    """The properties that the expression is about; those of items of a list have ``ITEM`` in them."""
    names = {each["Name"] for each in expression.get("Filters", ())}
    for nested in expression.get("NestedFilters", ()):
        names |= {_item_name(nested, each) for each in nested["Filters"]}
    return names.union(*map(names_of, expression.get("SubExpressions", ())))


def condition_of(expression: Json, ids: Mapping[str, int]) -> Condition | None:
    """The condition, given the properties' ids; None where everything satisfies it. Raises ValidationException."""
    parts: list[Condition] = [_filter(each, ids[each["Name"]]) for each in expression.get("Filters", ())]
    for nested in expression.get("NestedFilters", ()):
        properties = [ids[_item_name(nested, each)] for each in nested["Filters"]]
        conditions = [_filter(each, id_) for each, id_ in zip(nested["Filters"], properties, strict=True)]
        parts.append(OneItem(properties[0], tuple(conditions)))
    either = expression.get("Operator") == "Or"
    for each in expression.get("SubExpressions", ()):
        parts.append(condition_of(each, ids) or All(()))
    if len(parts) < 2:
        return parts[0] if parts else None
    return Some(tuple(parts)) if either else All(tuple(parts))


def _item_name(nested: Json, condition: Json) -> str:
    """The name of a property of a list's items."""
    of_list: str = nested["NestedPropertyName"]
    return f"{of_list}{ITEM}{condition['Name'].removeprefix(f'{of_list}.')}"


def _filter(condition: Json, wanted: int) -> Condition:
    operator: str = condition.get("Operator", "Equals")
    exists = Has(wanted, Match("exists"))
    if operator in ("Exists", "NotExists"):
        return exists if operator == "Exists" else Not(exists)
    if "Value" not in condition:
        raise ValidationException(f"The filter on {condition['Name']!r} with {operator} needs a Value.")
    value: str = condition["Value"]
    if operator == "In":
        return Some(tuple(_equals(wanted, each.strip()) for each in value.split(",")))
    if operator in _COMPARISONS:
        return Has(wanted, Match(_COMPARISONS[operator], value, number_of(value)))
    return Not(_equals(wanted, value)) if operator == "NotEquals" else _equals(wanted, value)


def _equals(wanted: int, value: str) -> Condition:
    return Has(wanted, Match("equals", value, number_of(value)))
