"""What the operations on metrics share: dimensions, periods and the words of their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call
from sagewright.store.metrics import Bucket, Dimensions, Key


class InvalidParameterValue(AwsError):
    """A member has a value that is not valid."""

    code = "InvalidParameterValue"


class InvalidParameterCombination(AwsError):
    """Members that exclude each other, or one that needs another."""

    code = "InvalidParameterCombination"


def invalid(message: str) -> AwsError:
    """The error of GetMetricData for a query that is not valid."""
    return AwsError(message, code="ValidationError")


def dimensions_of(metric: Mapping[str, Any]) -> Dimensions:
    """The dimensions of a metric. Raises ``InvalidParameterValue`` for one named twice."""
    pairs = tuple((pair["Name"], pair["Value"]) for pair in metric.get("Dimensions", ()))
    if len(dict(pairs)) < len(pairs):
        raise InvalidParameterValue("The parameter Dimensions has a dimension that is given more than once.")
    return pairs


def key_of(call: Call, metric: Mapping[str, Any]) -> Key:
    """The metric that a request names."""
    return Key(call.account, call.region, metric["Namespace"], metric["MetricName"], dimensions_of(metric))


def check_times(start: float, end: float, period: int) -> None:
    """Raises ``InvalidParameterValue`` for an empty time range or a period CloudWatch does not have."""
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    if period % 60 and period not in (1, 5, 10, 20, 30):
        raise InvalidParameterValue("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")


STATISTICS = {
    "SampleCount": lambda bucket: bucket.samples,
    "Average": lambda bucket: bucket.total / bucket.samples,
    "Sum": lambda bucket: bucket.total,
    "Minimum": lambda bucket: bucket.minimum,
    "Maximum": lambda bucket: bucket.maximum,
}


def statistic(bucket: Bucket, name: str) -> float:
    """One of CloudWatch's five statistics of a period."""
    return float(STATISTICS[name](bucket))


def percentile_of(name: str) -> float | None:
    """The number in ``p99.9``; None when the name is no percentile."""
    try:
        number = float(name[1:])
    except ValueError:
        return None
    return number if name[0] == "p" and 0 <= number <= 100 else None
