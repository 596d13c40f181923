"""Workforce: who may work on tasks. The people of this server, or those of an OpenID Connect provider."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.store.resources import Resource


def describe(_call: Call, resource: Resource) -> Json:
    """The provider without its secret."""
    provider = resource.spec.get("OidcConfig", {})
    shown = {name: value for name, value in provider.items() if name != "ClientSecret"}
    return {"OidcConfig": shown} if shown else {}


def require_unused(call: Call, resource: Resource, _request: Json) -> None:
    """Raises ValidationException while there are teams of the workforce."""
    for team in call.platform.resources.list(resource.account, resource.region, "Workteam"):
        if team.spec.get("WorkforceName") == resource.name:
            raise ValidationException(
                f"The workforce {resource.arn!r} cannot be deleted: it has the workteam {team.name}."
            )


NOUN = declare(
    Noun(
        kind="Workforce",
        path="workforce/private-crowd/{name}",
        taken=Refusal("Workforce {arn} already exists."),
        missing=Refusal("Workforce {arn} does not exist."),
        words={"ready": "Active"},
        describe=describe,
        before_delete=require_unused,
    )
)
