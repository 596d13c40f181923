"""Writes pipeline definitions as version 2 of the SageMaker SDK makes them, unmodified, into ``definitions/``.

Run it with the SDK's environment against any S3 and STS: ``AWS_ENDPOINT_URL=… python define_v2.py``. The tests read the
files that it wrote; nothing imports it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import boto3
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput, TransformInput
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.endpoint_step import EndpointConfigStep, EndpointStep
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep

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
        role=ROLE, image_uri=IMAGE, instance_count=1, instance_type="ml.m5.large", sagemaker_session=SESSION,
        base_job_name="prepare",
    )  # fmt: skip


def estimator(**more: Any) -> Estimator:
    return Estimator(
        image_uri=IMAGE, role=ROLE, instance_count=1, instance_type="ml.m5.large", sagemaker_session=SESSION,
        output_path=f"s3://{BUCKET}/models", base_job_name="fit", **more,
    )  # fmt: skip


def whole() -> Pipeline:
    """Process, train, evaluate, decide, then register, create a model and deploy it, or fail."""
    source = ParameterString("Source", default_value=f"s3://{BUCKET}/raw")
    count = ParameterInteger("Count", default_value=1)
    limit = ParameterFloat("Limit", default_value=0.5)
    deploy = ParameterBoolean("Deploy", default_value=True)
    approval = ParameterString("Approval", default_value="Approved", enum_values=["Approved", "Rejected"])
    cache = CacheConfig(enable_caching=True, expire_after="P30d")
    prepare = ProcessingStep(
        "Prepare",
        step_args=processor().run(
            inputs=[ProcessingInput(source=source, destination="/opt/ml/processing/input", input_name="raw")],
            outputs=[ProcessingOutput(output_name="train", source="/opt/ml/processing/train")],
        ),
        cache_config=cache,
    )
    train = TrainingStep(
        "Train",
        step_args=estimator(hyperparameters={"rounds": 5, "limit": limit}).fit(
            {"train": TrainingInput(prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri)}
        ),
        cache_config=cache,
        retry_policies=[
            StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=3, interval_seconds=2),
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
                failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
                expire_after_mins=10,
            ),
        ],
    )
    report = PropertyFile("Report", output_name="report", path="report.json")
    evaluate = ProcessingStep(
        "Evaluate",
        step_args=processor().run(
            inputs=[
                ProcessingInput(
                    source=train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    source="/opt/ml/processing/report",
                    destination=Join(
                        on="/", values=["s3:/", BUCKET, ExecutionVariables.PIPELINE_EXECUTION_ID, "report"]
                    ),
                )
            ],
        ),
        property_files=[report],
    )
    model = Model(
        image_uri=IMAGE, model_data=train.properties.ModelArtifacts.S3ModelArtifacts, role=ROLE,
        sagemaker_session=SESSION,
    )  # fmt: skip
    register = ModelStep(
        "Register",
        step_args=model.register(
            content_types=["text/csv"], response_types=["text/csv"], model_package_group_name="group",
            approval_status=approval, inference_instances=["ml.m5.large"], transform_instances=["ml.m5.large"],
        ),
    )  # fmt: skip
    create = ModelStep("Create", step_args=model.create(instance_type="ml.m5.large"))
    config = EndpointConfigStep(
        "Config",
        step_args=SESSION.create_endpoint_config(
            name="live-config", model_name=create.properties.ModelName, initial_instance_count=1,
            instance_type="ml.m5.large",
        ),
    )  # fmt: skip
    endpoint = EndpointStep(
        "Deployment",
        step_args=SESSION.create_endpoint(
            endpoint_name="live", config_name=config.properties.EndpointConfigName, wait=False
        ),
    )
    error = JsonGet(step_name="Evaluate", property_file=report, json_path="metrics.error.value")
    fail = FailStep("TooBad", error_message=Join(on=" ", values=["error", error, "is above", limit]))
    condition = ConditionStep(
        "GoodEnough",
        conditions=[ConditionLessThanOrEqualTo(error, limit), ConditionEquals(deploy, True)],
        if_steps=[register, create, config, endpoint],
        else_steps=[fail],
    )
    return Pipeline(
        "whole",
        parameters=[source, count, limit, deploy, approval],
        steps=[prepare, train, evaluate, condition],
        sagemaker_session=SESSION,
    )


def conditions() -> Pipeline:
    """Every condition, branches in branches, dependencies by name."""
    count = ParameterInteger("Count", default_value=3)
    color = ParameterString("Color", default_value="red")
    after = ProcessingStep("After", step_args=processor().run(), depends_on=["Prepare"], description="later")
    inner = ConditionStep(
        "Inner",
        conditions=[
            ConditionGreaterThan(count, 1),
            ConditionGreaterThanOrEqualTo(count, 2),
            ConditionLessThan(count, 9),
            ConditionNot(ConditionEquals(color, "blue")),
            ConditionOr([ConditionEquals(count, 0), ConditionIn(color, ["red", "green"])]),
        ],
        if_steps=[after],
        else_steps=[FailStep("Inside", error_message="no")],
        display_name="the inner one",
    )
    outer = ConditionStep(
        "Outer", conditions=[ConditionIn(count, [1, 2, 3])], if_steps=[inner], else_steps=[], depends_on=["Prepare"]
    )
    return Pipeline(
        "conditions",
        parameters=[count, color],
        steps=[ProcessingStep("Prepare", step_args=processor().run()), outer],
        sagemaker_session=SESSION,
        pipeline_experiment_config=None,
    )


def tuning() -> Pipeline:
    """Tune, take the best model, transform with it; job names begin as their writer wants."""
    tuner = HyperparameterTuner(
        estimator(), "error", {"eta": ContinuousParameter(0.1, 0.9)}, objective_type="Minimize", max_jobs=4,
        max_parallel_jobs=2, metric_definitions=[{"Name": "error", "Regex": "error=(.*)"}], base_tuning_job_name="tune",
    )  # fmt: skip
    tune = TuningStep("Tune", step_args=tuner.fit({"train": TrainingInput(f"s3://{BUCKET}/raw")}))
    model = Model(
        image_uri=IMAGE, model_data=tune.get_top_model_s3_uri(top_k=0, s3_bucket=BUCKET, prefix="models"), role=ROLE,
        sagemaker_session=SESSION, name="best",
    )  # fmt: skip
    create = ModelStep("Best", step_args=model.create())
    transformer = Transformer(
        model_name=create.properties.ModelName, instance_count=1, instance_type="ml.m5.large",
        output_path=f"s3://{BUCKET}/out", sagemaker_session=SESSION, base_transform_job_name="score",
    )  # fmt: skip
    transform = TransformStep(
        "Score",
        step_args=transformer.transform(TransformInput(data=f"s3://{BUCKET}/raw").data, content_type="text/csv"),
        cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"),
    )
    return Pipeline(
        "tuning",
        steps=[tune, create, transform],
        sagemaker_session=SESSION,
        pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=True),
    )


def functions() -> Pipeline:
    """Two decorated functions, one fed by the other, and a condition on a result."""

    @step(name="Add", image_uri=IMAGE, instance_type="ml.m5.large", role=ROLE)
    def add(left: int, right: int) -> dict[str, int]:
        return {"sum": left + right}

    @step(name="Double", image_uri=IMAGE, instance_type="ml.m5.large", role=ROLE)
    def double(value: int) -> int:
        return value * 2

    first = add(ParameterInteger("Left", default_value=1), 2)
    second = double(first["sum"])
    condition = ConditionStep(
        "Big", conditions=[ConditionGreaterThan(second, 5)], if_steps=[FailStep("Huge", error_message="huge")]
    )
    return Pipeline(
        "functions",
        parameters=[ParameterInteger("Left", default_value=1)],
        steps=[second, condition],
        sagemaker_session=SESSION,
    )


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for pipeline in (whole(), conditions(), tuning(), functions()):
        document = json.loads(pipeline.definition())
        text = json.dumps(document, indent=1)
        for changing, fixed in CHANGING.items():
            text = re.sub(changing, fixed, text)
        (HERE / f"v2_{pipeline.name}.json").write_text(text + "\n")
        sys.stdout.write(f"{pipeline.name}: {len(text)} bytes\n")


if __name__ == "__main__":
    main()
