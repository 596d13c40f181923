"""StudioLifecycleConfig: a script that an app of Studio would run when it starts, on record."""

from __future__ import annotations

import base64
import binascii

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare


def check(_call: Call, request: Json) -> None:
    """A script in base64."""
    try:
        base64.b64decode(request["StudioLifecycleConfigContent"].encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValidationException("StudioLifecycleConfigContent has to be a script encoded as base64.") from None


NOUN = declare(
    Noun(
        kind="StudioLifecycleConfig",
        path="studio-lifecycle-config/{name}",
        taken=Refusal("StudioLifecycleConfig {arn} already exists.", ResourceInUse),
        missing=Refusal("StudioLifecycleConfig {arn} does not exist.", ResourceNotFound),
        check=check,
    )
)
