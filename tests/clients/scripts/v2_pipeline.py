"""SDK v2: process, train, evaluate with a property file, register if it is good; then once more from the cache."""

import json
from pathlib import Path

import iris
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep

NAME = "v2-pipeline"
PREPARE = """
import pathlib, shutil
for name in ("train", "test"):
    place = pathlib.Path("/opt/ml/processing") / name
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy("/opt/ml/processing/input/iris.csv", place / "iris.csv")
"""
EVALUATE = """
import json, pathlib, tarfile
assert tarfile.open("/opt/ml/processing/model/model.tar.gz").getnames()
place = pathlib.Path("/opt/ml/processing/evaluation")
place.mkdir(parents=True, exist_ok=True)
(place / "evaluation.json").write_text(json.dumps({"metrics": {"accuracy": {"value": 0.97}}}))
"""
session, plain = PipelineSession(), sagemaker.Session()
role = sagemaker.get_execution_role(plain)
client = plain.sagemaker_client
Path("code").mkdir(exist_ok=True)
Path("code/prepare.py").write_text(PREPARE)
Path("code/evaluate.py").write_text(EVALUATE)
uploaded = plain.upload_data(iris.write("iris.csv"), key_prefix=NAME)
wanted, rounds = ParameterFloat("Wanted", 0.9), ParameterInteger("Rounds", 3)
cache = CacheConfig(enable_caching=True, expire_after="PT1H")
processor = SKLearnProcessor(
    framework_version="1.2-1", role=role, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
)
prepared = ProcessingStep(
    "Prepare",
    step_args=processor.run(
        code="code/prepare.py",
        inputs=[ProcessingInput(source=uploaded, destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "test")],
    ),
    cache_config=cache,
)
image = image_uris.retrieve("xgboost", plain.boto_region_name, "3.0-5")
estimator = Estimator(image, role, 1, "ml.m5.large", sagemaker_session=session)
estimator.set_hyperparameters(objective="multi:softmax", num_class=3, num_round=rounds)
outputs = prepared.properties.ProcessingOutputConfig.Outputs
trained = TrainingStep(
    "Train",
    step_args=estimator.fit({"train": TrainingInput(outputs["train"].S3Output.S3Uri, content_type="text/csv")}),
    cache_config=cache,
)
artifact = trained.properties.ModelArtifacts.S3ModelArtifacts
report = PropertyFile("Report", output_name="evaluation", path="evaluation.json")
evaluated = ProcessingStep(
    "Evaluate",
    step_args=processor.run(
        code="code/evaluate.py",
        inputs=[ProcessingInput(source=artifact, destination="/opt/ml/processing/model")],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    ),
    property_files=[report],
    cache_config=cache,
)
model = Model(image_uri=image, model_data=artifact, role=role, sagemaker_session=session)
register = ModelStep(
    "Register",
    step_args=model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name=NAME,
        approval_status="Approved",
    ),
)
create = ModelStep("Create", step_args=model.create(instance_type="ml.m5.large"))
accuracy = JsonGet(step_name="Evaluate", property_file=report, json_path="metrics.accuracy.value")
checked = ConditionStep(
    "Check",
    conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=wanted)],
    if_steps=[register, create],
    else_steps=[FailStep("TooBad", error_message=Join(on=" ", values=["accuracy is below", wanted]))],
)
pipeline = Pipeline(NAME, [wanted, rounds], steps=[prepared, trained, evaluated, checked], sagemaker_session=session)
pipeline.upsert(role_arn=role)


def run(**parameters):
    execution = pipeline.start(parameters=parameters or None)
    try:
        execution.wait(delay=1, max_attempts=200)
    except Exception as error:  # the waiter's: an execution that failed
        print(error)
    steps = {each["StepName"]: each for each in execution.list_steps()}
    described = execution.describe()
    return {
        "status": described["PipelineExecutionStatus"],
        "reason": described.get("FailureReason", ""),
        "steps": {name: each["StepStatus"] for name, each in steps.items()},
        "reasons": {name: each["FailureReason"] for name, each in steps.items() if "FailureReason" in each},
        "cached": sorted(name for name, each in steps.items() if "CacheHitResult" in each),
        "outcome": steps.get("Check", {}).get("Metadata", {}).get("Condition", {}).get("Outcome"),
    }


first, second, third = run(), run(), run(Wanted=0.99)
packages = client.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
Path("summary.json").write_text(
    json.dumps({"first": first, "second": second, "third": third, "packages": len(packages)})
)
