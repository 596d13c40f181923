"""SDK v2: session, bucket, upload, role; a scikit-learn script fitted with its log, deployed, asked, deleted."""

import contextlib
import io
import json
from pathlib import Path

import boto3
import iris
import sagemaker
from sagemaker.sklearn import SKLearn

session = sagemaker.Session()
bucket = session.default_bucket()
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix="v2-sklearn")
role = sagemaker.get_execution_role(session)

estimator = SKLearn(
    entry_point="train.py",
    source_dir=str(Path(__file__).parent / "source"),
    framework_version="1.2-1",
    role=role,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    hyperparameters={"strength": 0.5},
    metric_definitions=[{"Name": "accuracy", "Regex": r"accuracy=([0-9.]+);"}],
)
with contextlib.redirect_stdout(io.StringIO()) as log:
    estimator.fit({"train": uploaded})
job = session.describe_training_job(estimator.latest_training_job.name)

predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large", wait=False)
session.wait_for_endpoint(predictor.endpoint_name, poll=1)
right = float((predictor.predict(iris.FEATURES) == iris.LABELS).mean())
predictor.delete_model()
predictor.delete_endpoint()
session.sagemaker_client.get_waiter("endpoint_deleted").wait(
    EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
)

summary = {
    "bucket": bucket,
    "uploaded": uploaded,
    "role": role,
    "log": log.getvalue(),
    "status": job["TrainingJobStatus"],
    "trail": [transition["Status"] for transition in job["SecondaryStatusTransitions"]],
    "metrics": {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]},
    "artifacts": sorted(
        item["Key"].rsplit("/", 1)[1]
        for item in boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{job['TrainingJobName']}/output/")[
            "Contents"
        ]
    ),
    "right": right,
    "endpoints": [item["EndpointName"] for item in session.sagemaker_client.list_endpoints()["Endpoints"]],
    "endpoint": predictor.endpoint_name,
}
Path("summary.json").write_text(json.dumps(summary))
