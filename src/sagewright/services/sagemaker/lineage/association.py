"""Associations: one entity has to do with another. They are links in the store, in AWS's words.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddAssociation.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import ResourceNotFound, ValidationException
from sagewright.nouns.listing import PAGE, position_of, seconds, token_of
from sagewright.nouns.operations import Call, Result, operation
from sagewright.store.links import Link, LinkQuery
from sagewright.store.resources import Resource

KINDS = {
    "artifact": "Artifact",
    "action": "Action",
    "context": "Context",
    "experiment-trial-component": "TrialComponent",
    "experiment-trial": "Trial",
    "experiment": "Experiment",
}
"""How ARNs of the entities of a lineage begin, and what AWS calls them."""
DEFAULT = "AssociatedWith"
_ORDERS = {
    "SourceArn": "source",
    "DestinationArn": "destination",
    "SourceType": "source_type",
    "DestinationType": "destination_type",
    "CreationTime": "created",
}


def kind_of(arn: str) -> str:
    """``Artifact``, ``Context`` and so on; empty for the ARN of anything else."""
    return KINDS.get(arn.rpartition(":")[2].partition("/")[0], "")


def type_of(resource: Resource) -> str:
    """What AWS calls the source or destination type: ``DataSet``, ``Endpoint``, ``TrainingJob``."""
    own = resource.spec.get(f"{resource.kind}Type")
    source = resource.status.get("Source", {}).get("SourceType", "")
    return str(own or source.removeprefix("SageMaker") or resource.kind)


def entity(call: Call, arn: str) -> Resource:
    """The entity with that ARN in the caller's account. Raises ResourceNotFound, ValidationException."""
    if not kind_of(arn):
        raise ValidationException(f"{arn!r} is no ARN of an {', '.join(KINDS.values())}.")
    found = call.platform.resources.by_arn(arn)
    if found is None or (found.account, found.region) != (call.account, call.region):
        raise ResourceNotFound(f"The resource {arn!r} does not exist.")
    return found


@operation("sagemaker", "AddAssociation")
def add_association(call: Call, request: Json) -> Result:
    """Associate two entities; the same association twice is one."""
    source, destination = entity(call, request["SourceArn"]), entity(call, request["DestinationArn"])
    if source.arn == destination.arn:
        raise ValidationException("An entity cannot be associated with itself.")
    call.platform.links.add(
        call.account,
        call.region,
        source=source.arn,
        destination=destination.arn,
        type=request.get("AssociationType", DEFAULT),
        source_type=type_of(source),
        destination_type=type_of(destination),
        created_by={"IamIdentity": {"Arn": call.principal.arn, "PrincipalId": call.principal.user_id}},
    )
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "DeleteAssociation")
def delete_association(call: Call, request: Json) -> Result:
    """Remove what associates two entities, in whatever words."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    own = Arn("sagemaker", call.region, call.account, "")
    ours = source.startswith(str(own)) and destination.startswith(str(own))
    if not ours or not call.platform.links.remove(source, destination):
        raise ResourceNotFound(f"There is no association from {source!r} to {destination!r}.")
    return {"SourceArn": source, "DestinationArn": destination}


@operation("sagemaker", "ListAssociations")
def list_associations(call: Call, request: Json) -> Result:
    """Associations in pages. A type is that of the entity (``DataSet``) or what the entity is (``Artifact``)."""
    limit = int(request.get("MaxResults", PAGE))
    found: list[Link] = []
    for link in _links(call, request, limit):
        if _passes(link.source, request.get("SourceType")) and _passes(
            link.destination, request.get("DestinationType")
        ):
            found.append(link)
        if len(found) > limit:
            break
    answer: Json = {"AssociationSummaries": [_summary(call, each) for each in found[:limit]]}
    if len(found) > limit:
        answer["NextToken"] = token_of(*(getattr(found[limit - 1], name) for name in _POSITION))
    return answer


_POSITION = ("created", "source", "destination", "type", "source_type", "destination_type")


def _links(call: Call, request: Json, limit: int) -> Iterator[Link]:
    """The associations from the token on, a page at a time."""
    after = None
    if "NextToken" in request:
        created, *rest = position_of(request["NextToken"], (float | int, str, str, str, str, str))
        values: dict[str, Any] = dict(zip(_POSITION, (created, *rest), strict=True))
        after = Link(**values, account=call.account, region=call.region, created_by={})
    columns = {"SourceArn": "source", "DestinationArn": "destination", "AssociationType": "type"}
    equal = {column: request[member] for member, column in columns.items() if member in request}
    for member, column in (("SourceType", "source_type"), ("DestinationType", "destination_type")):
        if member in request and request[member] not in KINDS.values():
            equal[column] = request[member]
    while True:
        query = LinkQuery(
            equal=equal,
            created_after=seconds(request.get("CreatedAfter")),
            created_before=seconds(request.get("CreatedBefore")),
            order=_ORDERS[request.get("SortBy", "CreationTime")],  # type: ignore[arg-type] # one of its columns
            descending=request.get("SortOrder", "Descending") == "Descending",
            after=after,
            limit=limit + 1,
        )
        page = call.platform.links.list(call.account, call.region, query)
        yield from page
        if len(page) <= limit:
            return
        after = page[-1]


def _passes(arn: str, wanted: str | None) -> bool:
    return wanted not in KINDS.values() or kind_of(arn) == wanted


def _summary(call: Call, link: Link) -> Json:
    found = {arn: call.platform.resources.by_arn(arn) for arn in (link.source, link.destination)}
    summary = {
        "SourceArn": link.source,
        "DestinationArn": link.destination,
        "SourceType": link.source_type,
        "DestinationType": link.destination_type,
        "AssociationType": link.type,
        "CreationTime": link.created,
        "CreatedBy": link.created_by,
    }
    for member, arn in (("SourceName", link.source), ("DestinationName", link.destination)):
        resource = found[arn]
        if resource is not None and (name := name_of(resource)):
            summary[member] = name
    return summary


def name_of(resource: Resource) -> str:
    """What a person calls the entity; an artifact need not have a name."""
    return str(resource.spec.get("ArtifactName", "")) if resource.kind == "Artifact" else resource.name
