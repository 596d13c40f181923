"""Model: where a trained model lies and which image serves it."""

from __future__ import annotations

from sagewright.access.role_sessions import objects_as
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.engine.role_objects import AccessDenied, RoleObjects
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared.jobs import require_image
from sagewright.services.sagemaker._shared.model_packages import expanded_for_model
from sagewright.services.sagemaker._shared.model_server import containers, is_one_object, model_data, submit_directory
from sagewright.services.sagemaker._shared.s3_uris import object_exists, some_below


def check(call: Call, request: Json) -> None:
    """One container, an image we have, model data that is there."""
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise ValidationException("You must specify either PrimaryContainer or Containers, not both.")
    found = expanded_for_model(call, containers(request))
    if len(found) > 1:
        raise ValidationException("Inference pipelines (more than one container) are not supported yet.")
    for container in found:
        if "Image" not in container:
            raise ValidationException("You must specify Image or ModelPackageName.")
        require_image(container["Image"])
        _check_files(call, request, container)


def _check_files(call: Call, request: Json, container: Json) -> None:
    """Model data that is there, and which the role may read; code that the role may read."""
    arn, role = NOUN.arn(call, request["ModelName"]), request.get("ExecutionRoleArn", "")
    objects = objects_as(call, role, arn)
    uri, _ = model_data(container)
    code = submit_directory(container)
    if (uri or code) and not role:
        raise ValidationException(
            f"Could not access model data at {uri or code}. Please specify an ExecutionRoleArn: without a role nothing "
            "is read from S3."
        )
    for each in dict.fromkeys(filter(None, (uri, code))):
        try:
            single = each == code or is_one_object(container)
            found = object_exists(objects, each) if single else bool(some_below(objects, each))
        except AccessDenied as denial:
            raise _not_accessible(each, objects, denial.message) from None
        if not found and each == uri:
            raise ValidationException(f"Could not find model data at {each}.")


def _not_accessible(uri: str, objects: RoleObjects, reason: str) -> ValidationException:
    return ValidationException(
        f'Could not access model data at {uri}. Please ensure that the role "{objects.role.arn}" exists and that its '
        'trust relationship policy allows the action "sts:AssumeRole" for the service principal '
        '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object is '
        f"located in {objects.role.region}. If your Model uses multiple models or uncompressed models, please ensure "
        f'that the role has "s3:ListBucket" permission. {reason}'
    )


_CONTAINER: Json = {"Mode": "SingleModel", "Environment": {}}
DEFAULTS: Json = {"PrimaryContainer": _CONTAINER, "Containers": [_CONTAINER], "EnableNetworkIsolation": False}
"""What AWS answers where a request said nothing."""

NOUN = declare(
    Noun(
        kind="Model",
        path="model/{name}",
        taken=Refusal('Cannot create already existing model "{arn}".'),
        missing=Refusal('Could not find model "{arn}".'),
        check=check,
        defaults=DEFAULTS,
    )
)
