"""HyperParameterTuningJob through boto3: its training jobs, what Describe and the list say, stops and failures."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import ENDED, PYTHON, ROLE, Jobs, archive

pytestmark = pytest.mark.slow

SCRIPT = """
import json, pathlib
given = json.loads(pathlib.Path("/opt/ml/input/config/hyperparameters.json").read_text())
assert given["_tuning_objective_metric"] == "loss"
print(f"loss={(float(given['x']) - 0.3) ** 2 + int(given['n'])}")
"""


def request(jobs: Jobs, script: str = SCRIPT, **config: Any) -> dict[str, Any]:
    name = f"tune-{uuid.uuid4().hex[:8]}"
    key = f"{name}/sourcedir.tar.gz"
    jobs.s3.put_object(Bucket=jobs.bucket, Key=key, Body=archive({"train.py": script}))
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 5, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}],
                "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "3"}],
            },
            **config,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": f'"s3://{jobs.bucket}/{key}"',
            },
            "AlgorithmSpecification": {
                "TrainingImage": PYTHON,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{jobs.bucket}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        },
    }


def wait(jobs: Jobs, name: str) -> Any:
    last: list[Any] = []

    def look() -> Any:
        last[:] = [jobs.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)]
        return last[0] if last[0]["HyperParameterTuningJobStatus"] in ENDED else None

    return eventually(look, what=lambda: str(last), seconds=120)


def children(jobs: Jobs, name: str, **filters: Any) -> list[Any]:
    listed = jobs.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, **filters
    )
    return list(listed["TrainingJobSummaries"])


def test_a_search_makes_its_training_jobs_and_names_the_best(jobs: Jobs) -> None:
    wanted = request(jobs)
    name = wanted["HyperParameterTuningJobName"]
    jobs.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    described = wait(jobs, name)
    assert described["HyperParameterTuningJobStatus"] == "Completed", described
    assert described["TrainingJobStatusCounters"]["Completed"] == 5
    assert described["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 0}
    by_value = children(jobs, name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    values = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in by_value]
    assert values == sorted(values)
    assert described["BestTrainingJob"]["TrainingJobName"] == by_value[0]["TrainingJobName"]
    names = sorted(each["TrainingJobName"] for each in by_value)
    assert all(re.fullmatch(rf"{name}-00{n}-[0-9a-f]{{8}}", each) for n, each in enumerate(names, 1))
    best: Mapping[str, str] = by_value[0]["TunedHyperParameters"]
    assert values[0] == pytest.approx((float(best["x"]) - 0.3) ** 2 + int(best["n"]))
    (summary,) = jobs.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Bayesian"
    assert summary["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 5


def test_pages_of_training_jobs(jobs: Jobs) -> None:
    wanted = request(jobs, Strategy="Random")
    name = wanted["HyperParameterTuningJobName"]
    jobs.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    wait(jobs, name)
    pages = jobs.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    listed = [
        [each["TrainingJobName"] for each in page["TrainingJobSummaries"]]
        for page in pages.paginate(HyperParameterTuningJobName=name, PaginationConfig={"PageSize": 2})
    ]
    assert [len(each) for each in listed] == [2, 2, 1]
    assert children(jobs, name, StatusEquals="Failed") == []


def test_a_search_whose_training_jobs_fail_fails(jobs: Jobs) -> None:
    wanted = request(jobs, "raise SystemExit('no luck')")
    jobs.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    described = wait(jobs, wanted["HyperParameterTuningJobName"])
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    assert "No training job succeeded" in described["FailureReason"]
    assert described["TrainingJobStatusCounters"]["NonRetryableError"] == 5


def test_a_stop_travels_down(jobs: Jobs) -> None:
    wanted = request(jobs, "import time; print('loss=1', flush=True); time.sleep(300)")
    name = wanted["HyperParameterTuningJobName"]
    jobs.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    eventually(lambda: len(children(jobs, name)) == 2, what="two training jobs", seconds=60)
    jobs.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert wait(jobs, name)["HyperParameterTuningJobStatus"] == "Stopped"
    assert {each["TrainingJobStatus"] for each in children(jobs, name)} == {"Stopped"}


def test_the_target_completes_a_search(jobs: Jobs) -> None:
    wanted = request(jobs, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 10.0})
    jobs.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    described = wait(jobs, wanted["HyperParameterTuningJobName"])
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert sum(described["TrainingJobStatusCounters"].values()) < 5


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Strategy": "Hyperband"}, "does not work yet"),
        ({"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "other"}}, "one of MetricDefinitions"),
        ({"Strategy": "Grid"}, "categorical ranges alone"),
    ],
)
def test_what_cannot_be_searched_is_refused(jobs: Jobs, config: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        jobs.sagemaker.create_hyper_parameter_tuning_job(**request(jobs, **config))
