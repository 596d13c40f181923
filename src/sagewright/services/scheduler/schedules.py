"""Schedules: what starts a pipeline, once or again and again.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sagewright.core import Json
from sagewright.core.calendar import Schedule
from sagewright.core.errors import ValidationException
from sagewright.domain.rules.retries import DEFAULTS
from sagewright.engine.pipeline_starts import is_pipeline
from sagewright.nouns.background import run_in_background
from sagewright.nouns.operations import Call, operation
from sagewright.services.scheduler._shared import (
    DEFAULT,
    SCHEDULE,
    Conflict,
    NotFound,
    all_of,
    arn_of,
    page,
    require_group,
)
from sagewright.services.scheduler._timer import LATE_SECONDS, Timer
from sagewright.store.resources import AlreadyExists, Resource, Stale

STORED = (
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "Description",
    "State",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)
FILLED = {"ScheduleExpressionTimezone": "UTC", "State": "ENABLED", "ActionAfterCompletion": "NONE"}

run_in_background(SCHEDULE, Timer.of)


@operation("scheduler", "CreateSchedule")
def create_schedule(call: Call, request: Json) -> Json:
    """Store a schedule, which is due at once: to find when it is due. A call with the same ClientToken finds it."""
    spec = _spec(request)
    _check(spec, call.platform.clock.now(), new=True)
    group = require_group(call, request.get("GroupName", DEFAULT))
    name, token = f"{group}/{request['Name']}", request.get("ClientToken", "")
    try:
        made = call.platform.resources.create(
            account=call.account,
            region=call.region,
            kind=SCHEDULE,
            name=name,
            arn=arn_of(call, f"schedule/{name}"),
            spec=spec,
            status={"ClientToken": token},
            due=call.platform.clock.now(),
        )
    except AlreadyExists as error:
        made = error.existing
        if not token or made.status["ClientToken"] != token or made.spec != spec:
            raise Conflict(f"Schedule {request['Name']} already exists.") from None
    call.platform.hint(made.id)
    return {"ScheduleArn": made.arn}


@operation("scheduler", "UpdateSchedule")
def update_schedule(call: Call, request: Json) -> Json:
    """Replace all that a schedule is: what the request leaves out gets its default."""
    schedule, spec, now = _found(call, request), _spec(request), call.platform.clock.now()
    _check(spec, now, new=spec.get("StartDate") != schedule.spec.get("StartDate"))
    try:
        call.platform.resources.update(schedule, spec=spec, due=now)
    except Stale:
        raise Conflict(f"Schedule {request['Name']} is being changed by another call.") from None
    call.platform.hint(schedule.id)
    return {"ScheduleArn": schedule.arn}


@operation("scheduler", "GetSchedule")
def get_schedule(call: Call, request: Json) -> Json:
    schedule = _found(call, request)
    return {**schedule.spec, **_named(schedule)}


@operation("scheduler", "DeleteSchedule")
def delete_schedule(call: Call, request: Json) -> Json:
    call.platform.resources.delete(_found(call, request))
    return {}


@operation("scheduler", "ListSchedules")
def list_schedules(call: Call, request: Json) -> Json:
    group, prefix, state = request.get("GroupName"), request.get("NamePrefix", ""), request.get("State")
    if group is not None:
        require_group(call, group)

    def wanted(schedule: Resource) -> bool:
        within, _, name = schedule.name.partition("/")
        return group in (None, within) and name.startswith(prefix) and state in (None, schedule.spec["State"])

    found, more = page(request, filter(wanted, all_of(call, SCHEDULE)), lambda schedule: schedule.name)
    return {"Schedules": [_summary(each) for each in found], **more}


def _found(call: Call, request: Json) -> Resource:
    group = require_group(call, request.get("GroupName", DEFAULT))
    name = f"{group}/{request['Name']}"
    found = call.platform.resources.get(call.account, call.region, SCHEDULE, name)
    if found is None or found.phase == "deleting":
        raise NotFound(f"Schedule {request['Name']} does not exist.")
    return found


def _named(schedule: Resource) -> Json:
    group, _, name = schedule.name.partition("/")
    return {
        "Arn": schedule.arn,
        "GroupName": group,
        "Name": name,
        "CreationDate": schedule.created,
        "LastModificationDate": schedule.modified,
    }


def _summary(schedule: Resource) -> Json:
    target = {"Arn": schedule.spec["Target"]["Arn"]}
    return {**_named(schedule), "State": schedule.spec["State"], "Target": target}


def _spec(request: Json) -> Json:
    """What is kept of a request, with AWS's defaults, times as seconds."""
    spec = {**FILLED, **{name: request[name] for name in STORED if name in request}}
    for name in ("StartDate", "EndDate"):
        if isinstance(spec.get(name), datetime):
            spec[name] = spec[name].timestamp()
    target = spec["Target"]
    spec["Target"] = {**target, "RetryPolicy": {**DEFAULTS, **target.get("RetryPolicy", {})}}
    return spec


def _check(spec: Mapping[str, Any], now: float, *, new: bool) -> None:
    """Raises ValidationException for what cannot be carried out. ``new``: the StartDate is, and is not long ago."""
    try:
        Schedule.parse(spec["ScheduleExpression"], spec["ScheduleExpressionTimezone"])
    except ValueError as error:
        raise ValidationException(f"Invalid Schedule Expression {spec['ScheduleExpression']}: {error}.") from None
    window = spec["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise ValidationException("MaximumWindowInMinutes must be provided for Mode FLEXIBLE, and for no other.")
    start, end = spec.get("StartDate"), spec.get("EndDate")
    if new and start is not None and start < now - LATE_SECONDS:
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if start is not None and end is not None and end <= start:
        raise ValidationException("The EndDate you specify must be later than the StartDate.")
    arn = spec["Target"]["Arn"]
    if not is_pipeline(arn):
        raise ValidationException(f"The target {arn} is not supported yet: targets are pipelines of SageMaker.")
    parameters = spec["Target"].get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())
    names = [each["Name"] for each in parameters]
    if len(set(names)) < len(names):
        raise ValidationException("SageMakerPipelineParameters must not name a parameter twice.")
