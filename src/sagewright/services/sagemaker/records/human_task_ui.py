"""HumanTaskUi: the page on which people would answer a task, on record."""

from __future__ import annotations

import hashlib

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ResourceNotFound
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.store.resources import Resource


def describe(_call: Call, resource: Resource) -> Json:
    """Of the template its digest; it lies behind no URL."""
    content: str = resource.spec["UiTemplate"]["Content"]
    return {"UiTemplate": {"ContentSha256": hashlib.sha256(content.encode()).hexdigest()}}


NOUN = declare(
    Noun(
        kind="HumanTaskUi",
        path="human-task-ui/{name}",
        taken=Refusal("HumanTaskUi {arn} already exists.", ResourceInUse),
        missing=Refusal("HumanTaskUi {arn} does not exist.", ResourceNotFound),
        words={"ready": "Active"},
        describe=describe,
    )
)
