"""Trial: trial components that belong together, in one experiment."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, require
from sagewright.nouns.operations import Call, operation
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker.experiments._links import (
    among,
    join,
    missing,
    parts_of,
    shown_name,
    taken,
    trials_of_component,
    trials_of_experiment,
)
from sagewright.store.resources import Resource


def before_delete(call: Call, resource: Resource, _request: Json) -> None:
    """All trial components have to be disassociated first."""
    if components := parts_of(call, resource, "TrialComponent"):
        raise ValidationException(
            f"Trial '{resource.name}' has {len(components)} trial components: all trial components of a trial must be "
            "disassociated first."
        )


NOUN = declare(
    Noun(
        kind="Trial",
        path="experiment-trial/{name}",
        taken=taken("Trial"),
        missing=missing("Trial"),
        describe=shown_name,
        shape=Shape(
            summary={"DisplayName": "DisplayName", "TrialSource": "Source"},
            filters={"ExperimentName": among(trials_of_experiment), "TrialComponentName": among(trials_of_component)},
        ),
        before_delete=before_delete,
    ),
    own=("Create",),
)


@operation("sagemaker", "CreateTrial")
def create_trial(call: Call, request: Json) -> Json:
    """Make a trial in an experiment. Raises ResourceNotFound when there is no such experiment."""
    experiment = require(call, "Experiment", request["ExperimentName"])
    trial = NOUN.create(call, request)
    join(call, trial, experiment)
    return {"TrialArn": trial.arn}
