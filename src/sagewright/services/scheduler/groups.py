"""Schedule groups. Every region has the group ``default``, which has no row."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.operations import Call, operation
from sagewright.nouns.tags import tag_set
from sagewright.services.scheduler._shared import (
    DEFAULT,
    GROUP,
    SCHEDULE,
    Conflict,
    NotFound,
    all_of,
    group_arn,
    page,
    require_group,
)
from sagewright.store.resources import AlreadyExists, Resource

TAG_LIMIT = 50
SINCE = 1_668_038_400.0
"""When the default group came into being: 10 November 2022, as Scheduler did."""


@operation("scheduler", "CreateScheduleGroup")
def create_schedule_group(call: Call, request: Json) -> Json:
    """Make a group. A call with the ClientToken of the one that made it finds it."""
    name, token = request["Name"], request.get("ClientToken", "")
    tags = tag_set(request.get("Tags", ()))
    if len(tags) > TAG_LIMIT:
        raise ValidationException(f"A resource may have at most {TAG_LIMIT} tags.")
    taken = Conflict(f"Schedule group {name} already exists.")
    if name == DEFAULT:
        raise taken
    try:
        group = call.platform.resources.create(
            account=call.account,
            region=call.region,
            kind=GROUP,
            name=name,
            arn=group_arn(call, name),
            spec={},
            status={"ClientToken": token},
            tag_set=tags,
        )
    except AlreadyExists as error:
        group = error.existing
        if not token or group.status["ClientToken"] != token or call.platform.tags.of(group.arn) != tags:
            raise taken from None
    return {"ScheduleGroupArn": group.arn}


@operation("scheduler", "GetScheduleGroup")
def get_schedule_group(call: Call, request: Json) -> Json:
    name = require_group(call, request["Name"])
    return _described(call, name, call.platform.resources.get(call.account, call.region, GROUP, name))


@operation("scheduler", "ListScheduleGroups")
def list_schedule_groups(call: Call, request: Json) -> Json:
    prefix = request.get("NamePrefix", "")
    groups: dict[str, Resource | None] = {DEFAULT: None} | {each.name: each for each in all_of(call, GROUP)}
    found, more = page(request, (name for name in groups if name.startswith(prefix)), str)
    return {"ScheduleGroups": [_described(call, name, groups[name]) for name in found], **more}


@operation("scheduler", "DeleteScheduleGroup")
def delete_schedule_group(call: Call, request: Json) -> Json:
    """Delete a group with its schedules, at once."""
    name = require_group(call, request["Name"])
    if name == DEFAULT:
        raise ValidationException("The default schedule group can't be deleted.")
    for each in list(all_of(call, SCHEDULE)):
        if each.name.startswith(f"{name}/"):
            call.platform.resources.delete(each)
    group = call.platform.resources.get(call.account, call.region, GROUP, name)
    if group is not None:
        call.platform.resources.delete(group)
    return {}


def _described(call: Call, name: str, group: Resource | None) -> Json:
    created, modified = (SINCE, SINCE) if group is None else (group.created, group.modified)
    return {
        "Arn": group_arn(call, name),
        "Name": name,
        "State": "ACTIVE",
        "CreationDate": created,
        "LastModificationDate": modified,
    }


@operation("scheduler", "TagResource")
def tag_resource(call: Call, request: Json) -> Json:
    if not call.platform.tags.add(_tagged(call, request), tag_set(request["Tags"]), TAG_LIMIT):
        raise ValidationException(f"A resource may have at most {TAG_LIMIT} tags.")
    return {}


@operation("scheduler", "UntagResource")
def untag_resource(call: Call, request: Json) -> Json:
    call.platform.tags.remove(_tagged(call, request), request["TagKeys"])
    return {}


@operation("scheduler", "ListTagsForResource")
def list_tags_for_resource(call: Call, request: Json) -> Json:
    tags = call.platform.tags.of(_tagged(call, request))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tagged(call: Call, request: Json) -> str:
    """The ARN of the group that a request names."""
    arn: str = request["ResourceArn"]
    if arn != group_arn(call, require_group(call, arn.rpartition("/")[2])):
        raise NotFound(f"Schedule group {arn} does not exist.")
    return arn
