"""PutMetricData and ListMetrics."""

from __future__ import annotations

from collections.abc import Iterator

from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call, operation
from sagewright.services.cloudwatch._shared import (
    InvalidParameterCombination,
    InvalidParameterValue,
    dimensions_of,
)
from sagewright.store.metrics import Point, Search

DATA_LIMIT, VALUES_LIMIT = 1000, 150
PAST, FUTURE = 14 * 86_400, 2 * 3600
PAGE = 500
"""Limits of PutMetricData (data and values a call, seconds from now) and the page of ListMetrics."""


@operation("cloudwatch", "PutMetricData")
def put_metric_data(call: Call, request: Json) -> None:
    data = list(request.get("MetricData", ()))
    for entity in request.get("EntityMetricData", ()):
        data += entity.get("MetricData", ())
    if len(data) > DATA_LIMIT:
        raise InvalidParameterValue(f"The collection MetricData must not have a size greater than {DATA_LIMIT}.")
    points = [
        point for number, datum in enumerate(data, 1) for point in _points(call, f"MetricData.member.{number}", datum)
    ]
    call.platform.metrics.put(call.account, call.region, request["Namespace"], points)


def _points(call: Call, at: str, datum: Json) -> Iterator[Point]:
    """The points of one datum: one for a value or a statistic set, one for each of several values."""
    now = call.platform.clock.now()
    when = datum.get("Timestamp", now)
    if not now - PAST <= when <= now + FUTURE:
        raise InvalidParameterValue(
            f"The parameter {at}.Timestamp must specify a time no more than two weeks in the past or two hours in the "
            "future."
        )
    common = {"dimensions": dimensions_of(datum), "unit": datum.get("Unit", "None")}
    for total, minimum, maximum, samples in _sets(at, datum):
        point = Point(datum["MetricName"], when, total, minimum, maximum, samples, **common)
        if not point.storable:
            raise InvalidParameterValue(f"The parameter {at}.Value must be a number in the range of -2^360 to 2^360.")
        yield point


def _sets(at: str, datum: Json) -> Iterator[tuple[float, float, float, float]]:
    present = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if not present:
        raise AwsError(f"The parameter {at}.Value is required.", code="MissingParameter")
    if len(present) > 1:
        raise InvalidParameterCombination(
            f"The parameters {at}.{present[0]} and {at}.{present[1]} are mutually exclusive."
        )
    if "Value" in datum:
        value = datum["Value"]
        yield value, value, value, 1.0
        return
    if "StatisticValues" in datum:
        statistics = datum["StatisticValues"]
        if statistics["SampleCount"] <= 0 or statistics["Minimum"] > statistics["Maximum"]:
            raise InvalidParameterValue(f"The parameter {at}.StatisticValues is not a set of samples.")
        yield statistics["Sum"], statistics["Minimum"], statistics["Maximum"], statistics["SampleCount"]
        return
    values, counts = datum["Values"], datum.get("Counts") or [1.0] * len(datum["Values"])
    if len(values) != len(counts):
        raise InvalidParameterValue(f"The parameters {at}.Values and {at}.Counts must be of the same size.")
    if not 0 < len(values) <= VALUES_LIMIT:
        raise InvalidParameterValue(f"The collection {at}.Values must have a size between 1 and {VALUES_LIMIT}.")
    for value, count in zip(values, counts, strict=True):
        if count <= 0:
            raise InvalidParameterValue(f"The parameter {at}.Counts must have positive numbers.")
        yield value * count, value, value, count


@operation("cloudwatch", "ListMetrics")
def list_metrics(call: Call, request: Json) -> Json:
    token = request.get("NextToken", "0")
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidParameterValue("The parameter NextToken is not one of ListMetrics.")
    search = Search(
        namespace=request.get("Namespace", ""),
        name=request.get("MetricName", ""),
        dimensions=tuple((pair["Name"], pair.get("Value")) for pair in request.get("Dimensions", ())),
        recent="RecentlyActive" in request,
        after=int(token),
    )
    metrics = call.platform.metrics.list(call.account, call.region, search, PAGE + 1)
    answer: Json = {
        "Metrics": [
            {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            }
            for metric in metrics[:PAGE]
        ]
    }
    if len(metrics) > PAGE:
        answer["NextToken"] = str(metrics[PAGE - 1].id)
    return answer
