"""EventBridge through boto3."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.principals import refused

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/retrain"
APPROVED = json.dumps({"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}})
Client = Callable[..., Any]


@pytest.fixture(scope="module")
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def rule(events: Any) -> str:
    name = f"r-{uuid.uuid4().hex[:10]}"
    events.put_rule(Name=name, EventPattern=APPROVED)
    return name


def test_a_rule_is_put_described_disabled_and_deleted(events: Any, rule: str) -> None:
    found = events.describe_rule(Name=rule)
    assert found["Arn"] == f"arn:aws:events:us-east-1:123456789012:rule/{rule}"
    assert (found["State"], found["EventBusName"], found["EventPattern"]) == ("ENABLED", "default", APPROVED)
    events.disable_rule(Name=rule)
    assert events.describe_rule(Name=rule)["State"] == "DISABLED"
    events.enable_rule(Name=rule, EventBusName="default")
    assert events.describe_rule(Name=rule)["State"] == "ENABLED"
    events.put_rule(Name=rule, ScheduleExpression="rate(5 days)", Description="d", State="DISABLED")
    found = events.describe_rule(Name=rule)
    assert (found["ScheduleExpression"], found["Description"], found["State"]) == ("rate(5 days)", "d", "DISABLED")
    assert "EventPattern" not in found
    events.delete_rule(Name=rule)
    events.delete_rule(Name=rule)
    missing = ("ResourceNotFoundException", 400, f"Rule {rule} does not exist on EventBus default.")
    assert refused(events.describe_rule, Name=rule) == missing
    assert refused(events.enable_rule, Name=rule) == missing


def test_rules_are_listed_in_pages(events: Any) -> None:
    prefix = f"p-{uuid.uuid4().hex[:10]}"
    for number in range(3):
        events.put_rule(Name=f"{prefix}-{number}", EventPattern=APPROVED)
    pages = events.get_paginator("list_rules").paginate(NamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert [len(page["Rules"]) for page in pages] == [2, 1]


def test_tags_come_with_a_new_rule(events: Any) -> None:
    name = f"r-{uuid.uuid4().hex[:10]}"
    arn = events.put_rule(Name=name, EventPattern=APPROVED, Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert refused(events.list_tags_for_resource, ResourceARN=f"{arn}-not")[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({}, "ValidationException", "EventPattern or ScheduleExpression must be specified"),
        ({"EventPattern": "{"}, "InvalidEventPatternException", "Event pattern is not valid. Reason: "),
        ({"EventPattern": '{"a": "b"}'}, "InvalidEventPatternException", '"a" must be an object or an array'),
        ({"ScheduleExpression": "rate(1 minutes)"}, "ValidationException", "ScheduleExpression is not valid"),
        ({"ScheduleExpression": "at(2030-01-01T00:00:00)"}, "ValidationException", "ScheduleExpression is not valid"),
        (
            {"EventPattern": APPROVED, "EventBusName": "mine"},
            "ResourceNotFoundException",
            "Event bus mine does not exist.",
        ),
        (
            {"EventPattern": APPROVED, "State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"},
            "ValidationException",
            "CloudTrail",
        ),
    ],
)
def test_what_is_no_rule_is_refused(events: Any, members: dict[str, Any], code: str, words: str) -> None:
    answer = refused(events.put_rule, Name="bad", **members)
    assert answer[:2] == (code, 400)
    assert words in answer[2]
