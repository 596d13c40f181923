"""TrialComponent: what one run was given and made: parameters, artifacts, metrics; in any number of trials."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ResourceNotFound, ValidationException
from sagewright.nouns.declaration import Noun, require
from sagewright.nouns.operations import Call, operation
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared.run_metrics import metrics_of
from sagewright.services.sagemaker.experiments._links import (
    TYPE,
    among,
    components_of_experiment,
    components_of_trial,
    join,
    missing,
    shown_name,
    taken,
    wholes_of,
)
from sagewright.store.resources import Resource

MAPS = {"Parameters": 300, "InputArtifacts": 60, "OutputArtifacts": 60}
"""Members that an update adds to, and how many entries each may have."""


def describe(call: Call, resource: Resource) -> Json:
    """The display name, and what the metrics come to."""
    metrics = metrics_of(call.platform, [resource.arn])[resource.arn]
    return {**shown_name(call, resource), "Metrics": metrics}


def updated(_call: Call, resource: Resource, request: Json) -> Json:
    """Entries of maps replace those of the same key, and go by ``…ToRemove``; other members replace their like."""
    spec = {**resource.spec}
    for member in ("DisplayName", "Status", "StartTime", "EndTime"):
        if member in request:
            spec[member] = request[member]
    for member, most in MAPS.items():
        entries = {**spec.get(member, {}), **request.get(member, {})}
        for key in request.get(f"{member}ToRemove", ()):
            entries.pop(key, None)
        if len(entries) > most:
            raise ValidationException(f"{member} would have {len(entries)} entries: at most {most} are allowed.")
        if entries or member in spec:
            spec[member] = entries
    return spec


NOUN = declare(
    Noun(
        kind="TrialComponent",
        path="experiment-trial-component/{name}",
        taken=taken("Trial component"),
        missing=missing("Trial component"),
        describe=describe,
        updated=updated,
        shape=Shape(
            summary={"DisplayName": "DisplayName", "TrialComponentSource": "Source"},
            filters={
                "ExperimentName": among(components_of_experiment),
                "TrialName": among(components_of_trial),
                "SourceArn": "Source.SourceArn",
            },
        ),
    ),
    own=("Delete",),
)


@operation("sagemaker", "DeleteTrialComponent")
def delete_trial_component(call: Call, request: Json) -> Json:
    """Delete a trial component and its metrics. It has to be disassociated from all trials first."""
    component = NOUN.find(call, request)
    if trials := wholes_of(call, component, "Trial"):
        raise ValidationException(
            f"Trial component '{component.name}' is associated with {len(trials)} trials: it must be disassociated "
            "from all trials first."
        )
    call.platform.resources.delete(component)
    call.platform.run_metrics.forget(component.arn)
    return {"TrialComponentArn": component.arn}


@operation("sagemaker", "AssociateTrialComponent")
def associate_trial_component(call: Call, request: Json) -> Json:
    """Put a trial component into a trial, where it may be already. Raises ResourceNotFound."""
    component, trial = _both(call, request)
    join(call, component, trial)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


@operation("sagemaker", "DisassociateTrialComponent")
def disassociate_trial_component(call: Call, request: Json) -> Json:
    """Take a trial component out of a trial; the component stays. Raises ResourceNotFound where it is not in it."""
    component, trial = _both(call, request)
    if not call.platform.links.remove(component.arn, trial.arn, TYPE):
        raise ResourceNotFound(f"Trial component '{component.name}' is not associated with trial '{trial.name}'.")
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


def _both(call: Call, request: Json) -> tuple[Resource, Resource]:
    return NOUN.find(call, request["TrialComponentName"]), require(call, "Trial", request["TrialName"])
