"""Targets of rules through boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.principals import Person, allow, refused, role_of
from tests.kit.triggers import PIPELINE, named, target

APPROVED = json.dumps({"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}})
Client = Callable[..., Any]


@pytest.fixture(scope="module")
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def rule(events: Any) -> str:
    name = named("r")
    events.put_rule(Name=name, EventPattern=APPROVED)
    return name


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
