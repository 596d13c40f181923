"""ModelCard: what has to be known of a model, on record. Each change of the content is a version that stays."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from sagewright.core import Json
from sagewright.core.errors import ConflictException, ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.listing import PAGE, position_of, token_of
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.verbs import answer, declare
from sagewright.services.sagemaker._shared.records import user_context, versions_of
from sagewright.services.sagemaker.registry._card_content import found_in, metadata_only, require_content
from sagewright.store.resources import AlreadyExists, Resource, Stale

VERSION = "ModelCardVersion"
"""The kind of the rows that keep the versions before the latest, named ``<card>/<number>``."""
MADE, LAST = "VersionCreationTime", "LastVersion"
"""In a card's status: when its latest version was made, and the version before, until that has a row."""


def check(_call: Call, request: Json) -> None:
    """A content of the schema."""
    require_content(request["Content"])


def describe(_call: Call, resource: Resource) -> Json:
    """What Search knows of the content beside the content."""
    return found_in(resource.spec["Content"])


def forget_versions(call: Call, resource: Resource, _request: Json) -> None:
    """The earlier versions go with the card."""
    for each in versions_of(call, resource, VERSION):
        call.platform.resources.delete(each)


NOUN = declare(
    Noun(
        kind="ModelCard",
        path="model-card/{name}",
        taken=Refusal("Model card {name} already exists: {arn}", ConflictException),
        missing=Refusal("Model card {name} does not exist.", ResourceNotFound),
        status={VERSION: 1},
        check=check,
        describe=describe,
        before_delete=forget_versions,
    ),
    own=("Create", "Describe", "Update"),
)


@operation("sagemaker", "CreateModelCard")
def create_model_card(call: Call, request: Json) -> Result:
    """A card of version 1."""
    return answer(NOUN, "Create", call, NOUN.create(call, {**request, "CreatedBy": user_context(call)}))


@operation("sagemaker", "UpdateModelCard")
def update_model_card(call: Call, request: Json) -> Result:
    """Another status, or another content, which is a new version. Raises ValidationException for both at once."""
    card = NOUN.find(call, request["ModelCardName"])
    if "Content" in request and "ModelCardStatus" in request:
        raise ValidationException("The content and the status of a model card cannot be updated in one call.")
    spec = {**card.spec, "LastModifiedBy": user_context(call)}
    status = dict(card.status)
    if "ModelCardStatus" in request:
        spec["ModelCardStatus"] = request["ModelCardStatus"]
    if "Content" in request:
        require_content(request["Content"])
        _keep_last(call, card)
        spec["Content"] = request["Content"]
        status = {VERSION: card.status[VERSION] + 1, MADE: call.platform.clock.now(), LAST: _latest(call, card)}
    try:
        card = call.platform.resources.update(card, spec=spec, status=status)
    except Stale:
        raise ConflictException(f"The model card {card.name!r} was changed by another call.") from None
    _keep_last(call, card)
    return answer(NOUN, "Update", call, card)


def _keep_last(call: Call, card: Resource) -> None:
    """Give the version before the latest a row of its own, unless it has one: it changes no more."""
    last = card.status.get(LAST)
    if last is None:
        return
    name = f"{card.name}/{last[VERSION]}"
    with suppress(AlreadyExists):
        call.platform.resources.create(
            account=card.account, region=card.region, kind=VERSION, name=name, arn=f"{card.arn}?{name}", spec=last
        )


def _latest(call: Call, card: Resource) -> Json:
    """What is known of the latest version."""
    full = {**NOUN.full(call, card), MADE: card.status.get(MADE, card.created)}
    return {name: value for name, value in full.items() if name != LAST}


def _versions(call: Call, card: Resource) -> list[Json]:
    """What is known of each version of a card."""
    earlier = {each.spec[VERSION]: each.spec for each in versions_of(call, card, VERSION)}
    last = card.status.get(LAST)
    if last is not None:
        earlier[last[VERSION]] = last
    return [*earlier.values(), _latest(call, card)]


@operation("sagemaker", "DescribeModelCard")
def describe_model_card(call: Call, request: Json) -> Result:
    """The latest version, or the one that was asked for; of its content only what IncludedData asks for."""
    card = NOUN.find(call, request["ModelCardName"])
    number = request.get(VERSION, card.status[VERSION])
    known = {each[VERSION]: each for each in _versions(call, card)}
    if number not in known:
        raise ResourceNotFound(f"Model card {card.name} has no version {number}.")
    said = {name: value for name, value in known[number].items() if name in NOUN.facts.described}
    if request.get("IncludedData") == "MetadataOnly":
        said["Content"] = metadata_only(said["Content"])
    return said


@operation("sagemaker", "ListModelCardVersions")
def list_model_card_versions(call: Call, request: Json) -> Result:
    """The versions of a card, the newest first unless the order is said."""
    card = NOUN.find(call, request["ModelCardName"])
    ascending = request.get("SortOrder") == "Ascending"
    found = sorted(_versions(call, card), key=lambda each: int(each[VERSION]), reverse=not ascending)
    wanted = [each for each in found if _passes(each, request)]
    if "NextToken" in request:
        (last,) = position_of(request["NextToken"], (int,))
        wanted = [each for each in wanted if (each[VERSION] > last if ascending else each[VERSION] < last)]
    limit = request.get("MaxResults", PAGE)
    page = wanted[:limit]
    answered: Json = {"ModelCardVersionSummaryList": [_summary(each) for each in page]}
    if len(wanted) > limit:
        answered["NextToken"] = token_of(page[-1][VERSION])
    return answered


def _passes(version: Json, request: Json) -> bool:
    """Whether the version passes the request's filters; ``SortBy`` is Version or nothing."""
    made = datetime.fromtimestamp(version[MADE], UTC)
    return (
        request.get("ModelCardStatus", version["ModelCardStatus"]) == version["ModelCardStatus"]
        and request.get("SortBy", "Version") == "Version"
        and made > _moment(request.get("CreationTimeAfter", 0.0))
        and made < _moment(request.get("CreationTimeBefore", datetime.max))
    )


def _moment(value: datetime | float) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _summary(version: Json) -> Json:
    shown = ("ModelCardName", "ModelCardArn", "ModelCardStatus", VERSION, "LastModifiedTime")
    return {**{name: version[name] for name in shown}, "CreationTime": version[MADE]}
