"""What the lists of an execution show."""

from __future__ import annotations

import botocore.session
from tests.domain.pipelines.world import World, definition, step

from sagewright.domain.pipelines import listing
from sagewright.domain.pipelines.execution import StepRun

MODEL = botocore.session.get_session().get_service_model("sagemaker")


def test_the_list_tells_where_results_come_from() -> None:
    pipeline = World(definition(step("A"), step("B"), step("F", "Fail", {"ErrorMessage": "no"}))).pipeline
    runs = {
        "A": StepRun("Succeeded", 1.0, 2.0, arn="arn:a", cached_from="arn:x"),
        "B": StepRun("Succeeded", 2.0, 2.0, arn="arn:b", selected_from="arn:y"),
        "F": StepRun("Failed", 3.0, 3.0, message="no", failure="no"),
    }
    assert listing.steps(pipeline.definition, runs, newest_first=False) == [
        {
            "StepName": "A",
            "StartTime": 1.0,
            "EndTime": 2.0,
            "StepStatus": "Succeeded",
            "Metadata": {"TrainingJob": {"Arn": "arn:a"}},
            "CacheHitResult": {"SourcePipelineExecutionArn": "arn:x"},
        },
        {
            "StepName": "B",
            "StartTime": 2.0,
            "EndTime": 2.0,
            "StepStatus": "Succeeded",
            "Metadata": {"TrainingJob": {"Arn": "arn:b"}},
            "SelectiveExecutionResult": {"SourcePipelineExecutionArn": "arn:y"},
        },
        {
            "StepName": "F",
            "StartTime": 3.0,
            "EndTime": 3.0,
            "StepStatus": "Failed",
            "FailureReason": "no",
            "Metadata": {"Fail": {"ErrorMessage": "no"}},
        },
    ]
    assert listing.parameters({"A": True, "B": 1}) == [{"Name": "A", "Value": "true"}, {"Name": "B", "Value": "1"}]
