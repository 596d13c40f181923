"""ModelPackageGroup: the versions of one model, and who may use them."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ConflictException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.shape import Passes, Shape
from sagewright.nouns.verbs import answer, declare
from sagewright.services.sagemaker._shared.records import user_context, versions_of
from sagewright.services.sagemaker.registry._group_policy import forget_policy
from sagewright.store.resources import Resource


def require_empty(call: Call, resource: Resource, _request: Json) -> None:
    """Raises ConflictException while the group has versions; its policy goes with it."""
    if versions_of(call, resource, "ModelPackage"):
        raise ConflictException(
            f"The model package group {resource.arn!r} cannot be deleted: it still contains model packages."
        )
    forget_policy(call, resource)


def _of_accounts(_call: Call, wanted: str) -> Passes:
    """Groups of other accounts are known by their ARNs alone."""
    return lambda _group: wanted == "SameAccount"


NOUN = declare(
    Noun(
        kind="ModelPackageGroup",
        path="model-package-group/{name}",
        taken=Refusal("Model Package Group already exists: {arn}"),
        missing=Refusal("ModelPackageGroup {arn} does not exist."),
        shape=Shape(filters={"CrossAccountFilterOption": _of_accounts}),
        words={"ready": "Completed"},
        before_delete=require_empty,
    ),
    own=("Create",),
)


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(call: Call, request: Json) -> Result:
    """A group without versions."""
    return answer(NOUN, "Create", call, NOUN.create(call, {**request, "CreatedBy": user_context(call)}))
