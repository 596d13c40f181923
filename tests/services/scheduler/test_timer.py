"""When schedules fire, with a clock that the test moves and the calls that were made written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kit.triggers import WrittenCalls

from sagewright.core.errors import AwsError
from sagewright.engine.role_objects import WorkRole
from sagewright.services.scheduler._timer import Timer
from sagewright.store.database import Database, sqlite_url
from sagewright.store.metrics import MetricStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock

START = 1_704_067_200.0  # 2024-01-01T00:00:00Z
HOUR = 3600.0


class Bench:
    """A store, a clock and a timer, and the reconciler's side of one schedule."""

    def __init__(self, database: Database) -> None:
        self.clock, self.calls = FakeClock(START), WrittenCalls()
        self.store = ResourceStore(database, self.clock)
        self.timer = Timer(self.clock, self.calls, MetricStore(database, self.clock))
        self.id = ""

    def make(self, expression: str, target: dict[str, Any] | None = None, **members: Any) -> None:
        parameters = [{"Name": "at", "Value": "<aws.scheduler.scheduled-time>"}]
        spec = {
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "ActionAfterCompletion": "NONE",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            **members,
            "Target": {
                "Arn": "arn:aws:sagemaker:us-east-1:1:pipeline/p",
                "RoleArn": "arn:role",
                "SageMakerPipelineParameters": {"PipelineParameterList": parameters},
                **(target or {}),
            },
        }
        self.id = self.store.create(
            account="1", region="us-east-1", kind="Schedule", name="default/s", arn="arn:s", spec=spec, due=START
        ).id

    @property
    def row(self) -> Resource | None:
        return self.store.by_id(self.id)

    def look(self) -> None:
        """Act as long as the schedule is due."""
        for _ in range(50):
            row = self.row
            if row is None or row.due is None or row.due > self.clock.now():
                return
            leased = self.store.lease("me", self.id, 10.0)
            assert leased is not None
            change = self.timer.act(leased)
            assert self.timer.lifecycle.allows(leased.phase, "gone" if change.gone else change.phase or leased.phase)
            self.store.apply("me", leased, change)
        raise AssertionError("it is due for ever")

    def pass_(self, seconds: float, step: float = 60.0) -> None:
        """Let time go by in steps, with a look after each."""
        for _ in range(int(seconds // step)):
            self.clock.pass_(step)
            self.look()


def times(bench: Bench) -> list[str]:
    """The times for which the pipeline was started."""
    return [request["PipelineParameters"][0]["Value"] for request in bench.calls.started]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    database = Database(sqlite_url(tmp_path))
    metadata.create_all(database.engine)
    yield Bench(database)
    database.close()


def test_a_cron_schedule_fires_at_its_times_as_its_role(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)")
    bench.look()
    assert bench.calls.made == []
    bench.pass_(3 * HOUR)
    assert times(bench) == ["2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z", "2024-01-01T03:00:00Z"]
    caller, operation, request = bench.calls.made[0]
    assert caller == WorkRole("arn:role", "1", "us-east-1", "arn:s", "scheduler.amazonaws.com")
    assert (operation, request["PipelineName"]) == (
        "StartPipelineExecution",
        "arn:aws:sagemaker:us-east-1:1:pipeline/p",
    )
    assert len({request["ClientRequestToken"] for request in bench.calls.started}) == 3


def test_the_next_time_is_when_the_row_is_due(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)")
    bench.look()
    assert bench.row is not None
    assert bench.row.due == START + HOUR


def test_a_rate_begins_at_once_or_at_its_start(bench: Bench) -> None:
    bench.make("rate(1 hour)")
    bench.pass_(2 * HOUR)
    assert times(bench) == ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"]


def test_a_start_date_of_a_moment_ago_counts(bench: Bench) -> None:
    bench.make("rate(1 hour)", StartDate=START - 2.0)
    bench.look()
    assert times(bench) == ["2023-12-31T23:59:58Z"]


def test_start_and_end_bound_the_times(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)", StartDate=START + 2 * HOUR, EndDate=START + 3 * HOUR)
    bench.pass_(6 * HOUR)
    assert times(bench) == ["2024-01-01T02:00:00Z", "2024-01-01T03:00:00Z"]
    assert bench.row is not None
    assert bench.row.due is None


def test_one_time_and_gone_when_that_was_asked_for(bench: Bench) -> None:
    bench.make("at(2024-01-01T01:00:00)", ActionAfterCompletion="DELETE")
    bench.pass_(HOUR)
    assert times(bench) == ["2024-01-01T01:00:00Z"]
    assert bench.row is None


def test_times_missed_while_no_server_ran_are_made_up_for_once(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)")
    bench.look()
    bench.clock.pass_(10.5 * HOUR)
    bench.look()
    assert times(bench) == ["2024-01-01T10:00:00Z"]
    bench.pass_(HOUR)
    assert times(bench) == ["2024-01-01T10:00:00Z", "2024-01-01T11:00:00Z"]


def test_what_was_missed_too_long_ago_is_skipped(bench: Bench) -> None:
    bench.make("cron(0 3 * * ? *)", {"RetryPolicy": {"MaximumEventAgeInSeconds": 600}})
    bench.look()
    bench.clock.pass_(9 * HOUR)
    bench.look()
    assert bench.calls.made == []
    assert bench.row is not None
    assert bench.row.due == START + 27 * HOUR


def test_a_flexible_window_allows_as_much_lateness(bench: Bench) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 720}
    bench.make("cron(0 3 * * ? *)", {"RetryPolicy": {"MaximumEventAgeInSeconds": 60}}, FlexibleTimeWindow=window)
    bench.look()
    bench.clock.pass_(9 * HOUR)
    bench.look()
    assert times(bench) == ["2024-01-01T03:00:00Z"]


def test_an_outage_is_waited_for_and_the_pipeline_started_once(bench: Bench) -> None:
    bench.make("cron(0 3 * * ? *)")
    bench.look()
    bench.calls.error = AwsError("later", code="ServiceUnavailable", status=503)
    bench.clock.pass_(3 * HOUR)
    bench.look()
    bench.pass_(300.0, step=30.0)
    tries = len(bench.calls.made)
    assert tries > 3
    assert len({request["ClientRequestToken"] for request in bench.calls.started}) == 1
    bench.calls.error = None
    bench.pass_(HOUR)
    assert len(bench.calls.made) == tries + 1


def test_attempts_end(bench: Bench) -> None:
    bench.make("cron(0 3 * * ? *)", {"RetryPolicy": {"MaximumRetryAttempts": 2}})
    bench.look()
    bench.calls.error = AwsError("later", code="ServiceUnavailable", status=503)
    bench.clock.pass_(3 * HOUR)
    bench.pass_(HOUR)
    assert len(bench.calls.made) == 3


def test_a_pipeline_that_is_gone_is_not_asked_for_again_until_the_next_time(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)")
    bench.calls.error = AwsError("Pipeline 'p' does not exist.", code="ResourceNotFound")
    bench.pass_(2 * HOUR)
    assert times(bench) == ["2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"]


def test_an_update_changes_the_next_time_and_a_disabled_schedule_has_none(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)")
    bench.look()
    row = bench.row
    assert row is not None
    row = bench.store.update(row, spec={**row.spec, "ScheduleExpression": "cron(30 * * * ? *)"}, due=START)
    bench.look()
    assert bench.row is not None
    assert bench.row.due == START + HOUR / 2
    bench.store.update(row, spec={**row.spec, "State": "DISABLED"}, due=START)
    bench.look()
    assert bench.row.due is None
    bench.pass_(HOUR)
    assert bench.calls.made == []


def test_a_time_given_up_is_followed_by_the_next(bench: Bench) -> None:
    bench.make("cron(0 * * * ? *)")
    bench.look()
    assert bench.row is not None
    assert bench.timer.broken(bench.row, "a bug").due == START + HOUR
