"""Experiment: a collection of trials."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker.experiments._links import missing, parts_of, shown_name, taken
from sagewright.store.resources import Resource


def before_delete(call: Call, resource: Resource, _request: Json) -> None:
    """All trials have to be deleted first."""
    if trials := parts_of(call, resource, "Trial"):
        raise ValidationException(
            f"Experiment '{resource.name}' has {len(trials)} trials: all trials of an experiment must be deleted first."
        )


NOUN = declare(
    Noun(
        kind="Experiment",
        path="experiment/{name}",
        taken=taken("Experiment"),
        missing=missing("Experiment"),
        describe=shown_name,
        shape=Shape(summary={"DisplayName": "DisplayName", "ExperimentSource": "Source"}),
        before_delete=before_delete,
    )
)
