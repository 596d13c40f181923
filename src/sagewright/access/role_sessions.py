"""What roles may do when SageMaker assumes them: fetch the inputs of work, save its outputs.

The checks are those for a session ``assumed-role/<Role>/SageMaker`` over TLS, without a source address.
"""

from __future__ import annotations

from collections.abc import Sequence

from sagewright.access.authorization import not_assumed
from sagewright.engine.role_objects import Context, RoleObjects, WorkRole
from sagewright.nouns.operations import Call, Permission, Platform, Principal
from sagewright.store.credentials import Credential
from sagewright.wire.http import BytesReader, Request


class RoleSessions:
    """Answers the engine's questions about roles."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def refusal(
        self, role: WorkRole, action: str, resources: Sequence[str], owner: str, context: Context = ()
    ) -> tuple[str, str] | None:
        """The first of the ARNs on which the role may not do ``action``, and why, in AWS's words; else None."""
        if not role.arn:
            return resources[0], f"No role was given to {role.source}, and without a role nothing is read or written."
        access, key = self._platform.access, self._platform.access.session_of(role.arn)
        if key is None or key.account != role.account:
            return resources[0], not_assumed(role.arn)
        call = _call(action, role, key, self._platform)
        if not access.trusts_service(call, role.arn, role.source):
            return resources[0], not_assumed(role.arn)
        refused = access.first_refused(call, key, [Permission(action, each, context) for each in resources], owner)
        return None if refused is None else (refused[0].resource, refused[1].message)


def objects_as(call: Call, role_arn: str, source: str) -> RoleObjects:
    """The objects with the rights of the role that a call gives to the work ``source``."""
    role = WorkRole(role_arn, call.account, call.region, source)
    return RoleObjects(call.platform.objects, RoleSessions(call.platform), role)


def _call(action: str, role: WorkRole, key: Credential, platform: Platform) -> Call:
    headers = {"authorization": "AWS4-HMAC-SHA256"}
    request = Request("GET", "/", "", "/", [], headers, BytesReader(b""), secure=True)
    principal = Principal(key.principal, key.account, key.id, key.user_id)
    return Call("s3", action.partition(":")[2], role.region, principal, "", request, platform)
