"""``Metrics`` of a trial component, in the shape that Describe and Search answer with."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.loaders import Loader
from tests.kit.house import House

from sagewright.services.sagemaker._shared.run_metrics import metrics_of
from sagewright.store.run_metrics import Batch, RunPoint

ARN = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/run"


def test_a_summary_has_every_member_of_its_shape(tmp_path: Path) -> None:
    platform = House(tmp_path).platform
    platform.resources.create(
        account="123456789012", region="us-east-1", kind="TrialComponent", name="run", arn=ARN, spec={}
    )
    points = [RunPoint("loss", 1_700_000_000 + step, value, step) for step, value in enumerate((1.0, 4.0, 1.0))]
    platform.run_metrics.put(Batch(ARN, (ARN,), [*points, RunPoint("accuracy", 1_700_000_000, 0.5)]))

    found = metrics_of(platform, [ARN, f"{ARN}-2"])
    assert found[f"{ARN}-2"] == []
    accuracy, loss = found[ARN]
    assert accuracy["MetricName"] == "accuracy"
    assert accuracy["StdDev"] == 0.0
    assert loss == {
        "MetricName": "loss",
        "SourceArn": ARN,
        "TimeStamp": 1_700_000_002.0,
        "Max": 4.0,
        "Min": 1.0,
        "Last": 1.0,
        "Count": 3,
        "Avg": 2.0,
        "StdDev": pytest.approx(2**0.5),
    }
    model = Loader().load_service_model("sagemaker", "service-2")
    assert loss.keys() == model["shapes"]["TrialComponentMetricSummary"]["members"].keys()
