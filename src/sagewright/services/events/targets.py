"""Targets of rules: pipelines, with the parameters that they are started with."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.domain.rules import inputs
from sagewright.engine.pipeline_starts import is_pipeline
from sagewright.nouns.operations import Call, operation
from sagewright.services.events._shared import LimitExceeded, change, page, require_bus, rule_of, rules

TARGETS = 5
"""Targets of one rule."""


@operation("events", "PutTargets")
def put_targets(call: Call, request: Json) -> Json:
    """Add targets to a rule, or replace those with the same ids."""
    new = {target["Id"]: target for target in request["Targets"]}
    if len(new) < len(request["Targets"]):
        raise ValidationException("Duplicate target ids: the ids of a request must be unique.")
    rule = rule_of(call, request, "Rule")
    for target in new.values():
        _check(target, rule.spec.get("RoleArn"))

    def edit(old: Json) -> Json:
        merged = {target["Id"]: target for target in old["Targets"]} | new
        if len(merged) > TARGETS:
            raise LimitExceeded("The requested resource exceeds the maximum number allowed.")
        return {**old, "Targets": list(merged.values())}

    change(call, request, edit, "Rule")
    return {"FailedEntryCount": 0, "FailedEntries": []}


def _check(target: Json, role: str | None) -> None:
    arn = target["Arn"]
    if not is_pipeline(arn):
        raise ValidationException(f"The target {arn} is not supported yet: targets are pipelines of SageMaker.")
    if not target.get("RoleArn", role):
        raise ValidationException(f"RoleArn is required for target {arn}.")
    parameters = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())
    if len({each["Name"] for each in parameters}) < len(parameters):
        raise ValidationException(f"Parameters of target {target['Id']} must not be named twice.")
    for each in parameters:
        if each["Value"].startswith("$.") and not inputs.is_path(each["Value"]):
            raise ValidationException(f"Parameter {each['Name']} of target {target['Id']} has an invalid path.")
    try:
        inputs.check(target)
    except ValueError as error:
        raise ValidationException(str(error)) from None


@operation("events", "RemoveTargets")
def remove_targets(call: Call, request: Json) -> Json:
    """Take targets off a rule; an id that it does not have is a failed entry."""
    ids = dict.fromkeys(request["Ids"])
    there = {target["Id"] for target in rule_of(call, request, "Rule").spec["Targets"]}
    change(
        call,
        request,
        lambda old: {**old, "Targets": [target for target in old["Targets"] if target["Id"] not in ids]},
        "Rule",
    )
    failed = [
        {
            "TargetId": each,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Target {each} does not exist on rule {request['Rule']}.",
        }
        for each in ids
        if each not in there
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("events", "ListTargetsByRule")
def list_targets_by_rule(call: Call, request: Json) -> Json:
    found, more = page(request, rule_of(call, request, "Rule").spec["Targets"], lambda target: str(target["Id"]))
    return {"Targets": found, **more}


@operation("events", "ListRuleNamesByTarget")
def list_rule_names_by_target(call: Call, request: Json) -> Json:
    require_bus(call, request)
    names = [
        rule.name
        for rule in rules(call.platform.resources, call.account, call.region)
        if any(target["Arn"] == request["TargetArn"] for target in rule.spec["Targets"])
    ]
    found, more = page(request, names, lambda name: name)
    return {"RuleNames": found, **more}
