"""Groups of schedules through boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.principals import refused
from tests.kit.triggers import SCHEDULER, named, schedule

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def scheduler(client: Client) -> Any:
    return client("scheduler")


def test_groups_hold_schedules_and_take_them_along(scheduler: Any) -> None:
    group, name = named("g"), named()
    assert refused(scheduler.create_schedule, **schedule(name, GroupName=group))[0] == "ResourceNotFoundException"
    arn = scheduler.create_schedule_group(Name=group, Tags=[{"Key": "k", "Value": "v"}])["ScheduleGroupArn"]
    assert arn == f"{SCHEDULER}:schedule-group/{group}"
    scheduler.create_schedule(**schedule(name, GroupName=group))
    scheduler.create_schedule(**schedule(name))
    assert scheduler.get_schedule(Name=name, GroupName=group)["GroupName"] == group
    assert scheduler.get_schedule_group(Name=group)["State"] == "ACTIVE"
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "l", "Value": "w"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["k"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "l", "Value": "w"}]
    scheduler.delete_schedule_group(Name=group)
    assert refused(scheduler.get_schedule_group, Name=group)[2] == f"Schedule group {group} does not exist."
    assert scheduler.get_schedule(Name=name)["GroupName"] == "default"
    assert refused(scheduler.delete_schedule_group, Name="default")[0] == "ValidationException"
    assert scheduler.get_schedule_group(Name="default")["Name"] == "default"


def test_there_is_one_default_group(scheduler: Any) -> None:
    assert refused(scheduler.create_schedule_group, Name="default")[0] == "ConflictException"
    assert refused(scheduler.create_schedule_group, Name="x", Tags=[{"Key": "aws:x", "Value": "v"}])[1] == 400
