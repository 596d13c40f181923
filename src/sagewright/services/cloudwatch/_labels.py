"""Labels of series, with the dynamic parts that GetMetricData fills in.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable

from sagewright.core import Json
from sagewright.nouns.operations import Call
from sagewright.services.cloudwatch._math import Series

_DYNAMIC = re.compile(r"\$\{\s*(?:PROP\(\s*'([^']*)'\s*\)|([A-Z_]+))\s*\}")
_OF_VALUES: dict[str, Callable[[list[float]], float]] = {
    "AVG": lambda values: math.fsum(values) / len(values),
    "DATAPOINT_COUNT": len,
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
}
_INDEX: dict[str, Callable[[list[float]], int]] = {
    "FIRST": lambda values: 0,  # noqa: ARG005
    "LAST": lambda values: len(values) - 1,
    "MAX": lambda values: values.index(max(values)),
    "MIN": lambda values: values.index(min(values)),
}


def label(call: Call, query: Json, series: Series, zone: datetime.tzinfo) -> str:
    """The label of a query's series: its own with ``${…}`` filled in, else the metric's name or the id."""
    usual = series.stat["Metric"]["MetricName"] if series.stat else query["Id"]
    values = [value for _, value in sorted(series.points.items())]
    times = sorted(series.points)

    def fill(match: re.Match[str]) -> str:
        name = match[2]
        if match[1] is not None:
            return _property(call, series, match[1])
        if name == "LABEL":
            return str(usual)
        if name in _OF_VALUES:
            return f"{_OF_VALUES[name](values):g}" if values else "--"
        index = _INDEX.get(name.removesuffix("_TIME"))
        if index is None or not name.endswith("_TIME"):
            return match[0]
        if not values:
            return "--"
        return datetime.datetime.fromtimestamp(times[index(values)], zone).strftime("%Y-%m-%d %H:%M:%S")

    return _DYNAMIC.sub(fill, query["Label"]) if "Label" in query else str(usual)


def _property(call: Call, series: Series, name: str) -> str:
    """A property of the series' metric; empty when it has none of that name."""
    metric = series.stat.get("Metric", {})
    if name.startswith("Dim."):
        return next((pair["Value"] for pair in metric.get("Dimensions", ()) if pair["Name"] == name[4:]), "")
    properties = {
        "AccountId": call.account,
        "MetricName": metric.get("MetricName", ""),
        "Namespace": metric.get("Namespace", ""),
        "Period": str(series.stat.get("Period", "")),
        "Region": call.region,
        "Stat": series.stat.get("Stat", ""),
    }
    return str(properties.get(name, ""))
