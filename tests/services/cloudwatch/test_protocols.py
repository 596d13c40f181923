"""CloudWatch in each protocol that its clients choose: boto3 today, newer SDKs (CBOR), boto3 of older days (query)."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from sagewright.testing.server import ServerProcess

PROTOCOLS = ("json", "smithy-rpc-v2-cbor", "query")


@pytest.fixture(params=PROTOCOLS)
def cloudwatch(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Any:
    """A boto3 client whose model says that CloudWatch speaks this protocol alone, as that of its time did."""
    model = Loader().load_service_model("cloudwatch", "service-2")
    model["metadata"] |= {"protocol": request.param, "protocols": [request.param]}
    place = tmp_path / "cloudwatch" / model["metadata"]["apiVersion"] / "service-2.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(model))
    session = boto3.Session()
    session._session.get_component("data_loader").search_paths.insert(0, str(tmp_path))
    options = server.client_options("us-east-1")
    made = session.client("cloudwatch", config=Config(retries={"total_max_attempts": 1}, proxies={}), **options)
    assert made.meta.service_model.resolved_protocol == request.param
    return made


def test_points_come_back(cloudwatch: Any) -> None:
    space, now = f"/test/{uuid.uuid4().hex}", datetime.now(UTC).replace(microsecond=0)
    rank = [{"Name": "rank", "Value": "0"}]
    data = [{"MetricName": "loss", "Dimensions": rank, "Timestamp": now, "Value": value} for value in (0.25, 0.75)]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)

    found = cloudwatch.list_metrics(Namespace=space)["Metrics"]
    assert found == [{"Namespace": space, "MetricName": "loss", "Dimensions": rank}]
    around = {"StartTime": now - timedelta(minutes=2), "EndTime": now + timedelta(minutes=2)}
    (point,) = cloudwatch.get_metric_statistics(
        Namespace=space, MetricName="loss", Dimensions=rank, Period=60, Statistics=["Average", "SampleCount"], **around
    )["Datapoints"]
    assert (point["Average"], point["SampleCount"]) == (0.5, 2.0)
    assert point["Timestamp"] == now.replace(second=0)
    metric = {"Metric": {"Namespace": space, "MetricName": "loss", "Dimensions": rank}, "Period": 60, "Stat": "Maximum"}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "m", "MetricStat": metric}], **around)[
        "MetricDataResults"
    ]
    assert (result["Values"], result["Timestamps"]) == ([0.75], [now.replace(second=0)])


def test_errors_have_the_old_codes(cloudwatch: Any) -> None:
    now = datetime.now(UTC)
    with pytest.raises(ClientError) as caught:
        cloudwatch.get_metric_statistics(
            Namespace="n", MetricName="m", Period=60, Statistics=["Sum"], StartTime=now, EndTime=now - timedelta(1)
        )
    found = caught.value.response
    assert (found["Error"]["Code"], found["Error"]["Type"]) == ("InvalidParameterValue", "Sender")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_large_call_is_packed(cloudwatch: Any) -> None:
    """boto3 packs bodies of PutMetricData from 10 KiB on."""
    space = f"/test/{uuid.uuid4().hex}"
    cloudwatch.put_metric_data(
        Namespace=space, MetricData=[{"MetricName": f"{'long' * 20}{number}", "Value": 1.0} for number in range(200)]
    )
    assert len(cloudwatch.list_metrics(Namespace=space)["Metrics"]) == 200
