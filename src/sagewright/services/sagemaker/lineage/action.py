"""Action: something that was done, such as the deployment of a model.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateAction.html
"""

from __future__ import annotations

from sagewright.core.errors import ResourceInUse
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker.lineage._entities import MISSING, updated

NOUN = declare(
    Noun(
        kind="Action",
        path="action/{name}",
        taken=Refusal("The action {arn!r} already exists.", ResourceInUse),
        missing=MISSING,
        updated=updated,
        shape=Shape(filters={"SourceUri": "Source.SourceUri"}),
    )
)
