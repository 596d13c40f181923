"""Log groups, with their retention and tags."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call, operation
from sagewright.services.logs._shared import (
    AlreadyThere,
    InvalidParameter,
    NotFound,
    group_of,
    milliseconds,
    position_of,
    token,
)
from sagewright.store.logs import AlreadyExists, LogGroup

PAGE = 50
TAG_LIMIT = 50
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096),
    *(1827, 2192, 2557, 2922, 3288, 3653),
)
"""Source: PutRetentionPolicy."""


@operation("logs", "CreateLogGroup")
def create_log_group(call: Call, request: Json) -> None:
    name, log_class = request["logGroupName"], request.get("logGroupClass", "STANDARD")
    try:
        group = call.platform.logs.create_group(call.account, call.region, name, log_class, request.get("kmsKeyId"))
    except AlreadyExists:
        raise AlreadyThere("The specified log group already exists") from None
    if "tags" in request:
        call.platform.tags.add(group.arn, request["tags"], TAG_LIMIT)


@operation("logs", "DeleteLogGroup")
def delete_log_group(call: Call, request: Json) -> None:
    group = group_of(call, request)
    call.platform.tags.remove(group.arn, list(call.platform.tags.of(group.arn)))
    call.platform.logs.delete_group(group)


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call: Call, request: Json) -> Json:
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "").lower()
    if prefix and pattern:
        raise InvalidParameter("logGroupNamePrefix and logGroupNamePattern are mutually exclusive parameters.")
    after = position_of(request["nextToken"]) if "nextToken" in request else ""
    if not isinstance(after, str):
        raise InvalidParameter("The specified nextToken is invalid.")
    groups = call.platform.logs.groups(call.account, call.region, prefix, after)
    log_class, names = request.get("logGroupClass"), set(request.get("logGroupIdentifiers", ()))
    matching = [
        group
        for group in groups
        if pattern in group.name.lower()
        and log_class in (None, group.log_class)
        and (not names or names & {group.name, group.arn})
    ]
    limit = request.get("limit", PAGE)
    answer: Json = {"logGroups": [_describe(call, group) for group in matching[:limit]]}
    if len(matching) > limit:
        answer["nextToken"] = token(matching[limit - 1].name)
    return answer


def _describe(call: Call, group: LogGroup) -> Json:
    streams = call.platform.logs.streams(group)
    return {
        "logGroupName": group.name,
        "creationTime": milliseconds(group.created),
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{group.arn}:*",
        "logGroupArn": group.arn,
        "storedBytes": sum(call.platform.logs.size(stream) for stream in streams),
        "kmsKeyId": group.kms_key,
        "logGroupClass": group.log_class,
    }


@operation("logs", "PutRetentionPolicy")
def put_retention_policy(call: Call, request: Json) -> None:
    """Answers leave older events out at once; the next sweep deletes them from disk."""
    days = request["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise InvalidParameter(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member "
            f"must satisfy enum value set: {list(RETENTION_DAYS)}"
        )
    call.platform.logs.retain(group_of(call, request), days)


@operation("logs", "DeleteRetentionPolicy")
def delete_retention_policy(call: Call, request: Json) -> None:
    call.platform.logs.retain(group_of(call, request), None)


@operation("logs", "TagResource")
def tag_resource(call: Call, request: Json) -> None:
    if not call.platform.tags.add(_tagged_group(call, request).arn, request["tags"], TAG_LIMIT):
        raise AwsError(f"A resource may have at most {TAG_LIMIT} tags.", code="TooManyTagsException")


@operation("logs", "UntagResource")
def untag_resource(call: Call, request: Json) -> None:
    call.platform.tags.remove(_tagged_group(call, request).arn, request["tagKeys"])


@operation("logs", "ListTagsForResource")
def list_tags_for_resource(call: Call, request: Json) -> Json:
    return {"tags": call.platform.tags.of(_tagged_group(call, request).arn)}


def _tagged_group(call: Call, request: Json) -> LogGroup:
    try:
        return group_of(call, {"logGroupIdentifier": request["resourceArn"]})
    except NotFound:
        raise NotFound("The specified resource does not exist.") from None
