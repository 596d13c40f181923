"""Who made or changed a record, as CreatedBy and LastModifiedBy say it."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.nouns.operations import Call


def user_context(call: Call) -> Json:
    """The caller."""
    identity = {"Arn": call.principal.arn, "PrincipalId": call.principal.user_id}
    return {"IamIdentity": {name: value for name, value in identity.items() if value}}
