"""Model: where a trained model lies and which image serves it."""

from __future__ import annotations

from typing import Any

from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared.jobs import require_image
from sagewright.services.sagemaker._shared.model_server import containers, model_data
from sagewright.services.sagemaker._shared.s3_uris import require_objects

Json = dict[str, Any]


def check(call: Call, request: Json) -> None:
    """One container, an image we have, model data that is there."""
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise ValidationException("You must specify either PrimaryContainer or Containers, not both.")
    if len(containers(request)) > 1:
        raise ValidationException("Inference pipelines (more than one container) are not supported yet.")
    for container in containers(request):
        if "Image" not in container:
            raise ValidationException("You must specify Image.")
        require_image(container["Image"])
        uri, _ = model_data(container)
        if uri:
            require_objects(call, uri, request.get("ExecutionRoleArn", ""))


NOUN = declare(
    Noun(
        kind="Model",
        path="model/{name}",
        taken=Refusal('Cannot create already existing model "{arn}".'),
        missing=Refusal('Could not find model "{arn}".'),
        check=check,
    )
)
