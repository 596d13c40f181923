"""What the protocols have in common when they answer an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel, StructureShape

from sagewright.core.errors import AwsError


def error_shape(operation: OperationModel | None, code: str) -> StructureShape | None:
    """The modelled shape of an error code, if its service has one."""
    if operation is None:
        return None
    # An old code may stand for several errors of a service, so the operation's own come first.
    own = (shape for shape in operation.error_shapes if shape.metadata.get("error", {}).get("code", shape.name) == code)
    found: StructureShape | None = next(own, None) or operation.service_model.shape_for_error_code(code)  # type: ignore[arg-type, assignment]
    return found


def error_type(operation: OperationModel | None, error: AwsError) -> str:
    """What goes into ``__type``: the shape's name, for services that used to speak query have other, older codes."""
    shape = error_shape(operation, error.code)
    return shape.name if shape else error.code


def status_of(operation: OperationModel | None, error: AwsError) -> int:
    """The HTTP status: the thrower's own, else the model's, else the class's."""
    shape = error_shape(operation, error.code)
    if "status" not in vars(error) and shape is not None:
        return int(shape.metadata.get("error", {}).get("httpStatusCode", error.status))
    return error.status


def error_members(operation: OperationModel | None, error: AwsError) -> tuple[StructureShape | None, Mapping[str, Any]]:
    """The modelled shape and the error's further members, without those that are None."""
    present = {name: value for name, value in error.members.items() if value is not None}
    return error_shape(operation, error.code), present
