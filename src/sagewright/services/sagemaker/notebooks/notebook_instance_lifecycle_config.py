"""NotebookInstanceLifecycleConfig: scripts that run when a notebook instance is made and when it starts."""

from __future__ import annotations

import base64

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare, merged
from sagewright.store.resources import Resource


def check(_call: Call, request: Json) -> None:
    """Each script is text in base64."""
    for member in ("OnCreate", "OnStart"):
        for number, script in enumerate(request.get(member, ()), 1):
            try:
                base64.b64decode("".join(script.get("Content", "").split()), validate=True).decode()
            except ValueError:
                raise ValidationException(
                    f"The Content of script {number} of {member} is not text in base64."
                ) from None


def updated(call: Call, resource: Resource, request: Json) -> Json:
    """The scripts that an update gives replace those of their moment."""
    check(call, request)
    return merged(NOUN, resource, request)


NOUN = declare(
    Noun(
        kind="NotebookInstanceLifecycleConfig",
        path="notebook-instance-lifecycle-config/{name}",
        taken=Refusal('Cannot create already existing notebook instance lifecycle configuration "{arn}".'),
        missing=Refusal('Could not find notebook instance lifecycle configuration "{arn}".'),
        check=check,
        updated=updated,
    )
)
