"""Artifact: something at a URI, such as a dataset or a model. There is one for each SourceUri.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateArtifact.html
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.identity import New, Require
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker.lineage._entities import MISSING, updated


def name_of(source: str) -> str:
    """The name of the artifact of a URI: two callers that make it at once make the same one."""
    return md5(source.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class BySource:
    """The URI makes the name. Requests about an artifact have its ARN; a Delete may have the source."""

    @property
    def members(self) -> tuple[str, ...]:
        return ("ArtifactArn",)

    @property
    def member(self) -> str:
        return ""

    def new(self, _call: Call, request: Json, _require: Require) -> New:
        return New(name_of(request["Source"]["SourceUri"]))

    def named(self, _call: Call, _kind: str, request: Json, _require: Require) -> str:
        if "ArtifactArn" in request and "Source" in request:
            raise ValidationException("Specify one of ArtifactArn and Source.")
        if "Source" in request:
            return name_of(request["Source"]["SourceUri"])
        if "ArtifactArn" not in request:
            raise ValidationException("You must specify one of ArtifactArn and Source.")
        return str(request["ArtifactArn"])

    def pattern(self, request: Json) -> str:
        return str(request.get("ArtifactArn", "*"))

    def check(self, kind: str, operation: str, inputs: frozenset[str]) -> None:
        """Nothing: an Update, a Describe and a Delete have ArtifactArn, and the declaration checks that."""


NOUN = declare(
    Noun(
        kind="Artifact",
        path="artifact/{name}",
        identity=BySource(),
        taken=Refusal("There is an artifact of this source: {arn}"),
        missing=MISSING,
        updated=updated,
        shape=Shape(filters={"SourceUri": "Source.SourceUri"}),
    ),
    own=("Create",),
)


@operation("sagemaker", "CreateArtifact")
def create_artifact(call: Call, request: Json) -> Result:
    """Make the artifact of a source, or answer the one there is, also one that another caller makes meanwhile."""
    arn = NOUN.arn(call, name_of(request["Source"]["SourceUri"]))
    if call.platform.resources.by_arn(arn) is None:
        try:
            NOUN.create(call, request)
        except ValidationException:
            if call.platform.resources.by_arn(arn) is None:
                raise
    return {"ArtifactArn": arn}
