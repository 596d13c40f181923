"""Search over every kind that is declared: what a resource's Describe says, its tags and metrics, by dotted names.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Search.html. The model says which kinds can be searched
and what a result looks like, so a new noun is searchable by existing. Where AWS is silent: an absent property is not
equal to anything, and comes last whatever the order; text is compared as text, unless both sides are numbers.
The properties that a search names are indexed (``store/properties.py``), so that the database answers it.
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore.model import StructureShape

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.listing import PAGE, position_of, token_of
from sagewright.nouns.operations import Call
from sagewright.nouns.properties import ITEM, Record, source_of
from sagewright.nouns.search_query import condition_of, names_of, require_few
from sagewright.store.property_search import ABSENT, Condition, Paging, Position
from sagewright.wire.models import output_shape

_OTHER_NAMES = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""Kinds whose ResourceType is not what their record and their operations are called."""


def search(call: Call, request: Json) -> Json:
    """The answer to a Search: full descriptions, sorted, in pages. Raises ValidationException."""
    noun = _noun_of(call, request["Resource"])
    if noun is None or request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    expression = _with_visibility(request)
    require_few(expression)
    sorted_by, limit = request.get("SortBy", "LastModifiedTime"), int(request.get("MaxResults", PAGE))
    names = names_of(expression)
    for name in (*names, *([sorted_by] if "SortBy" in request else ())):
        _require_property(noun, name.replace(ITEM, "."))
    after = _position(request["NextToken"]) if "NextToken" in request else None

    def condition(ids: Mapping[str, int]) -> Condition | None:
        return condition_of(expression, ids)

    def paging(ids: Mapping[str, int]) -> Paging:
        return Paging(ids[sorted_by], request.get("SortOrder") == "Ascending", limit + 1, after)

    condition(dict.fromkeys(names, 0))  # what makes no sense is refused before anything is indexed
    store = call.platform.properties
    hits, found = store.search(source_of(call, noun), condition, {*names, sorted_by}, paging)
    there = store.resources([each.resource for each in found[:limit]])
    records = [Record(call, noun, *there[each.resource]) for each in found[:limit] if each.resource in there]
    answer: Json = {
        "Results": [_shown(noun, record) for record in records],
        "TotalHits": {"Value": hits, "Relation": "EqualTo"},
    }
    if len(found) > limit:
        last = found[limit - 1].position
        answer["NextToken"] = token_of(last.rank, last.number, last.head.hex(), last.name)
    return answer


def suggestions(call: Call, request: Json) -> Json:
    """The answer to GetSearchSuggestions: names of properties that begin with the hint, in order."""
    noun = _noun_of(call, request["Resource"])
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint = query.get("PropertyNameHint", "").lower()
    known = sorted(_properties(noun)) if noun is not None else []
    found = [each for each in known if each.lower().startswith(hint)]
    return {"PropertyNameSuggestions": [{"PropertyName": each} for each in found]}


def _noun_of(call: Call, resource_type: str) -> Noun | None:
    kind = _OTHER_NAMES.get(resource_type, resource_type)
    return next((each for each in all_nouns() if each.kind == kind and each.service == call.service), None)


def _position(token: str) -> Position:
    """The place that a NextToken names. Raises ValidationException for a token that no search made."""
    rank, number, head, name = position_of(token, (int, float, str, str))
    try:
        name.encode()
        place = Position(int(rank), number, bytes.fromhex(head), name)
    except ValueError:
        place = None
    if place is None or not 0 <= place.rank <= ABSENT:
        raise ValidationException("Invalid NextToken: it was not made by this operation.")
    return place


def _shown(noun: Noun, record: Record) -> Json:
    """The member of a SearchRecord."""
    shape = _record_shape(noun)
    within = shape.members.get(noun.kind)
    wanted = within.members if isinstance(within, StructureShape) else shape.members
    document = {key: value for key, value in record.described.items() if key in wanted}
    if "Tags" in wanted:
        document["Tags"] = [{"Key": key, "Value": value} for key, value in record.tags.items()]
    return {noun.kind: {noun.kind: document} if wanted is not shape.members else document}


def _record_shape(noun: Noun) -> StructureShape:
    shape = output_shape(noun.service, "Search").members["Results"].member.members[noun.kind]  # type: ignore[attr-defined]
    assert isinstance(shape, StructureShape)
    return shape


def _properties(noun: Noun) -> set[str]:
    """The first parts of the names of a kind's properties."""
    shape = _record_shape(noun)
    within = shape.members.get(noun.kind)
    return {*shape.members, *(within.members if isinstance(within, StructureShape) else ()), "Tags", "Metrics"}


def _require_property(noun: Noun, name: str) -> None:
    """Raises ValidationException unless the name begins with a property of the kind's records."""
    if name.partition(".")[0] not in _properties(noun):
        raise ValidationException(f"Unknown property name: {name!r} for {noun.kind}.")


def _with_visibility(request: Json) -> Json:
    """The expression, and every VisibilityCondition as a filter on a tag."""
    conditions = [
        {"Name": each.get("Key", ""), "Operator": "Equals", "Value": each.get("Value", "")}
        for each in request.get("VisibilityConditions", ())
    ]
    expression: Json = request.get("SearchExpression", {})
    return {"SubExpressions": [expression], "Filters": conditions} if conditions else expression
