"""Metrics logged by the metrics manager of SDK v2's experiments, which sends ten at a time."""

import json
import time
from pathlib import Path

import boto3
import sagemaker
from sagemaker.experiments._metrics import _MetricsManager

run = "v2-run"
session = sagemaker.Session()
with _MetricsManager(trial_component_name=run.upper(), sagemaker_session=session) as manager:
    for step in range(25):
        manager.log_metric("loss", 1 / (step + 1), step=step)
        manager.log_metric("seconds", step * 0.5, timestamp=time.time() - 60)

try:
    with _MetricsManager(trial_component_name="nobody", sagemaker_session=session) as manager:
        manager.log_metric("loss", 1.0)
    refused = ""
except Exception as error:
    refused = str(error)

metrics = boto3.client("sagemaker-metrics")
arn = f"arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/{run}"
loss = {"MetricName": "loss", "ResourceArn": arn, "XAxisType": "IterationNumber", "Period": "IterationNumber"}
seconds = {"MetricName": "seconds", "ResourceArn": arn, "XAxisType": "Timestamp", "Period": "OneHour"}
answers = metrics.batch_get_metrics(
    MetricQueries=[{**loss, "MetricStat": "Last"}, {**seconds, "MetricStat": "Count"}, {**seconds, "MetricStat": "Max"}]
)["MetricQueryResults"]
summary = {
    "losses": dict(zip(answers[0]["XAxisValues"], answers[0]["MetricValues"], strict=True)),
    "seconds": sum(answers[1]["MetricValues"]),
    "longest": max(answers[2]["MetricValues"]),
    "refused": refused,
}
Path("summary.json").write_text(json.dumps(summary))
