"""Scheduler through boto3."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.kit.eventually import eventually
from tests.kit.jobs import ROLE
from tests.kit.principals import Person, allow, refused, role_of
from tests.kit.triggers import PIPELINE, SCHEDULER, named, schedule

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def scheduler(client: Client) -> Any:
    return client("scheduler")


def test_a_schedule_is_described_with_the_defaults_of_what_was_not_said(scheduler: Any) -> None:
    name = named()
    made = scheduler.create_schedule(**schedule(name, Description="nightly"))
    assert made["ScheduleArn"] == f"{SCHEDULER}:schedule/default/{name}"
    found = scheduler.get_schedule(Name=name)
    assert found["Arn"] == made["ScheduleArn"]
    assert (found["GroupName"], found["State"], found["Description"]) == ("default", "ENABLED", "nightly")
    assert (found["ScheduleExpressionTimezone"], found["ActionAfterCompletion"]) == ("UTC", "NONE")
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert found["CreationDate"] <= datetime.now(UTC)
    scheduler.delete_schedule(Name=name)
    assert refused(scheduler.get_schedule, Name=name) == (
        "ResourceNotFoundException",
        404,
        f"Schedule {name} does not exist.",
    )


def test_an_update_replaces_all(scheduler: Any) -> None:
    name = named()
    begin = datetime.now(UTC).replace(microsecond=0)
    assert refused(scheduler.update_schedule, **schedule(name))[0] == "ResourceNotFoundException"
    scheduler.create_schedule(**schedule(name, Description="one", State="DISABLED", StartDate=begin))
    assert scheduler.get_schedule(Name=name)["StartDate"] == begin
    scheduler.update_schedule(**schedule(name, ScheduleExpression="rate(5 days)"))
    found = scheduler.get_schedule(Name=name)
    assert (found["ScheduleExpression"], found["State"]) == ("rate(5 days)", "ENABLED")
    assert "Description" not in found
    assert "StartDate" not in found


def test_a_client_token_makes_a_call_once(scheduler: Any) -> None:
    name, group = named(), named("g")
    first = scheduler.create_schedule(**schedule(name, ClientToken="one"))
    assert scheduler.create_schedule(**schedule(name, ClientToken="one"))["ScheduleArn"] == first["ScheduleArn"]
    conflict = ("ConflictException", 409, f"Schedule {name} already exists.")
    assert refused(scheduler.create_schedule, **schedule(name, ClientToken="two")) == conflict
    assert refused(scheduler.create_schedule, **schedule(name, ClientToken="one", Description="x")) == conflict
    made = scheduler.create_schedule_group(Name=group, ClientToken="one")
    assert (
        scheduler.create_schedule_group(Name=group, ClientToken="one")["ScheduleGroupArn"] == made["ScheduleGroupArn"]
    )
    assert refused(scheduler.create_schedule_group, Name=group, ClientToken="two")[0] == "ConflictException"


def test_lists_are_paged_and_filtered(scheduler: Any) -> None:
    group, prefix = named("g"), named("p")
    scheduler.create_schedule_group(Name=group)
    for number in range(5):
        state = "DISABLED" if number == 2 else "ENABLED"
        scheduler.create_schedule(**schedule(f"{prefix}-{number}", GroupName=group, State=state))
    pages = scheduler.get_paginator("list_schedules").paginate(
        NamePrefix=prefix, PaginationConfig={"PageSize": 2}, GroupName=group
    )
    sizes = [[each["Name"][-1] for each in page["Schedules"]] for page in pages]
    assert sizes == [["0", "1"], ["2", "3"], ["4"]]
    (off,) = scheduler.list_schedules(NamePrefix=prefix, State="DISABLED")["Schedules"]
    assert off["Name"] == f"{prefix}-2"
    assert off["Target"] == {"Arn": PIPELINE}
    assert refused(scheduler.list_schedules, GroupName="nobody")[0] == "ResourceNotFoundException"
    assert refused(scheduler.list_schedules, NextToken="x")[0] == "ValidationException"
    groups = scheduler.get_paginator("list_schedule_groups").paginate(PaginationConfig={"PageSize": 1})
    assert {"default", group} <= {each["Name"] for page in groups for each in page["ScheduleGroups"]}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"ScheduleExpression": "cron(61 * * * ? *)"}, "Invalid Schedule Expression cron(61 * * * ? *): minutes '61'"),
        ({"ScheduleExpression": "rate(1 hours)"}, "Invalid Schedule Expression rate(1 hours)"),
        ({"ScheduleExpressionTimezone": "Europe/Atlantis"}, "timezone 'Europe/Atlantis'"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}}, "MaximumWindowInMinutes"),
        ({"StartDate": datetime(2020, 1, 1, tzinfo=UTC)}, "cannot be earlier than 5 minutes ago"),
        ({"StartDate": datetime(2190, 1, 2, tzinfo=UTC), "EndDate": datetime(2190, 1, 1, tzinfo=UTC)}, "EndDate"),
        ({"Target": {"Arn": "arn:aws:lambda:us-east-1:1:function:f", "RoleArn": ROLE}}, "arn:aws:lambda"),
        ({"Target": {"Arn": PIPELINE, "RoleArn": ROLE, "Input": "{}"}}, "Target.Input"),
        (
            {
                "Target": {
                    "Arn": PIPELINE,
                    "RoleArn": ROLE,
                    "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q"},
                }
            },
            "DeadLetterConfig",
        ),
        ({"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}, "KmsKeyArn"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(scheduler: Any, members: dict[str, Any], words: str) -> None:
    code, status, message = refused(scheduler.create_schedule, **schedule(named(), **members))
    assert (code, status) == ("ValidationException", 400)
    assert words in message


def test_the_role_has_to_trust_scheduler_and_the_caller_to_pass_it(client: Client, scheduler: Any) -> None:
    role = role_of(client)
    code, _, message = refused(
        scheduler.create_schedule, **schedule(named(), Target={"Arn": PIPELINE, "RoleArn": role})
    )
    assert code == "ValidationException"
    assert "must allow AWS EventBridge Scheduler to assume the role" in message
    name = named()
    person = Person(client).may(
        allow("scheduler:CreateSchedule", on=f"{SCHEDULER}:schedule/default/{name}"),
        allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
    )
    theirs = person.client("scheduler")
    assert refused(theirs.create_schedule, **schedule(named()))[0] == "AccessDeniedException"
    assert refused(theirs.create_schedule, **schedule(name))[0] == "AccessDeniedException"
    person.may(
        allow("scheduler:CreateSchedule", on=f"{SCHEDULER}:schedule/default/{name}"),
        allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}),
    )
    theirs.create_schedule(**schedule(name, EndDate=datetime.now(UTC) + timedelta(days=1)))


def test_a_schedule_whose_pipeline_is_not_there_is_dropped_and_counted(scheduler: Any, client: Client) -> None:
    """The schedule is due at once, and what becomes of it is seen in CloudWatch."""
    group = named("g")
    scheduler.create_schedule_group(Name=group)
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    once = {"ScheduleExpression": f"at({moment})", "ActionAfterCompletion": "DELETE"}
    scheduler.create_schedule(**schedule("gone", GroupName=group, **once))

    def left() -> list[Any]:
        return list(scheduler.list_schedules(GroupName=group)["Schedules"])

    eventually(lambda: not left(), what=lambda: str(left()))
    now = datetime.now(UTC)
    counts = {
        name: client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Scheduler",
            MetricName=name,
            Dimensions=[{"Name": "ScheduleGroup", "Value": group}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"][0]["Sum"]
        for name in ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount")
    }
    assert set(counts.values()) == {1.0}
