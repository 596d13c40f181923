"""The trial component that each job has by itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs

from sagewright.services.sagemaker.experiments._jobs import component_of


def found(sagemaker: Any, name: str, status: str) -> Any:
    """The trial component, once its status is that."""

    def look() -> Any:
        try:
            component = sagemaker.describe_trial_component(TrialComponentName=name)
        except ClientError:
            return None
        return component if component["Status"]["PrimaryStatus"] == status else None

    return eventually(look, what=lambda: f"{name} is not {status}")


def test_a_training_job_is_a_trial_component_in_its_trial(client: Callable[..., Any], jobs: Jobs) -> None:
    sagemaker, name = client("sagemaker"), f"e-{uuid.uuid4().hex[:8]}"
    sagemaker.create_experiment(ExperimentName=name)
    sagemaker.create_trial(TrialName=name, ExperimentName=name)
    config = {"ExperimentName": name, "TrialName": name, "TrialComponentDisplayName": "mine"}
    job = jobs.run("print(1)", hyperparameters={"rate": 0.5, "kind": "tree"}, ExperimentConfig=config)
    component = found(sagemaker, f"{job['TrainingJobName']}-aws-training-job", "Completed")
    assert component["Source"] == {"SourceArn": job["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"}
    assert component["DisplayName"] == "mine"
    assert component["Parameters"]["SageMaker.InstanceCount"] == {"NumberValue": 1.0}
    assert component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"].endswith("/model.tar.gz")
    (listed,) = sagemaker.list_trial_components(TrialName=name)["TrialComponentSummaries"]
    assert listed["TrialComponentArn"] == component["TrialComponentArn"]
    (by_source,) = sagemaker.list_trial_components(SourceArn=job["TrainingJobArn"])["TrialComponentSummaries"]
    assert by_source["TrialComponentArn"] == component["TrialComponentArn"]


def test_what_is_a_number_is_one_long_values_are_cut_and_variables_stay_with_the_job() -> None:
    job = {
        "TransformJobName": "t",
        "TransformJobStatus": "Failed",
        "FailureReason": "why",
        "HyperParameters": {"n": "3", "s": "x" * 3000},
        "Environment": {"PASSWORD": "secret"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
        "ModelName": "m",
    }
    said = component_of("TransformJob", job)
    assert said["Parameters"]["n"] == {"NumberValue": 3.0}
    assert len(said["Parameters"]["s"]["StringValue"]) == 2500
    assert "secret" not in str(said)
    assert said["Status"] == {"PrimaryStatus": "Failed", "Message": "why"}
    assert said["InputArtifacts"] == {"SageMaker.ModelName": {"Value": "m"}}
