"""Metrics of runs: what is kept as points come in equals what statistics say of all of them; nothing counts twice."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select

from sagewright.core.clock import SystemClock
from sagewright.store.database import Database
from sagewright.store.resources import ResourceStore
from sagewright.store.run_metrics import (
    LARGEST,
    MOST_METRICS,
    REMEMBERED_MINUTES,
    Batch,
    Collision,
    Curve,
    NoOwner,
    RunMetricStore,
    RunPoint,
    Statistic,
    Summary,
    values_of,
)
from sagewright.store.schema import resources, run_metric_calls, run_metric_points, run_metrics
from sagewright.testing.clock import FakeClock

BEGIN = 1_700_000_040.0
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)


def component(database: Database, name: str) -> str:
    """The ARN of a new trial component."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/{name}"
    ResourceStore(database, SystemClock()).create(
        account="123456789012", region="us-east-1", kind="TrialComponent", name=name, arn=arn, spec={}
    )
    return arn


@pytest.fixture
def arn(database: Database) -> str:
    return component(database, "run-1")


@pytest.fixture
def store(database: Database) -> RunMetricStore:
    return RunMetricStore(database, SystemClock())


def batch(arn: str, points: Sequence[RunPoint], call: str = "") -> Batch:
    return Batch(arn, (arn,), points, call)


def losses(*values: float) -> list[RunPoint]:
    """Values of the metric ``loss``, one a second, each at a step of its own."""
    return [RunPoint("loss", BEGIN + step, value, step) for step, value in enumerate(values)]


def summary(store: RunMetricStore, arn: str) -> Summary:
    (found,) = store.summaries([arn])[arn]
    return found


def test_a_summary_says_what_the_points_come_to(store: RunMetricStore, arn: str) -> None:
    assert store.summaries([arn]) == {arn: []}
    assert store.put(batch(arn, losses(4, 1))) == frozenset()
    assert store.put(batch(arn, losses(4, 1, 7)[2:])) == frozenset()

    assert summary(store, arn) == ("loss", 3, 4.0, pytest.approx(math.sqrt(6)), 1.0, 7.0, 7.0, BEGIN + 2)


VALUES = st.floats(min_value=-LARGEST, max_value=LARGEST)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(VALUES, min_size=1, max_size=10), min_size=1, max_size=5))
def test_any_numbers_come_to_what_statistics_says(store: RunMetricStore, arn: str, batches: list[list[float]]) -> None:
    store.forget(arn)
    for values in batches:
        store.put(batch(arn, [RunPoint("loss", BEGIN, value) for value in values]))
    values = [value for each in batches for value in each]
    near = {"abs": max(abs(value) for value in values) * 1e-9 + 1e-150, "rel": 1e-9}  # squares of less vanish

    found = summary(store, arn)
    assert (found.points, found.minimum, found.maximum, found.last) == (
        len(values), min(values), max(values), values[-1]
    )  # fmt: skip
    assert found.mean == pytest.approx(statistics.fmean(values), **near)
    assert found.deviation == pytest.approx(_deviation(values), **near)
    for statistic in STATISTICS:
        ((x, value),) = store.curve(Curve(arn, "loss", statistic, period=60), 10)
        assert x == BEGIN
        assert value == pytest.approx(getattr(found, statistic), **near)


def _deviation(values: list[float]) -> float:
    largest = max(abs(value) for value in values) or 1.0
    return statistics.pstdev([value / largest for value in values]) * largest


def test_a_small_spread_far_from_zero_does_not_cancel_out(store: RunMetricStore, arn: str) -> None:
    values = [1e9 + offset for offset in (0.0, 0.1, 0.2, 0.3)]
    store.put(batch(arn, losses(*values)))

    assert summary(store, arn).deviation == pytest.approx(statistics.pstdev(values), rel=1e-6)
    ((_, value),) = store.curve(Curve(arn, "loss", "deviation", period=3600), 10)
    assert value == pytest.approx(statistics.pstdev(values), rel=1e-6)


@pytest.mark.parametrize(
    ("value", "storable"),
    [(0.0, True), (-LARGEST, True), (5e-324, True), (1e109, False), (math.nan, False), (-math.inf, False)],
)
def test_what_is_no_number_is_not_storable(value: float, *, storable: bool) -> None:
    assert RunPoint("loss", BEGIN, value).storable is storable


def test_the_latest_is_the_last_in_time_and_of_one_time_the_last_to_arrive(store: RunMetricStore, arn: str) -> None:
    moments = [(0, 1.0), (5, 2.0), (5, 3.0), (3, 4.0)]
    store.put(batch(arn, [RunPoint("loss", BEGIN + at, value, 0) for at, value in moments]))

    assert summary(store, arn).last == 3.0
    assert store.curve(Curve(arn, "loss", "last", period=60), 10) == [(int(BEGIN), 3.0)]
    assert store.curve(Curve(arn, "loss", "last", by_step=True), 10) == [(0, 3.0)]


def test_curves_over_steps_and_over_times(store: RunMetricStore, arn: str) -> None:
    points = [RunPoint("loss", BEGIN + 50 * n, n, n // 2) for n in range(4)] + [RunPoint("loss", BEGIN + 200, 9.0)]
    store.put(batch(arn, points))
    begin = int(BEGIN)

    assert store.curve(Curve(arn, "loss", "mean", by_step=True), 10) == [(0, 0.5), (1, 2.5)]
    assert store.curve(Curve(arn, "loss", "maximum"), 10) == [(begin + 50, 1.0), (begin + 150, 3.0)]
    assert store.curve(Curve(arn, "loss", "last"), 10) == [(begin + 50, 1.0), (begin + 150, 3.0)]
    minutes = [(begin, 2.0), (begin + 60, 1.0), (begin + 120, 1.0), (begin + 180, 1.0)]
    assert store.curve(Curve(arn, "loss", "points", period=60), 10) == minutes
    assert store.curve(Curve(arn, "loss", "points", period=60), 2) == minutes[:2]
    bounded = Curve(arn, "loss", "points", period=60, start=BEGIN + 50, end=BEGIN + 150)
    assert store.curve(bounded, 10) == [(begin, 1.0), (begin + 60, 1.0)]
    assert store.curve(Curve(arn, "accuracy", "mean", period=60), 10) == []


def test_steps_arrive_in_any_order(store: RunMetricStore, arn: str) -> None:
    for step in (7, 0, 3):
        store.put(batch(arn, [RunPoint("loss", BEGIN, step * 10, step)]))

    assert store.curve(Curve(arn, "loss", "last", by_step=True), 10) == [(0, 0.0), (3, 30.0), (7, 70.0)]


def test_a_call_that_is_sent_again_counts_once(database: Database, arn: str) -> None:
    clock = FakeClock(BEGIN)
    store = RunMetricStore(database, clock)
    store.put(batch(arn, losses(1, 2), call="one"))
    store.put(batch(arn, losses(1, 2), call="one"))
    RunMetricStore(database, clock).put(batch(arn, losses(1, 2), call="one"))
    clock.pass_((REMEMBERED_MINUTES - 1) * 60)
    store.put(batch(arn, losses(1, 2), call="one"))
    assert summary(store, arn).points == 2

    store.put(batch(arn, losses(1, 2), call="two"))
    store.put(batch(arn, losses(1, 2)))
    assert summary(store, arn).points == 6
    clock.pass_((REMEMBERED_MINUTES + 1) * 60)
    store.put(batch(arn, losses(3), call="three"))
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(run_metric_calls)).scalar_one() == 1


def test_the_same_call_for_another_component_is_another(store: RunMetricStore, database: Database, arn: str) -> None:
    other = component(database, "run-2")
    store.put(batch(arn, losses(1), call="one"))
    store.put(batch(other, losses(1), call="one"))
    assert summary(store, other).points == 1


def test_more_metrics_than_allowed_are_refused_and_the_rest_stored(store: RunMetricStore, arn: str) -> None:
    for first in range(0, MOST_METRICS - 1, 333):
        names = [f"metric-{n}" for n in range(first, min(first + 333, MOST_METRICS - 1))]
        assert store.put(batch(arn, [RunPoint(name, BEGIN, 1.0) for name in names])) == frozenset()

    points = [RunPoint(name, BEGIN, 1.0) for name in ("metric-0", "x", "y", "metric-1", "y", "x")]
    refused = store.put(batch(arn, points))
    assert refused == {2, 4}
    assert len(store.summaries([arn])[arn]) == MOST_METRICS


def test_points_of_nothing_are_refused_and_those_beside_them_stored(database: Database, arn: str) -> None:
    store = RunMetricStore(database, SystemClock())
    with pytest.raises(NoOwner):
        store.put(batch(f"{arn}-not-there", losses(1)))
    store.put(Batch(f"{arn}-of-a-job", ("not-there", arn), losses(1)))
    assert summary(store, f"{arn}-of-a-job").points == 1


def test_what_is_forgotten_leaves_nothing(store: RunMetricStore, database: Database, arn: str) -> None:
    other = component(database, "run-2")
    store.put(batch(arn, losses(1, 2)))
    store.put(batch(other, losses(1)))
    store.forget(arn)
    store.forget(arn)
    assert store.summaries([arn, other]) == {arn: [], other: [summary(store, other)]}
    assert _rows(database) == 1

    store.put(batch(arn, losses(5)))
    assert summary(store, arn).mean == 5.0
    store.wipe()
    assert _rows(database) == 0


def _rows(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(run_metric_points)).scalar_one())


def test_two_servers_and_many_threads_lose_and_double_nothing(database: Database, arn: str) -> None:
    """Two stores are two servers: they share the database alone. Half of the calls are sent twice."""
    stores = [RunMetricStore(database, SystemClock()) for _ in range(2)]
    others = [component(database, f"other-{n}") for n in range(3)]
    barrier = threading.Barrier(8)

    def write(worker: int) -> None:
        barrier.wait(30)
        for turn in range(15):
            own = [RunPoint(f"metric-{(turn + n) % 4}", BEGIN + turn, 1.0, turn) for n in range(4)]
            call = f"{worker}-{turn}"
            stores[worker % 2].put(batch(arn, own, call))
            stores[worker % 2].put(batch(others[(worker + turn) % 3], own[::-1]))
            if turn % 2:
                stores[(worker + 1) % 2].put(batch(arn, own, call))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert {each.points for each in stores[0].summaries([arn])[arn]} == {8 * 15}
    everywhere = stores[0].summaries(others)
    assert sum(each.points for found in everywhere.values() for each in found) == 8 * 15 * 4
    assert _rows(database) == 2 * 8 * 15 * 4


def test_a_metric_whose_rows_somebody_else_keeps_taking_is_a_collision(database: Database, arn: str) -> None:
    store = RunMetricStore(database, SystemClock())
    store.put(batch(arn, losses(1)))
    with database.write() as connection:  # a number that is taken, which the metric's row does not know of
        metric = connection.execute(select(run_metrics.c.id)).scalar_one()
        row = {"metric": metric, "number": 2, "at_ms": 0, "step": None, "value": 0.0}
        connection.execute(insert(run_metric_points), row)
    with pytest.raises(Collision):
        store.put(batch(arn, losses(2)))
    assert summary(store, arn).points == 1


def test_search_compares_what_metrics_come_to_in_its_own_query(
    store: RunMetricStore, database: Database, arn: str
) -> None:
    other = component(database, "run-2")
    store.put(batch(arn, losses(0.5, 0.25)))
    store.put(batch(other, losses(0.125)))
    found = values_of("loss", "maximum").subquery().c
    query = select(resources.c.name).join_from(resources, found.arn.table, found.arn == resources.c.arn)
    with database.read() as connection:
        assert connection.execute(query.where(found.number > 0.2)).scalars().all() == ["run-1"]


def test_a_component_deleted_between_two_calls_gets_no_more(
    store: RunMetricStore, database: Database, arn: str
) -> None:
    store.put(batch(arn, losses(1)))
    with database.write() as connection:
        connection.execute(delete(resources))
    with pytest.raises(NoOwner):
        store.put(batch(arn, losses(2)))
