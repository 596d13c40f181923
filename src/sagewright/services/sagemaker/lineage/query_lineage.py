"""QueryLineage: what an entity came from, and what came from it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_QueryLineage.html. The nearest entities come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.listing import position_of, seconds, token_of
from sagewright.nouns.operations import Call, Result, operation
from sagewright.services.sagemaker.lineage.association import entity, kind_of, type_of
from sagewright.store.links import Direction, Link, Step
from sagewright.store.resources import Resource

DEPTH = 10
PAGE = 50
MOST_LINKS = 10_000
"""A walk ends there, so that no query holds a thread for long."""
_DIRECTIONS: dict[str, Direction] = {"Ascendants": "ascendants", "Descendants": "descendants", "Both": "both"}


@operation("sagemaker", "QueryLineage")
def query_lineage(call: Call, request: Json) -> Result:
    """The entities around one, that pass the filters, and the associations by which they were found."""
    starts = request.get("StartArns", ())
    if not starts:
        raise ValidationException("You must specify one StartArns: a query of all entities is not supported yet.")
    start = entity(call, starts[0])
    direction = _DIRECTIONS[request.get("Direction", "Both")]
    depth, limit = int(request.get("MaxDepth", DEPTH)), int(request.get("MaxResults", PAGE))
    steps = call.platform.links.walk([start.arn], direction, depth=depth, limit=MOST_LINKS)
    first = max(0, int(position_of(request["NextToken"], (int,))[0])) if "NextToken" in request else 0
    passing = (each for each in _entities(call, start, steps) if _passes(each, request.get("Filters", {})))
    found = list(islice(passing, first, first + limit + 1))  # what lies beyond the page is not read
    page = found[:limit]
    answer: Json = {
        "Vertices": [{"Arn": each.arn, "Type": type_of(each), "LineageType": kind_of(each.arn)} for each in page],
        "Edges": [],
    }
    if request.get("IncludeEdges", True):
        shown = {each.arn for each in page}
        answer["Edges"] = [_edge(step.link) for step in steps if {step.link.source, step.link.destination} & shown]
    if len(found) > limit:
        answer["NextToken"] = token_of(first + limit)
    return answer


def _entities(call: Call, start: Resource, steps: Sequence[Step]) -> Iterator[Resource]:
    """Each entity once, in the order in which the walk came to it, without the one where it began."""
    arns = dict.fromkeys(arn for step in steps for arn in (step.link.source, step.link.destination))
    arns.pop(start.arn, None)
    for arn in arns:
        found = call.platform.resources.by_arn(arn)
        if found is not None and found.account == call.account:
            yield found


def _edge(link: Link) -> Json:
    return {"SourceArn": link.source, "DestinationArn": link.destination, "AssociationType": link.type}


def _passes(resource: Resource, filters: Json) -> bool:
    if "Types" in filters and type_of(resource) not in filters["Types"]:
        return False
    if "LineageTypes" in filters and kind_of(resource.arn) not in filters["LineageTypes"]:
        return False
    times = (("Created", resource.created), ("Modified", resource.modified))
    for name, at in times:
        after, before = seconds(filters.get(f"{name}After")), seconds(filters.get(f"{name}Before"))
        if (after is not None and at <= after) or (before is not None and at >= before):
            return False
    properties = resource.spec.get("Properties", {})
    return all(properties.get(name) == value for name, value in filters.get("Properties", {}).items())
