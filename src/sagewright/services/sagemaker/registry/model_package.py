"""ModelPackage: a model ready to be deployed, as a numbered version in a group or under a name of its own."""

from __future__ import annotations

from collections.abc import Iterator

from sagewright.core import Json
from sagewright.core.errors import AwsError, ValidationException
from sagewright.nouns.declaration import Noun, Refusal, require
from sagewright.nouns.identity import Numbered
from sagewright.nouns.listing import list_resources
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.shape import Passes, Shape
from sagewright.nouns.verbs import answer, declare
from sagewright.services.sagemaker._shared.records import user_context
from sagewright.services.sagemaker.registry._card_content import metadata_only
from sagewright.services.sagemaker.registry._specification import (
    is_copied,
    require_consistent,
    require_known,
    specification_of,
    updated,
)
from sagewright.store.resources import Query, Resource
from sagewright.wire.models import output_shape

_DETAILS: Json = {"ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []}}
TOKENS = 20
"""The newest versions of a group among which a request that came again is looked for."""


def require_deployable(call: Call, request: Json) -> None:
    """Raises ValidationException for an image that we do not have, or data that is not there."""
    for specification in _specifications(request):
        require_known(call, specification["Containers"])


def _specifications(request: Json) -> Iterator[Json]:
    if "InferenceSpecification" in request:
        yield request["InferenceSpecification"]
    yield from request.get("AdditionalInferenceSpecifications", ())
    yield from request.get("AdditionalInferenceSpecificationsToAdd", ())


def describe(_call: Call, resource: Resource) -> Json:
    """A version has no name of its own; the name by which Describe finds it is that of its group and its number."""
    return {"ModelPackageName": resource.name}


def changed(call: Call, resource: Resource, request: Json) -> Json:
    """The spec after an UpdateModelPackage."""
    if "ModelApprovalStatus" in request and not _is_version(resource):
        raise ValidationException(
            f"The model package {resource.arn!r} is no version in a group, so it cannot be approved or rejected."
        )
    require_deployable(call, request)
    source = request.get("SourceUri", "")
    if is_copied(source):
        if "InferenceSpecification" in request:
            raise ValidationException(
                f"InferenceSpecification cannot be given with the SourceUri {source!r}, from which it is taken."
            )
        request = {**request, "InferenceSpecification": specification_of(call, source)}
    return {**updated(resource.spec, request), "LastModifiedBy": user_context(call)}


def _of_type(_call: Call, wanted: str) -> Passes:
    return lambda package: wanted == "Both" or _is_version(package) == (wanted == "Versioned")


def _is_version(package: Resource) -> bool:
    return "/" in package.name


NOUN = declare(
    Noun(
        kind="ModelPackage",
        path="model-package/{name}",
        taken=Refusal("ModelPackage already exists: {arn}"),
        missing=Refusal("ModelPackage {arn} does not exist."),
        identity=Numbered("ModelPackageGroup", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageName"),
        shape=Shape(filters={"ModelPackageType": _of_type}, summary={"ModelPackageName": "ModelPackageName"}),
        words={"ready": "Completed"},
        status=_DETAILS,
        describe=describe,
        defaults={"CertifyForMarketplace": False},
        updated=changed,
    ),
    own=("Create", "Describe", "List"),
)


@operation("sagemaker", "CreateModelPackage")
def create_model_package(call: Call, request: Json) -> Result:
    """The next version of a group, or a package without versions. A request that comes again makes nothing anew."""
    made = _made_before(call, request)
    if made is None:
        require_consistent(request)
        if request.get("SkipModelValidation", "None") == "None":
            require_deployable(call, request)
        more: Json = {"CreatedBy": user_context(call)}
        source = request.get("SourceUri", "")
        if is_copied(source):
            more["InferenceSpecification"] = specification_of(call, source)
        if "ModelPackageGroupName" in request:
            more["ModelApprovalStatus"] = request.get("ModelApprovalStatus", "PendingManualApproval")
        made = NOUN.create(call, {**request, **more})
    return answer(NOUN, "Create", call, made)


def _made_before(call: Call, request: Json) -> Resource | None:
    """The package that an earlier request with the same ClientToken made."""
    token, group = request.get("ClientToken"), request.get("ModelPackageGroupName", "").rpartition("/")[2]
    if not token:
        return None
    query = Query(name_contains=f"{group}/" if group else request.get("ModelPackageName", ""), limit=TOKENS)
    found = call.platform.resources.list(call.account, call.region, NOUN.kind, query)
    return next((each for each in found if each.spec.get("ClientToken") == token), None)


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(call: Call, request: Json) -> Result:
    """All that is known of a package; of its model card only what IncludedData asks for."""
    full = NOUN.full(call, NOUN.find(call, request["ModelPackageName"]))
    said = {name: value for name, value in full.items() if name in NOUN.facts.described}
    content = said.get("ModelCard", {}).get("ModelCardContent")
    if content and request.get("IncludedData") == "MetadataOnly":
        said["ModelCard"] = {**said["ModelCard"], "ModelCardContent": metadata_only(content)}
    return said


@operation("sagemaker", "ListModelPackages")
def list_model_packages(call: Call, request: Json) -> Result:
    """The versions of a group; without a group, the packages of a type, by default those without versions."""
    if "ModelPackageGroupName" in request:
        group = require(call, "ModelPackageGroup", request["ModelPackageGroupName"])
        return list_resources(NOUN, call, {**request, "ModelPackageGroupName": group.name})
    return list_resources(NOUN, call, {"ModelPackageType": "Unversioned", **request})


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_packages(call: Call, request: Json) -> Result:
    """A summary of each package that the caller may see, and for the others why not."""
    shown = output_shape("sagemaker", "BatchDescribeModelPackage").members["ModelPackageSummaries"].value.members  # type: ignore[attr-defined] # a map
    found: Json = {}
    errors: Json = {}
    for arn in dict.fromkeys(request["ModelPackageArnList"]):
        try:
            allowed = call.platform.access.demand(call, "sagemaker:BatchDescribeModelPackage", arn)
            package = NOUN.brief(NOUN.find(allowed, arn))
        except AwsError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
            continue
        summary = {name: value for name, value in package.items() if name in shown}
        found[arn] = {"ModelPackageGroupName": "", "InferenceSpecification": {"Containers": []}, **summary}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}
