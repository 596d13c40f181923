"""Which metrics are read from a training job's log."""

from __future__ import annotations

from tests.kit.jobs import PYTHON

from sagewright.services.sagemaker._shared.training_metrics import described_algorithm

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"


def names(image: str, own: list[str], **hyperparameters: str) -> set[str]:
    algorithm = {"TrainingImage": image, "MetricDefinitions": [{"Name": each, "Regex": "(.*)"} for each in own]}
    said = described_algorithm({"AlgorithmSpecification": algorithm, "HyperParameters": hyperparameters})
    return {each["Name"] for each in said.get("MetricDefinitions", ())}


def test_a_built_in_algorithm_brings_its_own_beside_the_request_s() -> None:
    assert {"mine", "validation:rmse", "train:mlogloss"} <= names(XGBOOST, ["mine"])


def test_a_script_has_the_request_s_alone() -> None:
    assert names(XGBOOST, ["mine"], sagemaker_program="train.py") == {"mine"}
    assert names(PYTHON, []) == set()
    assert names("unknown", ["mine"]) == {"mine"}
