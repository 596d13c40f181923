"""From a change of a resource to the target of a rule, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs
from tests.kit.triggers import named, target

Client = Callable[..., Any]


def count(client: Client, name: str, rule: str) -> float:
    """How often EventBridge's metric counted for a rule."""
    now = datetime.now(UTC)
    points = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName=name,
        Dimensions=[{"Name": "RuleName", "Value": rule}],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=30),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(each["Sum"] for each in points))


def test_a_rule_hears_of_a_job_that_ended_and_a_pipeline_that_is_gone_is_asked_for_once(
    client: Client, jobs: Jobs
) -> None:
    events, rule, other = client("events"), named("ended"), named("other")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Training Job State Change"],
        "detail": {"TrainingJobStatus": ["Completed"]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_rule(Name=other, EventPattern=json.dumps({**pattern, "detail": {"TrainingJobStatus": ["Failed"]}}))
    for each in (rule, other):
        events.put_targets(Rule=each, Targets=[target()])
    job = jobs.run("print('done')")
    assert job["TrainingJobStatus"] == "Completed"
    eventually(lambda: count(client, "FailedInvocations", rule), what=lambda: "no invocation was counted")
    events.disable_rule(Name=rule)
    assert count(client, "Invocations", rule) == count(client, "FailedInvocations", rule)
    assert count(client, "TriggeredRules", other) == 0.0


def test_an_event_that_is_put_reaches_its_rule(client: Client) -> None:
    events, rule = client("events"), named("mine")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    events.put_targets(Rule=rule, Targets=[target()])
    answer = events.put_events(Entries=[{"Source": rule, "DetailType": "t", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 0
    eventually(lambda: count(client, "FailedInvocations", rule), what=lambda: "no invocation was counted")
    assert count(client, "Invocations", rule) == 1.0
