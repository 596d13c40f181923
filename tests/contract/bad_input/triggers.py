"""Valid requests for Scheduler and EventBridge, and what they speak of. Nothing of it fires within a test."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from tests.kit.jobs import ROLE

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/example"
RARELY = "cron(0 3 * * ? 2199)"
PATTERN = json.dumps({"source": ["mine"], "detail": {"n": [{"numeric": [">", 1]}]}})
EVENT = {
    **{"id": "1", "account": "1", "source": "mine", "time": "2024-01-01T00:00:00Z", "region": "r"},
    **{"resources": [], "detail-type": "t", "detail": {"n": 2}},
}
TARGET = {"Arn": PIPELINE, "RoleArn": ROLE}
TAGS = [{"Key": "k", "Value": "v"}]
_numbers = itertools.count()


def _name(member: str = "Name") -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda _: {member: f"fresh-{next(_numbers)}"}


def _each(*calls: Callable[[], Any]) -> None:
    for call in calls:
        with contextlib.suppress(ClientError):
            call()


def scheduler(client: Callable[..., Any]) -> tuple[dict[str, Any], Mapping[str, Callable[[], Any]]]:
    it = client("scheduler")
    arn = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/kept"
    schedule = {"ScheduleExpression": RARELY, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": TARGET}
    again: dict[str, Callable[[], Any]] = {
        "DeleteSchedule": lambda: _each(
            *(lambda name=name: it.create_schedule(Name=name, **schedule) for name in ("doomed", "kept"))
        ),
        "DeleteScheduleGroup": lambda: _each(
            *(lambda name=name: it.create_schedule_group(Name=name) for name in ("doomed", "kept"))
        ),
        "TagResource": lambda: it.untag_resource(ResourceArn=arn, TagKeys=["k"]),
        "UntagResource": lambda: it.tag_resource(ResourceArn=arn, Tags=TAGS),
    }
    _each(*again.values())
    return {"Name": "kept", **schedule, "ResourceArn": arn, "Tags": TAGS, "TagKeys": ["k"]}, again


def events(client: Callable[..., Any]) -> tuple[dict[str, Any], Mapping[str, Callable[[], Any]]]:
    it = client("events")
    arn = "arn:aws:events:us-east-1:123456789012:rule/kept"
    targets = [{"Id": "1", **TARGET}]
    again: dict[str, Callable[[], Any]] = {
        "DeleteRule": lambda: _each(
            *(lambda name=name: it.put_rule(Name=name, EventPattern=PATTERN) for name in ("doomed", "kept"))
        ),
        "RemoveTargets": lambda: it.put_targets(Rule="kept", Targets=targets),
        "TagResource": lambda: it.untag_resource(ResourceARN=arn, TagKeys=["k"]),
        "UntagResource": lambda: it.tag_resource(ResourceARN=arn, Tags=TAGS),
    }
    _each(*again.values())
    values = {
        "Name": "kept",
        "Rule": "kept",
        "EventPattern": PATTERN,
        "Event": json.dumps(EVENT),
        "Targets": targets,
        "TargetArn": PIPELINE,
        "Ids": ["1"],
        "Entries": [{"Source": "nobody", "DetailType": "t", "Detail": "{}"}],
        "ResourceARN": arn,
        "Tags": TAGS,
        "TagKeys": ["k"],
    }
    return values, again


STAGES = {"scheduler": scheduler, "events": events}
MORE = {"PutRule": ("EventPattern",)}
OWN: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "CreateSchedule": _name(),
    "CreateScheduleGroup": _name(),
    "DeleteSchedule": lambda _: {"Name": "doomed"},
    "DeleteScheduleGroup": lambda _: {"Name": "doomed"},
    "DeleteRule": lambda _: {"Name": "doomed"},
    "DescribeEventBus": lambda _: {"Name": "default"},
}
