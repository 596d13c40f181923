"""Text that is legal JSON and yet no text: a lone surrogate, a NUL. Refused or kept, never a failure of ours."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]


def status(call: Callable[..., Any], members: dict[str, Any]) -> int:
    """The HTTP status of the answer, good or bad."""
    try:
        answer = call(**members)
    except ClientError as error:
        answer = error.response
    code: int = answer["ResponseMetadata"]["HTTPStatusCode"]
    return code


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "\ufffe", "\U0010ffff", "a/../../b"])
def test_odd_names_and_messages(client: Client, odd: str) -> None:
    logs, cloudwatch = client("logs"), client("cloudwatch")
    group, now = f"/odd/{uuid.uuid4().hex}", int(time.time() * 1000)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="plain")
    event = {"timestamp": now, "message": f"before {odd} after"}
    datum = {"MetricName": odd, "Value": 1.0, "Dimensions": [{"Name": odd, "Value": odd}]}
    dimension = [{"Name": odd, "Value": odd}]
    times = {"StartTime": 0, "EndTime": 60, "Period": 60, "Statistics": ["Sum"]}
    stream = {"logGroupName": group, "logStreamName": odd}
    for call, members in (
        (logs.put_log_events, {"logGroupName": group, "logStreamName": "plain", "logEvents": [event]}),
        (logs.create_log_stream, stream),
        (logs.put_log_events, stream | {"logEvents": [event]}),
        (logs.get_log_events, stream),
        (logs.describe_log_streams, {"logGroupName": group, "logStreamNamePrefix": odd}),
        (logs.filter_log_events, {"logGroupName": group, "filterPattern": odd}),
        (cloudwatch.put_metric_data, {"Namespace": f"odd{odd}", "MetricData": [datum]}),
        (cloudwatch.list_metrics, {"Dimensions": dimension}),
        (cloudwatch.get_metric_statistics, {"Namespace": "odd", "MetricName": odd, "Dimensions": dimension, **times}),
    ):
        assert status(call, members) in (200, 400), (call, members)
    logs.delete_log_group(logGroupName=group)
