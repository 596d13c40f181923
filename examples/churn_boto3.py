"""The customer-churn notebook with boto3 alone: every call the SDKs make for you, spelled out."""

from __future__ import annotations

import sys
import time

import boto3
import churn_data
from churn_data import step

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
NAME = f"churn-{time.time_ns()}"
SOON = {"Delay": 1, "MaxAttempts": 600}


def main() -> None:
    churn = churn_data.load()
    s3, sagemaker, runtime = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))
    account = boto3.client("sts").get_caller_identity()["Account"]
    role = f"arn:aws:iam::{account}:role/SagewrightExecutionRole"

    with step("upload 4,500 rows to a bucket"):
        s3.create_bucket(Bucket=NAME)
        for name, frame in (("train", churn.train), ("validation", churn.validation)):
            s3.put_object(Bucket=NAME, Key=f"{name}/data.csv", Body=frame.to_csv(header=False, index=False).encode())

    with step("train the built-in XGBoost"):
        sagemaker.create_training_job(
            TrainingJobName=NAME,
            RoleArn=role,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={name: str(value) for name, value in churn_data.HYPERPARAMETERS.items()},
            InputDataConfig=[
                {
                    "ChannelName": name,
                    "ContentType": "text/csv",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{NAME}/{name}/"}},
                }
                for name in ("train", "validation")
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{NAME}/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME, WaiterConfig=SOON)
        job = sagemaker.describe_training_job(TrainingJobName=NAME)
        metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
        print(f"  {job['TrainingJobStatus']}: {', '.join(f'{name} {value:.4f}' for name, value in metrics.items())}")
        if not 0 < metrics["validation:logloss"] < 0.3:
            sys.exit("WRONG: the validation metric is off")

    with step("deploy it to an endpoint"):
        container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
        sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer=container)
        sagemaker.create_endpoint_config(
            EndpointConfigName=NAME,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": NAME,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "InitialVariantWeight": 1,
                }
            ],
        )
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig=SOON)

    with step("predict 500 customers nobody has seen"):
        answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=churn_data.as_csv(churn.test))
    churn_data.check(churn_data.parse_predictions(answer["Body"].read().decode()), churn)

    with step("clean up"):
        sagemaker.delete_endpoint(EndpointName=NAME)
        sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
        sagemaker.delete_model(ModelName=NAME)
        bucket = boto3.resource("s3").Bucket(NAME)
        bucket.objects.delete()
        bucket.delete()


if __name__ == "__main__":
    main()
