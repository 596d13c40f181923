"""Deliveries of events to pipelines, with the calls that were made written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sagewright.core.errors import AwsError
from sagewright.engine.reconciler import Controller
from sagewright.engine.role_objects import WorkRole
from sagewright.services.events._delivery import DELIVERY, Courier, Deliveries, event_of, parameters_of
from sagewright.services.events._timer import RuleTimer
from sagewright.store.database import Database, sqlite_url
from sagewright.store.metrics import MetricStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock

START = 1_704_067_200.0  # 2024-01-01T00:00:00Z
PIPELINE = "arn:aws:sagemaker:us-east-1:1:pipeline/p"
EVENT = event_of(
    "e-1",
    "aws.sagemaker",
    "SageMaker Model Package State Change",
    {"ModelApprovalStatus": "Approved", "ModelPackageArn": "arn:package", "ModelPackageVersion": 3},
    place=("1", "us-east-1"),
    at=START,
)
APPROVED = json.dumps({"detail": {"ModelApprovalStatus": ["Approved"]}})


@dataclass
class Calls:
    """What would have been called; ``error`` is raised instead."""

    made: list[tuple[WorkRole, dict[str, Any]]] = field(default_factory=list)
    error: AwsError | None = None

    def call(
        self, caller: WorkRole, service: str, operation: str, request: dict[str, Any], *, parent: str | None = None
    ) -> dict[str, Any]:
        assert (service, operation) == ("sagemaker", "StartPipelineExecution")
        self.made.append((caller, request))
        if self.error is not None:
            raise self.error
        return {}


class Bench:
    """A store, a clock, and the reconciler's side of rules and deliveries."""

    def __init__(self, database: Database) -> None:
        self.clock, self.calls = FakeClock(START), Calls()
        self.store = ResourceStore(database, self.clock)
        metrics = MetricStore(database, self.clock)
        self.deliveries = Deliveries(self.store, self.clock, metrics, lambda _: None)
        self.controllers: dict[str, Controller] = {
            "Rule": RuleTimer(self.clock, self.deliveries),
            DELIVERY: Courier(self.clock, self.calls, metrics),
        }

    def rule(self, name: str, *targets: dict[str, Any], **members: Any) -> Resource:
        wanted = [{"Id": "1", "Arn": PIPELINE, "RoleArn": "arn:role", **each} for each in targets or ({},)]
        spec = {"EventPattern": APPROVED, "State": "ENABLED", **members, "Targets": wanted}
        return self.store.create(
            account="1", region="us-east-1", kind="Rule", name=name, arn=f"arn:rule/{name}", spec=spec, due=START
        )

    def look(self) -> None:
        """Act as long as something is due."""
        for _ in range(50):
            due = [identifier for identifier, at in self.store.due(100) if at <= self.clock.now()]
            if not due:
                return
            for identifier in due:
                leased = self.store.lease("me", identifier, 10.0)
                assert leased is not None
                self.store.apply("me", leased, self.controllers[leased.kind].act(leased))
        raise AssertionError("something is due for ever")

    def left(self) -> int:
        return len(self.store.list("1", "us-east-1", DELIVERY))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    database = Database(sqlite_url(tmp_path))
    metadata.create_all(database.engine)
    yield Bench(database)
    database.close()


def test_a_rule_that_matches_starts_its_pipelines_as_their_roles(bench: Bench) -> None:
    values = [{"Name": "Package", "Value": "$.detail.ModelPackageArn"}, {"Name": "Fixed", "Value": "5"}]
    bench.rule("a", {"SageMakerPipelineParameters": {"PipelineParameterList": values}})
    bench.rule("b", EventPattern='{"source": ["mine"]}')
    bench.rule("c", State="DISABLED")
    assert bench.deliveries.deliver(EVENT) == 1
    bench.look()
    ((caller, request),) = bench.calls.made
    assert (caller.arn, caller.service) == ("arn:role", "events.amazonaws.com")
    assert request["PipelineName"] == PIPELINE
    assert request["PipelineParameters"] == [
        {"Name": "Package", "Value": "arn:package"},
        {"Name": "Fixed", "Value": "5"},
    ]
    assert bench.left() == 0


def test_an_event_that_comes_twice_starts_a_pipeline_once(bench: Bench) -> None:
    bench.rule("a")
    bench.deliveries.deliver(EVENT)
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert len(bench.calls.made) == 1
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert len({request["ClientRequestToken"] for _, request in bench.calls.made}) == 1


def test_a_pipeline_that_is_gone_is_asked_for_once(bench: Bench) -> None:
    bench.rule("a")
    bench.calls.error = AwsError("Pipeline 'p' does not exist.", code="ResourceNotFound")
    bench.deliveries.deliver(EVENT)
    bench.look()
    assert (len(bench.calls.made), bench.left()) == (1, 0)


def test_an_outage_is_waited_for_as_long_as_the_policy_allows(bench: Bench) -> None:
    bench.rule("a", {"RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}})
    bench.calls.error = AwsError("later", code="ServiceUnavailable", status=503)
    bench.deliveries.deliver(EVENT)
    for _ in range(20):
        bench.look()
        bench.clock.pass_(60.0)
    assert (len(bench.calls.made), bench.left()) == (3, 0)


def test_the_rule_gives_the_role_where_the_target_has_none(bench: Bench) -> None:
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


def test_a_rule_with_a_schedule_makes_events_of_its_own(bench: Bench) -> None:
    bench.rule("hourly", EventPattern="", ScheduleExpression="cron(0 * * * ? *)")
    bench.look()
    for _ in range(150):
        bench.clock.pass_(60.0)
        bench.look()
    assert len(bench.calls.made) == 2
    bench.clock.pass_(6 * 3600.0)
    bench.look()
    assert len(bench.calls.made) == 3


def test_a_rate_of_a_rule_is_counted_from_when_it_was_put(bench: Bench) -> None:
    rule = bench.rule("often", EventPattern="", ScheduleExpression="rate(1 hour)")
    bench.look()
    assert bench.calls.made == []
    for _ in range(61):
        bench.clock.pass_(60.0)
        bench.look()
    assert len(bench.calls.made) == 1
    row = bench.store.by_id(rule.id)
    assert row is not None
    bench.store.update(row, spec={**row.spec, "State": "DISABLED"}, due=START)
    bench.look()
    bench.clock.pass_(7200.0)
    bench.look()
    assert len(bench.calls.made) == 1
