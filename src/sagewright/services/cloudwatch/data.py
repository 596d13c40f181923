"""GetMetricData: pages of several series at once, from metrics and from expressions over them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import datetime
import math
import re

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.cloudwatch._labels import label
from sagewright.services.cloudwatch._math import Evaluator, Series
from sagewright.services.cloudwatch._shared import STATISTICS, check_times, invalid, key_of, percentile_of, statistic
from sagewright.store.metrics import Span

QUERIES_LIMIT = 500
DATAPOINTS_LIMIT = 100_800
"""Datapoints of one answer, and what MaxDatapoints may be at most."""


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call: Call, request: Json) -> Json:
    """A page of the series of the queries. Each series' periods begin at whole multiples of its Period."""
    queries = {query["Id"]: query for query in request["MetricDataQueries"]}
    _check(request, queries)
    evaluator = Evaluator(queries, lambda query: _series(call, request, query))
    zone = _zone(request.get("LabelOptions", {}).get("Timezone", "+0000"))
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results = []
    for query in queries.values():
        if query.get("ReturnData", True):
            for series in evaluator.results(query):
                points = sorted(series.points.items(), reverse=newest_first)
                results.append(({"Id": query["Id"], "Label": label(call, query, series, zone)}, points))
    return _page(results, request)


def _check(request: Json, queries: dict[str, Json]) -> None:
    all_queries = request["MetricDataQueries"]
    if len(all_queries) > QUERIES_LIMIT:
        raise invalid(f"The collection MetricDataQueries must not have a size greater than {QUERIES_LIMIT}.")
    if len(queries) < len(all_queries):
        raise invalid("The values for parameter id in MetricDataQueries are not unique.")
    if any(("MetricStat" in query) == ("Expression" in query) for query in all_queries):
        raise invalid("A MetricDataQuery must have either a MetricStat or an Expression.")
    if wrong := next((name for name in queries if not re.fullmatch("[a-z][a-zA-Z0-9_]*", name)), None):
        raise invalid(f"The value '{wrong}' for parameter id must begin with a lower-case letter and be alphanumeric.")
    if not any(query.get("ReturnData", True) for query in all_queries):
        raise invalid("At least one MetricDataQuery must return data.")
    if not 1 <= request.get("MaxDatapoints", 1) <= DATAPOINTS_LIMIT:
        raise invalid(f"The parameter MaxDatapoints must be between 1 and {DATAPOINTS_LIMIT}.")
    if request["StartTime"] >= request["EndTime"]:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")


def _series(call: Call, request: Json, query: Json) -> Series:
    stat = query["MetricStat"]
    metric, name, period = stat["Metric"], stat["Stat"], stat["Period"]
    if not metric.get("Namespace") or not metric.get("MetricName"):
        raise invalid("A Metric must have a Namespace and a MetricName.")
    check_times(request["StartTime"], request["EndTime"], period)
    key = key_of(call, metric)
    span = Span(math.floor(request["StartTime"] / period) * period, request["EndTime"], period)
    metrics, unit, percent = call.platform.metrics, stat.get("Unit"), percentile_of(name)
    if name in STATISTICS:
        return Series({bucket.at: statistic(bucket, name) for bucket in metrics.buckets(key, span, unit)}, stat)
    if percent is not None:
        ranks = metrics.percentiles(key, span, [percent], unit)
        return Series({at: rank for (at, _), (rank,) in ranks.items()}, stat)
    raise invalid(f"The value {name} for parameter Stat is not supported.")


def _page(results: list[tuple[Json, list[tuple[float, float]]]], request: Json) -> Json:
    """A page of ``MaxDatapoints`` points that begins at the token, counting through one result after the other."""
    token = request.get("NextToken", "0")
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise invalid("The parameter NextToken is not one of GetMetricData.")
    begin, most = int(token), request.get("MaxDatapoints", DATAPOINTS_LIMIT)
    answer: Json = {"MetricDataResults": [], "Messages": []}
    before = 0
    for head, points in results:
        first, last = max(begin - before, 0), min(begin + most - before, len(points))
        before += len(points)
        if first < last or (begin == 0 and not points):
            page = points[first:last]
            answer["MetricDataResults"].append(
                head
                | {
                    "Timestamps": [at for at, _ in page],
                    "Values": [value for _, value in page],
                    "StatusCode": "Complete" if last == len(points) else "PartialData",
                }
            )
    if begin + most < before:
        answer["NextToken"] = str(begin + most)
    return answer


def _zone(text: str) -> datetime.timezone:
    match = re.fullmatch(r"([+-])([01]\d|2[0-3])([0-5]\d)", text, re.ASCII)
    if match is None:
        raise invalid("The parameter LabelOptions.Timezone must be of the form +0130.")
    minutes = int(match[2]) * 60 + int(match[3])
    return datetime.timezone(datetime.timedelta(minutes=-minutes if match[1] == "-" else minutes))
