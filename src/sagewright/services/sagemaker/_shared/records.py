"""What records share: who made them, and rows that are versions of another row, named ``<parent>/<number>``."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.nouns.operations import Call
from sagewright.store.resources import Query, Resource

MOST = 1_000_000


def user_context(call: Call) -> Json:
    """The caller."""
    identity = {"Arn": call.principal.arn, "PrincipalId": call.principal.user_id}
    return {"IamIdentity": {name: value for name, value in identity.items() if value}}


def versions_of(call: Call, parent: Resource, kind: str, limit: int = MOST) -> list[Resource]:
    """The versions of a row, the newest first."""
    query = Query(name_contains=f"{parent.name}/", limit=limit)
    found = call.platform.resources.list(parent.account, parent.region, kind, query)
    return [each for each in found if each.name.rpartition("/")[0] == parent.name]
