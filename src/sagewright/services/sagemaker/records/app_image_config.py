"""AppImageConfig: how an app of Studio would use a custom image, on record."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare, merged
from sagewright.store.resources import Resource

APPS = ("KernelGatewayImageConfig", "JupyterLabAppImageConfig", "CodeEditorAppImageConfig")


def check(_call: Call, request: Json) -> None:
    """An image of one kind of app."""
    given = [name for name in APPS if name in request]
    if len(given) > 1:
        raise ValidationException(f"An AppImageConfig is of one kind of app: give one of {', '.join(APPS)}.")


def updated(call: Call, resource: Resource, request: Json) -> Json:
    """The config with what the request says of its kind of app."""
    spec = merged(NOUN, resource, request)
    check(call, spec)
    return spec


NOUN = declare(
    Noun(
        kind="AppImageConfig",
        path="app-image-config/{name}",
        taken=Refusal("AppImageConfig {arn} already exists.", ResourceInUse),
        missing=Refusal("AppImageConfig {arn} does not exist.", ResourceNotFound),
        check=check,
        updated=updated,
    )
)
