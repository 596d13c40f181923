"""ImageVersion: what one version of an image stands for, with names for it, on record."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.identity import Numbered
from sagewright.nouns.listing import PAGE, position_of, token_of
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.shape import Passes, Shape
from sagewright.nouns.verbs import answer, declare
from sagewright.services.sagemaker._shared.records import versions_of
from sagewright.services.sagemaker.records.image import NOUN as IMAGE
from sagewright.store.resources import Resource, Stale

_NAMING = ("ImageName", "Version", "Alias", "AliasesToAdd", "AliasesToDelete")


def check(call: Call, request: Json) -> None:
    """Names that no other version of the image has."""
    _require_free(call, IMAGE.find(call, request["ImageName"]), request.get("Aliases", ()), "")


def describe(call: Call, resource: Resource) -> Json:
    """The image it is a version of; a record's container is the one that was named."""
    return {"ImageArn": IMAGE.arn(call, resource.name.rpartition("/")[0]), "ContainerImage": resource.spec["BaseImage"]}


def updated(call: Call, resource: Resource, request: Json) -> Json:
    """The version with the members of the request, and with and without names."""
    image = IMAGE.find(call, resource.name.rpartition("/")[0])
    _require_free(call, image, request.get("AliasesToAdd", ()), resource.id)
    names = dict.fromkeys((*resource.spec.get("Aliases", ()), *request.get("AliasesToAdd", ())))
    kept = [name for name in names if name not in request.get("AliasesToDelete", ())]
    return {**resource.spec, **{k: v for k, v in request.items() if k not in _NAMING}, "Aliases": kept}


def _require_free(call: Call, image: Resource, names: list[str], itself: str) -> None:
    for version in versions_of(call, image, "ImageVersion"):
        taken = set(names) & set(version.spec.get("Aliases", ())) if version.id != itself else ()
        if taken:
            raise ResourceInUse(f"The alias {min(taken)!r} is one of version {version.status['Version']} of the image.")


def _of_image(call: Call, name: str) -> Passes:
    image = IMAGE.find(call, name)
    return lambda version: version.name.rpartition("/")[0] == image.name


NOUN = declare(
    Noun(
        kind="ImageVersion",
        path="image-version/{name}",
        taken=Refusal("ImageVersion {arn} already exists.", ResourceInUse),
        missing=Refusal("ImageVersion {arn} does not exist.", ResourceNotFound),
        identity=Numbered("Image", "ImageName", "Version"),
        shape=Shape(filters={"ImageName": _of_image}, summary={"ImageArn": "ImageArn"}),
        words={"ready": "CREATED"},
        check=check,
        describe=describe,
        updated=updated,
    ),
    own=("Create", "Describe", "Update", "Delete"),
)


def _find(call: Call, request: Json) -> Resource:
    """The version of that number or alias, else the latest that there is. Raises ResourceNotFound."""
    image = IMAGE.find(call, request["ImageName"])
    number, alias = request.get("Version"), request.get("Alias")
    if number is not None and alias is not None:
        raise ValidationException("Give a Version or an Alias, not both.")
    for version in versions_of(call, image, NOUN.kind):
        known = alias in version.spec.get("Aliases", ()) if alias is not None else True
        if known and number in (None, version.status["Version"]):
            return version
    raise NOUN.missing.of(name=image.name, arn=NOUN.arn(call, f"{image.name}/{alias or number or ''}"), status="")


@operation("sagemaker", "CreateImageVersion")
def create_image_version(call: Call, request: Json) -> Result:
    """Make the next version. The same ClientToken again is answered with the version that it made."""
    image = IMAGE.find(call, request["ImageName"])
    same = (each for each in versions_of(call, image, NOUN.kind) if each.spec["ClientToken"] == request["ClientToken"])
    return {"ImageVersionArn": (next(same, None) or NOUN.create(call, request)).arn}


@operation("sagemaker", "DescribeImageVersion")
def describe_image_version(call: Call, request: Json) -> Result:
    """The version of that number or alias, else the latest."""
    full = NOUN.full(call, _find(call, request))
    return {name: value for name, value in full.items() if name in NOUN.facts.described}


@operation("sagemaker", "UpdateImageVersion")
def update_image_version(call: Call, request: Json) -> Result:
    """Change what is said of a version, and its names. Raises ResourceInUse when another call came between."""
    version = _find(call, request)
    try:
        version = call.platform.resources.update(version, spec=updated(call, version, request))
    except Stale:
        raise ResourceInUse(f"{version.arn} was changed by another call. Try again.") from None
    return answer(NOUN, "Update", call, version)


@operation("sagemaker", "DeleteImageVersion")
def delete_image_version(call: Call, request: Json) -> Result:
    """Delete the version of that number or alias."""
    if "Version" not in request and "Alias" not in request:
        raise ValidationException("You must specify Version or Alias.")
    call.platform.resources.delete(_find(call, request))
    return {}


@operation("sagemaker", "ListAliases")
def list_aliases(call: Call, request: Json) -> Result:
    """The names of an image's versions, or of one version, in order."""
    image = IMAGE.find(call, request["ImageName"])
    if "Version" in request or "Alias" in request:
        versions = [_find(call, request)]
    else:
        versions = versions_of(call, image, NOUN.kind)
    names = sorted(name for each in versions for name in each.spec.get("Aliases", ()))
    if "NextToken" in request:
        (last,) = position_of(request["NextToken"], (str,))
        names = [name for name in names if name > last]
    limit = request.get("MaxResults", PAGE)
    page = names[:limit]
    more = {"NextToken": token_of(page[-1])} if len(names) > limit else {}
    return {"SageMakerImageVersionAliases": page, **more}
