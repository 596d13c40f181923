"""CloudWatch metrics through boto3."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]
MINUTE = int(time.time()) // 60 * 60 - 600
"""Ten minutes ago, on the minute."""


@pytest.fixture(scope="module")
def cloudwatch(client: Client) -> Any:
    return client("cloudwatch")


@pytest.fixture
def namespace() -> str:
    return f"/test/{uuid.uuid4().hex}"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(MINUTE + seconds, UTC)


def refused(code: str, call: Callable[..., Any], **members: Any) -> str:
    """The message with which ``call`` is refused."""
    with pytest.raises(ClientError) as error:
        call(**members)
    response = error.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    return str(response["Error"]["Message"])


def asked(namespace: str, **members: Any) -> dict[str, Any]:
    """A request for statistics of the metric ``loss``."""
    base = {"Namespace": namespace, "MetricName": "loss", "StartTime": at(0), "EndTime": at(180), "Period": 60}
    return base | {"Statistics": ["Sum", "Average", "Minimum", "Maximum", "SampleCount"]} | members


def test_what_a_training_job_wrote_is_read_as_sdk_v2_reads_it(cloudwatch: Any) -> None:
    """TrainingJobAnalytics."""
    job = [{"Name": "TrainingJobName", "Value": f"churn-{uuid.uuid4().hex}"}]
    space = "/aws/sagemaker/TrainingJobs"
    for seconds, value in ((1, 3.0), (59, 1.0), (60, 0.5)):
        datum = {"MetricName": "loss", "Dimensions": job, "Timestamp": at(seconds), "Value": value}
        cloudwatch.put_metric_data(Namespace=space, MetricData=[datum])
    answer = cloudwatch.get_metric_statistics(
        **asked(space, Dimensions=job, Statistics=["Average"], StartTime=at(1), EndTime=at(121))
    )

    points = sorted((point["Timestamp"], point["Average"]) for point in answer["Datapoints"])
    assert points == [(at(0), 2.0), (at(60), 0.5)]
    assert answer["Label"] == "loss"
    assert [metric["MetricName"] for metric in cloudwatch.list_metrics(Dimensions=job)["Metrics"]] == ["loss"]


def test_all_ways_to_say_values_are_added_up(cloudwatch: Any, namespace: str) -> None:
    ways = [
        {"Value": 5.0},
        {"Values": [1.0, 2.0], "Counts": [3.0, 1.0]},
        {"Values": [4.0]},
        {"StatisticValues": {"SampleCount": 2, "Sum": 10, "Minimum": 0, "Maximum": 10}},
    ]
    data = [{"MetricName": "loss", "Timestamp": at(0), "Unit": "Count", **way} for way in ways]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)

    (point,) = cloudwatch.get_metric_statistics(**asked(namespace))["Datapoints"]
    assert point["Unit"] == "Count"
    names = ("Sum", "SampleCount", "Minimum", "Maximum", "Average")
    assert tuple(point[name] for name in names) == (24.0, 8.0, 0.0, 10.0, 3.0)


def test_a_point_without_a_time_is_of_now(cloudwatch: Any, namespace: str) -> None:
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "loss", "Value": 1.0}])
    now = datetime.now(UTC)
    found = cloudwatch.get_metric_statistics(
        **asked(namespace, EndTime=datetime.fromtimestamp(now.timestamp() + 60, UTC))
    )

    (point,) = found["Datapoints"]
    assert abs((point["Timestamp"] - now).total_seconds()) <= 120


def test_percentiles(cloudwatch: Any, namespace: str) -> None:
    data = [{"MetricName": "loss", "Timestamp": at(0), "Values": [float(n) for n in range(1, 101)]}]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    wanted = asked(namespace, ExtendedStatistics=["p50", "p99.9", "p0"])
    del wanted["Statistics"]

    (point,) = cloudwatch.get_metric_statistics(**wanted)["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": 50.0, "p99.9": 100.0, "p0": 1.0}
    message = refused(
        "InvalidParameterValue", cloudwatch.get_metric_statistics, **wanted | {"ExtendedStatistics": ["tm90"]}
    )
    assert "tm90" in message


def test_listing_comes_in_pages_and_filters(cloudwatch: Any, namespace: str) -> None:
    data = [{"MetricName": f"m{number}", "Value": 1.0} for number in range(501)]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace))

    assert [len(page["Metrics"]) for page in pages] == [500, 1]
    assert cloudwatch.list_metrics(Namespace=namespace, MetricName="m7", RecentlyActive="PT3H")["Metrics"] == [
        {"Namespace": namespace, "MetricName": "m7", "Dimensions": []}
    ]
    refused("InvalidParameterValue", cloudwatch.list_metrics, NextToken="no")


@pytest.mark.parametrize(
    ("code", "datum"),
    [
        ("MissingParameter", {}),
        ("InvalidParameterCombination", {"Value": 1.0, "Values": [1.0]}),
        ("InvalidParameterValue", {"Values": [1.0, 2.0], "Counts": [1.0]}),
        ("InvalidParameterValue", {"Values": []}),
        ("InvalidParameterValue", {"Values": [1.0] * 151}),
        ("InvalidParameterValue", {"Values": [1.0], "Counts": [0.0]}),
        ("InvalidParameterValue", {"Value": 1e200}),
        ("InvalidParameterValue", {"Value": 1.0, "Timestamp": datetime(2020, 1, 1, tzinfo=UTC)}),
        (
            "InvalidParameterValue",
            {"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
        ),
        (
            "InvalidParameterValue",
            {"StatisticValues": {"SampleCount": 0, "Sum": 0, "Minimum": 0, "Maximum": 0}},
        ),
    ],
)
def test_data_that_make_no_sense_are_refused_whole(
    cloudwatch: Any, namespace: str, code: str, datum: dict[str, Any]
) -> None:
    good = {"MetricName": "good", "Value": 1.0}
    refused(code, cloudwatch.put_metric_data, Namespace=namespace, MetricData=[good, {"MetricName": "bad", **datum}])

    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []


def test_at_most_thirty_dimensions(cloudwatch: Any, namespace: str) -> None:
    def put(count: int) -> None:
        dimensions = [{"Name": f"d{number}", "Value": "x"} for number in range(count)]
        datum = {"MetricName": "loss", "Value": 1.0, "Dimensions": dimensions}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])

    put(30)
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        put(31)


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ("InvalidParameterValue", {"EndTime": at(0)}),
        ("InvalidParameterValue", {"Period": 61}),
        ("InvalidParameterCombination", {"Period": 1, "EndTime": at(1441)}),
        ("ValidationError", {"Statistics": ["Median"]}),
    ],
)
def test_questions_that_make_no_sense_are_refused(
    cloudwatch: Any, namespace: str, code: str, members: dict[str, Any]
) -> None:
    refused(code, cloudwatch.get_metric_statistics, **asked(namespace, **members))


def test_a_question_needs_a_statistic(cloudwatch: Any, namespace: str) -> None:
    members = asked(namespace)
    del members["Statistics"]
    refused("InvalidParameterCombination", cloudwatch.get_metric_statistics, **members)


def query(namespace: str, identity: str, stat: str, **members: Any) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": "loss"}
    return {"Id": identity, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **members}


def test_several_series_at_once(cloudwatch: Any, namespace: str) -> None:
    data = [{"MetricName": "loss", "Timestamp": at(60 * n), "Values": [float(n), n + 2.0]} for n in range(3)]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    queries = [
        query(namespace, "a", "Average"),
        query(namespace, "b", "p100", Label="top"),
        query(namespace, "c", "Sum"),
    ]
    queries[2]["ReturnData"] = False
    first, second = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=at(10), EndTime=at(180), ScanBy="TimestampAscending"
    )["MetricDataResults"]

    assert (first["Label"], first["Values"], first["Timestamps"]) == ("loss", [1.0, 2.0, 3.0], [at(0), at(60), at(120)])
    assert (second["Label"], second["Values"]) == ("top", [2.0, 3.0, 4.0])


def test_wrong_queries_are_refused(cloudwatch: Any, namespace: str) -> None:
    times = {"StartTime": at(0), "EndTime": at(180)}
    for queries in ([query(namespace, "a", "Sum")] * 2, [query(namespace, "a", "Median")], [{"Id": "a"}]):
        refused("ValidationError", cloudwatch.get_metric_data, MetricDataQueries=queries, **times)


def test_regions_are_kept_apart(client: Client, cloudwatch: Any, namespace: str) -> None:
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "loss", "Value": 1.0}])

    assert client("cloudwatch", "eu-west-1").list_metrics(Namespace=namespace)["Metrics"] == []
