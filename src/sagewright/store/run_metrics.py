"""Metrics of runs: the points that users' code logs to trial components, and what they come to.

A metric is a row, named by its trial component's ARN and a name. The row keeps the number of points, their mean,
spread, bounds and latest value as points come in, so that a summary costs the same however many points there are. The
points themselves are rows in order of arrival.

Calls that come in while another's transaction runs share the next one: they are answered after it is committed.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from sagewright.core.clock import Clock
from sagewright.store.database import Database
from sagewright.store.outages import sqlstate
from sagewright.store.schema import resources, run_metric_calls, run_metric_points, run_metrics

Statistic: TypeAlias = Literal["minimum", "maximum", "mean", "points", "deviation", "last"]

LARGEST = 2.0**360
"""The bound on values, either sign: CloudWatch's, where SageMaker keeps metrics too. NaN and infinity are none."""
MOST_METRICS = 1000
"""Names of metrics a trial component may have."""
TOGETHER = 64
"""Calls that share a transaction at most."""
REMEMBERED_MINUTES = 10
"""How long a call is known as the same when a client tries it again."""
_TRIES = 3
_COLLIDED = ("40001", "40P01")
"""SQLSTATE of transactions that PostgreSQL ends because of another."""


class NoOwner(Exception):
    """There is nothing whose metrics these could be."""


class Collision(Exception):
    """Another transaction changed the same rows at the same time, several times over. Nothing was written."""


class RunPoint(NamedTuple):
    """A value of a metric at a time (seconds since the epoch), and at a step of its run where it has one."""

    name: str
    at: float
    value: float
    step: int | None = None

    @property
    def storable(self) -> bool:
        """Whether statistics can be made of the value, and both databases take the name."""
        return abs(self.value) <= LARGEST and "\0" not in self.name


class Summary(NamedTuple):
    """What the points of a metric come to. ``last_at``: seconds since the epoch."""

    name: str
    points: int
    mean: float
    deviation: float
    minimum: float
    maximum: float
    last: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Points for the trial component ``arn``, of which one of ``owners``, ARNs of resources, must exist.

    A batch with the same ``call`` is the same: it is stored once, however often it comes. Empty: it is new.
    """

    arn: str
    owners: tuple[str, ...]
    points: Sequence[RunPoint]
    call: str = ""

    @property
    def digest(self) -> str:
        """What the call is known by."""
        return hashlib.sha256(f"{self.arn} {self.call}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Curve:
    """One value of ``statistic`` for each ``period`` in seconds, or for each step where that is 0.

    ``by_step``: steps are on the x-axis, not times. ``start`` and ``end`` (excluded) bound the times of the points.
    """

    arn: str
    name: str
    statistic: Statistic
    period: int = 0
    by_step: bool = False
    start: float | None = None
    end: float | None = None


@dataclass(slots=True)
class _Series:
    """A metric's row while points are added. Welford's algorithm: no sum of squares that cancels out."""

    id: int
    points: int
    mean: float
    squares: float
    minimum: float
    maximum: float
    last: float
    last_ms: int

    def add(self, at_ms: int, value: float) -> None:
        self.points += 1
        off = value - self.mean
        self.mean += off / self.points
        self.squares += off * (value - self.mean)
        first = self.points == 1
        self.minimum = value if first else min(self.minimum, value)
        self.maximum = value if first else max(self.maximum, value)
        if first or at_ms >= self.last_ms:
            self.last, self.last_ms = value, at_ms

    def values(self) -> dict[str, Any]:
        kept = {f"new_{name}": getattr(self, name) for name in _SERIES[1:]}
        return {"which": self.id, "new_deviation": math.sqrt(max(self.squares, 0.0) / self.points), **kept}


@dataclass(slots=True)
class _Waiting:
    """A batch whose caller waits, and what came of it."""

    batch: Batch
    done: bool = False
    refused: frozenset[int] = frozenset()
    error: BaseException | None = None


@dataclass(slots=True)
class _Rows:
    """What one transaction writes."""

    series: dict[tuple[str, str], _Series] = field(default_factory=dict)
    points: list[dict[str, Any]] = field(default_factory=list)
    touched: dict[int, _Series] = field(default_factory=dict)


# Statements are built once: building one costs more than SQLite needs to carry it out.
_SERIES = ("id", "points", "mean", "squares", "minimum", "maximum", "last", "last_ms")
_FIND = (
    select(run_metrics.c.arn, run_metrics.c.name, *(run_metrics.c[name] for name in _SERIES))
    .where(
        run_metrics.c.arn.in_(bindparam("arns", expanding=True)),
        run_metrics.c.name.in_(bindparam("names", expanding=True)),
    )
    .order_by(run_metrics.c.id)
    .with_for_update()
)
_COUNT = select(func.count()).where(run_metrics.c.arn == bindparam("arn"))
_OWNERS = select(resources.c.arn).where(resources.c.arn.in_(bindparam("arns", expanding=True)))
_ADD = insert(run_metric_points)
_SUM_UP = (
    update(run_metrics)
    .where(run_metrics.c.id == bindparam("which"))
    .values({name: bindparam(f"new_{name}") for name in (*_SERIES[1:], "deviation")})
)
_FORGET_CALLS = delete(run_metric_calls).where(run_metric_calls.c.minute < bindparam("before", type_=BigInteger))
_SEEN = select(func.count()).where(
    run_metric_calls.c.digest == bindparam("digest"),
    run_metric_calls.c.minute.in_(bindparam("minutes", expanding=True)),
)
_SUMMARY = (
    run_metrics.c.name,
    run_metrics.c.points,
    run_metrics.c.mean,
    run_metrics.c.deviation,
    run_metrics.c.minimum,
    run_metrics.c.maximum,
    run_metrics.c.last,
    run_metrics.c.last_ms,
)
_SUMMARIES = (
    select(run_metrics.c.arn, *_SUMMARY)
    .where(run_metrics.c.arn.in_(bindparam("arns", expanding=True)), run_metrics.c.points > 0)
    .order_by(run_metrics.c.arn, run_metrics.c.name)
)
_EMPTY = dict.fromkeys((*_SERIES[1:], "deviation"), 0)


class RunMetricStore:
    """Metrics of trial components and their points in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._queue: list[_Waiting] = []
        self._minute = 0

    def put(self, batch: Batch) -> frozenset[int]:
        """Store points; the positions of those refused because the trial component has ``MOST_METRICS`` already.

        Raises ``NoOwner`` and ``Collision``, and stores nothing then. All points must be ``storable``.
        """
        waiting = _Waiting(batch)
        with self._lock:
            self._queue.append(waiting)
        while not waiting.done:
            with self._turn:
                if not waiting.done:
                    with self._lock:
                        group, self._queue = self._queue[:TOGETHER], self._queue[TOGETHER:]
                    self._carry_out(group)
        if waiting.error is not None:
            raise waiting.error
        return waiting.refused

    def _carry_out(self, group: list[_Waiting]) -> None:
        error: BaseException | None = Collision()
        for _ in range(_TRIES):
            try:
                with self._database.write() as connection:
                    self._write(connection, group)
                error = None
                break
            except DBAPIError as caught:
                if not isinstance(caught, IntegrityError) and sqlstate(caught.orig) not in _COLLIDED:
                    error = caught
                    break
            except BaseException as caught:  # each caller that waits gets it
                error = caught
                break
        for waiting in group:
            waiting.error = error or waiting.error
            waiting.done = True

    def _write(self, connection: Connection, group: list[_Waiting]) -> None:
        owners = {arn for waiting in group for arn in waiting.batch.owners}
        existing = set(connection.execute(_OWNERS, {"arns": list(owners)}).scalars())
        valid = []
        for waiting in group:
            waiting.error = None if existing.intersection(waiting.batch.owners) else NoOwner(waiting.batch.arn)
            if waiting.error is None and self._is_new(connection, waiting.batch):
                valid.append(waiting)
        if not valid:
            return
        rows = _Rows()
        self._load(connection, valid, rows)
        for waiting in valid:
            waiting.refused = _added(waiting.batch, rows)
        if rows.points:
            connection.execute(_ADD, rows.points)
            connection.execute(_SUM_UP, [series.values() for _, series in sorted(rows.touched.items())])

    def _is_new(self, connection: Connection, batch: Batch) -> bool:
        """Whether the call was not carried out before; from now on it was."""
        if not batch.call:
            return True
        minute, digest = int(self._clock.now() // 60), batch.digest
        before = range(minute - REMEMBERED_MINUTES, minute)
        if minute != self._minute:
            connection.execute(_FORGET_CALLS, {"before": before.start})
            self._minute = minute
        values = {"minute": minute, "digest": digest}
        if connection.execute(_insert_new(connection, run_metric_calls), values).rowcount != 1:
            return False
        return not connection.execute(_SEEN, {"digest": digest, "minutes": list(before)}).scalar_one()

    def _load(self, connection: Connection, group: list[_Waiting], rows: _Rows) -> None:
        """Lock the rows of all metrics that get points, those made first that are new."""
        wanted = {(waiting.batch.arn, point.name): None for waiting in group for point in waiting.batch.points}
        _find(connection, wanted, rows)
        missing = sorted(wanted.keys() - rows.series.keys())  # in one order, so that no two servers wait for each other
        if not missing:
            return
        room = {arn: MOST_METRICS - connection.execute(_COUNT, {"arn": arn}).scalar_one() for arn, _ in missing}
        new = []
        for arn, name in missing:
            if room[arn] > 0:
                room[arn] -= 1
                new.append({"arn": arn, "name": name, **_EMPTY})
        if new:
            connection.execute(_insert_new(connection, run_metrics), new)
            _find(connection, missing, rows)

    def summaries(self, arns: Sequence[str]) -> Mapping[str, Sequence[Summary]]:
        """What the metrics of trial components come to, by ARN and in order of their names; one query for all."""
        found: dict[str, list[Summary]] = {arn: [] for arn in arns}
        with self._database.read() as connection:
            for arn, *values in connection.execute(_SUMMARIES, {"arns": list(found)}):
                found[arn].append(Summary(*values)._replace(last_at=values[-1] / 1000))
        return found

    def curve(self, curve: Curve, most: int) -> list[tuple[int, float]]:
        """At most ``most`` positions on the x-axis (steps, or seconds since the epoch) with their values, in order."""
        with self._database.read() as connection:
            rows = connection.execute(_curve(curve, connection.dialect.name).limit(most)).all()
        spread = curve.statistic == "deviation"
        return [(int(x), math.sqrt(max(value, 0.0)) if spread else float(value)) for x, value in rows]

    def forget(self, arn: str) -> None:
        """Delete the metrics of a trial component; one that has none is no error."""
        with self._database.write() as connection:
            metric = select(run_metrics.c.id).where(run_metrics.c.arn == arn)
            connection.execute(delete(run_metric_points).where(run_metric_points.c.metric.in_(metric)))
            connection.execute(delete(run_metrics).where(run_metrics.c.arn == arn))

    def wipe(self) -> None:
        """Remove everything."""
        with self._database.write() as connection:
            for table in (run_metric_points, run_metrics, run_metric_calls):
                connection.execute(delete(table))


def values_of(name: str, statistic: Statistic) -> Select[tuple[str, float]]:
    """The query for each trial component's ``arn`` and the ``number`` that a metric of that name comes to."""
    return select(run_metrics.c.arn, run_metrics.c[statistic].label("number")).where(
        run_metrics.c.name == name, run_metrics.c.points > 0
    )


def _added(batch: Batch, rows: _Rows) -> frozenset[int]:
    """Add the points of a batch to what is written; the positions of those that have no metric."""
    refused = []
    for position, point in enumerate(batch.points):
        series = rows.series.get((batch.arn, point.name))
        if series is None:
            refused.append(position)
            continue
        at_ms = round(point.at * 1000)
        series.add(at_ms, point.value)
        rows.touched[series.id] = series
        row = {"metric": series.id, "number": series.points, "at_ms": at_ms, "step": point.step, "value": point.value}
        rows.points.append(row)
    return frozenset(refused)


def _find(connection: Connection, wanted: Iterable[tuple[str, str]], rows: _Rows) -> None:
    names = {"arns": sorted({arn for arn, _ in wanted}), "names": sorted({name for _, name in wanted})}
    for arn, name, *values in connection.execute(_FIND, names):
        rows.series[arn, name] = _Series(*values)


def _insert_new(connection: Connection, table: Table) -> Insert:
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def _curve(curve: Curve, dialect: str) -> Select[Any]:
    """The query for positions on the x-axis and values; of a deviation, for its square."""
    point = run_metric_points.c
    metric = select(run_metrics.c.id).where(run_metrics.c.arn == curve.arn, run_metrics.c.name == curve.name)
    where = [point.metric == metric.scalar_subquery()]
    where += [point.at_ms >= round(curve.start * 1000)] if curve.start is not None else []
    where += [point.at_ms < round(curve.end * 1000)] if curve.end is not None else []
    where += [] if curve.period else [point.step.is_not(None)]
    group: ColumnElement[Any] = point.at_ms // (curve.period * 1000) * curve.period if curve.period else point.step
    points = select(group.label("position"), point.at_ms, point.number, point.value).where(*where)
    value: ColumnElement[Any]
    if curve.statistic == "last":
        latest = (point.at_ms.desc(), point.number.desc())
        rank = func.row_number().over(partition_by=group, order_by=latest).label("rank")
        source = points.add_columns(rank).subquery().c
        query = select(source.position, source.value).where(source.rank == 1)
        x = source.position if curve.period or curve.by_step else source.at_ms // 1000
        return query.with_only_columns(x, source.value).order_by(x, source.position)
    if curve.statistic == "deviation" and dialect == "sqlite":
        mean = func.avg(point.value).over(partition_by=group).label("mean")
        source = points.add_columns(mean).subquery().c
        value = func.avg((source.value - source.mean) * (source.value - source.mean))
    else:
        source = points.subquery().c
        value = {
            "minimum": func.min(source.value),
            "maximum": func.max(source.value),
            "mean": func.avg(source.value),
            "points": func.count(),
            "deviation": func.var_pop(source.value),
        }[curve.statistic]
    x = source.position if curve.period or curve.by_step else func.max(source.at_ms) // 1000
    return select(x, value).group_by(source.position).order_by(x, source.position)
