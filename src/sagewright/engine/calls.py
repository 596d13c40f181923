"""Inner calls: what the engine does through AWS's own operations, in the name of a piece of work.

The same checks and refusals meet them as meet a user's call. They are made above (``access.inner_calls``), where
operations and permissions are known.
"""

from __future__ import annotations

from typing import Protocol

from sagewright.core import Json
from sagewright.engine.role_objects import WorkRole
from sagewright.store.resources import Resource

SAGEMAKER = "sagemaker.amazonaws.com"
"""SageMaker itself, in the place of a role: for work whose caller had to have the permission when it was created."""


class Calls(Protocol):
    """Calls operations as the role of a piece of work."""

    def call(self, caller: WorkRole, service: str, operation: str, request: Json, *, parent: str | None = None) -> Json:
        """The answer of an operation. Raises ``AwsError`` as the operation would.

        ``request`` is as in the body of an HTTP request. What the call makes is a child of the resource with the id
        ``parent``; a child that is there already is not made again.
        """
        ...


def itself(resource: Resource) -> WorkRole:
    """SageMaker itself as the caller, for a resource's work."""
    return WorkRole(SAGEMAKER, resource.account, resource.region, resource.arn)
