"""Metrics: what CloudWatch would know of jobs, endpoints and users' own numbers.

A metric is a row, named by namespace, name and dimensions; its points lie next to one another in order of time. A point
is a set of samples (one value has one sample). ``source`` makes a point itself within its metric and time: the same
point from the same source is stored once, so a reader of a job's metrics may begin again after a crash.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Insert, Select, Table, case, delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sagewright.core.clock import Clock
from sagewright.store.database import Database, queue
from sagewright.store.schema import metric_points, metrics

Dimensions: TypeAlias = tuple[tuple[str, str], ...]

RECENT_SECONDS = 3 * 3600.0
DAY = 86_400
CONDENSED = ((15 * DAY, 60), (63 * DAY, 300))
RETENTION = 455 * DAY
"""Points older than the first number of seconds are merged into one for each period of the second number; points older
than ``RETENTION`` are deleted. CloudWatch keeps as much: one for a minute up to 15 days, one for five minutes up to 63,
nothing after 15 months."""
LARGEST = 2.0**360
"""CloudWatch's bound on values, either sign. NaN and infinity are none. (PutMetricData)"""


@dataclass(frozen=True, slots=True)
class Point:
    """``samples`` observations at the time ``at`` (seconds since the epoch) that add up to ``total``."""

    name: str
    at: float
    total: float
    minimum: float
    maximum: float
    samples: float = 1.0
    dimensions: Dimensions = ()
    unit: str = "None"
    source: str = ""

    @classmethod
    def of(cls, name: str, at: float, value: float, dimensions: Dimensions = (), source: str = "") -> Point:
        """One observation, of no unit."""
        return cls(name, at, value, value, value, dimensions=dimensions, source=source)

    @property
    def storable(self) -> bool:
        """Whether CloudWatch accepts all its numbers."""
        return all(abs(number) <= LARGEST for number in (self.total, self.minimum, self.maximum, self.samples))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that has, or had, points."""

    id: int
    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Key:
    """What names one metric. Dimensions may come in any order."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions = ()

    @property
    def pairs(self) -> str:
        """The dimensions in the one form in which they are stored."""
        return json.dumps(sorted(self.dimensions), separators=(",", ":"))

    @property
    def digest(self) -> str:
        """A short name of fixed length, for the unique index."""
        parts = (self.account, self.region, self.namespace, self.name, self.pairs)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Bucket:
    """The points of one period that have the same unit, put together. ``at`` is where the period begins."""

    at: float
    unit: str
    samples: float
    total: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Span:
    """Times from ``start`` up to but not including ``end``, cut into periods from ``start`` on; all in seconds."""

    start: float
    end: float
    period: int


@dataclass(frozen=True, slots=True)
class Search:
    """Which metrics to list: empty members match all; a dimension without a value matches every value of it."""

    namespace: str = ""
    name: str = ""
    dimensions: tuple[tuple[str, str | None], ...] = ()
    recent: bool = False
    after: int = 0


class MetricStore:
    """Metrics and their points in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put(self, account: str, region: str, namespace: str, points: Iterable[Point]) -> None:
        """Store points, all or none. A point that has a source and is there already is left as it is.

        Points with numbers that CloudWatch does not know (a loss that became NaN) are left out.
        """
        anonymous = secrets.token_hex(8)
        with self._database.write() as connection:
            # Without the queue two transactions could wait for each other's rows.
            queue(connection, f"metrics {account} {region} {namespace}")
            ids: dict[Key, int] = {}
            rows = []
            for number, point in enumerate(points):
                if not point.storable:
                    continue
                key = Key(account, region, namespace, point.name, point.dimensions)
                if key not in ids:
                    ids[key] = _metric(connection, key)
                rows.append(_row(point, ids[key], point.source or f"{anonymous}{number:x}"))
            if rows:
                connection.execute(_insert_new(connection, metric_points), rows)

    def buckets(self, key: Key, span: Span, unit: str | None = None) -> list[Bucket]:
        """The statistics of each period that has points, by time. ``unit`` leaves out points of other units."""
        number = (metric_points.c.at_ms - _ms(span.start)) // (span.period * 1000)
        query = _summed(number).where(*_where(key, span, unit))
        with self._database.read() as connection:
            return [Bucket(span.start + row[0] * span.period, *row[1:]) for row in connection.execute(query)]

    def percentiles(
        self, key: Key, span: Span, percents: Sequence[float], unit: str | None = None
    ) -> dict[tuple[float, str], list[float]]:
        """The percentiles (0 to 100) of each period, by nearest rank; the key is the period's begin and unit.

        A period with a statistic set of different values has none, since its values are unknown. (PutMetricData)
        """
        point = metric_points.c
        number = ((point.at_ms - _ms(span.start)) // (span.period * 1000)).label("number")
        period = (number, point.unit)
        cumulative = func.sum(point.samples).over(partition_by=period, order_by=point.minimum).label("cumulative")
        all_samples = func.sum(point.samples).over(partition_by=period).label("all_samples")
        points = select(number, point.unit, point.minimum, point.maximum, cumulative, all_samples).where(
            *_where(key, span, unit)
        )
        row = points.subquery().c
        ranks = (
            func.coalesce(
                func.min(case((row.cumulative >= row.all_samples * percent / 100, row.minimum))), func.max(row.minimum)
            )
            for percent in percents
        )
        query = select(row.number, row.unit, *ranks).group_by(row.number, row.unit).order_by(row.number)
        with self._database.read() as connection:
            rows = connection.execute(query.having(func.max(row.maximum - row.minimum) == 0)).all()
        return {(span.start + each[0] * span.period, each[1]): list(each[2:]) for each in rows}

    def list(self, account: str, region: str, search: Search, limit: int) -> list[Metric]:
        """Metrics in the order of their ids, beginning after ``search.after``; fewer than ``limit`` is the end."""
        column = metrics.c
        where = [column.account == account, column.region == region]
        where += [column.namespace == search.namespace] if search.namespace else []
        where += [column.name == search.name] if search.name else []
        for name, value in search.dimensions:
            pair = json.dumps([name] if value is None else [name, value], separators=(",", ":"))
            where.append(column.dimensions.contains(pair[:-1] if value is None else pair, autoescape=True))
        if search.recent:
            since = self._clock.now() - RECENT_SECONDS
            where.append(exists().where(metric_points.c.metric == column.id, metric_points.c.at_ms >= _ms(since)))
        query = select(column.id, column.namespace, column.name, column.dimensions).where(*where)
        result: list[Metric] = []
        with self._database.read() as connection:
            for row in connection.execute(query.where(column.id > search.after).order_by(column.id)):
                pairs = tuple((name, value) for name, value in json.loads(row.dimensions))
                if _has(pairs, search.dimensions):  # SQLite's LIKE does not tell upper from lower case
                    result.append(Metric(row.id, row.namespace, row.name, pairs))
                if len(result) == limit:
                    break
        return result

    def compact(self) -> int:
        """Merge old points by ``CONDENSED`` and delete the oldest. Returns by how many points the store shrank.

        Each day of a metric is a transaction of its own, so that writers never wait long.
        """
        now, removed = _ms(self._clock.now()), 0
        for age, period in CONDENSED:
            for metric, day in self._uncondensed(now - age * 1000, period * 1000):
                removed += self._condense(metric, day, min(day + DAY * 1000, now - age * 1000), period * 1000)
        point = metric_points.c
        with self._database.write() as connection:
            removed += connection.execute(delete(metric_points).where(point.at_ms < now - RETENTION * 1000)).rowcount
            connection.execute(delete(metrics).where(~exists().where(point.metric == metrics.c.id)))
        return removed

    def _uncondensed(self, before: int, period: int) -> Sequence[tuple[int, int]]:
        """Metrics and days that have points before ``before`` which are not yet merged into whole periods."""
        point, day = metric_points.c, DAY * 1000
        query = select(point.metric, point.at_ms // day * day).distinct()
        query = query.where(point.at_ms < before // period * period, point.source.not_like(f"{_source(period)}%"))
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def _condense(self, metric: int, start: int, end: int, period: int) -> int:
        point = metric_points.c
        end = end // period * period
        where = (point.metric == metric, point.at_ms >= start, point.at_ms < end)
        names = ("at_ms", "unit", "samples", "total", "minimum", "maximum")
        with self._database.write() as connection:
            rows = connection.execute(_summed(point.at_ms // period * period).where(*where)).all()
            removed = connection.execute(delete(metric_points).where(*where)).rowcount
            condensed = [dict(zip(names, row, strict=True)) for row in rows]
            for row in condensed:
                row.update(metric=metric, source=_source(period) + row["unit"])
            if condensed:
                connection.execute(_insert_new(connection, metric_points), condensed)
        return removed - len(condensed)

    def wipe(self) -> None:
        """Remove everything."""
        with self._database.write() as connection:
            connection.execute(delete(metric_points))
            connection.execute(delete(metrics))


def _summed(by: ColumnElement[int]) -> Select[Any]:
    """``by`` as ``period``, unit, samples, total, minimum and maximum of the points that have these in common."""
    point = metric_points.c
    sums = (func.sum(point.samples), func.sum(point.total), func.min(point.minimum), func.max(point.maximum))
    return select(by.label("period"), point.unit, *sums).group_by("period", point.unit).order_by("period")


def _source(period: int) -> str:
    """The prefix of the sources of merged points, for a period in milliseconds."""
    return f"{period // 1000} s of "


def _metric(connection: Connection, key: Key) -> int:
    """The id of a metric, new or not."""
    row = {name: getattr(key, name) for name in ("digest", "account", "region", "namespace", "name")}
    connection.execute(_insert_new(connection, metrics), row | {"dimensions": key.pairs})
    return int(connection.execute(select(metrics.c.id).where(metrics.c.digest == key.digest)).scalar_one())


def _insert_new(connection: Connection, table: Table) -> Insert:
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _row(point: Point, metric: int, source: str) -> dict[str, Any]:
    names = ("unit", "samples", "total", "minimum", "maximum")
    return {"metric": metric, "at_ms": _ms(point.at), "source": source} | {name: getattr(point, name) for name in names}


def _where(key: Key, span: Span, unit: str | None) -> list[Any]:
    metric = select(metrics.c.id).where(metrics.c.digest == key.digest).scalar_subquery()
    point = metric_points.c
    where = [point.metric == metric, point.at_ms >= _ms(span.start), point.at_ms < _ms(span.end)]
    return where + ([point.unit == unit] if unit else [])


def _has(pairs: Dimensions, filters: tuple[tuple[str, str | None], ...]) -> bool:
    values = dict(pairs)
    return all(name in values and value in (None, values[name]) for name, value in filters)
