"""A model package as a model's container: what ``ModelPackageName`` in CreateModel stands for.

A model keeps the name of its package, as AWS describes it; whoever starts the model reads the package then.
"""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import ValidationException
from sagewright.engine.run import Refused
from sagewright.nouns.operations import Call
from sagewright.services.sagemaker._shared.model_server import containers
from sagewright.store.resources import Resource, ResourceStore

PACKAGE = "model-package/"
TOGETHER = ("Image", "ModelDataUrl", "ModelDataSource")
"""Members of a container that say what a package says already."""
RUNNING = ("Image", "ModelDataUrl", "ModelDataSource")
"""Members of a package's container that a model's container has as well, beside variables."""


def package_arn(account: str, region: str, named: str) -> str:
    """The ARN of a package, given its ARN, its name, or ``<group>/<version>``."""
    return named if named.startswith("arn:") else str(Arn("sagemaker", region, account, f"{PACKAGE}{named}"))


def find_package(resources: ResourceStore, account: str, region: str, named: str) -> Resource | None:
    """The package of that name or ARN, None when there is none."""
    found = resources.by_arn(package_arn(account, region, named))
    return found if found is not None and found.kind == "ModelPackage" else None


def running_containers(model: Resource, resources: ResourceStore) -> list[Json]:
    """The containers of a model, each that names a package replaced by the package's own.

    Raises ``Refused`` when a package is not there any more, or lacks the specification that the container names.
    """
    try:
        return expanded(containers(model.spec), resources, model.account, model.region)
    except ValidationException as error:
        raise Refused(error.message) from None


def expanded_for_model(call: Call, listed: list[Json]) -> list[Json]:
    """The containers of a model that is to be made, with packages replaced by their own containers.

    Raises ValidationException for a package that is not there or not approved, or beside an image.
    """
    for container in listed:
        named = container.get("ModelPackageName")
        if "InferenceSpecificationName" in container and not named:
            raise ValidationException("InferenceSpecificationName needs a ModelPackageName.")
        if not named:
            continue
        beside = [member for member in TOGETHER if member in container]
        if beside:
            raise ValidationException(f"{beside[0]} cannot be given with ModelPackageName, which says it already.")
        _require_approved(call, named)
    return expanded(listed, call.platform.resources, call.account, call.region)


def _require_approved(call: Call, named: str) -> None:
    package = find_package(call.platform.resources, call.account, call.region, named)
    if package is None:
        return
    if package.account != call.account:
        call.platform.access.demand(call, "sagemaker:CreateModel", package.arn)
    approval = package.spec.get("ModelApprovalStatus", "Approved")
    if approval != "Approved":
        raise ValidationException(
            f"Cannot create a model from the model package {package.arn!r}: its ModelApprovalStatus is {approval}. "
            "Approve it with UpdateModelPackage first."
        )


def expanded(listed: list[Json], resources: ResourceStore, account: str, region: str) -> list[Json]:
    """The containers, each that names a package replaced by the package's own. Raises ValidationException."""
    plain: list[Json] = []
    for container in listed:
        named = container.get("ModelPackageName")
        if not named:
            plain.append(container)
            continue
        package = find_package(resources, account, region, named)
        if package is None:
            raise ValidationException(f"Could not find model package {package_arn(account, region, named)!r}.")
        specified = _specification(package, container.get("InferenceSpecificationName", ""))
        plain += [_container(each, container) for each in specified]
    return plain


def _specification(package: Resource, name: str) -> list[Json]:
    """The containers of the package's specification, or of the additional one of that name."""
    if not name:
        specified = package.spec.get("InferenceSpecification")
    else:
        further = package.spec.get("AdditionalInferenceSpecifications", ())
        specified = next((each for each in further if each["Name"] == name), None)
    if specified is None:
        what = f"AdditionalInferenceSpecification {name!r}" if name else "InferenceSpecification"
        raise ValidationException(f"The model package {package.arn!r} has no {what}.")
    found: list[Json] = specified["Containers"]
    return found


def _container(packaged: Json, container: Json) -> Json:
    """What the package says, with the variables of the model's own container on top."""
    plain = {member: packaged[member] for member in RUNNING if member in packaged}
    environment = {**packaged.get("Environment", {}), **container.get("Environment", {})}
    return {**plain, "Environment": environment} if environment else plain
