"""Event buses through boto3."""

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


def test_there_is_one_bus(events: Any) -> None:
    (bus,) = events.list_event_buses()["EventBuses"]
    assert events.describe_event_bus()["Arn"] == bus["Arn"] == "arn:aws:events:us-east-1:123456789012:event-bus/default"
    assert refused(events.describe_event_bus, Name="mine")[0] == "ResourceNotFoundException"
