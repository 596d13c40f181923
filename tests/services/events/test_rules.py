"""EventBridge through boto3."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.jobs import ROLE
from tests.kit.principals import Person, allow, refused, role_of

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


def target(identifier: str = "1", **members: Any) -> dict[str, Any]:
    return {"Id": identifier, "Arn": PIPELINE, "RoleArn": ROLE, **members}


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


def test_targets_are_put_listed_and_removed(events: Any, rule: str) -> None:
    parameters = {"PipelineParameterList": [{"Name": "Package", "Value": "$.detail.ModelPackageArn"}]}
    answer = events.put_targets(Rule=rule, Targets=[target(SageMakerPipelineParameters=parameters), target("2")])
    assert answer["FailedEntryCount"] == 0
    events.put_targets(Rule=rule, Targets=[target("2", Input='{"a": "b"}')])
    first, second = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert first["SageMakerPipelineParameters"] == parameters
    assert second["Input"] == '{"a": "b"}'
    assert rule in events.list_rule_names_by_target(TargetArn=PIPELINE)["RuleNames"]
    page = events.list_targets_by_rule(Rule=rule, Limit=1)
    (last,) = events.list_targets_by_rule(Rule=rule, Limit=1, NextToken=page["NextToken"])["Targets"]
    assert last["Id"] == "2"
    assert refused(events.delete_rule, Name=rule)[::2] == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    answer = events.remove_targets(Rule=rule, Ids=["1", "2", "3"])
    assert (answer["FailedEntryCount"], answer["FailedEntries"][0]["TargetId"]) == (1, "3")
    events.delete_rule(Name=rule)
    assert rule not in events.list_rule_names_by_target(TargetArn=PIPELINE)["RuleNames"]


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


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([{"Id": "1", "Arn": "arn:aws:lambda:us-east-1:1:function:f"}], "arn:aws:lambda"),
        ([{"Id": "1", "Arn": PIPELINE}], "RoleArn is required"),
        ([target(), target()], "Duplicate"),
        ([target(Input="{}", InputPath="$")], "Only one of"),
        ([target(Input="{")], "JSON syntax error in Input"),
        ([target(InputPath="detail")], "InputPath"),
        ([target(SqsParameters={"MessageGroupId": "g"})], "SqsParameters"),
        ([target(DeadLetterConfig={"Arn": "arn:aws:sqs:us-east-1:1:q"})], "DeadLetterConfig"),
    ],
)
def test_what_is_no_target_is_refused(events: Any, rule: str, wanted: list[dict[str, Any]], words: str) -> None:
    code, status, message = refused(events.put_targets, Rule=rule, Targets=wanted)
    assert (code, status) == ("ValidationException", 400)
    assert words in message
    assert events.list_targets_by_rule(Rule=rule)["Targets"] == []


def test_a_rule_has_five_targets_at_most(events: Any, rule: str) -> None:
    events.put_targets(Rule=rule, Targets=[target(str(number)) for number in range(5)])
    assert refused(events.put_targets, Rule=rule, Targets=[target("6")])[0] == "LimitExceededException"


def test_the_target_role_has_to_trust_events(client: Client, events: Any, rule: str) -> None:
    role = role_of(client)
    code, _, message = refused(events.put_targets, Rule=rule, Targets=[{"Id": "1", "Arn": PIPELINE, "RoleArn": role}])
    assert code == "ValidationException"
    assert message.startswith(f"Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'.")
    theirs = Person(client).may(allow("events:PutRule", on="*:rule/theirs")).client("events")
    assert refused(theirs.put_rule, Name="other", EventPattern=APPROVED)[0] == "AccessDeniedException"
    theirs.put_rule(Name="theirs", EventPattern=APPROVED)


def test_a_pattern_is_tried(events: Any) -> None:
    event = {
        **{"id": "1", "account": "1", "source": "aws.sagemaker", "time": "2024-01-01T00:00:00Z", "region": "r"},
        **{"resources": [], "detail-type": "t", "detail": {"ModelApprovalStatus": "Approved"}},
    }
    assert events.test_event_pattern(EventPattern=APPROVED, Event=json.dumps(event))["Result"] is True
    event["source"] = "mine"
    assert events.test_event_pattern(EventPattern=APPROVED, Event=json.dumps(event))["Result"] is False
    assert refused(events.test_event_pattern, EventPattern="[]", Event="{}")[0] == "InvalidEventPatternException"
    assert refused(events.test_event_pattern, EventPattern=APPROVED, Event="{}")[0] == "ValidationException"


def test_each_event_that_is_put_stands_on_its_own(events: Any) -> None:
    good = {"Source": "mine", "DetailType": "t", "Detail": "{}"}
    answer = events.put_events(
        Entries=[
            good,
            {**good, "Detail": "{"},
            {"Source": "mine"},
            {**good, "Source": "aws.s3"},
            {**good, "EventBusName": "x"},
        ]
    )
    assert answer["FailedEntryCount"] == 4
    codes = [each.get("ErrorCode") for each in answer["Entries"]]
    assert codes == [
        *(None, "MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException", "ResourceNotFoundException"),
    ]
    assert answer["Entries"][0]["EventId"]


def test_there_is_one_bus(events: Any) -> None:
    (bus,) = events.list_event_buses()["EventBuses"]
    assert events.describe_event_bus()["Arn"] == bus["Arn"] == "arn:aws:events:us-east-1:123456789012:event-bus/default"
    assert refused(events.describe_event_bus, Name="mine")[0] == "ResourceNotFoundException"
