"""Image: a name for custom images of Studio and their versions, on record."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ResourceNotFound
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare, merged
from sagewright.services.sagemaker._shared.records import versions_of
from sagewright.store.resources import Resource


def updated(_call: Call, resource: Resource, request: Json) -> Json:
    """The image with the members of the request, and without those in DeleteProperties."""
    dropped = (*request.get("DeleteProperties", ()), "DeleteProperties")
    return {name: value for name, value in merged(NOUN, resource, request).items() if name not in dropped}


def delete_versions(call: Call, resource: Resource, _request: Json) -> None:
    """The versions go with the image; what they stand for stays."""
    for each in versions_of(call, resource, "ImageVersion"):
        call.platform.resources.delete(each)


NOUN = declare(
    Noun(
        kind="Image",
        path="image/{name}",
        taken=Refusal("Image {arn} already exists.", ResourceInUse),
        missing=Refusal("Image {arn} does not exist.", ResourceNotFound),
        words={"ready": "CREATED"},
        updated=updated,
        before_delete=delete_versions,
    )
)
