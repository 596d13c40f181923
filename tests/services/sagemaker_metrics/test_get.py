"""BatchGetMetrics through boto3: each statistic, each period, both axes; queries that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.run_metrics import ARN, Run

VALUES = [(0, 1.0), (0, 3.0), (1, 5.0), (2, 2.0), (2, 8.0), (2, 2.0)]


@pytest.fixture
def logged(run: Run) -> Run:
    """A run with six values, 50 seconds apart, at three steps."""
    assert run.put(*(run.datum(value, step, at=50 * n) for n, (step, value) in enumerate(VALUES))) == {}
    return run


@pytest.mark.parametrize(
    ("statistic", "by_step"),
    [
        ("Min", [1.0, 5.0, 2.0]),
        ("Max", [3.0, 5.0, 8.0]),
        ("Avg", [2.0, 5.0, 4.0]),
        ("Count", [2.0, 1.0, 3.0]),
        ("StdDev", [1.0, 0.0, pytest.approx(8**0.5)]),
        ("Last", [3.0, 5.0, 2.0]),
    ],
)
def test_every_statistic_of_every_step(logged: Run, statistic: str, by_step: list[Any]) -> None:
    assert logged.curve(statistic) == list(zip((0, 1, 2), by_step, strict=True))
    times = [logged.begin + at for at in (50, 100, 250)]
    assert logged.curve(statistic, XAxisType="Timestamp") == list(zip(times, by_step, strict=True))


def test_every_period(logged: Run) -> None:
    begin = logged.begin
    minutes = [(begin, 2.0), (begin + 60, 1.0), (begin + 120, 1.0), (begin + 180, 1.0), (begin + 240, 1.0)]
    assert logged.curve("Count", "OneMinute") == minutes
    assert logged.curve("Last", "FiveMinute") == [(begin, 2.0)]
    assert logged.curve("Max", "OneHour") == [(begin, 8.0)]


def test_start_and_end_bound_the_times(logged: Run) -> None:
    begin = logged.begin
    assert logged.curve("Count", "OneHour", Start=begin + 50, End=begin + 150) == [(begin, 2.0)]
    assert logged.curve("Last", Start=begin + 100) == [(1, 5.0), (2, 2.0)]
    assert logged.curve("Last", End=begin) == []


def test_values_without_a_step_are_on_no_curve_over_steps(run: Run) -> None:
    run.put(run.datum(1.0), run.datum(2.0, 4))
    assert run.curve("Count") == [(4, 1.0)]
    assert run.curve("Count", "OneHour") == [(run.begin, 2.0)]


def test_queries_are_answered_in_order_and_each_by_itself(logged: Run) -> None:
    other = logged.query(MetricName="accuracy")
    nothing = logged.query(ResourceArn=f"{logged.arn}-not-there")
    answers = logged.get(logged.query(), nothing, other, logged.query("Max", "OneHour"))
    assert [answer["Status"] for answer in answers] == ["Complete", "ValidationError", "Complete", "Complete"]
    assert [len(answer["MetricValues"]) for answer in answers] == [3, 0, 0, 1]
    assert answers[1]["Message"] == f"{logged.arn}-not-there does not exist."
    assert "Message" not in answers[0]
    assert len(logged.get(*[logged.query()] * 100)) == 100


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ResourceArn": f"{ARN}:endpoint/e"}, "neither a trial component nor"),
        ({"ResourceArn": f"{ARN}:training-job/not-there"}, "does not exist"),
        ({"ResourceArn": f"{ARN.replace('us-east-1', 'eu-west-1')}:experiment-trial-component/x"}, "not a resource of"),
        ({"Period": "OneHour"}, "must be IterationNumber"),
        ({"Start": 5, "End": 5}, "Start must be less than End"),
        ({"Start": -1}, "seconds since the epoch"),
        ({"End": 1_700_000_000_000}, "seconds since the epoch"),
        ({"Start": (1 << 63) - 1}, "seconds since the epoch"),
    ],
)
def test_a_query_that_makes_no_sense_says_why(logged: Run, change: dict[str, Any], words: str) -> None:
    (answer,) = logged.get(logged.query() | change)
    assert (answer["Status"], answer["XAxisValues"], answer["MetricValues"]) == ("ValidationError", [], [])
    assert words in answer["Message"]


def test_a_long_curve_is_truncated_and_goes_on_from_its_last_time(run: Run) -> None:
    steps = 10_010
    for first in range(0, steps, 10):
        assert run.put(*(run.datum(1.0, step, at=step / 10) for step in range(first, first + 10))) == {}
    (answer,) = run.get(run.query())
    assert (answer["Status"], len(answer["MetricValues"])) == ("Truncated", 10_000)
    assert answer["XAxisValues"] == list(range(10_000))
    assert "there are more" in answer["Message"]
    assert run.curve(Start=run.begin + 1000) == [(step, 1.0) for step in range(10_000, steps)]
