"""GetMetricData through boto3: pages, labels, and what expressions make of series."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

BASE = int(time.time()) // 3600 * 3600 - 7200


def at(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(BASE + seconds, datetime.UTC)


TIMES = {"StartTime": at(0), "EndTime": at(600), "ScanBy": "TimestampAscending"}


@pytest.fixture(scope="module")
def cloudwatch(client: Callable[..., Any]) -> Any:
    return client("cloudwatch")


@pytest.fixture(scope="module")
def namespace(cloudwatch: Any) -> str:
    """a = 1 2 3 4 5, b = 10 20 30 (not at the last two minutes), none has no points; each minute."""
    name = f"test/{uuid.uuid4().hex}"
    data = [
        {"MetricName": metric, "Timestamp": at(60 * n), "Value": factor * (n + 1)}
        for metric, factor, count in (("a", 1.0, 5), ("b", 10.0, 3))
        for n in range(count)
    ]
    cloudwatch.put_metric_data(Namespace=name, MetricData=data)
    return name


def stat(namespace: str, name: str, **members: Any) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, **members}


def evaluated(cloudwatch: Any, namespace: str, expression: str) -> list[list[float]]:
    hidden = [stat(namespace, name, ReturnData=False) for name in ("a", "b", "none")]
    asked = [*hidden, {"Id": "e", "Expression": expression}]
    return [
        result["Values"] for result in cloudwatch.get_metric_data(MetricDataQueries=asked, **TIMES)["MetricDataResults"]
    ]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a + b", [[11, 22, 33]]),
        ("b / a * 2 - 1", [[19, 19, 19]]),
        ("-(a - 3) / (a - 3)", [[-1, -1, -1, -1]]),
        ("a / 0", [[]]),
        ("a * AVG(a)", [[3, 6, 9, 12, 15]]),
        ("a - MIN(a) + MAX(b)", [[30, 31, 32, 33, 34]]),
        ("SUM([a, b])", [[11, 22, 33, 4, 5]]),
        ("AVG(METRICS())", [[5.5, 11, 16.5, 4, 5]]),
        ("MAX(METRICS())", [[10, 20, 30, 4, 5]]),
        ('SUM(METRICS("b"))', [[10, 20, 30]]),
        ("[a, b] / 10", [[0.1, 0.2, 0.3, 0.4, 0.5], [1, 2, 3]]),
        ("none + a", [[]]),
        ("1.5e1 + 0 * a", [[15] * 5]),
    ],
)
def test_expressions(cloudwatch: Any, namespace: str, expression: str, values: list[list[float]]) -> None:
    assert evaluated(cloudwatch, namespace, expression) == [pytest.approx(each) for each in values]


@pytest.mark.parametrize(
    "expression",
    [
        *("a +", "e + 1", "zz", "1 + 2", "AVG(a)", "1 / 0", "[a] + [b]", "METRICS(a)", "[a, 1]", '"x"[', "\x00"),
        *("(" * 500, "-" * 2000 + "a", "9" * 1500 + " * a"),
    ],
)
def test_expressions_that_make_no_sense(cloudwatch: Any, namespace: str, expression: str) -> None:
    with pytest.raises(ClientError) as error:
        evaluated(cloudwatch, namespace, expression)
    assert error.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    "expression", ["RATE(a)", "a > 1", "SEARCH('x', 'Sum')", "a ^ 2", "SELECT(a)", "a.b", "True * a"]
)
def test_the_rest_of_the_language_says_that_it_does_not_work_yet(
    cloudwatch: Any, namespace: str, expression: str
) -> None:
    with pytest.raises(ClientError) as error:
        evaluated(cloudwatch, namespace, expression)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_expressions_of_expressions(cloudwatch: Any, namespace: str) -> None:
    asked = [
        {"Id": "e2", "Expression": "e1 * 2", "Label": "twice"},
        {"Id": "e1", "Expression": "a + 1"},
        stat(namespace, "a", ReturnData=False),
    ]
    twice, once = cloudwatch.get_metric_data(MetricDataQueries=asked, **TIMES)["MetricDataResults"]
    assert (twice["Label"], twice["Values"]) == ("twice", [4, 6, 8, 10, 12])
    assert (once["Label"], once["Values"]) == ("e1", [2, 3, 4, 5, 6])
    asked[1]["Expression"] = "e2 + a"
    with pytest.raises(ClientError, match="part of itself"):
        cloudwatch.get_metric_data(MetricDataQueries=asked, **TIMES)


@pytest.mark.parametrize("order", ["TimestampAscending", "TimestampDescending"])
def test_pages(cloudwatch: Any, namespace: str, order: str) -> None:
    asked = {"MetricDataQueries": [stat(namespace, "a"), stat(namespace, "b")], **TIMES, "ScanBy": order}
    first = cloudwatch.get_metric_data(**asked, MaxDatapoints=3)
    assert [result["StatusCode"] for result in first["MetricDataResults"]] == ["PartialData"]

    pages = list(cloudwatch.get_paginator("get_metric_data").paginate(**asked, MaxDatapoints=3))
    assert len(pages) == 3
    found: dict[str, list[float]] = {"a": [], "b": []}
    for page in pages:
        for result in page["MetricDataResults"]:
            found[result["Id"]] += result["Values"]
    step = 1 if order == "TimestampAscending" else -1
    assert found == {"a": [1.0, 2.0, 3.0, 4.0, 5.0][::step], "b": [10.0, 20.0, 30.0][::step]}
    for wrong in ({"NextToken": "x"}, {"MaxDatapoints": 0}, {"MaxDatapoints": 100_801}):
        with pytest.raises(ClientError) as error:
            cloudwatch.get_metric_data(**asked, **wrong)
        assert error.value.response["Error"]["Code"] == "ValidationError"


def test_labels_are_filled_in(cloudwatch: Any, namespace: str) -> None:
    text = "${PROP('MetricName')} ${PROP('Dim.x')}| ${MAX} at ${MAX_TIME} of ${LABEL} ${AVG} ${UNKNOWN}"
    asked = {"MetricDataQueries": [stat(namespace, "a", Label=text), stat(namespace, "none", Label="${LAST}")], **TIMES}
    first, second = cloudwatch.get_metric_data(**asked, LabelOptions={"Timezone": "+0130"})["MetricDataResults"]
    when = at(240 + 5400).strftime("%Y-%m-%d %H:%M:%S")
    assert first["Label"] == f"a | 5 at {when} of a 3 ${{UNKNOWN}}"
    assert (second["Label"], second["Values"], second["StatusCode"]) == ("--", [], "Complete")
    with pytest.raises(ClientError, match="Timezone"):
        cloudwatch.get_metric_data(**asked, LabelOptions={"Timezone": "+9999"})
