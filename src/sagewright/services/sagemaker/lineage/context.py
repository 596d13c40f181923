"""Context: a group of other entities, such as an endpoint or the versions of a model.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateContext.html
"""

from __future__ import annotations

from sagewright.core.errors import ResourceInUse
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker.lineage._entities import MISSING, updated

NOUN = declare(
    Noun(
        kind="Context",
        path="context/{name}",
        taken=Refusal("The context {arn!r} already exists.", ResourceInUse),
        missing=MISSING,
        updated=updated,
        shape=Shape(filters={"SourceUri": "Source.SourceUri"}),
    )
)
