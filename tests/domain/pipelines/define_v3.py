"""Writes pipeline definitions as version 3 of the SageMaker SDK makes them, unmodified, into ``definitions/``.

Run it as ``define_v2.py``, with version 3's environment.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import boto3
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    OutputDataConfig,
    ProcessingOutput,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.train import ModelTrainer

HERE = Path(__file__).parent / "definitions"
ROLE = "arn:aws:iam::123456789012:role/worker"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
BUCKET = "pipelines-tests"
CHANGING = {
    r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-\d{3}": "2026-11-30-07-00-00-000",
    r"sagemaker_requirements_\w+": "sagemaker_requirements",
    r"-----BEGIN PUBLIC KEY.*?END PUBLIC KEY-----\\n": "a public key",
    r'"Description": "/.*/': '"Description": "/home/',
}
"""What differs from run to run, and what it becomes, so that a new run changes nothing in the files."""

SESSION = PipelineSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket=BUCKET)


def processor() -> Processor:
    return Processor(
        role=ROLE, image_uri=IMAGE, instance_count=1, instance_type="ml.m5.large", sagemaker_session=SESSION
    )


def whole() -> Pipeline:
    """Process, train, evaluate, decide."""
    count = ParameterInteger("Count", default_value=1)
    limit = ParameterFloat("Limit", default_value=0.5)
    prepare = ProcessingStep(
        "Prepare",
        step_args=processor().run(
            outputs=[
                ProcessingOutput(
                    output_name="train",
                    s3_output=ProcessingS3Output(
                        s3_uri=f"s3://{BUCKET}/train", local_path="/opt/ml/processing/train",
                        s3_upload_mode="EndOfJob",
                    ),
                )
            ],
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"),
    )  # fmt: skip
    trainer = ModelTrainer(
        training_image=IMAGE, role=ROLE, sagemaker_session=SESSION, base_job_name="fit",
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/models"),
        hyperparameters={"rounds": count},
    )  # fmt: skip
    train = TrainingStep(
        "Train",
        step_args=trainer.train(
            input_data_config=[
                InputData(
                    channel_name="train",
                    data_source=prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri,
                )
            ]
        ),
    )
    report = PropertyFile("Report", output_name="report", path="report.json")
    evaluate = ProcessingStep(
        "Evaluate",
        step_args=processor().run(
            arguments=["--model", train.properties.ModelArtifacts.S3ModelArtifacts],
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    s3_output=ProcessingS3Output(
                        s3_uri=Join(on="/", values=["s3:/", BUCKET, ExecutionVariables.PIPELINE_EXECUTION_ID]),
                        local_path="/opt/ml/processing/report", s3_upload_mode="EndOfJob",
                    ),
                )
            ],
        ),
        property_files=[report],
    )  # fmt: skip
    score = JsonGet(step_name="Evaluate", property_file=report, json_path="metrics.score.value")
    condition = ConditionStep(
        "GoodEnough",
        conditions=[ConditionGreaterThanOrEqualTo(score, limit)],
        if_steps=[],
        else_steps=[FailStep("TooBad", error_message=Join(on=" ", values=["score", score]))],
    )
    return Pipeline(
        "whole", parameters=[count, limit], steps=[prepare, train, evaluate, condition], sagemaker_session=SESSION
    )


def functions() -> Pipeline:
    """Two decorated functions, one fed by the other."""

    @step(name="Add", image_uri=IMAGE, instance_type="ml.m5.large", role=ROLE)
    def add(left: int, right: int) -> int:
        return left + right

    @step(name="Double", image_uri=IMAGE, instance_type="ml.m5.large", role=ROLE)
    def double(value: int) -> int:
        return value * 2

    return Pipeline("functions", steps=[double(add(1, 2))], sagemaker_session=SESSION)


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for make in (whole, functions):
        pipeline = make()
        text = json.dumps(json.loads(pipeline.definition()), indent=1)
        for changing, fixed in CHANGING.items():
            text = re.sub(changing, fixed, text)
        (HERE / f"v3_{pipeline.name}.json").write_text(text + "\n")
        sys.stdout.write(f"{pipeline.name}: {len(text)} bytes\n")


if __name__ == "__main__":
    main()
