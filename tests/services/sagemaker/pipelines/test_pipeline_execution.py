"""PipelineExecution: pipelines run as real jobs, are cached, stopped, selected and described."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, ROLE

WRITE = (
    "import json, sys; json.dump({'score': {'value': float(sys.argv[1])}}, open('/opt/ml/processing/out/r.json', 'w'))"
)


def join(on: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def processing(name: str, code: str, *arguments: Any, **more: Any) -> dict[str, Any]:
    """A step that runs a line of Python, with an output."""
    out = {
        "OutputName": "out",
        "S3Output": {
            "S3Uri": {
                "Std:Join": {"On": "/", "Values": ["s3://pipelines", {"Get": "Execution.PipelineExecutionId"}, name]}
            },
            "LocalPath": "/opt/ml/processing/out",
            "S3UploadMode": "EndOfJob",
        },
    }
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": {
                "ImageUri": PYTHON,
                "ContainerEntrypoint": ["python3", "-c", code],
                **({"ContainerArguments": list(arguments)} if arguments else {}),
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "ProcessingOutputConfig": {"Outputs": [out]},
            "RoleArn": ROLE,
        },
        **more,
    }


class Runner:
    """Creates and starts pipelines."""

    def __init__(self, client: Callable[..., Any]) -> None:
        self.sagemaker = client("sagemaker")
        client("s3").create_bucket(Bucket="pipelines")
        self.name = f"p-{uuid.uuid4().hex[:12]}"

    def create(self, *steps: dict[str, Any], **more: Any) -> None:
        definition = {"Version": "2020-12-01", "PipelineExperimentConfig": None, "Steps": list(steps), **more}
        self.sagemaker.create_pipeline(PipelineName=self.name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE)

    def start(self, **request: Any) -> str:
        return str(self.sagemaker.start_pipeline_execution(PipelineName=self.name, **request)["PipelineExecutionArn"])

    def wait(self, arn: str, *words: str) -> Any:
        def ended() -> Any:
            found = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return found if found["PipelineExecutionStatus"] in (words or ("Succeeded", "Failed", "Stopped")) else None

        return eventually(ended, what=lambda: str(self.steps(arn)), seconds=90.0)

    def steps(self, arn: str) -> dict[str, Any]:
        listed = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return {each["StepName"]: each for each in listed}


@pytest.fixture
def runner(client: Callable[..., Any]) -> Runner:
    return Runner(client)


def test_a_pipeline_runs_and_decides_by_what_a_step_wrote(runner: Runner) -> None:
    value = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Score.PropertyFiles.R"}, "Path": "score.value"}}
    score = processing(
        "Score",
        WRITE,
        {"Get": "Parameters.Score"},
        PropertyFiles=[{"PropertyFileName": "R", "OutputName": "out", "FilePath": "r.json"}],
        CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"},
    )
    low = {
        "Name": "Low",
        "Type": "Fail",
        "Arguments": {"ErrorMessage": {"Std:Join": {"On": " ", "Values": ["low:", value]}}},
    }
    condition = {
        "Name": "High",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "GreaterThan", "LeftValue": value, "RightValue": 0.5}],
            "IfSteps": [],
            "ElseSteps": [low],
        },
    }
    runner.create(score, condition, Parameters=[{"Name": "Score", "Type": "Float", "DefaultValue": 0.75}])
    first = runner.start()
    assert runner.wait(first)["PipelineExecutionStatus"] == "Succeeded", runner.steps(first)
    steps = runner.steps(first)
    assert steps["High"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    job = steps["Score"]["Metadata"]["ProcessingJob"]["Arn"]
    second = runner.start()
    assert runner.wait(second)["PipelineExecutionStatus"] == "Succeeded"
    cached = runner.steps(second)["Score"]
    assert cached["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert cached["Metadata"]["ProcessingJob"]["Arn"] == job
    third = runner.start(PipelineParameters=[{"Name": "Score", "Value": "0.25"}])
    ended = runner.wait(third)
    assert (ended["PipelineExecutionStatus"], ended["FailureReason"]) == ("Failed", "low: 0.25")
    assert "CacheHitResult" not in runner.steps(third)["Score"]
    values = runner.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=third)["PipelineParameters"]
    assert values == [{"Name": "Score", "Value": "0.25"}]
    listed = runner.sagemaker.list_pipeline_executions(PipelineName=runner.name)["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionArn"] for each in listed] == [third, second, first]
    assert listed[0]["PipelineExecutionFailureReason"] == "low: 0.25"
    selected = {"SourcePipelineExecutionArn": third, "SelectedSteps": [{"StepName": "High"}, {"StepName": "Low"}]}
    fourth = runner.start(SelectiveExecutionConfig=selected)
    assert runner.wait(fourth)["FailureReason"] == "low: 0.25"
    assert runner.steps(fourth)["Score"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": third}
    runner.sagemaker.delete_pipeline(PipelineName=runner.name)
    with pytest.raises(ClientError, match="does not exist"):
        runner.sagemaker.describe_pipeline_execution(PipelineExecutionArn=first)


def test_a_job_that_fails_fails_the_execution(runner: Runner) -> None:
    runner.create(processing("Bad", "raise SystemExit(3)"), processing("After", "pass", DependsOn=["Bad"]))
    arn = runner.start()
    ended = runner.wait(arn)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    steps = runner.steps(arn)
    assert set(steps) == {"Bad"}
    assert "The Processing step 'Bad' failed." in steps["Bad"]["FailureReason"]


def test_a_stop_reaches_the_job(runner: Runner) -> None:
    runner.create(processing("Slow", "import time; time.sleep(600)"))
    arn = runner.start()
    eventually(lambda: runner.steps(arn).get("Slow", {}).get("Metadata"), what=lambda: str(runner.steps(arn)))
    with pytest.raises(ClientError, match="executions that run"):
        runner.sagemaker.delete_pipeline(PipelineName=runner.name)
    runner.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert runner.wait(arn)["PipelineExecutionStatus"] == "Stopped"
    assert runner.steps(arn)["Slow"]["StepStatus"] == "Stopped"


def test_what_is_wrong_is_refused_at_the_start(runner: Runner) -> None:
    runner.create(processing("A", "pass"), {"Name": "L", "Type": "Lambda", "Arguments": {}, "DependsOn": ["A"]})
    for request, sentence in (
        ({"PipelineParameters": [{"Name": "No", "Value": "1"}]}, "no parameter 'No'"),
        ({"PipelineVersionId": 7}, "version 7"),
        ({"SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "L"}]}}, "depend on A"),
    ):
        with pytest.raises(ClientError, match=sentence):
            runner.start(**request)


def test_a_step_of_another_type_says_not_yet(runner: Runner) -> None:
    runner.create({"Name": "L", "Type": "Lambda", "Arguments": {}})
    token = "t" * 32
    arn = runner.start(ClientRequestToken=token)
    assert runner.start(ClientRequestToken=token) == arn
    assert runner.wait(arn)["PipelineExecutionStatus"] == "Failed"
    assert runner.steps(arn)["L"]["FailureReason"] == "Steps of type Lambda cannot run here yet."
    definition = runner.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    assert json.loads(definition["PipelineDefinition"])["Steps"][0]["Name"] == "L"
    assert runner.sagemaker.describe_pipeline(PipelineName=runner.name)["LastRunTime"]
