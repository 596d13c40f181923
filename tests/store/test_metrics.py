"""Metrics: statistics equal those computed by hand, and the same point is never counted twice."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from sagewright.core.clock import SystemClock
from sagewright.store.database import Database
from sagewright.store.metrics import Key, MetricStore, Point, Search, Span
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock

ACCOUNT, REGION, SPACE = "123456789012", "us-east-1", "/aws/sagemaker/TrainingJobs"
JOB = (("TrainingJobName", "churn-1"), ("Host", "algo-1"))
KEY = Key(ACCOUNT, REGION, SPACE, "loss", JOB)
BEGIN = 1_700_000_040.0


@pytest.fixture
def store(database: Database) -> MetricStore:
    return MetricStore(database, SystemClock())


def test_reading_a_job_again_after_a_crash_counts_nothing_twice(store: MetricStore) -> None:
    points = [Point.of("loss", BEGIN + 0.5, value, JOB, source=f"run:{line}") for line, value in enumerate((1, 1, 4))]
    store.put(ACCOUNT, REGION, SPACE, points[:2])
    store.put(ACCOUNT, REGION, SPACE, points)

    (bucket,) = store.buckets(KEY, Span(BEGIN, BEGIN + 60, 60))
    assert (bucket.at, bucket.samples, bucket.total, bucket.minimum, bucket.maximum) == (BEGIN, 3, 6, 1, 4)


def test_points_without_a_source_all_count(store: MetricStore) -> None:
    for _ in range(2):
        store.put(ACCOUNT, REGION, SPACE, [Point.of("loss", BEGIN, 2, JOB), Point.of("loss", BEGIN, 2, JOB)])

    (bucket,) = store.buckets(KEY, Span(BEGIN, BEGIN + 60, 60))
    assert bucket.samples == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_a_loss_that_explodes_is_left_out_and_the_rest_kept(store: MetricStore, value: float) -> None:
    store.put(ACCOUNT, REGION, SPACE, [Point.of("loss", BEGIN, number, JOB) for number in (1, value, 2)])

    (bucket,) = store.buckets(KEY, Span(BEGIN, BEGIN + 60, 60))
    assert (bucket.samples, bucket.total) == (2, 3)


def test_dimensions_name_a_metric_in_any_order(store: MetricStore) -> None:
    store.put(ACCOUNT, REGION, SPACE, [Point.of("loss", BEGIN, 1, JOB), Point.of("loss", BEGIN, 2, JOB[::-1])])

    (bucket,) = store.buckets(KEY, Span(BEGIN, BEGIN + 60, 60))
    assert bucket.samples == 2
    assert store.buckets(Key(ACCOUNT, REGION, SPACE, "loss", JOB[:1]), Span(BEGIN, BEGIN + 60, 60)) == []
    assert store.buckets(Key(ACCOUNT, "eu-west-1", SPACE, "loss", JOB), Span(BEGIN, BEGIN + 60, 60)) == []


def test_units_are_kept_apart(store: MetricStore) -> None:
    points = [Point("time", BEGIN, 1, 1, 1, unit="Seconds"), Point("time", BEGIN, 5, 5, 5, unit="Milliseconds")]
    store.put(ACCOUNT, REGION, SPACE, points)
    key, span = Key(ACCOUNT, REGION, SPACE, "time"), Span(BEGIN, BEGIN + 60, 60)

    assert {(bucket.unit, bucket.total) for bucket in store.buckets(key, span)} == {("Seconds", 1), ("Milliseconds", 5)}
    assert [bucket.total for bucket in store.buckets(key, span, "Seconds")] == [1]


observations = st.lists(st.tuples(st.integers(0, 599_999), st.integers(-1000, 1000)), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(observations, st.sampled_from([1, 5, 60, 300]), st.sampled_from([0.0, 50.0, 90.0, 99.9, 100.0]))
def test_statistics_are_those_of_the_values(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[int, int]], period: int, percent: float
) -> None:
    database = Database("sqlite:///" + str(tmp_path_factory.mktemp("metrics") / "test.db"))
    metadata.create_all(database.engine)
    store = MetricStore(database, SystemClock())
    store.put(ACCOUNT, REGION, SPACE, [Point.of("loss", BEGIN + ms / 1000, value, JOB) for ms, value in values])
    expected: dict[float, list[int]] = {}
    for ms, value in values:
        expected.setdefault(BEGIN + ms // 1000 // period * period, []).append(value)

    span = Span(BEGIN, BEGIN + 600, period)
    found = {bucket.at: bucket for bucket in store.buckets(KEY, span)}
    ranks = store.percentiles(KEY, span, [percent])
    database.close()

    assert sorted(found) == list(found) == sorted(expected)
    for at, numbers in expected.items():
        bucket = found[at]
        assert (bucket.samples, bucket.total) == (len(numbers), sum(numbers))
        assert (bucket.minimum, bucket.maximum) == (min(numbers), max(numbers))
        (rank,) = ranks[at, "None"]
        assert sum(number <= rank for number in numbers) >= len(numbers) * percent / 100
        assert sum(number < rank for number in numbers) <= len(numbers) * percent / 100
    assert statistics.fsum(bucket.total for bucket in found.values()) == sum(value for _, value in values)


def test_a_set_of_unknown_values_has_no_percentiles(store: MetricStore) -> None:
    store.put(ACCOUNT, REGION, SPACE, [Point("loss", BEGIN, 10, 1, 9, samples=2, dimensions=JOB)])

    assert store.percentiles(KEY, Span(BEGIN, BEGIN + 60, 60), [50]) == {}


def test_listing_filters_by_all_that_is_given(store: MetricStore) -> None:
    now = SystemClock().now()
    jobs = [(("TrainingJobName", name),) for name in ("churn-1", "CHURN-1", 'odd"],["name', "50%_")]
    store.put(ACCOUNT, REGION, SPACE, [Point.of("loss", now if job == jobs[0] else 1, 1, job) for job in jobs])
    store.put(ACCOUNT, REGION, "Mine", [Point.of("loss", now, 1)])

    def names(**search: object) -> list[tuple[tuple[str, str], ...]]:
        return [metric.dimensions for metric in store.list(ACCOUNT, REGION, Search(**search), 10)]  # type: ignore[arg-type]

    assert names(namespace=SPACE) == jobs
    assert names(namespace="Mine") == [()]
    assert len(names(name="loss")) == 5
    for job in jobs:
        assert names(dimensions=job) == [job]
    assert names(dimensions=(("TrainingJobName", None),)) == jobs
    assert names(dimensions=(("Name", None),)) == []
    assert names(namespace=SPACE, recent=True) == [jobs[0]]


def test_listing_goes_on_after_a_page(store: MetricStore) -> None:
    store.put(ACCOUNT, REGION, SPACE, [Point.of(f"m{number}", 1, 1) for number in range(5)])
    first = store.list(ACCOUNT, REGION, Search(), 3)
    second = store.list(ACCOUNT, REGION, Search(after=first[-1].id), 3)

    assert [metric.name for metric in first + second] == [f"m{number}" for number in range(5)]


DAY = 86_400
MIDNIGHT = 1_700_006_400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


@pytest.fixture
def aging(tmp_path: Path, clock: FakeClock) -> MetricStore:
    database = Database(f"sqlite:///{tmp_path / 'aging.db'}")
    metadata.create_all(database.engine)
    return MetricStore(database, clock)


def count(store: MetricStore, start: float, end: float) -> int:
    """How many points are stored, as the buckets of a millisecond cannot tell."""
    with store._database.read() as connection:
        where = "at_ms >= :start and at_ms < :end"
        query = text(f"select count(*) from metric_points where {where}")
        return int(connection.execute(query, {"start": start * 1000, "end": end * 1000}).scalar_one())


def test_old_points_are_put_together_and_the_oldest_go(aging: MetricStore, clock: FakeClock) -> None:
    hour = MIDNIGHT - 3600
    points = [Point.of("loss", hour + second, second % 7, JOB) for second in range(0, 3600, 2)]
    aging.put(ACCOUNT, REGION, SPACE, points)
    aging.put(ACCOUNT, REGION, SPACE, [Point("loss", hour, 5, 5, 5, dimensions=JOB, unit="Bytes")])
    spans = [Span(hour, MIDNIGHT, period) for period in (300, 3600)]
    before = [aging.buckets(KEY, span) for span in spans]

    assert aging.compact() == 0
    clock.pass_(15 * DAY + 600)
    aging.put(ACCOUNT, REGION, SPACE, [Point.of("loss", clock.now(), 1, JOB)])
    assert aging.compact() == 1801 - 61
    assert aging.compact() == 0
    assert [aging.buckets(KEY, span) for span in spans] == before
    clock.pass_(48 * DAY)
    aging.compact()
    assert count(aging, hour, MIDNIGHT) == 13
    assert [aging.buckets(KEY, span) for span in spans] == before
    clock.pass_(400 * DAY)
    aging.compact()
    assert [metric.name for metric in aging.list(ACCOUNT, REGION, Search(), 9)] == ["loss"]
    assert aging.buckets(KEY, spans[0]) == []
    clock.pass_(400 * DAY)
    aging.compact()
    assert aging.list(ACCOUNT, REGION, Search(), 9) == []


def test_a_period_that_is_not_over_15_days_old_as_a_whole_is_left(aging: MetricStore, clock: FakeClock) -> None:
    aging.put(ACCOUNT, REGION, SPACE, [Point.of("loss", MIDNIGHT + second, 1, JOB) for second in (0, 59, 60, 119)])
    clock.pass_(15 * DAY + 119)
    assert aging.compact() == 1
    assert count(aging, MIDNIGHT, MIDNIGHT + 120) == 3
    clock.pass_(1)
    assert aging.compact() == 1
