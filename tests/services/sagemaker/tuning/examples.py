"""Requests that name every member that is honoured, in the order in which they can be made.

``tests/contract/test_members.py`` carries them out and notes what is read. Objects at S3 URIs are made beforehand.
"""

from __future__ import annotations

from typing import Any

from tests.kit.jobs import PYTHON, ROLE

DEFINITION: dict[str, Any] = {
    "StaticHyperParameters": {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "s3://example/sourcedir.tar.gz",
    },
    "AlgorithmSpecification": {
        "TrainingImage": PYTHON,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
    },
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://example/out/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "Environment": {"A": "b"},
}
OBJECTIVE = {"Type": "Minimize", "MetricName": "loss"}
RANGES = {
    "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "9", "ScalingType": "Linear"}],
    "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "Linear"}],
    "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}],
}

MACHINES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
OTHER = {name: value for name, value in DEFINITION.items() if name != "ResourceConfig"}
SEVERAL = {
    "one": {**MACHINES, "VolumeKmsKeyId": "key"},
    "two": {"InstanceConfigs": [MACHINES], "AllocationStrategy": "Prioritized"},
}

EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateHyperParameterTuningJob",
        {
            "HyperParameterTuningJobName": "example-search",
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": OBJECTIVE,
                "ResourceLimits": {
                    "MaxNumberOfTrainingJobs": 1,
                    "MaxParallelTrainingJobs": 1,
                    "MaxRuntimeInSeconds": 600,
                },
                "ParameterRanges": RANGES,
                "TrainingJobEarlyStoppingType": "Auto",
                "TuningJobCompletionCriteria": {
                    "TargetObjectiveMetricValue": 0.0,
                    "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
                    "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
                },
                "RandomSeed": 1,
            },
            "TrainingJobDefinition": DEFINITION,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    *(
        (
            "CreateHyperParameterTuningJob",
            {
                "HyperParameterTuningJobName": f"example-{name}",
                "HyperParameterTuningJobConfig": {
                    "Strategy": "Random",
                    "HyperParameterTuningJobObjective": OBJECTIVE,
                    "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
                    "ParameterRanges": RANGES,
                },
                "TrainingJobDefinition": {**OTHER, "HyperParameterTuningResourceConfig": machines},
            },
        )
        for name, machines in SEVERAL.items()
    ),
    (
        "CreateHyperParameterTuningJob",
        {
            "HyperParameterTuningJobName": "example-searches",
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            },
            "TrainingJobDefinitions": [
                {
                    **OTHER,
                    "DefinitionName": name,
                    "TuningObjective": OBJECTIVE,
                    "HyperParameterRanges": RANGES,
                    "HyperParameterTuningResourceConfig": machines,
                }
                for name, machines in SEVERAL.items()
            ],
        },
    ),
    (
        "CreateHyperParameterTuningJob",
        {
            "HyperParameterTuningJobName": "example-named",
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            },
            "TrainingJobDefinition": {
                **DEFINITION,
                "DefinitionName": "one",
                "TuningObjective": OBJECTIVE,
                "HyperParameterRanges": RANGES,
            },
        },
    ),
    (
        "ListTrainingJobsForHyperParameterTuningJob",
        {
            "HyperParameterTuningJobName": "example-search",
            "StatusEquals": "Completed",
            "SortBy": "FinalObjectiveMetricValue",
            "SortOrder": "Descending",
            "MaxResults": 1,
        },
    ),
]
