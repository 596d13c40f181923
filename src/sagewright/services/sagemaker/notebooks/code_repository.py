"""CodeRepository: a Git repository that notebooks begin with."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.store.resources import Resource


def updated(_call: Call, resource: Resource, request: Json) -> Json:
    """Another secret for the same repository: an update's GitConfig has no URL."""
    return {**resource.spec, "GitConfig": {**resource.spec["GitConfig"], **request.get("GitConfig", {})}}


NOUN = declare(
    Noun(
        kind="CodeRepository",
        path="code-repository/{name}",
        taken=Refusal('Cannot create already existing code repository "{arn}".'),
        missing=Refusal('Could not find code repository "{arn}".'),
        shape=Shape(order="Name", ascending=True),
        updated=updated,
    )
)
