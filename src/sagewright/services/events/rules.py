"""Rules: a pattern of events, or a schedule, and the targets that are invoked."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.calendar import At, Schedule
from sagewright.core.errors import ValidationException
from sagewright.domain.rules import patterns
from sagewright.nouns.background import run_in_background
from sagewright.nouns.operations import Call, operation
from sagewright.nouns.tags import tag_set
from sagewright.services.events._shared import (
    BUS,
    RULE,
    InvalidPattern,
    NotFound,
    change,
    page,
    require_bus,
    rule_of,
    rules,
)
from sagewright.services.events._timer import RuleTimer
from sagewright.store.resources import AlreadyExists, Resource

TAG_LIMIT = 50
STORED = ("EventPattern", "ScheduleExpression", "State", "Description", "RoleArn")
FILLED = {"State": "ENABLED"}

run_in_background(RULE, RuleTimer.of)


@operation("events", "PutRule")
def put_rule(call: Call, request: Json) -> Json:
    """Make a rule, or replace what one is; its targets stay. Tags are those of a new rule alone, as on AWS."""
    require_bus(call, request)
    _check(request)
    spec = {**FILLED, **{name: request[name] for name in STORED if name in request}}
    tags = tag_set(request.get("Tags", ()))
    if len(tags) > TAG_LIMIT:
        raise ValidationException(f"A resource may have at most {TAG_LIMIT} tags.")
    name = request["Name"]
    try:
        rule = call.platform.resources.create(
            account=call.account,
            region=call.region,
            kind=RULE,
            name=name,
            arn=str(Arn("events", call.region, call.account, f"rule/{name}")),
            spec={**spec, "Targets": []},
            due=call.platform.clock.now(),
            tag_set=tags,
        )
        call.platform.hint(rule.id)
    except AlreadyExists:
        rule = change(call, request, lambda old: {**spec, "Targets": old["Targets"]})
    return {"RuleArn": rule.arn}


def _check(request: Json) -> None:
    pattern, expression = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not expression:
        raise ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        check_pattern(pattern)
    if expression:
        try:
            schedule = Schedule.parse(expression)
        except ValueError as error:
            raise ValidationException(f"Parameter ScheduleExpression is not valid: {error}.") from None
        if isinstance(schedule, At):
            raise ValidationException("Parameter ScheduleExpression is not valid: a rule has no at(…).")


def check_pattern(text: str) -> patterns.Fields:
    """The pattern, read. Raises ``InvalidPattern``."""
    try:
        return patterns.parse(text)
    except ValueError as error:
        raise InvalidPattern(f"Event pattern is not valid. Reason: {error}") from None


def described(rule: Resource) -> Json:
    """A rule as DescribeRule and ListRules show it."""
    shown = {name: value for name, value in rule.spec.items() if name != "Targets"}
    return {"Name": rule.name, "Arn": rule.arn, "EventBusName": BUS, **shown}


@operation("events", "DescribeRule")
def describe_rule(call: Call, request: Json) -> Json:
    return {**described(rule_of(call, request)), "CreatedBy": call.account}


@operation("events", "ListRules")
def list_rules(call: Call, request: Json) -> Json:
    require_bus(call, request)
    prefix = request.get("NamePrefix", "")
    wanted = [
        each for each in rules(call.platform.resources, call.account, call.region) if each.name.startswith(prefix)
    ]
    found, more = page(request, wanted, lambda rule: rule.name)
    return {"Rules": [described(each) for each in found], **more}


@operation("events", "EnableRule")
def enable_rule(call: Call, request: Json) -> None:
    change(call, request, lambda old: {**old, "State": "ENABLED"})


@operation("events", "DisableRule")
def disable_rule(call: Call, request: Json) -> None:
    change(call, request, lambda old: {**old, "State": "DISABLED"})


@operation("events", "DeleteRule")
def delete_rule(call: Call, request: Json) -> None:
    """Delete a rule without targets; one that does not exist is no error, as on AWS."""
    try:
        rule = rule_of(call, request)
    except NotFound:
        require_bus(call, request)
        return
    if rule.spec["Targets"]:
        raise ValidationException("Rule can't be deleted since it has targets.")
    call.platform.resources.delete(rule)


@operation("events", "TagResource")
def tag_resource(call: Call, request: Json) -> Json:
    rule = _tagged(call, request)
    if not call.platform.tags.add(rule.arn, tag_set(request["Tags"]), TAG_LIMIT):
        raise ValidationException(f"A resource may have at most {TAG_LIMIT} tags.")
    return {}


@operation("events", "UntagResource")
def untag_resource(call: Call, request: Json) -> Json:
    call.platform.tags.remove(_tagged(call, request).arn, request["TagKeys"])
    return {}


@operation("events", "ListTagsForResource")
def list_tags_for_resource(call: Call, request: Json) -> Json:
    tags = call.platform.tags.of(_tagged(call, request).arn)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tagged(call: Call, request: Json) -> Resource:
    found = call.platform.resources.by_arn(request["ResourceARN"])
    if found is None or found.kind != RULE or found.account != call.account:
        raise NotFound(f"Resource {request['ResourceARN']} does not exist.")
    return found
