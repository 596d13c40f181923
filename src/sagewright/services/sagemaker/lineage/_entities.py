"""What artifacts, actions and contexts have in common."""

from __future__ import annotations

from typing import Any

from sagewright.core import Json
from sagewright.core.errors import ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Refusal
from sagewright.nouns.operations import Call
from sagewright.store.resources import Resource

MISSING = Refusal("The resource {arn!r} does not exist.", ResourceNotFound)
MOST_PROPERTIES = 30


def updated(_call: Call, resource: Resource, request: Json) -> Json:
    """The spec with a request's members; properties are merged, and those in PropertiesToRemove go."""
    naming = ("ActionName", "ContextName", "ArtifactArn", "PropertiesToRemove", "Properties")
    given = {key: value for key, value in request.items() if key not in naming}
    properties: dict[str, Any] = {**resource.spec.get("Properties", {}), **request.get("Properties", {})}
    for name in request.get("PropertiesToRemove", ()):
        properties.pop(name, None)
    if len(properties) > MOST_PROPERTIES:
        raise ValidationException(f"Properties can have {MOST_PROPERTIES} entries at most, and would have more.")
    return {**resource.spec, **given, "Properties": properties}
