"""A request for each noun of the area, with every member; the first is the ``example`` of the noun's ``NounCase``."""

from __future__ import annotations

import json
from typing import Any

from tests.kit.jobs import ROLE

DEFINITION = json.dumps(
    {"Version": "2020-12-01", "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}]}
)
PIPELINE: dict[str, Any] = {
    "PipelineName": "example",
    "PipelineDisplayName": "an-example",
    "PipelineDefinition": DEFINITION,
    "PipelineDescription": "it fails",
    "ClientRequestToken": "0" * 32,
    "RoleArn": ROLE,
    "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2},
    "Tags": [{"Key": "k", "Value": "v"}],
}
STEP = json.dumps(
    {"Version": "2020-12-01", "Parameters": [{"Name": "P", "Type": "String"}], "Steps": json.loads(DEFINITION)["Steps"]}
)
PLACE = {"Bucket": "example", "ObjectKey": "definition.json"}
_PARALLEL = {"MaxParallelExecutionSteps": 2}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("CreatePipeline", PIPELINE),
    ("CreatePipeline", {"PipelineName": "s3", "PipelineDefinitionS3Location": PLACE, "RoleArn": ROLE}),
    ("UpdatePipeline", {"PipelineName": "s3", "PipelineDefinitionS3Location": PLACE}),
    (
        "UpdatePipeline",
        {
            "PipelineName": "example",
            "PipelineDisplayName": "another",
            "PipelineDefinition": STEP,
            "PipelineDescription": "it fails still",
            "RoleArn": ROLE,
            "ParallelismConfiguration": _PARALLEL,
        },
    ),
    (
        "UpdatePipelineVersion",
        {
            "PipelineArn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/example",
            "PipelineVersionId": 1,
            "PipelineVersionDisplayName": "first",
            "PipelineVersionDescription": "the first",
        },
    ),
    (
        "StartPipelineExecution",
        {
            "PipelineName": "example",
            "PipelineVersionId": 2,
            "PipelineExecutionDisplayName": "shown",
            "PipelineExecutionDescription": "described",
            "PipelineParameters": [{"Name": "P", "Value": "v"}],
            "ClientRequestToken": "1" * 32,
            "RoleArn": ROLE,
            "ParallelismConfiguration": _PARALLEL,
            "SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "Stop"}]},
        },
    ),
    (
        "UpdatePipelineExecution",
        {
            "PipelineExecutionArn": "<PipelineExecution>",
            "PipelineExecutionDisplayName": "other",
            "PipelineExecutionDescription": "told anew",
            "ParallelismConfiguration": _PARALLEL,
        },
    ),
]
