"""What a model package says of the model: checked, taken from a source, changed by UpdateModelPackage."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sagewright.access.role_sessions import objects_as_caller
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.engine.role_objects import AccessDenied
from sagewright.nouns.declaration import require_unique
from sagewright.nouns.operations import Call
from sagewright.services.sagemaker._shared.jobs import require_image
from sagewright.services.sagemaker._shared.model_packages import expanded, find_package
from sagewright.services.sagemaker._shared.model_server import containers, model_data
from sagewright.services.sagemaker._shared.s3_uris import some_below
from sagewright.services.sagemaker.registry._card_content import require_content

MOST_PROPERTIES = 50
"""Customer metadata properties of one package."""
MOST_SPECIFICATIONS = 15
"""Additional inference specifications of one package."""
_SOURCE = re.compile(r"arn:aws[a-z\-]*:sagemaker:[^:]*:\d{12}:(model|model-package)/\S+")
REPLACED = (
    *("ModelApprovalStatus", "ApprovalDescription", "ModelPackageRegistrationType", "InferenceSpecification"),
    *("SourceUri", "ModelLifeCycle"),
)
"""Members of an update that take the place of what the package said."""


def require_consistent(request: Json) -> None:
    """Raises ValidationException for a new package whose members contradict one another."""
    versioned = "ModelPackageGroupName" in request
    if versioned == ("ModelPackageName" in request):
        raise ValidationException(
            "Give either a ModelPackageGroupName, for a version in the group, or a ModelPackageName, for a package "
            "without versions."
        )
    if versioned and request.get("Tags"):
        raise ValidationException(
            "Tags cannot be given to a version of a model package group: it has the tags of its group."
        )
    source = request.get("SourceUri", "")
    if is_copied(source) and "InferenceSpecification" in request:
        raise ValidationException(
            f"InferenceSpecification cannot be given with the SourceUri {source!r}, from which it is taken."
        )
    logged = versioned and request.get("ModelPackageRegistrationType") == "Logged"
    if "InferenceSpecification" not in request and not logged and not (versioned and source):
        raise ValidationException("You must specify an InferenceSpecification.")
    _require_named_once(request.get("AdditionalInferenceSpecifications", ()))
    require_content(request.get("ModelCard", {}).get("ModelCardContent"))


def is_copied(source: str) -> bool:
    """Whether a SourceUri is the ARN of a model or a package, of which the specification is taken."""
    return _SOURCE.fullmatch(source) is not None


def specification_of(call: Call, source: str) -> Json:
    """The InferenceSpecification of the model or the package at an ARN. Raises ValidationException."""
    if ":model-package/" in source:
        package = find_package(call.platform.resources, call.account, call.region, source)
        if package is None or package.account != call.account:
            raise ValidationException(f"Could not find model package {source!r}.")
        found: Json | None = package.spec.get("InferenceSpecification")
        if found is None:
            raise ValidationException(f"The model package {source!r} has no InferenceSpecification.")
        return found
    model = call.platform.resources.by_arn(source)
    if model is None or model.account != call.account:
        raise ValidationException(f'Could not find model "{source}".')
    return {"Containers": expanded(containers(model.spec), call.platform.resources, call.account, call.region)}


def require_known(call: Call, listed: Iterable[Json]) -> None:
    """Raises ValidationException for a container whose image nothing here stands for, or whose data is not there.

    The caller has to be able to read the data.
    """
    for container in listed:
        if "Image" in container:
            require_image(container["Image"])
        uri, _ = model_data(container)
        if uri:
            require_data(call, uri)


def require_data(call: Call, uri: str) -> None:
    """Raises unless something lies at or below an S3 URI, and the caller may read it."""
    try:
        found = some_below(objects_as_caller(call), uri)
    except AccessDenied as denial:
        raise ValidationException(f"Could not access model data at {uri}. {denial.message}") from None
    if not found:
        raise ValidationException(f"Could not find model data at {uri}.")


def updated(spec: Json, request: Json) -> Json:
    """The spec after an UpdateModelPackage. Raises ValidationException where it would hold too much."""
    changed = {**spec, **{member: request[member] for member in REPLACED if member in request}}
    properties = {**spec.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    for key in request.get("CustomerMetadataPropertiesToRemove", ()):
        properties.pop(key, None)
    if len(properties) > MOST_PROPERTIES:
        raise ValidationException(f"A model package has {MOST_PROPERTIES} CustomerMetadataProperties at most.")
    further = [
        *spec.get("AdditionalInferenceSpecifications", ()),
        *request.get("AdditionalInferenceSpecificationsToAdd", ()),
    ]
    if len(further) > MOST_SPECIFICATIONS:
        raise ValidationException(
            f"A model package has {MOST_SPECIFICATIONS} AdditionalInferenceSpecifications at most."
        )
    _require_named_once(further)
    changed |= {"CustomerMetadataProperties": properties, "AdditionalInferenceSpecifications": further}
    if "ModelCard" in request:
        require_content(request["ModelCard"].get("ModelCardContent"))
        changed["ModelCard"] = {**spec.get("ModelCard", {}), **request["ModelCard"]}
    return {member: value for member, value in changed.items() if value not in ({}, [])}


def _require_named_once(specifications: Iterable[Json]) -> None:
    require_unique("AdditionalInferenceSpecification", (each["Name"] for each in specifications))
