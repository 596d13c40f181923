"""Search over every kind that is declared: what a resource's Describe says, its tags and metrics, by dotted names.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Search.html. The model says which kinds can be searched
and what a result looks like, so a new noun is searchable by existing. Where AWS is silent: an absent property is not
equal to anything, and comes last whatever the order; text is compared as text, unless both sides are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.model import StructureShape

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.listing import PAGE, position_of, token_of
from sagewright.nouns.operations import Call
from sagewright.store.resources import Resource
from sagewright.wire.models import output_shape

MOST_CONDITIONS = 50
_OTHER_NAMES = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""Kinds whose ResourceType is not what their record and their operations are called."""


def search(call: Call, request: Json) -> Json:
    """The answer to a Search: full descriptions, sorted, in pages. Raises ValidationException."""
    wanted: str = request["Resource"]
    kind = _OTHER_NAMES.get(wanted, wanted)
    noun = next((each for each in all_nouns() if each.kind == kind and each.service == call.service), None)
    if noun is None or request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    expression = _with_visibility(request)
    _count(expression, 0)
    property_name, ascending = request.get("SortBy", "LastModifiedTime"), request.get("SortOrder") == "Ascending"
    resources = call.platform.resources.list(call.account, call.region, kind)
    tags = call.platform.tags.below(noun.arn(call, ""))
    records = [_Record(call, noun, resource, tags.get(resource.arn, {})) for resource in resources]
    for name in _names(expression) | ({property_name} if "SortBy" in request else set()):
        _require_property(noun, name)
    found = [
        ((*_sortable(record, property_name, ascending), record.resource.name), record)
        for record in records
        if _satisfies(record, expression)
    ]
    found.sort(key=lambda pair: pair[0], reverse=not ascending)
    hits = len(found)
    if "NextToken" in request:
        last = position_of(request["NextToken"], (int, float, str, str))
        found = [pair for pair in found if (pair[0] > last if ascending else pair[0] < last)]
    limit = int(request.get("MaxResults", PAGE))
    answer: Json = {
        "Results": [record.shown() for _, record in found[:limit]],
        "TotalHits": {"Value": hits, "Relation": "EqualTo"},
    }
    if len(found) > limit:
        answer["NextToken"] = token_of(*found[limit - 1][0])
    return answer


class _Record:
    """The properties of a resource, each made when a search first needs it: most searches need few."""

    def __init__(self, call: Call, noun: Noun, resource: Resource, tags: Mapping[str, str]) -> None:
        self.resource = resource
        self._tags = tags
        self._call = call
        self._noun = noun

    @cached_property
    def _brief(self) -> Json:
        return self._noun.brief(self.resource)

    @cached_property
    def _described(self) -> Json:
        return self._noun.full(self._call, self.resource)

    def values(self, name: str) -> list[Any]:
        """All values at a dotted name: none, one, or several where a list is on the way."""
        top, _, rest = name.partition(".")
        if top == "Tags" and rest:
            return [self._tags[rest]] if rest in self._tags else []
        if top == "Metrics" and rest:
            final = self._brief.get("FinalMetricDataList", ())
            return [each["Value"] for each in final if each["MetricName"] == rest]
        if top == self._noun.kind:  # a record within a record: Model
            top, _, rest = rest.partition(".")
        document = self._brief if top in self._brief else self._described
        return list(_walk(document[top], rest)) if top in document else []

    def shown(self) -> Json:
        """The member of a SearchRecord."""
        shape = _record_shape(self._noun)
        within = shape.members.get(self._noun.kind)
        wanted = within.members if isinstance(within, StructureShape) else shape.members
        document = {key: value for key, value in self._described.items() if key in wanted}
        if "Tags" in wanted:
            document["Tags"] = [{"Key": key, "Value": value} for key, value in self._tags.items()]
        return {self._noun.kind: {self._noun.kind: document} if wanted is not shape.members else document}


def _record_shape(noun: Noun) -> StructureShape:
    shape = output_shape(noun.service, "Search").members["Results"].member.members[noun.kind]  # type: ignore[attr-defined]
    assert isinstance(shape, StructureShape)
    return shape


def _require_property(noun: Noun, name: str) -> None:
    """Raises ValidationException unless the name begins with a property of the kind's records."""
    top = name.partition(".")[0]
    shape = _record_shape(noun)
    within = shape.members.get(noun.kind)
    known = {*shape.members, *(within.members if isinstance(within, StructureShape) else ()), "Tags", "Metrics"}
    if top not in known:
        raise ValidationException(f"Unknown property name: {name!r} for {noun.kind}.")


def _walk(value: Any, rest: str) -> Iterator[Any]:
    """What lies at the rest of a name; keys may hold dots themselves, the longest key wins."""
    if isinstance(value, list):
        for each in value:
            yield from _walk(each, rest)
    elif not rest:
        yield value
    elif isinstance(value, dict):
        parts = rest.split(".")
        for length in range(len(parts), 0, -1):
            key = ".".join(parts[:length])
            if key in value:
                yield from _walk(value[key], ".".join(parts[length:]))
                return


# --- expressions ---------------------------------------------------------------------------------------------------


def _with_visibility(request: Json) -> Json:
    """The expression, and every VisibilityCondition as a filter on a tag."""
    conditions = [
        {"Name": each.get("Key", ""), "Operator": "Equals", "Value": each.get("Value", "")}
        for each in request.get("VisibilityConditions", ())
    ]
    expression: Json = request.get("SearchExpression", {})
    return {"SubExpressions": [expression], "Filters": conditions} if conditions else expression


def _count(expression: Json, before: int) -> int:
    """The number of conditions; raises ValidationException for more than AWS takes."""
    count = before + 1 + len(expression.get("Filters", ()))
    count += sum(len(each["Filters"]) for each in expression.get("NestedFilters", ()))
    if count > MOST_CONDITIONS + 1:
        raise ValidationException(f"A SearchExpression can have {MOST_CONDITIONS} conditions at most.")
    for each in expression.get("SubExpressions", ()):
        count = _count(each, count)
    return count


def _names(expression: Json) -> set[str]:
    names = {each["Name"] for each in expression.get("Filters", ())}
    names |= {each["NestedPropertyName"] for each in expression.get("NestedFilters", ())}
    return names.union(*map(_names, expression.get("SubExpressions", ())))


def _satisfies(record: _Record, expression: Json) -> bool:
    checks = [_holds(each, record.values(each["Name"])) for each in expression.get("Filters", ())]
    checks += [_nested(record, each) for each in expression.get("NestedFilters", ())]
    checks += [_satisfies(record, each) for each in expression.get("SubExpressions", ())]
    return not checks or (any(checks) if expression.get("Operator") == "Or" else all(checks))


def _nested(record: _Record, nested: Json) -> bool:
    """Whether one object of the list at the property satisfies all filters."""
    within = f"{nested['NestedPropertyName']}."
    return any(
        all(_holds(each, list(_walk(item, each["Name"].removeprefix(within)))) for each in nested["Filters"])
        for item in record.values(nested["NestedPropertyName"])
    )


def _holds(condition: Json, values: list[Any]) -> bool:
    operator: str = condition.get("Operator", "Equals")
    if operator in ("Exists", "NotExists"):
        return bool(values) == (operator == "Exists")
    if "Value" not in condition:
        raise ValidationException(f"The filter on {condition['Name']!r} with {operator} needs a Value.")
    if operator == "NotEquals":
        return not any(_equal(value, condition["Value"]) for value in values)
    return any(_TESTS[operator](value, condition["Value"]) for value in values)


def _equal(value: Any, wanted: str) -> bool:
    number, other = _number(value), _number(wanted)
    return _text(value) == wanted or (number is not None and number == other)


def _compare(test: Callable[[float, float], bool]) -> Callable[[Any, str], bool]:
    def compare(value: Any, wanted: str) -> bool:
        number, other = _number(value), _number(wanted)
        return number is not None and other is not None and test(number, other)

    return compare


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "Equals": _equal,
    "Contains": lambda value, wanted: wanted in _text(value),
    "In": lambda value, wanted: any(_equal(value, each.strip()) for each in wanted.split(",")),
    "GreaterThan": _compare(lambda value, wanted: value > wanted),
    "GreaterThanOrEqualTo": _compare(lambda value, wanted: value >= wanted),
    "LessThan": _compare(lambda value, wanted: value < wanted),
    "LessThanOrEqualTo": _compare(lambda value, wanted: value <= wanted),
}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    """A number, one written out, or a moment as seconds since the epoch; else None."""
    if isinstance(value, bool | dict):
        return None
    try:
        return float(value)
    except (ValueError, TypeError):
        pass
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _sortable(record: _Record, name: str, ascending: bool) -> tuple[int, float, str]:
    """Numbers before text; what is absent last in either direction."""
    values = record.values(name)
    if not values:
        return (2 if ascending else -1, 0.0, "")
    number = _number(values[0])
    return (0, number, "") if number is not None and number == number else (1, 0.0, _text(values[0]))  # noqa: PLR0124
