"""PutEvents and TestEventPattern through boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.principals import refused

APPROVED = json.dumps({"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}})
Client = Callable[..., Any]


@pytest.fixture(scope="module")
def events(client: Client) -> Any:
    return client("events")


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
