"""GetMetricStatistics: the statistics of one metric."""

from __future__ import annotations

import math

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.cloudwatch._shared import (
    InvalidParameterCombination,
    InvalidParameterValue,
    check_times,
    key_of,
    percentile_of,
    statistic,
)
from sagewright.store.metrics import Span

DATAPOINTS_LIMIT = 1440


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call, request: Json) -> Json:
    """Statistics of the periods that begin at StartTime, which is rounded down to the minute.

    Periods without data are left out. The points are in order of time, which AWS does not promise.
    """
    start, end, period = request["StartTime"], request["EndTime"], request["Period"]
    check_times(start, end, period)
    names, extended = request.get("Statistics", ()), request.get("ExtendedStatistics", ())
    if not names and not extended:
        raise InvalidParameterCombination("At least one of Statistics and ExtendedStatistics must be specified.")
    start = math.floor(start / min(period, 60)) * min(period, 60)
    count = math.ceil((end - start) / period)
    if count > DATAPOINTS_LIMIT:
        raise InvalidParameterCombination(
            f"You have requested up to {count:,} datapoints, which exceeds the limit of {DATAPOINTS_LIMIT:,}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    key, span, unit = key_of(call, request), Span(start, end, period), request.get("Unit")
    ranks = call.platform.metrics.percentiles(key, span, _percentiles(extended), unit) if extended else {}
    points = []
    for bucket in call.platform.metrics.buckets(key, span, unit):
        point: Json = {"Timestamp": bucket.at, "Unit": bucket.unit}
        point |= {name: statistic(bucket, name) for name in names}
        if extended and (bucket.at, bucket.unit) in ranks:
            point["ExtendedStatistics"] = dict(zip(extended, ranks[bucket.at, bucket.unit], strict=True))
        points.append(point)
    return {"Label": request["MetricName"], "Datapoints": points}


def _percentiles(names: list[str]) -> list[float]:
    percents = [percentile_of(name) for name in names]
    wrong = next((name for name, percent in zip(names, percents, strict=True) if percent is None), None)
    if wrong is not None:
        raise InvalidParameterValue(f"The value {wrong} for parameter ExtendedStatistics is not supported.")
    return [percent for percent in percents if percent is not None]
