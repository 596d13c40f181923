"""Workteam: some of the people of a workforce."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare, merged
from sagewright.services.sagemaker.records.workforce import NOUN as WORKFORCE
from sagewright.store.resources import Resource


def check(call: Call, request: Json) -> None:
    """A workforce that is there, and members that are groups of its people."""
    if "WorkforceName" in request:
        WORKFORCE.find(call, request["WorkforceName"])
    for member in request["MemberDefinitions"]:
        if not member.get("OidcMemberDefinition", {}).get("Groups"):
            raise ValidationException("Each of the MemberDefinitions needs an OidcMemberDefinition with Groups.")


def describe(call: Call, resource: Resource) -> Json:
    """The workforce by its ARN."""
    named = resource.spec.get("WorkforceName")
    return {"WorkforceArn": WORKFORCE.arn(call, named)} if named else {}


def updated(call: Call, resource: Resource, request: Json) -> Json:
    """The team with the members of the request."""
    spec = merged(NOUN, resource, request)
    check(call, spec)
    return spec


NOUN = declare(
    Noun(
        kind="Workteam",
        path="workteam/private-crowd/{name}",
        taken=Refusal("Workteam {arn} already exists.", ResourceInUse),
        missing=Refusal("Workteam {arn} does not exist."),
        status={"Success": True},
        check=check,
        describe=describe,
        updated=updated,
    )
)
