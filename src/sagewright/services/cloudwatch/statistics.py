"""Reading metrics: statistics of one, or of several at once."""

from __future__ import annotations

import math
from typing import Any

from sagewright.core.errors import AwsError, NotImplementedYet
from sagewright.kernel.operations import Call, operation
from sagewright.services.cloudwatch._shared import (
    STATISTICS,
    InvalidParameterCombination,
    InvalidParameterValue,
    check_times,
    key_of,
    percentile_of,
    statistic,
)
from sagewright.store.metrics import Span

Json = dict[str, Any]
DATAPOINTS_LIMIT = 1440
QUERIES_LIMIT = 500


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call, request: Json) -> Json:
    """Statistics of the periods that begin at StartTime, which is rounded down to the minute.

    Periods without data are left out. The order of the points is not promised by AWS; here it is that of time.
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
    found = [percentile_of(name) for name in names]
    wrong = next((name for name, percent in zip(names, found, strict=True) if percent is None), None)
    if wrong is not None:
        raise InvalidParameterValue(f"The value {wrong} for parameter ExtendedStatistics is not supported.")
    return [percent for percent in found if percent is not None]


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call: Call, request: Json) -> Json:
    """Series of metrics, each with periods on whole multiples of its Period. Expressions are not implemented yet."""
    queries = request["MetricDataQueries"]
    if len(queries) > QUERIES_LIMIT:
        raise _invalid(f"The collection MetricDataQueries must not have a size greater than {QUERIES_LIMIT}.")
    if len({query["Id"] for query in queries}) < len(queries):
        raise _invalid("The values for parameter id in MetricDataQueries are not unique.")
    if any("Expression" in query for query in queries):
        raise NotImplementedYet("Expressions of GetMetricData are not implemented yet.")
    return {"MetricDataResults": [_series(call, request, query) for query in queries if query.get("ReturnData", True)]}


def _series(call: Call, request: Json, query: Json) -> Json:
    if "MetricStat" not in query:
        raise _invalid("A MetricDataQuery must have either a MetricStat or an Expression.")
    stat = query["MetricStat"]
    metric, name, period = stat["Metric"], stat["Stat"], stat["Period"]
    if not metric.get("Namespace") or not metric.get("MetricName"):
        raise _invalid("A Metric must have a Namespace and a MetricName.")
    check_times(request["StartTime"], request["EndTime"], period)
    key = key_of(call, metric)
    span = Span(math.floor(request["StartTime"] / period) * period, request["EndTime"], period)
    metrics, unit, percent = call.platform.metrics, stat.get("Unit"), percentile_of(name)
    if name in STATISTICS:
        values = [(bucket.at, statistic(bucket, name)) for bucket in metrics.buckets(key, span, unit)]
    elif percent is not None:
        values = [(at, rank) for (at, _), (rank,) in metrics.percentiles(key, span, [percent], unit).items()]
    else:
        raise _invalid(f"The value {name} for parameter Stat is not supported.")
    values.sort(reverse=request.get("ScanBy", "TimestampDescending") == "TimestampDescending")
    return {
        "Id": query["Id"],
        "Label": query.get("Label", metric["MetricName"]),
        "Timestamps": [at for at, _ in values],
        "Values": [value for _, value in values],
        "StatusCode": "Complete",
    }


def _invalid(message: str) -> AwsError:
    return AwsError(message, code="ValidationError")
