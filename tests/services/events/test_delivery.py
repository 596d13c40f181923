"""Deliveries of events to pipelines, with the calls that were made written down."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.triggers import PIPELINE, START, RuleBench

from sagewright.core.errors import AwsError
from sagewright.services.events._delivery import event_of, parameters_of

EVENT = event_of(
    "e-1",
    "aws.sagemaker",
    "SageMaker Model Package State Change",
    {"ModelApprovalStatus": "Approved", "ModelPackageArn": "arn:package", "ModelPackageVersion": 3},
    place=("1", "us-east-1"),
    at=START,
)


def test_a_rule_that_matches_starts_its_pipelines_as_their_roles(bench: RuleBench) -> None:
    values = [{"Name": "Package", "Value": "$.detail.ModelPackageArn"}, {"Name": "Fixed", "Value": "5"}]
    bench.rule("a", {"SageMakerPipelineParameters": {"PipelineParameterList": values}})
    bench.rule("b", EventPattern='{"source": ["mine"]}')
    bench.rule("c", State="DISABLED")
    assert bench.deliveries.deliver(EVENT) == 1
    bench.look()
    ((caller, _, request),) = bench.calls.made
    assert (caller.arn, caller.service) == ("arn:role", "events.amazonaws.com")
    assert request["PipelineName"] == PIPELINE
    assert request["PipelineParameters"] == [
        {"Name": "Package", "Value": "arn:package"},
        {"Name": "Fixed", "Value": "5"},
    ]
    assert bench.left() == 0


def test_an_event_that_comes_twice_starts_a_pipeline_once(bench: RuleBench) -> None:
    bench.rule("a")
    bench.deliveries.deliver(EVENT)
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert len(bench.calls.made) == 1
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert len({request["ClientRequestToken"] for request in bench.calls.started}) == 1


def test_a_pipeline_that_is_gone_is_asked_for_once(bench: RuleBench) -> None:
    bench.rule("a")
    bench.calls.error = AwsError("Pipeline 'p' does not exist.", code="ResourceNotFound")
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert (len(bench.calls.made), bench.left()) == (1, 0)


def test_an_outage_is_waited_for_as_long_as_the_policy_allows(bench: RuleBench) -> None:
    bench.rule("a", {"RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}})
    bench.calls.error = AwsError("later", code="ServiceUnavailable", status=503)
    bench.deliveries.deliver(EVENT)
    for _ in range(20):
        bench.look()
        bench.clock.pass_(60.0)
    assert (len(bench.calls.made), bench.left()) == (3, 0)


def test_the_rule_gives_the_role_where_the_target_has_none(bench: RuleBench) -> None:
    bench.rule("a", {"RoleArn": ""}, RoleArn="arn:of-the-rule")
    row = bench.store.get("1", "us-east-1", "Rule", "a")
    assert row is not None
    target = {name: value for name, value in row.spec["Targets"][0].items() if name != "RoleArn"}
    bench.store.update(row, spec={**row.spec, "Targets": [target]})
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert bench.calls.made[0][0].arn == "arn:of-the-rule"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"a": "x", "n": 1}'}, {"a": "x", "n": "1"}),
        (
            {"InputPath": "$.detail"},
            {"ModelApprovalStatus": "Approved", "ModelPackageArn": "arn:package", "ModelPackageVersion": "3"},
        ),
        ({"InputPath": "$.source"}, {}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"v": "$.detail.ModelPackageVersion"},
                    "InputTemplate": '{"text": "v<v>", "number": <v>}',
                }
            },
            {"text": "v3", "number": "3"},
        ),
        (
            {
                "Input": '{"a": "x"}',
                "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "a", "Value": "y"}]},
            },
            {"a": "y"},
        ),
        ({}, {}),
    ],
)
def test_parameters_are_made_of_the_event(target: dict[str, Any], expected: dict[str, str]) -> None:
    assert parameters_of({"Id": "1", **target}, EVENT, {}) == expected
