"""Inner calls: operations that the engine calls for a piece of work, as the work's role. See ``engine.calls``.

The steps are those of a user's call: the request is read and validated by the model, the role is authorized, which
includes that it may pass the roles it names, and the operation's own function answers.
"""

from __future__ import annotations

from sagewright.access.authorization import SERVICE, not_assumed
from sagewright.access.permissions import account_of, needed, passed_roles
from sagewright.core import Json
from sagewright.core.errors import AccessDeniedException, ValidationException
from sagewright.core.ids import request_id
from sagewright.engine.calls import SAGEMAKER
from sagewright.engine.role_objects import WorkRole
from sagewright.nouns.operations import Call, Permission, Platform, Principal, working
from sagewright.store.credentials import Credential
from sagewright.wire import codec, json_body
from sagewright.wire.http import BytesReader, Request
from sagewright.wire.models import service_model
from sagewright.wire.routing import Route


class InnerCalls:
    """Calls operations of this server in its own process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def call(self, caller: WorkRole, service: str, operation: str, request: Json, *, parent: str | None = None) -> Json:
        """The answer of an operation, called as a role. Raises ``AwsError``: AWS's refusals, in AWS's words."""
        route = Route(service, service_model(service).operation_model(operation))
        shape = route.operation.input_shape
        parameters: Json = json_body.reader(shape)(request) if shape is not None else {}
        codec.check(route, parameters)
        key = self._session(caller)
        call = self._call(service, operation, caller, key, parent)
        if key is not None:
            self._authorize(call, key, parameters)
        return dict(working(service, operation)(call, parameters) or {})

    def _session(self, caller: WorkRole) -> Credential | None:
        """The session in which the work's service takes on the role; None for SageMaker itself."""
        if caller.arn == SAGEMAKER:
            return None
        if not caller.arn:
            raise AccessDeniedException(f"No role was given to {caller.source}, and without a role nothing is called.")
        access = self._platform.access
        key = access.session_of(caller.arn)
        if key is None or key.account != caller.account:
            raise ValidationException(not_assumed(caller.arn, caller.service))
        about = self._call("sts", "AssumeRole", caller, key, None)
        if not access.trusts_service(about, caller.arn, caller.source, caller.service):
            raise ValidationException(not_assumed(caller.arn, caller.service))
        return key

    def _authorize(self, call: Call, key: Credential, parameters: Json) -> None:
        access = self._platform.access
        permissions, roles = needed(call, parameters), passed_roles(call, parameters)
        target = permissions[0].resource if permissions else "*"
        keys = (("iam:PassedToService", SERVICE), ("iam:AssociatedResourceArn", target))
        permissions += [Permission("iam:PassRole", arn, keys) for arn in roles]
        if refused := access.first_refused(call, key, permissions, key.account, parameters):
            raise refused[1]
        for arn in roles:
            if account_of(arn) != call.account:
                raise AccessDeniedException("Cross-account pass role is not allowed.")
            if not access.trusts_service(call, arn, target):
                raise ValidationException(not_assumed(arn))

    def _call(self, service: str, operation: str, caller: WorkRole, key: Credential | None, parent: str | None) -> Call:
        """A call over TLS, without a source address."""
        headers = {"authorization": "AWS4-HMAC-SHA256", "x-amz-target": operation}
        http = Request("POST", "/", "", "/", [], headers, BytesReader(b""), secure=True)
        principal = (
            Principal(SAGEMAKER, caller.account, "")
            if key is None
            else Principal(key.principal, key.account, key.id, key.user_id)
        )
        return Call(service, operation, caller.region, principal, request_id(), http, self._platform, parent)
